//! Everything that is counted while the run goes on: ends, latencies, slices, objectives on gaps.
//!
//! Its size is fixed by the plan: phases, metrics, nodes and slices, never requests.

use std::collections::HashMap;
use std::time::Duration;

use squall_report::{
    AttemptEnds, Clock, Cohort, Counts, Curve, Latency, Metric, Node, NodeState, Outcome, Point, Slice,
};

use super::digest::FaultDigest;
use super::gaps::GapObjective;
use super::histogram::Latencies;
use super::row::{AttemptEnd, AttemptRow, FaultRow, NodeEvent, PauseEvent, RequestRow};
use super::{Gaps, PhaseLive, Recorded};
use crate::clock::Nanos;
use crate::name::NodeName;
use crate::scenario::plan::Plan;

/// A run is drawn in at most about this many slices.
const SLICES: u64 = 180;
/// No slice is shorter: a second is what people think in.
const SLICE_MIN: Duration = Duration::from_secs(1);

const METRICS: [(Metric, Clock); 8] = [
    (Metric::Ttft, Clock::Intended),
    (Metric::Ttft, Clock::Sent),
    (Metric::Ttfb, Clock::Intended),
    (Metric::Ttfb, Clock::Sent),
    (Metric::E2e, Clock::Intended),
    (Metric::E2e, Clock::Sent),
    (Metric::Itl, Clock::Stream),
    (Metric::Tpot, Clock::Stream),
];

/// The metrics that a phase's curves show, on the clock that SLOs use.
const CURVES: [(Metric, Clock); 3] =
    [(Metric::Ttft, Clock::Intended), (Metric::Itl, Clock::Stream), (Metric::E2e, Clock::Intended)];

/// Counts and histograms of one run.
pub(super) struct Tables {
    plan_nodes: HashMap<NodeName, usize>,
    phase_ends: Vec<Nanos>,
    scheduled: Vec<u64>,
    counts: Vec<Counts>,
    cells: HashMap<Cell, Latencies>,
    failed: HashMap<(usize, Cohort), u64>,
    live: Vec<Latencies>,
    slice_length: Duration,
    slices: Vec<SliceTable>,
    /// What was recorded since it was last looked at, whenever it happened.
    lately: SliceTable,
    /// The slices in figures, as they were when these were made last.
    series: Vec<Slice>,
    objectives: Vec<GapObjective>,
    nodes: Vec<Node>,
    phase_names: Vec<String>,
    fault_log: FaultDigest,
    pauses: Vec<PauseEvent>,
    ended: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Cell {
    phase: usize,
    cohort: Cohort,
    metric: Metric,
    clock: Clock,
}

struct SliceTable {
    scheduled: u64,
    ok: u64,
    failed: u64,
    ttft: Option<Box<Latencies>>,
    node_attempts: Vec<u64>,
    in_flight: Option<u64>,
    /// It has changed since figures were made of it.
    changed: bool,
}

impl SliceTable {
    /// Nothing yet.
    fn new(nodes: usize) -> Self {
        let node_attempts = vec![0; nodes];
        Self { scheduled: 0, ok: 0, failed: 0, ttft: None, node_attempts, in_flight: None, changed: true }
    }

    fn ended(&mut self, ok: bool, failed: bool) {
        self.ok += u64::from(ok);
        self.failed += u64::from(failed);
    }

    fn first_token(&mut self, after: Duration) {
        self.ttft.get_or_insert_with(|| Box::new(Latencies::coarse())).record(after);
    }

    fn figures(&self, start_s: f64) -> Slice {
        Slice {
            start_s,
            scheduled: self.scheduled,
            ok: self.ok,
            failed: self.failed,
            ttft: self.ttft.as_ref().map(|ttft| ttft.percentiles(0)).unwrap_or_default(),
            node_attempts: self.node_attempts.clone(),
            in_flight: self.in_flight,
        }
    }

