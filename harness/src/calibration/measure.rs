//! Takes the steps: for each a fresh node, and a run of the real engine against it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Deserialize;
use squall_report::{Lag, Report};
use tokio::io::{AsyncBufReadExt as _, BufReader as AsyncBufReader};
use tokio::process::{Child, Command};

use super::ladder::{Climb, highest};
use super::step::{Bounds, Ladder, Step};
use super::{Calibration, Host, SCHEMA};
use crate::clock::Nanos;
use crate::fault::Hold;
use crate::record::REQUESTS_FILE;
use crate::run::{self, Abort, Options, RunError};
use crate::scenario::{self, ScenarioError};

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// The node could not be started.
    #[error("could not start a simulated node: {0}")]
    Node(std::io::Error),
    /// A file of a step could not be made or read.
    #[error("could not read what a step left in {}: {why}", path.display())]
    Records {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A step's scenario was refused.
    #[error("a step was refused: {0}; this is a bug in squall")]
    Scenario(#[from] ScenarioError),
    /// A step could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It was ended before its time.
    #[error("interrupted ({0}); nothing was kept")]
    Interrupted(String),
    /// Not even the first step held.
    #[error(
        "this machine does not keep {asked} {ladder}: {why}. Is it busy with something else? Nothing was kept; \
         try again on an idle machine, or allow more with --within"
    )]
    FirstStep {
        /// What was asked.
        asked: u64,
        /// Of what.
        ladder: Ladder,
        /// What broke.
        why: String,
    },
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Fewer, shorter steps: a minute rather than several.
    pub quick: bool,
    /// What every step must keep.
    pub bounds: Bounds,
    /// No more streams at once: the process may not open more files.
    pub most_streams: u64,
}

/// A calibration's surroundings.
struct Bench<'a> {
    program: &'a Path,
    started_at: &'a str,
    effort: Effort,
    abort: &'a Abort,
}

/// Measures what this machine's client carries. `program` is squall's own, for the nodes; `observe` is told
/// of each step when it has been taken.
pub async fn measure(
    program: &Path,
    started_at: &str,
    effort: Effort,
    abort: &Abort,
    mut observe: impl FnMut(&Step),
) -> Result<Calibration, CalibrationError> {
    let bench = Bench { program, started_at, effort, abort };
    let mut all = Vec::new();
    let mut found = [0.0; 3];
    for (climb, found) in climbs(&effort).into_iter().zip(&mut found) {
        let steps = bench.climb(climb, &mut observe).await?;
        let top = highest(&steps);
        if let (0, Some(step)) = (top, steps.last()) {
            let why = step.broken.join("; ");
            return Err(CalibrationError::FirstStep { asked: step.asked, ladder: step.ladder, why });
        }
        let carried = steps.iter().filter(|step| step.held()).map(|step| step.carried);
        *found = carried.fold(0.0, f64::max);
        all.extend(steps);
    }
    let [requests_per_s, events_per_s, streams] = found;
    Ok(Calibration {
        schema: SCHEMA,
        squall: env!("CARGO_PKG_VERSION").into(),
        measured_at: started_at.into(),
        host: Host::here(),
        bounds: effort.bounds,
        requests_per_s,
        events_per_s,
        open_streams: streams as u64,
        steps: all,
    })
}

fn climbs(effort: &Effort) -> [Climb; 3] {
    let refine = if effort.quick { 0 } else { 2 };
    let streams = effort.most_streams.min(if effort.quick { 1_000 } else { 16_000 });
    [
        Climb { ladder: Ladder::Requests, first: 100, factor: 2, last: 25_600, refine },
        Climb { ladder: Ladder::Events, first: 5_000, factor: 2, last: 1_280_000, refine },
        Climb { ladder: Ladder::Streams, first: 250, factor: 4, last: streams, refine: 0 },
    ]
}

