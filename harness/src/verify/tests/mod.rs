//! A run made by hand, and what becomes of its verdict when one thing about it is changed.
//!
//! Three nodes, twenty requests a second for a minute, each half a second long. Node `a` dies at 22 s and
//! is back at 30 s. The router notices at once: what was under way on `a` is lost, the next two requests
//! are refused there and rescued elsewhere.

mod failover;
mod invariants;
mod objectives;
mod pauses;
mod promises;
mod properties;
mod rates;
mod runbook;
mod verdict;

use std::time::Duration;

use squall_report::{Check, Cohort, Counts, Fault, Invariant, Lag, Metric, Outcome, Peak, Report, Verdict};

use super::{Evidence, judge};
use crate::clock::Nanos;
use crate::correlation::KnownBy;
use crate::fault::NodeState;
use crate::name::{AttemptId, RequestId};
use crate::record::{
    AttemptEnd, AttemptFact, Content, Facts, NodeEvent, PauseEvent, Recorded, RequestFact, SessionEnd,
    SessionFact,
};
use crate::scenario::Lines;
use crate::scenario::plan::{
    Access, Api, ClientPolicy, Entry, FailoverBounds, FaultPlan, Length, Lengths, Limits, Matching, NodeKind,
    NodePlan, Objective, OnTrap, Phase, Plan, PluginRef, RouterPolicy, Schedule, Selector, Sessions, Slo,
    Target, Think, Traffic, Turns,
};
use crate::table::Scratch;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;
/// Between two requests.
const EVERY: u64 = 50 * MS;
/// From a request's send to its end.
const LASTS: u64 = 500 * MS;
const DIES: Nanos = Nanos(22 * SECOND);
const BACK: Nanos = Nanos(30 * SECOND);
const END: Nanos = Nanos(60 * SECOND);

#[derive(Debug)]
struct Scene {
    plan: Plan,
    facts: Ledgers,
    evidence: Evidence,
    /// Arrivals by phase, where they are not as many as the requests.
    scheduled: Option<Vec<u64>>,
}

/// What the ledgers say, to be changed at will.
#[derive(Debug, Default)]
struct Ledgers {
    requests: Vec<RequestFact>,
    models: Vec<String>,
    sessions: Vec<SessionFact>,
    attempts: Vec<AttemptFact>,
    node_events: Vec<NodeEvent>,
    pause_events: Vec<PauseEvent>,
    asked_models: Vec<String>,
}

impl Ledgers {
    /// As they are read from files.
    fn facts(&self, scratch: Scratch) -> Facts {
        Facts {
            requests: scratch.table(self.requests.iter().copied()),
            models: self.models.clone(),
            sessions: scratch.table(self.sessions.iter().copied()),
            attempts: scratch.table(self.attempts.iter().copied()),
            node_events: self.node_events.clone(),
            pause_events: self.pause_events.clone(),
            worst: Vec::new(),
            asked_models: self.asked_models.clone(),
            scratch,
        }
    }
}

fn at(seconds: f64) -> Nanos {
    Nanos((seconds * SECOND as f64) as u64)
}

fn seconds(duration: f64) -> Duration {
    Duration::from_secs_f64(duration)
}

impl Scene {
    /// All is well.
    fn sound() -> Self {
        let mut scene = Self::without_death();
        scene.node("a", DIES, NodeState::Down);
        scene.node("a", Nanos(BACK.0 - SECOND), NodeState::Starting);
        scene.node("a", BACK, NodeState::Up);
        scene.retell(|request, attempt| {
            let sent = request.intended;
            if attempt.node != 0 || request.end <= DIES || sent >= BACK {
                return;
            }
            if sent < DIES {
                // Under way when its node died.
                request.end = DIES;
                request.outcome = Outcome::InBandError;
                request.content = Content::Truncated;
                (request.marker, request.genuine_marker) = (false, false);
                (attempt.end, attempt.how, attempt.marker) = (DIES, AttemptEnd::Reset, false);
            } else {
                let node = 1 + (request.id.0 % 2) as u16;
                (request.node, attempt.node) = (Some(node), node);
                if sent < DIES + Duration::from_millis(300) {
                    request.claimed_attempts = Some(2);
                }
            }
        });
        scene
    }

    /// All is well, and no node dies.
    fn without_death() -> Self {
        let mut facts = Ledgers { asked_models: vec!["sim".into()], ..Ledgers::default() };
        for id in 0..END.0 / EVERY {
            let node = (id % 3) as u16;
            facts.requests.push(request(id, Nanos(id * EVERY), node));
            facts.attempts.push(attempt(id, id, Nanos(id * EVERY), node));
        }
        let mut scene = Self { plan: plan(), facts, evidence: evidence(), scheduled: None };
        for node in ["a", "b", "c"] {
            scene.node(node, Nanos::ZERO, NodeState::Up);
        }
        scene
    }

