//! What a run shows while it goes on: one live line on a terminal, otherwise a line a phase.
//!
//! Progress goes to stderr, so that stdout holds the result alone.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use squall::clock::Nanos;
use squall::fault::NodeState;
use squall::record::PhaseLive;
use squall::run::Snapshot;
use squall::scenario::plan::Plan;

/// Shows a run's snapshots.
pub(crate) enum Progress {
    /// A bar that is redrawn in place.
    Live(ProgressBar),
    /// A line when a phase begins, and one when it has ended.
    Lines {
        /// The phase that the last line was about.
        begun: Option<usize>,
    },
    /// Nothing.
    Quiet,
}

impl Progress {
    /// Fits what stderr is.
    pub(crate) fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { begun: None };
        }
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{bar:24.cyan/dim} {msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self::Live(bar)
    }

    /// Shows what is about to happen.
    pub(crate) fn begin(&self, plan: &Plan, dir: &Path) {
        if matches!(self, Self::Quiet) {
            return;
        }
        let length = match plan.traffic.limits.requests {
            Some(requests) => format!("{requests} requests"),
            None => humantime::format_duration(Duration::from_nanos(plan.end().0)).to_string(),
        };
        let nodes = match plan.nodes.len() {
            0 => String::new(),
            1 => " 1 node,".into(),
            nodes => format!(" {nodes} nodes,"),
        };
        let text = format!("{}: {length},{nodes} into {}", plan.name, dir.display());
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// Shows one snapshot.
    pub(crate) fn show(&mut self, snapshot: &Snapshot<'_>) {
        match self {
            Self::Live(bar) => {
                let (length, position) = advance(snapshot);
                bar.set_length(length);
                bar.set_position(position);
                bar.set_message(live_line(snapshot));
            }
            Self::Lines { begun } => {
                if *begun != snapshot.phase {
                    phase_lines(*begun, snapshot);
                    *begun = snapshot.phase;
                }
            }
            Self::Quiet => {}
        }
    }

    /// Takes the live line away.
    pub(crate) fn finish(&self) {
        if let Self::Live(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// How far the run is to go, and has come: in requests where it ends with so many, else in milliseconds.
fn advance(snapshot: &Snapshot<'_>) -> (u64, u64) {
    match snapshot.plan.traffic.limits.requests {
        Some(requests) => (requests, snapshot.recorded.phases.iter().map(|phase| phase.ended).sum()),
        None => (snapshot.plan.end().0 / 1_000_000, snapshot.now.0 / 1_000_000),
    }
}

/// `storm 12s/20s  44 req/s  31 in flight  98.2 % ok  ttft p95 212 ms  a down, b up, c up`.
fn live_line(snapshot: &Snapshot<'_>) -> String {
    let mut line = match snapshot.phase {
        Some(index) => {
            let phase = &snapshot.plan.phases[index];
            let gone = snapshot.now.since(phase.start).as_secs();
            match snapshot.plan.traffic.limits.requests {
                Some(requests) => format!("{} {gone}s, {} of {requests}", phase.name, advance(snapshot).1),
                None => format!("{} {gone}s/{}s", phase.name, phase.duration.as_secs()),
            }
        }
        None => "waiting for the last answers".into(),
    };
    let live = &snapshot.recorded;
    let _ = write!(line, "  {:.0} req/s  {} in flight", live.rate, snapshot.in_flight);
    let phase = snapshot.phase.unwrap_or(snapshot.plan.phases.len() - 1);
    line.push_str(&measures(&phase_live(snapshot, phase), "  "));
    let nodes: Vec<_> = snapshot.nodes.iter().map(|node| format!("{} {}", node.name, node.state)).collect();
    if !nodes.is_empty() {
        let _ = write!(line, "  {}", nodes.join(", "));
    }
    line
}

/// How phase `index` stands; empty before the first record.
fn phase_live(snapshot: &Snapshot<'_>, index: usize) -> PhaseLive {
    snapshot.recorded.phases.get(index).copied().unwrap_or_default()
}

fn measures(phase: &PhaseLive, separator: &str) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    if let Some(share) = phase.ok_share {
        let _ = write!(text, "{separator}{:.1} % ok", share * 100.0);
    }
    if let Some(p95) = phase.ttft_p95_ms {
        let _ = write!(text, "{separator}ttft p95 {p95:.0} ms");
    }
    text
}

/// The end of the phase that was, and the beginning of the one that is.
fn phase_lines(before: Option<usize>, snapshot: &Snapshot<'_>) {
    if let Some(index) = before {
        let live = phase_live(snapshot, index);
        let not_up = snapshot.nodes.iter().filter(|node| node.state != NodeState::Up);
        let not_up: String = not_up.map(|node| format!(", {} {}", node.name, node.state)).collect();
        let name = &snapshot.plan.phases[index].name;
        let measures = measures(&live, ", ");
        line(snapshot.now, &format!("{name} ended: {} answered{measures}{not_up}", live.ended));
    }
    if let Some(index) = snapshot.phase {
        let phase = &snapshot.plan.phases[index];
        let faults = match snapshot.plan.faults.iter().filter(|fault| fault.phase == index).count() {
            0 => String::new(),
            1 => ", 1 fault".into(),
            many => format!(", {many} faults"),
        };
        let length = match snapshot.plan.traffic.limits.requests {
            Some(requests) => format!("until {requests} requests have ended"),
            None => humantime::format_duration(phase.duration).to_string(),
        };
        line(snapshot.now, &format!("{} begins: {length}{faults}", phase.name));
    }
}

fn line(now: Nanos, text: &str) {
    // Nothing is left to tell when stderr is closed.
    let _ = writeln!(anstream::stderr(), "{:6.1}s  {text}", now.as_secs_f64());
}
