//! What a run shows while it goes on: a dashboard or one live line on a terminal, otherwise a line a phase.
//!
//! Progress goes to stderr, so that stdout holds the result alone.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use squall::clock::Nanos;
use squall::fault::{Hold, NodeState};
use squall::record::PhaseLive;
use squall::run::Snapshot;
use squall::scenario::plan::Plan;

use super::interrupt::Presses;
use super::live::{Dashboard, screen};

/// How a run is to be shown while it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum How {
    /// A dashboard on a terminal, plain lines otherwise
    #[default]
    Auto,
    /// The dashboard, or nothing runs
    Dashboard,
    /// Plain lines; on a terminal one that is written over
    Plain,
    /// Nothing
    None,
}

/// Shows a run's snapshots.
pub(crate) enum Progress {
    /// The whole screen; what would be a line is shown there as well.
    Dashboard(Dashboard),
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
    /// Says what is about to happen, and begins to show it.
    pub(crate) fn begin(
        how: How,
        (plan, dir): (&Plan, &Path),
        hold: Hold,
        presses: Presses,
    ) -> anyhow::Result<Self> {
        if how != How::None {
            announce(plan, dir);
        }
        match how {
            How::None => Ok(Self::Quiet),
            How::Plain => Ok(Self::plain()),
            // A result that goes to another program may share the terminal with it.
            How::Auto if !std::io::stdout().is_terminal() || !screen::is_there() => Ok(Self::plain()),
            How::Auto => {
                // A terminal that can't be taken still shows lines.
                Ok(Dashboard::start(plan, dir, hold, presses).map_or_else(|_| Self::plain(), Self::Dashboard))
            }
            How::Dashboard if !screen::is_there() => {
                anyhow::bail!(
                    "there is no terminal for a dashboard: stdin and stderr have to be one, in the foreground, and TERM has to name it; leave --progress away"
                )
            }
            How::Dashboard => Dashboard::start(plan, dir, hold, presses)
                .context("taking the terminal for the dashboard")
                .map(Self::Dashboard),
        }
    }

    /// Lines that fit what stderr is.
    fn plain() -> Self {
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

    /// Shows one snapshot.
    pub(crate) fn show(&mut self, snapshot: &Snapshot<'_>) {
        match self {
            // Something panicked: the terminal is as it was.
            Self::Dashboard(_) if !screen::is_taken() => *self = Self::plain(),
            Self::Dashboard(dashboard) => dashboard.show(snapshot),
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

    /// Takes away what is shown in place.
    pub(crate) fn finish(&mut self) {
        match self {
            Self::Dashboard(dashboard) => dashboard.finish(),
            Self::Live(bar) => bar.finish_and_clear(),
            Self::Lines { .. } | Self::Quiet => {}
        }
    }
}

/// What is about to happen.
fn announce(plan: &Plan, dir: &Path) {
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
    // Nothing is left to tell when stderr is closed.
    let _ = writeln!(anstream::stderr(), "{text}");
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