    fn node(&mut self, node: &str, at_ns: Nanos, state: NodeState) {
        self.facts.node_events.push(NodeEvent { at_ns, node: node.into(), state });
    }

    /// Changes requests, each with its one attempt.
    fn retell(&mut self, mut change: impl FnMut(&mut RequestFact, &mut AttemptFact)) {
        for (request, attempt) in self.facts.requests.iter_mut().zip(&mut self.facts.attempts) {
            change(request, attempt);
        }
    }

    /// The first request that was sent at `from` or later.
    fn first_at(&mut self, from: f64) -> &mut RequestFact {
        let requests = &mut self.facts.requests;
        let index = requests.iter().position(|request| request.intended >= at(from));
        &mut requests[index.expect("the run has a request then")]
    }

    /// One more attempt on a node, for the first request of that moment; seen and told of by all.
    fn another_attempt(&mut self, from: f64, node: u16) {
        let request = self.first_at(from);
        request.attempts += 1;
        request.claimed_attempts = Some(request.attempts);
        let (id, start) = (request.id.0, request.intended + Duration::from_millis(1));
        let number = self.facts.attempts.len() as u64;
        self.facts.attempts.push(AttemptFact {
            ordinal: 1,
            end: start,
            how: AttemptEnd::Reset,
            ..attempt(number, id, start, node)
        });
    }

    /// A request more that was refused on its only attempt.
    fn refused(&mut self, from: f64) {
        let id = self.facts.requests.len() as u64;
        let mut request = request(id, at(from), 0);
        fail(&mut request, Outcome::HttpError, 502);
        request.node = None;
        request.attempts = 0;
        request.end = request.intended;
        self.facts.requests.push(request);
    }

    fn recorded(&self) -> Recorded {
        let mut counts = vec![Counts::default(); self.plan.phases.len()];
        let mut rows = vec![0; self.plan.phases.len()];
        for request in &self.facts.requests {
            let phase = usize::from(request.phase);
            *counts[phase].of(request.outcome) += 1;
            counts[phase].sent += u64::from(request.sent.is_some());
            rows[phase] += 1;
        }
        Recorded { scheduled: self.scheduled.clone().unwrap_or(rows), counts, ..Recorded::default() }
    }

    fn judge(&self) -> Report {
        judge(&self.plan, &self.recorded(), &self.facts.facts(Scratch::default()), self.evidence.clone())
    }
}

/// Every verdict of a report that is neither a pass nor without a say, by name.
fn not_well(report: &Report) -> Vec<(String, Verdict)> {
    let slos = report.slos.iter().map(|slo| (slo.name.clone(), slo.verdict));
    let checks = report.failover.iter().flat_map(|row| &row.checks);
    let checks = checks.map(|check| (check.name.clone(), check.verdict));
    let invariants = report.invariants.iter().map(|invariant| (invariant.name.clone(), invariant.verdict));
    let bad = |verdict: &Verdict| matches!(verdict, Verdict::Fail | Verdict::Inconclusive);
    slos.chain(checks).chain(invariants).filter(|(_, verdict)| bad(verdict)).collect()
}

fn check<'a>(report: &'a Report, name: &str) -> &'a Check {
    report.failover[0].checks.iter().find(|check| check.name == name).expect("the plan bounds it")
}

fn invariant<'a>(report: &'a Report, name: &str) -> &'a Invariant {
    report.invariants.iter().find(|invariant| invariant.name == name).expect("it is always listed")
}

fn fail(request: &mut RequestFact, outcome: Outcome, status: u16) {
    request.outcome = outcome;
    request.status = Some(status);
    (request.first_content, request.last_content) = (None, None);
    (request.marker, request.genuine_marker) = (false, false);
    request.content = Content::Unknown;
}

fn request(id: u64, sent: Nanos, node: u16) -> RequestFact {
    let after = |ms| Some(sent + Duration::from_millis(ms));
    RequestFact {
        id: RequestId(id),
        session: None,
        turn: None,
        sub_request: None,
        phase: (sent.0 / (20 * SECOND)).min(2) as u16,
        cohort: Cohort::Collateral,
        intended: sent,
        sent: Some(sent),
        first_byte: after(55),
        first_content: after(60),
        last_content: after(490),
        end: Nanos(sent.0 + LASTS),
        outcome: Outcome::Ok,
        status: Some(200),
        output_tokens: 44,
        node: Some(node),
        attempts: 1,
        sends: 1,
        left: false,
        hedge_won: None,
        claimed_attempts: Some(1),
        retry_after: None,
        content: Content::Whole,
        marker: true,
        genuine_marker: true,
        usage_tokens: None,
        counted_tokens: None,
        right: None,
        model: None,
        clean_end: true,
    }
}

