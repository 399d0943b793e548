//! What the dashboard shows: the plan, and what was last known of the run, without the run itself.

use std::path::Path;
use std::sync::Arc;

use squall::fault::{FaultLive, NodeState, Storm};
use squall::record::{ClientLive, PhaseLive};
use squall::run::Snapshot;
use squall::scenario::plan::{FaultPlan, NodePlan, Plan};
use squall_report::course::{self, Span};
use squall_report::{AttemptEnds, Fault, Node, Pause, Slice};

/// A run of so many requests has an axis that is at least so long, and doubles.
const OPEN_AXIS_S: f64 = 15.0;

/// A slice that goes on is shown from so long on.
const LEAST_S: f64 = 2.0;

/// A picture of a run at a moment.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) name: String,
    pub(super) dir: String,
    pub(super) phases: Vec<Phase>,
    /// It ends after so many requests, whenever that is; otherwise with its last phase.
    pub(super) requests: Option<u64>,
    /// None while nodes and target get ready.
    pub(super) now_s: Option<f64>,
    /// By index; none once the last is over.
    pub(super) phase: Option<usize>,
    pub(super) in_flight: u64,
    /// Requests that ended a second.
    pub(super) rate: f64,
    /// The last second, with its stretch.
    pub(super) last: Option<(Span, Slice)>,
    pub(super) series: Arc<[Slice]>,
    /// When the series was made, at the latest.
    pub(super) made_s: f64,
    pub(super) nodes: Arc<[Node]>,
    /// The nodes' states now, in the same order.
    pub(super) states: Vec<NodeState>,
    pub(super) faults: Vec<FaultLive>,
    pub(super) storm: Storm,
    pub(super) pauses: Arc<[Pause]>,
    pub(super) client: ClientLive,
}

/// A phase, and how it stands.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    pub(super) name: String,
    pub(super) warmup: bool,
    pub(super) span: Span,
    pub(super) live: PhaseLive,
}

impl Picture {
    /// Of a run that has not begun.
    pub(super) fn planned(plan: &Plan, dir: &Path) -> Self {
        let phases = plan.phases.iter().map(|phase| Phase {
            name: phase.name.clone(),
            warmup: phase.warmup,
            span: Span { start: phase.start.as_secs_f64(), end: phase.end().as_secs_f64() },
            live: PhaseLive::default(),
        });
        Self {
            name: plan.name.clone(),
            dir: dir.display().to_string(),
            phases: phases.collect(),
            requests: plan.traffic.limits.requests,
            now_s: None,
            phase: Some(0),
            in_flight: 0,
            rate: 0.0,
            last: None,
            series: Arc::default(),
            made_s: 0.0,
            nodes: plan.nodes.iter().map(to_come).collect(),
            states: vec![NodeState::Starting; plan.nodes.len()],
            faults: plan.faults.iter().map(|fault| planned(plan, fault)).collect(),
            storm: if plan.faults.is_empty() { Storm::Over } else { Storm::Going },
            pauses: Arc::default(),
            client: ClientLive::default(),
        }
    }

    /// Takes what a snapshot knows.
    pub(super) fn update(&mut self, snapshot: &Snapshot<'_>) {
        let Snapshot { plan: _, now, phase, in_flight, recorded, nodes, faults, storm } = snapshot;
        self.now_s = Some(now.as_secs_f64());
        self.phase = *phase;
        self.in_flight = *in_flight;
        self.rate = recorded.rate;
        self.last.clone_from(&recorded.last);
        self.series = Arc::clone(&recorded.series);
        self.made_s = recorded.made.as_secs_f64();
        if !recorded.nodes.is_empty() {
            // Made once a second: in the first they are the plan's.
            self.nodes = Arc::clone(&recorded.nodes);
        }
        self.states = nodes.iter().map(|node| node.state).collect();
        self.faults.clone_from(faults);
        self.storm = *storm;
        self.pauses = Arc::clone(&recorded.pauses);
        self.client = recorded.client;
        for (phase, live) in self.phases.iter_mut().zip(&recorded.phases) {
            phase.live = *live;
        }
    }

    /// Where its time axis ends: with the plan, or a while after now where that does not say when.
    pub(super) fn end_s(&self) -> f64 {
        let planned = self.phases.last().map_or(1.0, |phase| phase.span.end);
        let now = self.now_s.unwrap_or_default();
        if self.requests.is_none() {
            return planned.max(now);
        }
        let mut end = OPEN_AXIS_S;
        while end < now {
            end *= 2.0;
        }
        end
    }

    /// The slices, each with its stretch. One that goes on ends where it was looked at, so that a rate is one;
    /// before it has lasted a while it is not shown.
    pub(super) fn slices(&self) -> Vec<(Span, &Slice)> {
        let made = self.made_s;
        let slices = course::spans(&self.series).into_iter();
        slices
            .filter_map(|(span, slice)| {
                let seen = Span { start: span.start, end: span.end.min(made) };
                (span.end <= made || seen.end - seen.start >= LEAST_S).then_some((seen, slice))
            })
            .collect()
    }

    /// Requests that have ended.
    pub(super) fn ended(&self) -> u64 {
        self.phases.iter().map(|phase| phase.live.ended).sum()
    }

    /// Since when the storm is paused, where that is on record.
    pub(super) fn paused_since(&self) -> Option<f64> {
        let last = self.pauses.last().filter(|_| self.storm == Storm::Paused)?;
        Some(last.from_s)
    }
}

/// A node of which nothing is known yet.
fn to_come(node: &NodePlan) -> Node {
    Node {
        name: node.name.to_string(),
        zone: node.zone.clone(),
        attempts: 0,
        ends: AttemptEnds::default(),
        states: Vec::new(),
    }
}

/// A fault that has done nothing yet.
fn planned(plan: &Plan, fault: &FaultPlan) -> FaultLive {
    let phase = plan.phases.get(fault.phase).map(|phase| phase.name.clone()).unwrap_or_default();
    let fault = Fault {
        plugin: fault.plugin.name(),
        sha256: String::new(),
        phase,
        nodes: fault.nodes.iter().map(ToString::to_string).collect(),
        start_s: fault.on.as_secs_f64(),
        end_s: fault.off.as_secs_f64(),
        fired: 0,
        traps: 0,
        trap: None,
        counters: Vec::new(),
    };
    FaultLive { fault, on: false }
}
