//! The report's contract. Field names and meanings are read by others: add, never change.
//!
//! Times are seconds of run time (`_s`), latencies milliseconds (`_ms`), shares and rates fractions
//! from 0 to 1. A figure that could not be measured is `null`, never 0.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of this contract.
pub const SCHEMA: u32 = 1;

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this contract.
    pub schema: u32,
    /// The version of Squall that wrote it.
    pub squall: String,
    /// What was run.
    pub scenario: ScenarioInfo,
    /// Does it hold?
    pub verdict: Verdict,
    /// Why, one sentence each; the most important first. Never empty.
    pub reasons: Vec<String>,
    /// The run was ended before its time, by whom or what.
    pub aborted: Option<String>,
    /// Wall time of the run's start, RFC 3339.
    pub started_at: String,
    /// Run time from the start to the last record.
    pub duration_s: f64,
    /// The command that repeats the run.
    pub command: String,
    /// The phases in order.
    pub phases: Vec<Phase>,
    /// Every request of the run by its end, warm-up included.
    pub counts: Counts,
    /// Latency by phase, cohort, metric and clock.
    pub latency: Vec<Latency>,
    /// The objectives.
    pub slos: Vec<Slo>,
    /// One row for each time that a node died.
    pub failover: Vec<Failover>,
    /// What must hold in every run.
    pub invariants: Vec<Invariant>,
    /// The faults of the scenario.
    pub faults: Vec<Fault>,
    /// Digest of what the faults decided, hex: equal for two runs in which they decided the same, whenever
    /// and in whatever order.
    pub fault_log_digest: String,
    /// What was found out of the answers' texts.
    #[serde(default)]
    pub answers: Answers,
    /// Rows of the trace that were left out, since they are not what its format says.
    #[serde(default)]
    pub skipped: Skipped,
    /// What became of sessions, where the load has any.
    #[serde(default)]
    pub sessions: Option<Sessions>,
    /// What clients did beyond sending each request once.
    #[serde(default)]
    pub clients: Clients,
    /// The load generator itself.
    pub client: Client,
    /// The nodes and what became of them.
    pub nodes: Vec<Node>,
    /// The run in slices of equal length, in order, for drawing.
    pub series: Vec<Slice>,
    /// Latency by percentile, a phase a curve, for drawing.
    pub curves: Vec<Curve>,
}

/// Bad rows of a trace, of those that the run came to, where its scenario says to leave them out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// How many.
    pub rows: u64,
    /// The first of them, with its line and what is wrong with it.
    pub first: Option<String>,
}

/// What became of sessions, by how they ended. Of each the first so many requests were asked, and each of
/// these counts among [`Report::counts`]; what was never asked counts here alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// Sessions that began.
    pub begun: u64,
    /// All of their requests were asked and answered.
    pub complete: u64,
    /// One of their requests failed.
    pub failed: u64,
    /// One of their requests was shed at the in-flight cap.
    pub shed: u64,
    /// Their next request was due after the run's end.
    pub run_over: u64,
    /// The run was stopped before its time.
    pub aborted: u64,
    /// Turns that they were to have.
    pub turns: u64,
    /// Of these, turns that were asked.
    pub turns_asked: u64,
    /// Requests that they were to have: turns and sub-requests.
    pub requests: u64,
    /// Of these, requests that were asked.
    pub requests_asked: u64,
}

/// What was found out of the answers' texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answers {
    /// What tokens were counted by.
    pub tokenizer: String,
    /// Whole answers whose tokens both the server's `usage` and the tokenizer say; not all are counted.
    pub compared: u64,
    /// Of these, answers of which the two say different numbers.
    pub differing: u64,
    /// Tokens of these answers by `usage`.
    pub usage_tokens: u64,
    /// Tokens of these answers by the tokenizer.
    pub counted_tokens: u64,
    /// Whole answers without a `usage`; their tokens are the tokenizer's.
    pub without_usage: u64,
    /// Whole answers of which the corpus says what a right one is.
    pub judged: u64,
    /// Of these, answers that are right.
    pub right: u64,
}