    /// Takes in the slice that follows.
    fn add(&mut self, next: Self) {
        let Self { scheduled, ok, failed, ttft, node_attempts, in_flight, changed: _ } = next;
        self.scheduled += scheduled;
        self.ok += ok;
        self.failed += failed;
        self.in_flight = self.in_flight.max(in_flight);
        self.changed = true;
        match (&mut self.ttft, ttft) {
            (Some(mine), Some(theirs)) => mine.add(&theirs),
            (mine @ None, theirs) => *mine = theirs,
            (Some(_), None) => {}
        }
        for (mine, theirs) in self.node_attempts.iter_mut().zip(node_attempts) {
            *mine += theirs;
        }
    }
}

impl Tables {
    pub(super) fn new(plan: &Plan) -> Self {
        let phases = plan.phases.len();
        let run = Duration::from_nanos(plan.end().0);
        // How long a run of so many requests lasts is not known: its slices grow with it.
        let known = plan.traffic.limits.requests.is_none();
        let slices = if known { run.as_secs().div_ceil(SLICES) } else { 0 };
        let slice_length = SLICE_MIN.max(Duration::from_secs(slices));
        let objectives =
            plan.slos.iter().enumerate().filter_map(|(place, slo)| GapObjective::new(place, slo, plan));
        let nodes = plan.nodes.iter().map(|node| Node {
            name: node.name.to_string(),
            zone: node.zone.clone(),
            attempts: 0,
            ends: AttemptEnds::default(),
            states: Vec::new(),
        });
        Self {
            plan_nodes: plan
                .nodes
                .iter()
                .enumerate()
                .map(|(index, node)| (node.name.clone(), index))
                .collect(),
            phase_ends: plan.phases.iter().map(crate::scenario::plan::Phase::end).collect(),
            scheduled: vec![0; phases],
            counts: vec![Counts::default(); phases],
            cells: HashMap::new(),
            failed: HashMap::new(),
            live: vec![Latencies::coarse(); phases],
            slice_length,
            slices: Vec::new(),
            lately: SliceTable::new(plan.nodes.len()),
            series: Vec::new(),
            objectives: objectives.collect(),
            nodes: nodes.collect(),
            phase_names: plan.phases.iter().map(|phase| phase.name.clone()).collect(),
            fault_log: FaultDigest::default(),
            pauses: Vec::new(),
            ended: 0,
        }
    }

    fn phase_at(&self, at: Nanos) -> usize {
        self.phase_ends.iter().position(|end| at < *end).unwrap_or(self.phase_ends.len() - 1)
    }

    /// The slice that `at` lies in. A run that outlasts its plan by far has its slices joined two by two.
    fn slice(&mut self, at: Nanos) -> &mut SliceTable {
        while at.0 / Nanos::from(self.slice_length).0 >= 2 * SLICES {
            self.slice_length *= 2;
            self.series.clear();
            let mut halves = std::mem::take(&mut self.slices).into_iter();
            while let Some(mut slice) = halves.next() {
                if let Some(next) = halves.next() {
                    slice.add(next);
                }
                self.slices.push(slice);
            }
        }
        let index = (at.0 / Nanos::from(self.slice_length).0) as usize;
        let nodes = self.nodes.len();
        while self.slices.len() <= index {
            self.slices.push(SliceTable::new(nodes));
        }
        let slice = &mut self.slices[index];
        slice.changed = true;
        slice
    }

    pub(super) fn arrival(&mut self, at: Nanos) {
        let phase = self.phase_at(at);
        self.scheduled[phase] += 1;
        self.lately.scheduled += 1;
        self.slice(at).scheduled += 1;
    }

    /// Counts a request, and hands each of its samples to `interval` too.
    pub(super) fn request(
        &mut self,
        row: &RequestRow,
        gaps: &[u32],
        mut interval: impl FnMut(Metric, Clock, Duration),
    ) {
        let phase = self.phase_at(row.intended_ns);
        let counts = &mut self.counts[phase];
        *counts.of(row.outcome) += 1;
        counts.sent += u64::from(row.sent_ns.is_some());
        self.ended += 1;
        let ok = row.outcome == Outcome::Ok;
        // A request that the run's end cut off is neither.
        let failed = !ok && row.outcome != Outcome::Aborted;
        self.lately.ended(ok, failed);
        self.slice(row.end_ns).ended(ok, failed);
        if !ok && row.outcome != Outcome::Aborted {
            *self.failed.entry((phase, row.cohort)).or_default() += 1;
        }
        for (metric, clock, latency) in samples(row) {
            self.cell(phase, row.cohort, metric, clock).record(latency);
            interval(metric, clock, latency);
        }
        if ok && let Some(first) = row.first_content_ns {
            self.live[phase].record(first - row.intended_ns);
            self.lately.first_token(first - row.intended_ns);
            self.slice(first).first_token(first - row.intended_ns);
        }
        if !gaps.is_empty() {
            let cell = self.cell(phase, row.cohort, Metric::Itl, Clock::Stream);
            for gap in gaps {
                let gap = Duration::from_nanos(u64::from(*gap));
                cell.record(gap);
                interval(Metric::Itl, Clock::Stream, gap);
            }
            for objective in &mut self.objectives {
                objective.count(phase, row, gaps);
            }
        }
    }