fn attempt(id: u64, request: u64, start: Nanos, node: u16) -> AttemptFact {
    AttemptFact {
        id: AttemptId(id),
        request: Some(RequestId(request)),
        known_by: Some(KnownBy::Header),
        ordinal: 0,
        node,
        start,
        end: Nanos(start.0 + LASTS),
        how: AttemptEnd::Complete,
        status: Some(200),
        probe: false,
        marker: true,
        after_end: false,
        faults: 0,
        model: Some(0),
        retry_after: None,
        connections: 8,
    }
}

fn evidence() -> Evidence {
    let fault = Fault {
        plugin: "node-kill".into(),
        sha256: String::new(),
        phase: "storm".into(),
        nodes: vec!["a".into()],
        start_s: 22.0,
        end_s: 40.0,
        fired: 2,
        traps: 0,
        trap: None,
        counters: Vec::new(),
    };
    Evidence {
        skipped: squall_report::Skipped::default(),
        squall: "0.0.0".into(),
        digest: "0".into(),
        scenario_path: "test.toml".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        command: "squall run test.toml".into(),
        aborted: None,
        duration: Nanos(END.0 + SECOND),
        cpu_s: 1.0,
        peak_rss_bytes: 1,
        lag: Lag::default(),
        stall: Lag::default(),
        peak: Peak::default(),
        calibration: None,
        saturated: None,
        faults: vec![fault],
    }
}

fn slo(name: &str, text: &str, objective: Objective, during: &[usize]) -> Slo {
    Slo {
        name: name.into(),
        text: text.into(),
        objective,
        during: during.to_vec(),
        only: Selector::default(),
        window: None,
        budget: None,
    }
}

pub(super) fn plan() -> Plan {
    let node = |name: &str| NodePlan {
        name: name.into(),
        zone: String::new(),
        kind: NodeKind::Url("http://127.0.0.1:1".into()),
        access: Access::default(),
        http: None,
    };
    let phase = |name: &str, start| Phase {
        name: name.into(),
        warmup: false,
        load: 1.0,
        start: at(start),
        duration: Duration::from_secs(20),
    };
    let limit = Duration::from_secs(5);
    let first_token =
        Objective::Latency { metric: Metric::Ttft, share: 0.95, bound: Duration::from_millis(800) };
    Plan {
        name: "test".into(),
        seed: 1,
        path: "test.toml".into(),
        target: Target {
            api: Api::OpenaiChat,
            model: "sim".into(),
            entry: Entry::Router(RouterPolicy { failover: true }),
            access: Access::default(),
            http: None,
            tokenizer: crate::scenario::plan::Tokenizer::Words,
            promises: crate::scenario::plan::Promises::default(),
        },
        nodes: vec![node("a"), node("b"), node("c")],
        traffic: Traffic {
            schedule: Schedule::constant(20.0),
            spikes: Vec::new(),
            sessions: None,
            lengths: Lengths { input: Length::Fixed(1), output: Length::Fixed(44) },
            corpus: None,
            rows: None,
            stream: true,
            limits: Limits {
                in_flight: 100,
                requests: None,
                connect: limit,
                first_token: limit,
                idle: limit,
                total: limit,
            },
            client: ClientPolicy::default(),
        },
        phases: vec![phase("steady", 0.0), phase("storm", 20.0), phase("recovery", 40.0)],
        faults: vec![FaultPlan {
            index: 0,
            plugin: PluginRef::BuiltIn("node-kill".into()),
            phase: 1,
            nodes: vec!["a".into()],
            on: DIES,
            off: at(40.0),
            share: 1.0,
            matching: Matching::default(),
            with: serde_json::Value::Null,
            on_trap: OnTrap::FailRun,
        }],
        slos: vec![
            slo("first token", "p95(ttft) <= 800ms", first_token, &[0, 2]),
            slo("availability", "success >= 95%", Objective::Success { share: 0.95 }, &[1]),
        ],
        arms: vec![crate::scenario::plan::Arm::Storm],
        stops: Vec::new(),
        failover: Some(FailoverBounds {
            detection: Some(Duration::from_secs(2)),
            recovery: Some(Duration::from_secs(5)),
            failback: Some(Duration::from_secs(2)),
            lost: Some(0.05),
            silently_truncated: Some(0),
            duplicated: Some(0),
            amplification: Some(1.5),
        }),
        lines: Lines::default(),
    }
}