impl Bench<'_> {
    async fn climb(
        &self,
        climb: Climb,
        observe: &mut impl FnMut(&Step),
    ) -> Result<Vec<Step>, CalibrationError> {
        let mut steps = Vec::new();
        while let Some(asked) = climb.next(&steps) {
            let step = self.step(climb.ladder, asked).await?;
            observe(&step);
            steps.push(step);
        }
        Ok(steps)
    }

    async fn step(&self, ladder: Ladder, asked: u64) -> Result<Step, CalibrationError> {
        let folder = tempfile::tempdir().map_err(CalibrationError::Node)?;
        let load = Load::of(ladder, asked, self.effort.quick);
        let log = folder.path().join("node.jsonl");
        let node = Node::start(self.program, &load, &log).await.map_err(CalibrationError::Node)?;
        let plan = scenario::parse(&load.scenario(&node.origin), Path::new("calibration"), None)?;
        let dir = folder.path().join("run");
        let options = Options {
            dir: dir.clone(),
            program: self.program.to_owned(),
            command: "squall calibrate".into(),
            started_at: self.started_at.into(),
            calibration: None,
            control: None,
            hold: Hold::default(),
        };
        let report = run::run(plan, &options, self.abort, |_| {}).await?;
        node.end().await.map_err(CalibrationError::Node)?;
        if let Some(why) = self.abort.reason() {
            return Err(CalibrationError::Interrupted(why));
        }
        let error = ttft_error(&dir.join(REQUESTS_FILE), &log)?;
        Ok(step(ladder, asked, &report, error).judged(&self.effort.bounds))
    }
}

fn step(ladder: Ladder, asked: u64, report: &Report, ttft_error_us: Lag) -> Step {
    Step {
        ladder,
        asked,
        carried: ladder.carried(&report.client.peak),
        dispatch_lag_us: report.client.dispatch_lag_us,
        runtime_stall_us: report.client.runtime_stall_us,
        ttft_error_us,
        ok: report.counts.ok,
        failed: report.counts.scheduled - report.counts.ok,
        broken: Vec::new(),
    }
}

/// What a step sends, and how its node answers.
struct Load {
    rate: f64,
    tokens: u64,
    itl: Duration,
    length: Duration,
}

impl Load {
    fn of(ladder: Ladder, asked: u64, quick: bool) -> Self {
        // A pace is one of five seconds; a quick one is that of a shorter run.
        let length = Duration::from_secs(if quick { 3 } else { 7 });
        match ladder {
            Ladder::Requests => Self { rate: asked as f64, tokens: 8, itl: Duration::from_millis(2), length },
            // A stream takes a quarter of a second, so that the pace is that of nearly the whole step.
            Ladder::Events => {
                Self { rate: asked as f64 / 128.0, tokens: 128, itl: Duration::from_millis(2), length }
            }
            // A stream stays open for the whole step, so that at its end all are.
            Ladder::Streams => {
                let length = Duration::from_secs(if quick { 4 } else { 10 });
                Self { rate: asked as f64 / length.as_secs_f64(), tokens: 5, itl: length / 4, length }
            }
        }
    }

    fn scenario(&self, origin: &str) -> String {
        let Self { rate, tokens, length, .. } = self;
        format!(
            "schema = 1\nname = \"calibration\"\n[target]\nmodel = \"sim\"\nurl = \"{origin}/v1\"\n[traffic]\n\
             arrivals = {{ constant = \"{rate:.3}/s\" }}\nprompts = {{ input = 32, output = {tokens} }}\n\
             limits = {{ in_flight = 100000, first_token = \"30s\", idle = \"30s\", total = \"60s\" }}\n\
             [[phase]]\nname = \"step\"\nduration = \"{}s\"\n",
            length.as_secs()
        )
    }
}

/// A simulated node; killed when dropped.
struct Node {
    child: Child,
    origin: String,
}

impl Node {
    async fn start(program: &Path, load: &Load, log: &Path) -> std::io::Result<Self> {
        let mut child = Command::new(program)
            .args(["sim", "--ttft=5ms", "--slots=1000000", "--queue=1000000", "--prefill=1000000000"])
            .args(["--slowdown=0", &format!("--itl={}us", load.itl.as_micros())])
            .arg("--log")
            .arg(log)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let silent = || std::io::Error::other("it did not say where it listens");
        let mut lines = AsyncBufReader::new(child.stdout.take().ok_or_else(silent)?).lines();
        let line = lines.next_line().await?.ok_or_else(silent)?;
        let origin = line.strip_prefix("listening on ").ok_or_else(silent)?.to_owned();
        Ok(Self { child, origin })
    }