/// What clients did beyond sending each request once: sending again, hedging, leaving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Clients {
    /// Requests that were sent.
    pub requests: u64,
    /// Times that they were sent; more than `requests` where clients send again or hedge.
    pub sends: u64,
    /// Attempts on nodes that they came to, by the proxies' ledger until each request's end; 0 without proxies.
    pub attempts: u64,
    /// Requests whose client left on purpose before the answer was whole.
    pub left: u64,
    /// Requests that were sent a second time while the first was still waited for.
    pub hedged: u64,
    /// Of these, requests whose second send was answered first.
    pub hedges_won: u64,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioInfo {
    /// The scenario's name.
    pub name: String,
    /// Fixes arrivals, prompts, answers of simulated nodes and every fault decision.
    pub seed: u64,
    /// SHA-256 of the plan, hex.
    pub digest: String,
    /// The scenario's file, as given on the command line.
    pub path: String,
}

/// Three values: no pass without evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The evidence shows that it holds.
    Pass,
    /// The evidence shows that it does not hold.
    Fail,
    /// The evidence does not decide.
    Inconclusive,
    /// Named, but no check of this version decides it; it has no say in the run's verdict.
    NotChecked,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotChecked => "not checked",
        })
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A complete, honest answer.
    Ok,
    /// A status of 400 or more.
    HttpError,
    /// An error object inside a response with status 200.
    InBandError,
    /// No connection to the target.
    ConnectFailed,
    /// The connection was reset.
    Reset,
    /// It ended without its final marker.
    Cut,
    /// It ended with a final marker that no node sent.
    Invented,
    /// It ran into a limit: first token, idle or total.
    Timeout,
    /// The content differs from what was expected.
    Corrupt,
    /// Not sent: the in-flight cap was reached.
    Shed,
    /// The run ended first.
    Aborted,
}

impl Outcome {
    /// The outcome's name in the ledgers and the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::HttpError => "http_error",
            Self::InBandError => "in_band_error",
            Self::ConnectFailed => "connect_failed",
            Self::Reset => "reset",
            Self::Cut => "cut",
            Self::Invented => "invented",
            Self::Timeout => "timeout",
            Self::Corrupt => "corrupt",
            Self::Shed => "shed",
            Self::Aborted => "aborted",
        }
    }
}

/// Which requests a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cohort {
    /// A verdict other than pass touched one of its attempts, or its node was down.
    Faulted,
    /// The rest.
    Collateral,
    /// Both.
    All,
}

impl Cohort {
    /// The cohort's name in the ledgers and the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Faulted => "faulted",
            Self::Collateral => "collateral",
            Self::All => "all",
        }
    }
}

/// A latency metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// To the first event with content.
    Ttft,
    /// To the first byte of the response.
    Ttfb,
    /// Each gap between content events.
    Itl,
    /// (last − first content) / (output tokens − 1), one sample a request.
    Tpot,
    /// To the last content event of a complete stream.
    E2e,
}

impl Metric {
    /// The metric's name in objectives, ledgers and the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Ttfb => "ttfb",
            Self::Itl => "itl",
            Self::Tpot => "tpot",
            Self::E2e => "e2e",
        }
    }

    /// It is measured from the request's start, so that it exists on two clocks.
    pub fn has_clock(self) -> bool {
        matches!(self, Self::Ttft | Self::Ttfb | Self::E2e)
    }
}

/// Where a latency counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The scheduled arrival.
    Intended,
    /// The actual send.
    Sent,
    /// Inside the answer: gaps between events have no start.
    Stream,
}

/// A phase of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its start.
    pub start_s: f64,
    /// Its end.
    pub end_s: f64,
    /// No SLO counts it.
    pub warmup: bool,
    /// Requests whose intended send lies in it, by their end.
    pub counts: Counts,
}

/// Requests by their end. `scheduled` is the sum of all but itself and `sent`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of `Outcome`")]
pub struct Counts {
    /// Arrivals of the schedule.
    pub scheduled: u64,
    /// Of these, sent.
    pub sent: u64,
    pub ok: u64,
    pub http_error: u64,
    pub in_band_error: u64,
    pub connect_failed: u64,
    pub reset: u64,
    pub cut: u64,
    pub invented: u64,
    pub timeout: u64,
    pub corrupt: u64,
    pub shed: u64,
    pub aborted: u64,
}

