//! `squall run`: the main job.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use jiff::ZonedDateTime;
use squall::calibration::{self, Calibration, Found};
use squall::run::{Abort, Options, RunError};
use squall::scenario::{self, plan::Plan};
use squall_report::{Report, Verdict};

use super::exit::Exit;
use super::github;
use super::limits;
use super::progress::Progress;

/// Where runs go without `--out`, under the working directory.
const RUNS: &str = "runs";
/// The width of tables where stdout is no terminal.
const PLAIN_WIDTH: u16 = 100;
/// As a shell says that Ctrl-C ended a program.
const INTERRUPTED: i32 = 130;

/// Run a scenario: replay its traffic, break its path, judge what happened
///
/// Prints the result and leaves a folder with the report and the ledgers. Exit codes: 0 pass, 1 fail,
/// 2 could not run, 3 inconclusive. Ctrl-C ends a run cleanly, with a report; twice ends it at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall run scenarios/quickstart.toml
  squall run scenario.toml --out runs/today --seed 8
  squall run scenario.toml --json | jq .verdict
  squall run scenario.toml --ci github")]
pub(crate) struct Args {
    /// The scenario's file
    scenario: PathBuf,
    /// The run's folder [default: runs/TIME-SCENARIO]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replaces the scenario's seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print report.json to stdout instead of tables
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Tell a CI server as well: annotations on the scenario's lines, a step summary, outputs
    #[arg(long, value_name = "SERVICE", conflicts_with = "json")]
    ci: Option<Ci>,
}

/// A CI server that is told of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Ci {
    /// GitHub Actions
    Github,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let result = load_and_run(args);
    if let (Some(Ci::Github), Err(error)) = (args.ci, &result) {
        github::error(&args.scenario, error, &super::chain(error))?;
    }
    result
}

fn load_and_run(args: &Args) -> anyhow::Result<Exit> {
    let plan = scenario::load(&args.scenario, args.seed)?;
    let carry = Carry {
        stem: &args.scenario.file_stem().unwrap_or_default().to_string_lossy(),
        out: args.out.as_deref(),
        command: command(args, &plan),
        json: args.json,
        quiet: args.quiet,
        ci: args.ci,
    };
    carry_out(plan, carry)
}

/// How a plan is carried out from the command line.
pub(crate) struct Carry<'a> {
    /// What the default folder is called after.
    pub(crate) stem: &'a str,
    /// The run's folder, where one is given.
    pub(crate) out: Option<&'a Path>,
    /// The command that repeats the run.
    pub(crate) command: String,
    /// `report.json` to stdout instead of tables.
    pub(crate) json: bool,
    /// No progress.
    pub(crate) quiet: bool,
    /// The CI server that is told as well.
    pub(crate) ci: Option<Ci>,
}

/// Carries out a plan with a terminal before it: progress, signals, the result.
pub(crate) fn carry_out(plan: Plan, carry: Carry<'_>) -> anyhow::Result<Exit> {
    let now = ZonedDateTime::now();
    let options = Options {
        program: std::env::current_exe().context("finding squall's own program, to start nodes with")?,
        command: carry.command,
        started_at: now.timestamp().to_string(),
        dir: carry.out.map_or_else(|| default_folder(carry.stem, &now), Path::to_owned),
        calibration: calibration(),
    };
    limits::check(&plan)?;
    let abort = Abort::new();
    end_on_signal(&abort)?;
    let mut progress = Progress::new(carry.quiet);
    progress.begin(&plan, &options.dir);
    let scenario = plan.path.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result =
        runtime.block_on(squall::run::run(plan, &options, &abort, |snapshot| progress.show(snapshot)));
    progress.finish();
    // What hangs on purpose (a fault's silent socket) must not hold the end up.
    runtime.shutdown_background();
    match result {
        Ok(report) => {
            let quiet = carry.ci.map(|Ci::Github| github::Quiet::new());
            let exit = show(&report, &options.dir, carry.json)?;
            drop(quiet);
            if let Some(Ci::Github) = carry.ci {
                github::report(&report, &options.dir)?;
            }
            Ok(exit)
        }
        Err(error) if error.is_late() => {
            writeln!(anstream::stderr(), "error: {error}\nThe run happened, but can't be judged.")?;
            if let Some(Ci::Github) = carry.ci {
                github::unjudged(&scenario, &error.to_string())?;
            }
            Ok(Exit::Inconclusive)
        }
        Err(error) => Err(without_bare_folder(error, &options.dir)),
    }
}

/// What this machine was measured to carry. One that says nothing of it is told of, and not used.
fn calibration() -> Option<Calibration> {
    match calibration::find(&calibration::default_path().ok()?) {
        Found::Known(known) => Some(*known),
        Found::Nothing => None,
        Found::Stale(why) => {
            // Nothing is left to tell when stderr is closed.
            let _ = writeln!(anstream::stderr(), "warning: not calibrated: {why}");
            None
        }
    }
}

/// A run that never began leaves no folder, unless there are logs in it that say why.
fn without_bare_folder(error: RunError, dir: &Path) -> anyhow::Error {
    if !matches!(error, RunError::Fleet(_) | RunError::Occupied(_)) {
        // Removes empty folders only; what is in use stays.
        let _ = std::fs::remove_dir(dir.join("logs"));
        let _ = std::fs::remove_dir(dir);
    }
    error.into()
}

fn show(report: &Report, dir: &Path, json: bool) -> anyhow::Result<Exit> {
    let shown = if json {
        squall_report::write_json(report, &mut std::io::stdout().lock())
    } else {
        let width = terminal_width().unwrap_or(PLAIN_WIDTH);
        squall_report::write_terminal(
            report,
            &mut anstream::stdout().lock(),
            &dir.display().to_string(),
            width,
        )
    };
    // A reader that went away (`| head`) has seen what it wanted.
    if let Err(error) = shown
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(error).context("printing the result");
    }
    Ok(match report.verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Fail,
        Verdict::Inconclusive | Verdict::NotChecked => Exit::Inconclusive,
    })
}

fn terminal_width() -> Option<u16> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    rustix::termios::tcgetwinsize(stdout).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// `runs/20261124-155730-quickstart`.
fn default_folder(stem: &str, now: &ZonedDateTime) -> PathBuf {
    Path::new(RUNS).join(format!("{}-{stem}", now.strftime("%Y%m%d-%H%M%S")))
}

/// The command that repeats the run.
fn command(args: &Args, plan: &Plan) -> String {
    format!("squall run {} --seed {}", shell_word(&args.scenario.display().to_string()), plan.seed)
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "/._-:=,".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The first signal (Ctrl-C, SIGTERM, SIGHUP) ends the run cleanly, the second at once: the reaper
/// then ends what is left.
pub(crate) fn end_on_signal(abort: &Abort) -> anyhow::Result<()> {
    let abort = abort.clone();
    let before = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if before.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        abort.now("interrupted by a signal");
    })
    .context("listening for Ctrl-C")
}