    fn cell(&mut self, phase: usize, cohort: Cohort, metric: Metric, clock: Clock) -> &mut Latencies {
        self.cells.entry(Cell { phase, cohort, metric, clock }).or_insert_with(Latencies::fine)
    }

    pub(super) fn attempt(&mut self, row: &AttemptRow) {
        if row.probe {
            return;
        }
        if let Some(node) = self.plan_nodes.get(&row.node).copied() {
            self.nodes[node].attempts += 1;
            *of(&mut self.nodes[node].ends, row.end) += 1;
            self.lately.node_attempts[node] += 1;
            self.slice(row.start_ns).node_attempts[node] += 1;
        }
    }

    pub(super) fn fault(&mut self, row: &FaultRow) {
        self.fault_log.add(row);
    }

    pub(super) fn node(&mut self, event: &NodeEvent) {
        if let Some(node) = self.plan_nodes.get(&event.node) {
            let state = NodeState { at_s: event.at_ns.as_secs_f64(), state: event.state.to_string() };
            self.nodes[*node].states.push(state);
        }
    }

    /// A look at the requests in flight.
    pub(super) fn beat(&mut self, at: Nanos, in_flight: u64) {
        self.lately.in_flight = self.lately.in_flight.max(Some(in_flight));
        let most = &mut self.slice(at).in_flight;
        *most = (*most).max(Some(in_flight));
    }

    /// What was recorded since the last call, which came at `start_s`.
    pub(super) fn lately(&mut self, start_s: f64) -> Slice {
        let nodes = self.nodes.len();
        std::mem::replace(&mut self.lately, SliceTable::new(nodes)).figures(start_s)
    }

    pub(super) fn pause(&mut self, event: PauseEvent) {
        self.pauses.push(event);
    }

    pub(super) fn pause_events(&self) -> &[PauseEvent] {
        &self.pauses
    }

    /// The nodes as they are now.
    pub(super) fn nodes(&self) -> Vec<Node> {
        self.nodes.clone()
    }

    /// Requests that have ended.
    pub(super) fn ended(&self) -> u64 {
        self.ended
    }

    /// How each phase stands.
    pub(super) fn live(&self) -> Vec<PhaseLive> {
        let phases = self.counts.iter().zip(&self.live);
        phases
            .map(|(counts, ttft)| {
                let ended = counts.ended() - counts.aborted;
                PhaseLive {
                    ended,
                    ok_share: (ended > 0).then(|| counts.ok as f64 / ended as f64),
                    ttft_p95_ms: ttft.at(0.95),
                }
            })
            .collect()
    }

    /// The histogram of one metric over both cohorts.
    fn all(&self, phase: usize, metric: Metric, clock: Clock) -> Latencies {
        let mut all = Latencies::fine();
        for cohort in [Cohort::Faulted, Cohort::Collateral] {
            if let Some(cell) = self.cells.get(&Cell { phase, cohort, metric, clock }) {
                all.add(cell);
            }
        }
        all
    }

    fn failed(&self, phase: usize, cohort: Cohort) -> u64 {
        let of = |cohort| self.failed.get(&(phase, cohort)).copied().unwrap_or_default();
        match cohort {
            Cohort::All => of(Cohort::Faulted) + of(Cohort::Collateral),
            cohort => of(cohort),
        }
    }

    /// Turns everything into figures.
    pub(super) fn finish(mut self, plan: &Plan) -> Recorded {
        let mut gaps = vec![Gaps::default(); plan.slos.len()];
        for objective in &self.objectives {
            // Of some requests only, the percentile is its own to tell.
            let mut all = Latencies::fine();
            match objective.own() {
                Some(own) => all.add(own),
                None => {
                    for phase in &objective.during {
                        all.add(&self.all(*phase, Metric::Itl, Clock::Stream));
                    }
                }
            }
            gaps[objective.slo] = objective.counted(all.at(objective.share));
        }
        Recorded {
            latency: self.latency_rows(),
            curves: self.curves(),
            series: self.series(),
            gaps,
            scheduled: self.scheduled,
            counts: self.counts,
            nodes: self.nodes,
            fault_log_digest: self.fault_log.hex(),
            breach: None,
        }
    }