impl Counts {
    /// The count of one outcome.
    pub fn of(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::HttpError => &mut self.http_error,
            Outcome::InBandError => &mut self.in_band_error,
            Outcome::ConnectFailed => &mut self.connect_failed,
            Outcome::Reset => &mut self.reset,
            Outcome::Cut => &mut self.cut,
            Outcome::Invented => &mut self.invented,
            Outcome::Timeout => &mut self.timeout,
            Outcome::Corrupt => &mut self.corrupt,
            Outcome::Shed => &mut self.shed,
            Outcome::Aborted => &mut self.aborted,
        }
    }

    /// Requests that ended, whatever their outcome.
    pub fn ended(&self) -> u64 {
        self.ok
            + self.http_error
            + self.in_band_error
            + self.connect_failed
            + self.reset
            + self.cut
            + self.invented
            + self.timeout
            + self.corrupt
            + self.shed
            + self.aborted
    }
}

/// Latency of the requests that have it; failures beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub phase: String,
    pub cohort: Cohort,
    pub metric: Metric,
    pub clock: Clock,
    /// Samples in the figures below.
    pub count: u64,
    /// Requests that failed: samples known only to be larger than any bound (censored).
    pub failed: u64,
    pub min_ms: Option<f64>,
    pub mean_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub p999_ms: Option<f64>,
    pub max_ms: Option<f64>,
    /// The same with failures as the largest samples; `null` where the percentile is a failure.
    pub with_failures: Percentiles,
}

/// Percentiles; `null` where there is no finite value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub p999_ms: Option<f64>,
}

/// An objective and what the samples say of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slo {
    /// Its name.
    pub name: String,
    /// As written: `p95(ttft) <= 800ms`.
    pub objective: String,
    /// The phases it counts.
    pub during: Vec<String>,
    /// The share of good samples it claims.
    pub target: f64,
    /// Samples.
    pub samples: u64,
    /// Of these, good.
    pub good: u64,
    /// Lower bound of the true share of good samples, one-sided 95 % (Clopper and Pearson).
    pub lower: f64,
    /// Upper bound, the same way.
    pub upper: f64,
    /// What was observed: for a latency, the percentile in ms with failures as the largest samples
    /// (`null` when it is a failure); otherwise the share of good samples.
    pub observed: Option<f64>,
    /// Samples that a pass needs, when all are good.
    pub needed: u64,
    /// Does it hold?
    pub verdict: Verdict,
}

/// What happened when a node died.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failover {
    /// The node.
    pub node: String,
    /// When it died.
    pub t0_s: f64,
    /// When it was up again; `null` when it was not.
    pub t1_s: Option<f64>,
    /// From t0 until no more work was sent to it.
    pub detection_s: Option<f64>,
    /// From t0 to the first success, on another node, of a request that came after t0.
    pub first_rescue_s: Option<f64>,
    /// From t0 to the first slice from which the service level holds.
    pub recovery_s: Option<f64>,
    /// From t1 until the node has its share of the work again.
    pub failback_s: Option<f64>,
    /// Requests of the window (from t0 to recovery, or to t1 where that is later), that were sent.
    pub requests: u64,
    /// Of these, not answered with success.
    pub lost: u64,
    /// Of these, incomplete and not told so: the response ended cleanly and without an error.
    pub silently_truncated: u64,
    /// Of these, with a part of the answer twice.
    pub duplicated: u64,
    /// Of these, with parts of two answers.
    pub spliced: u64,
    /// Attempts a request, mean.
    pub amplification_mean: Option<f64>,
    /// Attempts a request, the most.
    pub amplification_max: u32,
    /// The scenario's bounds on the above.
    pub checks: Vec<Check>,
}

/// A bound and how it came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// `detection`, `recovery`, `lost`, …
    pub name: String,
    /// The bound, for people: `<= 2s`.
    pub bound: String,
    /// What was seen, for people: `0.31s`.
    pub observed: String,
    /// Does it hold?
    pub verdict: Verdict,
    /// Why, when it does not pass.
    pub reason: Option<String>,
}

