//! `squall search`: how much load a service carries while its faults are on.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use squall::scenario::{self, plan::Arm};
use squall::search::{Found, Held, Limits, Search};
use squall_report::{ArmCapacity, Capacity, Metric, Probe, Verdict};

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::run::apart::{Apart, Ended, report};
use super::run::{default_folder, factor};
use super::shown::{json, printed, width};

/// Find the highest load at which a scenario passes: with its faults, and without them
///
/// Each try is a run of the whole scenario in a process and a folder of its own, at a factor of its load: rates,
/// the speed of a trace, the number of users. The load is doubled or halved until it is bracketed, then
/// bisected; a run that decides nothing does not count as holding. Exit codes: 0 found (and at least --require),
/// 1 it holds at no load, or not at --require, 2 could not run, 3 not decided.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall search scenario.toml
  squall search scenario.toml --require 1.5 --runs 8          # a gate: half as much again must hold
  squall search scenario.toml --arm storm --from 2 --json | jq '.arms[0].at_least'")]
pub(crate) struct Args {
    /// The scenario's file
    scenario: PathBuf,
    /// The first load to try, as a factor of the scenario's own
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    from: f64,
    /// The lowest load to try
    #[arg(long, value_name = "FACTOR", default_value_t = 0.0625, value_parser = factor)]
    least: f64,
    /// The highest load to try
    #[arg(long, value_name = "FACTOR", default_value_t = 64.0, value_parser = factor)]
    most: f64,
    /// End when what holds and what does not are this near
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = factor)]
    precision: f64,
    /// Runs of each arm, at most
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// This arm alone: `storm` has the faults, `control` has none [default: both]
    #[arg(long, value_name = "ARM")]
    arm: Option<super::run::ArmName>,
    /// Hold at this load with the faults on, or fail
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    require: Option<f64>,
    /// The first run's seed; each run has the next [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The folder of all runs [default: runs/TIME-SCENARIO-search]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print capacity.json to stdout instead of tables
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let plan = scenario::load(&args.scenario, args.seed)?;
    if args.least > args.most {
        bail!("--least is above --most: there is no load to try");
    }
    let arms = match args.arm.map(Arm::from) {
        Some(arm) => vec![arm],
        None if plan.faults.is_empty() => vec![Arm::Control],
        None => vec![Arm::Storm, Arm::Control],
    };
    let stem = args.scenario.file_stem().unwrap_or_default().to_string_lossy();
    let dir = args.out.clone().unwrap_or_else(|| default_folder(&format!("{stem}-search")));
    let mut expedition =
        Expedition { args, dir: &dir, seed: plan.seed, runs: 0, interrupt: Interrupt::listen()? };
    let mut found = Vec::new();
    for arm in arms {
        let first = found.last().and_then(|arm: &ArmCapacity| arm.at_least).unwrap_or(args.from);
        found.push(expedition.explore(arm, first)?);
    }
    let capacity = capacity(plan.name, plan.seed, args.require, found);
    keep(&capacity, &dir)?;
    show(&capacity, &dir, args.json)?;
    Ok(capacity.verdict.into())
}

/// A search that is carried out.
struct Expedition<'a> {
    args: &'a Args,
    dir: &'a Path,
    seed: u64,
    runs: u64,
    interrupt: Interrupt,
}

impl Expedition<'_> {
    /// The capacity of an arm.
    fn explore(&mut self, arm: Arm, first: f64) -> anyhow::Result<ArmCapacity> {
        let args = self.args;
        let limits = Limits {
            least: args.least,
            most: args.most,
            precision: args.precision,
            runs: args.runs as usize,
        };
        let mut search = Search::new(first, limits);
        let mut probes = Vec::new();
        while let Some(load) = search.next() {
            let probe = self.probe(arm, load)?;
            search.ran(load, held(probe.verdict));
            probes.push(probe);
        }
        let Found { at_least, below, about } = search.found();
        let rate_at = |load: f64| probes.iter().find(|probe| probe.load.total_cmp(&load).is_eq());
        Ok(ArmCapacity {
            arm: arm.name().into(),
            at_least,
            below,
            about,
            at_least_per_s: at_least.and_then(rate_at).map(|probe| probe.rate_per_s),
            probes,
        })
    }

    /// One run of the scenario.
    fn probe(&mut self, arm: Arm, load: f64) -> anyhow::Result<Probe> {
        let out = self.dir.join(format!("{:02}-{}-{load:.3}", self.runs + 1, arm.name()));
        let seed = self.seed.wrapping_add(self.runs);
        self.runs += 1;
        let run = Apart {
            scenario: &self.args.scenario,
            out: &out,
            seed: Some(seed),
            load: Some(load),
            arm: Some(arm),
            quiet: true,
        };
        match run.carry_out(&self.interrupt)? {
            Ended::CarriedOut => {}
            Ended::Interrupted => bail!("interrupted; the runs so far are in {}", self.dir.display()),
            Ended::CouldNotRun => {
                bail!("at {load:.3} times the load the scenario could not be run (its words are above)")
            }
        }
        let probe = measured(load, &out)?;
        if !self.args.quiet {
            // Nothing is left to tell when stderr is closed.
            let _ = writeln!(
                anstream::stderr(),
                "{:>7} at {load:>7.3} times the load, {:>8.1} requests/s: {}",
                arm.name(),
                probe.rate_per_s,
                probe.verdict
            );
        }
        Ok(probe)
    }
}

