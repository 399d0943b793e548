//! What a run shows while it goes on: one live line on a terminal, otherwise a line a phase.
//!
//! Progress goes to stderr, so that stdout holds the result alone.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use squall::fault::NodeState;
use squall::run::Snapshot;

/// Shows a run's snapshots.
pub(crate) enum Progress {
    /// A bar that is redrawn in place.
    Live(ProgressBar),
    /// A line when a phase begins, and one when it has ended.
    Lines { begun: Option<usize> },
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

    /// Shows one snapshot.
    pub(crate) fn show(&mut self, snapshot: &Snapshot<'_>) {
        match self {
            Self::Live(bar) => {
                bar.set_length(u64::try_from(Duration::from_nanos(snapshot.plan.end().0).as_millis()).unwrap_or(1));
                bar.set_position(snapshot.now.0 / 1_000_000);
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

/// `storm 12s/20s  44 req/s  31 in flight  98.2 % ok  ttft p95 212 ms  a down, b up, c up`.
fn live_line(snapshot: &Snapshot<'_>) -> String {
    let mut line = match snapshot.phase {
        Some(index) => {
            let phase = &snapshot.plan.phases[index];
            let gone = snapshot.now.since(phase.start).as_secs();
            format!("{} {gone}s/{}s", phase.name, phase.duration.as_secs())
        }
        None => "waiting for the last answers".into(),
    };
    let live = &snapshot.recorded;
    let _ = write!(line, "  {:.0} req/s  {} in flight", live.rate, snapshot.in_flight);
    line.push_str(&measures(live.ok_share, live.ttft_p95_ms));
    let nodes: Vec<_> = snapshot.nodes.iter().map(|node| format!("{} {}", node.name, node.state)).collect();
    if !nodes.is_empty() {
        let _ = write!(line, "  {}", nodes.join(", "));
    }
    line
}

fn measures(ok_share: Option<f64>, ttft_p95_ms: Option<f64>) -> String {
    let mut text = String::new();
    if let Some(share) = ok_share {
        let _ = write!(text, "  {:.1} % ok", share * 100.0);
    }
    if let Some(p95) = ttft_p95_ms {
        let _ = write!(text, "  ttft p95 {p95:.0} ms");
    }
    text
}

fn phase_lines(begun: Option<usize>, snapshot: &Snapshot<'_>) {
    let mut err = anstream::stderr();
    let now = snapshot.now.as_secs_f64();
    // Nothing is left to tell when stderr is closed.
    if let Some(index) = begun {
        let phase = &snapshot.plan.phases[index];
        let live = &snapshot.recorded;
        let down: Vec<_> = snapshot
            .nodes
            .iter()
            .filter(|node| node.state != NodeState::Up)
            .map(|node| format!(", {} {}", node.name, node.state))
            .collect();
        let _ = writeln!(
            err,
            "{now:6.1}s  {} ended: {} answered so far{}{}",
            phase.name,
            live.ended,
            measures(live.ok_share, live.ttft_p95_ms).replace("  ", ", "),
            down.concat()
        );
    }
    if let Some(index) = snapshot.phase {
        let phase = &snapshot.plan.phases[index];
        let faults = snapshot.plan.faults.iter().filter(|fault| fault.phase == index).count();
        let storm = if faults == 0 { String::new() } else { format!(", {faults} faults") };
        let length = humantime::format_duration(phase.duration);
        let _ = writeln!(err, "{now:6.1}s  {} begins: {length}{storm}", phase.name);
    }
}