/// What must hold in every run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Invariant {
    /// A sentence: `every arrival ends exactly once`.
    pub name: String,
    /// Does it hold?
    pub verdict: Verdict,
    /// How often it was broken.
    pub violations: u64,
    /// Up to five of the cases, or why it is not decided.
    pub examples: Vec<String>,
}

/// A fault of the scenario and what it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// The plugin, as the scenario names it.
    pub plugin: String,
    /// SHA-256 of the plugin's bytes, hex.
    pub sha256: String,
    /// The phase it belongs to.
    pub phase: String,
    /// The nodes it was granted.
    pub nodes: Vec<String>,
    /// When it was switched on, by plan.
    pub start_s: f64,
    /// When it was withdrawn, by plan.
    pub end_s: f64,
    /// Verdicts other than pass, and actions on nodes.
    pub fired: u64,
    /// Calls that did not return.
    pub traps: u64,
    /// What the first trap said.
    pub trap: Option<String>,
    /// The plugin's own counters.
    pub counters: Vec<Counter>,
}

/// A plugin's own counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counter {
    pub name: String,
    pub value: u64,
}

/// The load generator itself: can its figures be trusted?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Client {
    /// How much later than scheduled requests were sent, µs.
    pub dispatch_lag_us: Lag,
    /// How late a task of its async runtime woke, µs: events are stamped as late. A tick of the runtime's
    /// timer, a millisecond, is its floor.
    pub runtime_stall_us: Lag,
    /// It could not keep to its schedule, or its runtime stood still; no verdict can rest on its figures.
    pub saturated: bool,
    /// The most that it carried.
    pub peak: Peak,
    /// What the machine was measured to carry (`squall calibrate`); `null` where that is not known.
    pub calibration: Option<Calibration>,
    /// CPU time of the harness (load, proxies and plugins), seconds.
    pub cpu_s: f64,
    /// Its largest resident size.
    pub peak_rss_bytes: u64,
}

/// The most that a client carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Peak {
    /// Requests sent a second, in the busiest five seconds.
    pub requests_per_s: f64,
    /// Events received a second, in the busiest five seconds.
    pub events_per_s: f64,
    /// Requests in flight at once.
    pub in_flight: u64,
}

/// What this machine's client was measured to carry, alone against a server on the same machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// When, RFC 3339.
    pub measured_at: String,
    /// Requests a second.
    pub requests_per_s: f64,
    /// Events a second.
    pub events_per_s: f64,
    /// Streams open at once.
    pub open_streams: u64,
    /// What the run went beyond, a sentence each: then no verdict can rest on it.
    pub exceeded: Vec<String>,
}

/// Percentiles of a lag, µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Lag {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// A node and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its zone; empty when the scenario gives none.
    pub zone: String,
    /// Attempts at work (not probes) that reached it.
    pub attempts: u64,
    /// Its states in order; each lasts until the next.
    pub states: Vec<NodeState>,
}

/// A change of a node's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeState {
    /// When.
    pub at_s: f64,
    /// `starting`, `up`, `paused` or `down`.
    pub state: String,
}

/// A slice of the run. Requests count where they ended, but for `scheduled` and `sent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slice {
    /// Its start; it ends where the next begins.
    pub start_s: f64,
    /// Arrivals of the schedule.
    pub scheduled: u64,
    /// Requests that ended well.
    pub ok: u64,
    /// Requests that ended otherwise.
    pub failed: u64,
    /// Time to first token of requests whose first token came in this slice, intended clock.
    pub ttft: Percentiles,
    /// Attempts at work that each node took, in the order of `Report::nodes`.
    pub node_attempts: Vec<u64>,
}

/// Latency by percentile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// The phase.
    pub phase: String,
    /// The metric, cohort all; on the intended clock where it has one.
    pub metric: Metric,
    /// From the median out, in ascending order.
    pub points: Vec<Point>,
}

/// A point of a latency curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// 0 to 1.
    pub quantile: f64,
    /// The latency at it.
    pub ms: f64,
}
