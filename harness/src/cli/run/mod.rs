//! `squall run`: the main job.

pub(crate) mod apart;
mod arms;
pub(super) mod repeat;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::ZonedDateTime;
use squall::calibration::{self, Calibration, Found};
use squall::fault::{self, Hold};
use squall::run::{Options, RunError};
use squall::scenario::{self, plan::Arm, plan::Plan};
use squall_report::Report;

use super::exit::Exit;
use super::github;
use super::interrupt::Interrupt;
use super::limits;
use super::progress::{How, Progress};
use super::shown::{json, printed, width};

/// Where runs go without `--out`, under the working directory.
const RUNS: &str = "runs";

/// Run a scenario: replay its traffic, break its path, judge what happened
///
/// Prints the result and leaves a folder with the report and the ledgers. Exit codes: 0 pass, 1 fail,
/// 2 could not run, 3 inconclusive. Ctrl-C ends a run cleanly, with a report; twice ends it at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall run scenarios/quickstart.toml
  squall run scenario.toml --out runs/today --seed 8
  squall run scenario.toml --load 1.5 --arm storm
  squall run scenario.toml --repeat 5
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
    /// Run this part of the experiment only: `control` has no faults [default: the scenario's `arms`]
    #[arg(long, value_name = "ARM")]
    arm: Option<ArmName>,
    /// Multiply the load: rates, the speed of a trace, the number of users
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    load: Option<f64>,
    /// Run it so many times, each with the next seed, and judge all runs together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000), conflicts_with = "ci")]
    repeat: Option<u32>,
    /// Print report.json to stdout instead of tables
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// How progress is shown; on a terminal it is a dashboard, whose keys are on its last line
    #[arg(long, value_name = "HOW", default_value = "auto", conflicts_with = "quiet")]
    progress: How,
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
    if let Some(times) = args.repeat {
        return repeat::run(args, times);
    }
    let plan = scenario::load(&args.scenario, args.seed)?;
    let plan = match args.load {
        Some(factor) => plan.at_load(factor),
        None => plan,
    };
    let arms = args.arm.map_or_else(|| plan.arms.clone(), |arm| vec![arm.into()]);
    let stem = args.scenario.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let dir = args.out.clone().unwrap_or_else(|| default_folder(&stem));
    let interrupt = Interrupt::listen()?;
    let control = match arms.as_slice() {
        [Arm::Control, Arm::Storm] => {
            // Before the control arm has taken its minutes.
            limits::check(&plan)?;
            fault::check_all(&plan)?;
            Some(arms::control(args, &dir, &interrupt)?)
        }
        _ => None,
    };
    let command = command(args, &plan);
    let plan = if arms == [Arm::Control] { plan.control() } else { plan };
    let carry = Carry { dir, command, json: args.json, progress: args.shown(), control, ci: args.ci };
    carry_out(plan, carry, &interrupt)
}

impl Args {
    /// How progress is shown.
    fn shown(&self) -> How {
        if self.quiet { How::None } else { self.progress }
    }

    /// Nothing is shown. A run in a process of its own has no keys, and finds that out by itself.
    fn is_quiet(&self) -> bool {
        self.shown() == How::None
    }
}

/// A part of the experiment, as it is typed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ArmName {
    /// The same traffic without the faults
    Control,
    /// With the faults
    Storm,
}

impl From<ArmName> for Arm {
    fn from(name: ArmName) -> Self {
        match name {
            ArmName::Control => Self::Control,
            ArmName::Storm => Self::Storm,
        }
    }
}

/// A factor by which a load is multiplied.
pub(crate) fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(factor),
        _ => Err("expected a number above 0, such as `1.5`".into()),
    }
}

/// How a plan is carried out from the command line.
pub(crate) struct Carry {
    /// The run's folder.
    pub(crate) dir: PathBuf,
    /// The command that repeats the run.
    pub(crate) command: String,
    /// `report.json` to stdout instead of tables.
    pub(crate) json: bool,
    /// How progress is shown.
    pub(crate) progress: How,
    /// The folder of the run without faults to compare with, where there is one.
    pub(crate) control: Option<PathBuf>,
    /// The CI server that is told as well.
    pub(crate) ci: Option<Ci>,
}

/// Carries out a plan with a terminal before it: progress, signals, the result.
pub(crate) fn carry_out(plan: Plan, carry: Carry, interrupt: &Interrupt) -> anyhow::Result<Exit> {
    let options = Options {
        program: std::env::current_exe().context("finding squall's own program, to start nodes with")?,
        command: carry.command,
        started_at: ZonedDateTime::now().timestamp().to_string(),
        dir: carry.dir,
        calibration: calibration(),
        control: carry.control,
        hold: Hold::default(),
    };
    limits::check(&plan)?;
    let at = (&plan, options.dir.as_path());
    let mut progress = Progress::begin(carry.progress, at, options.hold.clone(), interrupt.presses())?;
    let scenario = plan.path.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime
        .block_on(squall::run::run(plan, &options, interrupt.abort(), |snapshot| progress.show(snapshot)));
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

fn show(report: &Report, dir: &Path, as_json: bool) -> anyhow::Result<Exit> {
    let shown = if as_json {
        json(report)
    } else {
        squall_report::write_terminal(
            report,
            &mut anstream::stdout().lock(),
            &dir.display().to_string(),
            width(),
        )
    };
    printed(shown, "printing the result")?;
    Ok(report.verdict.into())
}

/// `runs/20261124-155730-quickstart`.
pub(crate) fn default_folder(stem: &str) -> PathBuf {
    Path::new(RUNS).join(format!("{}-{stem}", ZonedDateTime::now().strftime("%Y%m%d-%H%M%S")))
}

/// The command that repeats the run.
fn command(args: &Args, plan: &Plan) -> String {
    let scenario = shell_word(&args.scenario.display().to_string());
    let mut command = format!("squall run {scenario} --seed {}", plan.seed);
    if let Some(arm) = args.arm {
        command.extend([" --arm ", Arm::from(arm).name()]);
    }
    if let Some(load) = args.load {
        command.extend([" --load ", &load.to_string()]);
    }
    command
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "/._-:=,".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