fn held(verdict: Verdict) -> Held {
    match verdict {
        Verdict::Pass => Held::Yes,
        Verdict::Fail => Held::No,
        Verdict::Inconclusive | Verdict::NotChecked => Held::Unproven,
    }
}

/// What a run's report says of its load.
fn measured(load: f64, folder: &Path) -> anyhow::Result<Probe> {
    let report = report(folder)?;
    let ended = report.phases.last().map_or(0.0, |phase| phase.end_s);
    let counts = &report.counts;
    let answered = counts.scheduled - counts.aborted;
    let ttft = report.latency.iter().filter(|row| {
        row.metric == Metric::Ttft
            && row.cohort == squall_report::Cohort::All
            && row.clock == squall_report::Clock::Intended
    });
    Ok(Probe {
        load,
        path: folder.display().to_string(),
        verdict: report.verdict,
        reason: report.reasons.first().cloned().unwrap_or_default(),
        rate_per_s: if ended > 0.0 { counts.scheduled as f64 / ended } else { 0.0 },
        success: (answered > 0).then(|| counts.ok as f64 / answered as f64),
        ttft_p95_ms: ttft.filter_map(|row| row.p95_ms).max_by(f64::total_cmp),
    })
}

/// What the arms say together.
fn capacity(scenario: String, seed: u64, required: Option<f64>, arms: Vec<ArmCapacity>) -> Capacity {
    let Some(first) = arms.first() else {
        let reasons = vec!["there is no arm".to_owned()];
        return Capacity { scenario, seed, required, verdict: Verdict::Inconclusive, reasons, arms };
    };
    let verdict = verdict(first, required);
    let reasons = arms.iter().map(sentence).collect();
    Capacity { scenario, seed, required, verdict, reasons, arms }
}

fn verdict(arm: &ArmCapacity, required: Option<f64>) -> Verdict {
    let failed =
        |load: f64| arm.probes.iter().any(|probe| probe.load <= load && probe.verdict == Verdict::Fail);
    match (arm.at_least, required) {
        (Some(_), None) => Verdict::Pass,
        (Some(low), Some(required)) if low >= required => Verdict::Pass,
        (None, None) if failed(f64::INFINITY) => Verdict::Fail,
        (_, Some(required)) if arm.below.is_some_and(|below| below <= required) && failed(required) => {
            Verdict::Fail
        }
        _ => Verdict::Inconclusive,
    }
}

fn sentence(arm: &ArmCapacity) -> String {
    let with = if arm.arm == Arm::Storm.name() { "with the faults on" } else { "without faults" };
    let rate = arm.at_least_per_s.map_or_else(String::new, |rate| format!(" ({rate:.1} requests/s)"));
    let why = |load: f64| {
        let probe = arm.probes.iter().find(|probe| probe.load.total_cmp(&load).is_eq());
        let probe = probe.filter(|probe| probe.verdict != Verdict::Pass);
        probe.map_or_else(String::new, |probe| format!(": {}", probe.reason))
    };
    match (arm.at_least, arm.below) {
        (Some(low), Some(high)) => format!(
            "{with} it holds at {low:.2} times the load{rate}, and not at {high:.2} times{}",
            why(high)
        ),
        (Some(low), None) => {
            format!("{with} it holds at {low:.2} times the load{rate}, the highest that was tried")
        }
        (None, Some(high)) => format!(
            "{with} it does not hold even at {high:.2} times the load, the lowest that was tried{}",
            why(high)
        ),
        (None, None) => format!("{with} the runs contradict each other, and nothing is known"),
    }
}

fn keep(capacity: &Capacity, dir: &Path) -> anyhow::Result<()> {
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, bytes).with_context(|| format!("could not write {}", path.display()))
    };
    write("capacity.json", &serde_json::to_vec_pretty(capacity)?)?;
    let mut page = Vec::new();
    squall_report::write_capacity_html(capacity, &mut page)?;
    write("capacity.html", &page)
}

fn show(capacity: &Capacity, dir: &Path, as_json: bool) -> anyhow::Result<()> {
    let dir = dir.display().to_string();
    let shown = if as_json {
        json(capacity)
    } else {
        squall_report::write_capacity(capacity, &mut anstream::stdout().lock(), &dir, width())
    };
    printed(shown, "printing the capacity")
}