    fn latency_rows(&self) -> Vec<Latency> {
        let mut rows = Vec::new();
        for (phase, name) in self.phase_names.iter().enumerate() {
            for (metric, clock) in METRICS {
                for cohort in [Cohort::All, Cohort::Faulted, Cohort::Collateral] {
                    let latencies = match cohort {
                        Cohort::All => Some(self.all(phase, metric, clock)),
                        cohort => self.cells.get(&Cell { phase, cohort, metric, clock }).cloned(),
                    };
                    // A gap is no request: what failed has no place among gaps.
                    let failed = if metric == Metric::Itl { 0 } else { self.failed(phase, cohort) };
                    let latencies = latencies.unwrap_or_else(Latencies::fine);
                    if latencies.count() + failed > 0 {
                        rows.push(latency_row(name, cohort, (metric, clock), &latencies, failed));
                    }
                }
            }
        }
        rows
    }

    fn curves(&self) -> Vec<Curve> {
        let mut curves = Vec::new();
        for (phase, name) in self.phase_names.iter().enumerate() {
            for (metric, clock) in CURVES {
                let all = self.all(phase, metric, clock);
                if all.count() > 0 {
                    curves.push(Curve { phase: name.clone(), metric, points: points(&all) });
                }
            }
        }
        curves
    }

    /// The run in slices. Figures are made only of those that have changed since the last time.
    pub(super) fn series(&mut self) -> Vec<Slice> {
        let length = self.slice_length.as_secs_f64();
        for (index, slice) in self.slices.iter_mut().enumerate() {
            if !slice.changed && index < self.series.len() {
                continue;
            }
            slice.changed = false;
            let figures = slice.figures(index as f64 * length);
            match self.series.get_mut(index) {
                Some(before) => *before = figures,
                None => self.series.push(figures),
            }
        }
        self.series.clone()
    }
}

/// The count of one end.
fn of(ends: &mut AttemptEnds, end: AttemptEnd) -> &mut u64 {
    match end {
        AttemptEnd::Complete => &mut ends.complete,
        AttemptEnd::Cut => &mut ends.cut,
        AttemptEnd::Reset => &mut ends.reset,
        AttemptEnd::Unreachable => &mut ends.unreachable,
        AttemptEnd::Injected => &mut ends.injected,
        AttemptEnd::ClientLeft => &mut ends.client_left,
        AttemptEnd::Aborted => &mut ends.aborted,
    }
}

/// The samples of a request but its gaps. A request that failed has none: it is a sample known only
/// to be larger than any bound.
fn samples(row: &RequestRow) -> impl Iterator<Item = (Metric, Clock, Duration)> {
    let ok = row.outcome == Outcome::Ok;
    let starts = [(Clock::Intended, Some(row.intended_ns)), (Clock::Sent, row.sent_ns)];
    let clocked = [Metric::Ttft, Metric::Ttfb, Metric::E2e].into_iter().flat_map(move |metric| {
        let from = move |(clock, start): (Clock, Option<Nanos>)| {
            Some((metric, clock, row.latency_from(start?, metric)?))
        };
        starts.into_iter().filter_map(from)
    });
    let tpot = row.latency(Metric::Tpot).map(|tpot| (Metric::Tpot, Clock::Stream, tpot));
    clocked.chain(tpot).filter(move |_| ok)
}

fn latency_row(
    phase: &str,
    cohort: Cohort,
    (metric, clock): (Metric, Clock),
    latencies: &Latencies,
    failed: u64,
) -> Latency {
    let plain = latencies.percentiles(0);
    Latency {
        phase: phase.into(),
        cohort,
        metric,
        clock,
        count: latencies.count(),
        failed,
        min_ms: latencies.min_ms(),
        mean_ms: latencies.mean_ms(),
        p50_ms: plain.p50_ms,
        p90_ms: plain.p90_ms,
        p95_ms: plain.p95_ms,
        p99_ms: plain.p99_ms,
        p999_ms: plain.p999_ms,
        max_ms: latencies.max_ms(),
        with_failures: latencies.percentiles(failed),
    }
}

/// From the median out, each step nearer to 1, until a step would be less than one sample.
fn points(latencies: &Latencies) -> Vec<Point> {
    const STEPS_A_HALVING: f64 = 4.0;
    let mut points = Vec::new();
    let mut rest = 0.5;
    while rest * latencies.count() as f64 >= 1.0 {
        let quantile = 1.0 - rest;
        points.extend(latencies.at(quantile).map(|ms| Point { quantile, ms }));
        rest *= 0.5_f64.powf(1.0 / STEPS_A_HALVING);
    }
    points
}