    /// Ends it well, so that its log is whole.
    async fn end(mut self) -> std::io::Result<()> {
        if let Some(pid) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        self.child.wait().await.map(drop)
    }
}

#[derive(Deserialize)]
struct Served {
    request: Option<u64>,
    received_ns: Nanos,
    first_token_ns: Option<Nanos>,
}

#[derive(Deserialize)]
struct Seen {
    id: u64,
    sent_ns: Option<Nanos>,
    first_content_ns: Option<Nanos>,
}

/// By how much the client's times to first token are longer than the node's own. Both are differences on
/// one clock each, so the clocks need not agree; the way there and back is in it.
fn ttft_error(requests: &Path, log: &Path) -> Result<Lag, CalibrationError> {
    let mut served = HashMap::new();
    rows(log, |row: Served| {
        if let (Some(id), Some(first)) = (row.request, row.first_token_ns) {
            served.insert(id, first - row.received_ns);
        }
    })?;
    let unfit = |error: &dyn std::fmt::Display| CalibrationError::Records {
        path: log.to_owned(),
        why: error.to_string(),
    };
    let mut errors = Histogram::<u64>::new(3).map_err(|error| unfit(&error))?;
    rows(requests, |row: Seen| {
        if let (Some(sent), Some(first), Some(own)) = (row.sent_ns, row.first_content_ns, served.get(&row.id))
        {
            let error = (first - sent).saturating_sub(*own).as_micros();
            errors.saturating_record(u64::try_from(error).unwrap_or(u64::MAX));
        }
    })?;
    let at = |quantile| errors.value_at_quantile(quantile) as f64;
    Ok(Lag { p50: at(0.5), p99: at(0.99), max: errors.max() as f64 })
}

fn rows<T: for<'de> Deserialize<'de>>(path: &Path, mut take: impl FnMut(T)) -> Result<(), CalibrationError> {
    let failed = |why: String| CalibrationError::Records { path: path.to_owned(), why };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| failed(error.to_string()))?;
        take(serde_json::from_str(&line).map_err(|error| failed(error.to_string()))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_what_the_client_saw_beyond_the_nodes_own_time() -> Result<(), Box<dyn std::error::Error>>
    {
        let folder = tempfile::tempdir()?;
        let (requests, log) = (folder.path().join("requests"), folder.path().join("log"));
        std::fs::write(
            &log,
            "{\"request\":1,\"received_ns\":5000000,\"first_token_ns\":10000000}\n\
             {\"request\":null,\"received_ns\":1,\"first_token_ns\":2}\n\
             {\"request\":2,\"received_ns\":1,\"first_token_ns\":null}\n",
        )?;
        std::fs::write(
            &requests,
            "{\"id\":1,\"sent_ns\":1000,\"first_content_ns\":5301000}\n\
             {\"id\":2,\"sent_ns\":1000,\"first_content_ns\":900000000}\n\
             {\"id\":3,\"sent_ns\":null,\"first_content_ns\":null}\n",
        )?;
        let Lag { p50, max, .. } = ttft_error(&requests, &log)?;
        assert_eq!((p50, max), (300.0, 300.0));
        Ok(())
    }

    #[test]
    fn every_step_is_a_scenario_that_runs() {
        for ladder in [Ladder::Requests, Ladder::Events, Ladder::Streams] {
            for (asked, quick) in [(1, true), (100, false), (25_600, false)] {
                let text = Load::of(ladder, asked, quick).scenario("http://127.0.0.1:1");
                let plan = scenario::parse(&text, Path::new("calibration"), None);
                assert!(plan.is_ok(), "{ladder} {asked}: {plan:?}");
            }
        }
    }
}
