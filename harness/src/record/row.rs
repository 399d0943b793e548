//! The rows of the three ledgers: what a run leaves of every request, attempt and fault.
//!
//! Field names and meanings are a contract with readers outside; add fields, never change one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_report::{Cohort, Metric, Outcome};

use crate::clock::Nanos;
use crate::correlation::KnownBy;
use crate::fault::NodeState;
use crate::name::{AttemptId, NodeName, RequestId};

/// How the content of an answer compares with what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Nothing is known of the right answer, or there was none to compare.
    Unknown,
    /// Token for token as expected, as far as it went, and whole.
    Whole,
    /// As expected as far as it went, but it ends early.
    Truncated,
    /// A part of the answer came again: the sequence went back.
    Duplicated,
    /// The sequence jumps: a part is missing in the middle, or of another answer.
    Spliced,
    /// Something else.
    Different,
}

impl Content {
    /// Its name in the ledgers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Whole => "whole",
            Self::Truncated => "truncated",
            Self::Duplicated => "duplicated",
            Self::Spliced => "spliced",
            Self::Different => "different",
        }
    }
}

/// Which limit a timed-out request ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeoutKind {
    /// No content within `limits.first_token`.
    FirstToken,
    /// No event for `limits.idle`.
    Idle,
    /// Not done within `limits.total`.
    Total,
}

/// A row of `requests.jsonl`: one request of the load generator, written when it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a row of a ledger: each is a column of its own")]
pub struct RequestRow {
    /// From 0, in order of the schedule; dense, but for what sessions never asked ([`SessionRow`]).
    pub id: RequestId,
    /// The session that it is a part of, where arrivals begin sessions.
    #[serde(default)]
    pub session: Option<u64>,
    /// Which turn of its session, from 0.
    #[serde(default)]
    pub turn: Option<u32>,
    /// Which of the sub-requests that follow the turn's answer, from 0; none for the turn itself.
    #[serde(default)]
    pub sub_request: Option<u32>,
    /// The phase its intended send lies in.
    pub phase: String,
    /// Whether a fault touched it.
    pub cohort: Cohort,
    /// When the schedule wanted it sent.
    pub intended_ns: Nanos,
    /// When it was sent; none when it was shed.
    pub sent_ns: Option<Nanos>,
    /// First byte of the response.
    pub first_byte_ns: Option<Nanos>,
    /// First event with non-empty content.
    pub first_content_ns: Option<Nanos>,
    /// Last event with non-empty content.
    pub last_content_ns: Option<Nanos>,
    /// When it was over for the client.
    pub end_ns: Nanos,
    /// What became of it.
    pub outcome: Outcome,
    /// HTTP status, when there was a response.
    pub status: Option<u16>,
    /// Events with content.
    pub events: u32,
    /// Tokens of the answer: from `usage` where the server gave it, else by the tokenizer, else (where there
    /// was content that is no text) content events.
    pub output_tokens: u32,
    /// Tokens of the answer by the server's `usage`.
    #[serde(default)]
    pub usage_tokens: Option<u32>,
    /// Tokens of the answer by the target's tokenizer: counted where the server gave no `usage`, and of one
    /// request in 16 besides.
    #[serde(default)]
    pub counted_tokens: Option<u32>,
    /// The answer of a real model is as its prompt's corpus expects; none where it expects nothing, or where
    /// there is no whole answer.
    #[serde(default)]
    pub right: Option<bool>,
    /// The model that the answer names, where it names one.
    #[serde(default)]
    pub model: Option<String>,
    /// The node whose answer was passed on last, by the proxies' ledger.
    pub node: Option<NodeName>,
    /// Attempts that reached a node until the request ended, by the proxies' ledger.
    pub attempts: u32,
    /// Times that the client sent it, hedges included; 0 when it never did. Times and content are those of the
    /// answer that was taken, `sent_ns` that of the first send.
    pub sends: u32,
    /// The client left on purpose before its answer was whole.
    pub left: bool,
    /// What became of its hedge, where it was sent a second time while the first was still waited for; of
    /// the last one, where it had several.
    #[serde(default)]
    pub hedge: Option<Hedge>,
    /// Tokens of the prompt's texts, by the target's tokenizer.
    pub input_tokens: u32,
    /// Tokens of the answer that the request asked for.
    pub expected_tokens: Option<u32>,
    /// How the content compares with the expected answer.
    pub content: Content,
    /// The client saw the final marker.
    pub marker: bool,
    /// A node sent the final marker, by the proxies' ledger.
    pub genuine_marker: bool,
    /// The HTTP message ended as HTTP says it should.
    pub clean_end: bool,
    /// Attempts that the gateway says it made, in [`crate::correlation::ATTEMPTS_HEADER`] or in the headers
    /// that the scenario names.
    pub claimed_attempts: Option<u32>,
    /// When an error said to come again.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
    /// Which limit it ran into, when the outcome is a timeout.
    pub timeout: Option<TimeoutKind>,
    /// What the error said, cut to 200 characters.
    pub error: Option<String>,
}

impl RequestRow {
    /// A latency of its answer, from `start` where the metric has a start; none where the answer has no such
    /// moment, and for gaps, which are in no row.
    pub fn latency_from(&self, start: Nanos, metric: Metric) -> Option<Duration> {
        let moments = Moments {
            first_byte: self.first_byte_ns,
            first_content: self.first_content_ns,
            last_content: self.last_content_ns,
            output_tokens: self.output_tokens,
        };
        moments.latency_from(start, metric)
    }

    /// The same on the clock that objectives use: from the intended send.
    pub fn latency(&self, metric: Metric) -> Option<Duration> {
        self.latency_from(self.intended_ns, metric)
    }
}

/// What the latencies of an answer are made of.
pub(super) struct Moments {
    pub(super) first_byte: Option<Nanos>,
    pub(super) first_content: Option<Nanos>,
    pub(super) last_content: Option<Nanos>,
    pub(super) output_tokens: u32,
}

impl Moments {
    pub(super) fn latency_from(&self, start: Nanos, metric: Metric) -> Option<Duration> {
        match metric {
            Metric::Ttft => Some(self.first_content? - start),
            Metric::Ttfb => Some(self.first_byte? - start),
            Metric::E2e => Some(self.last_content? - start),
            Metric::Tpot if self.output_tokens > 1 => {
                Some((self.last_content? - self.first_content?) / (self.output_tokens - 1))
            }
            Metric::Tpot | Metric::Itl => None,
        }
    }
}

/// A second send of a request whose first had not begun to be answered, and how the two ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hedge {
    /// When it was sent.
    pub sent_ns: Nanos,
    /// Its answer began first, and was taken.
    pub won: bool,
    /// What became of the send that was not taken: `aborted` where it was cancelled, as the other's answer had
    /// begun; otherwise how it failed before.
    pub other: Outcome,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// All of its requests were asked, and all were answered.
    Complete,
    /// One of its requests failed.
    Failed,
    /// One of its requests found no place among those in flight.
    Shed,
    /// Its next request was due after the run's end.
    RunOver,
    /// The run was stopped.
    Aborted,
}

/// A row of `sessions.jsonl`: one session, written when it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionRow {
    /// Dense from 0, in order of the schedule.
    pub id: u64,
    /// The phase that its arrival lies in.
    pub phase: String,
    /// Its arrival: when its first turn was intended.
    pub arrival_ns: Nanos,
    /// When it was over.
    pub end_ns: Nanos,
    /// How.
    pub end: SessionEnd,
    /// Its turns, as they were drawn.
    pub turns: u32,
    /// Of these, the first so many have rows in `requests.jsonl`.
    pub turns_asked: u32,
    /// Its first request; the others have the ids that follow.
    pub first_request: RequestId,
    /// Its requests, sub-requests included.
    pub requests: u32,
    /// Of these, the first so many have rows in `requests.jsonl`; the others were never asked.
    pub requests_asked: u32,
}

/// How an attempt ended, as the proxy saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    /// The node's response was passed on whole.
    Complete,
    /// The node closed the connection before its response was whole.
    Cut,
    /// The node's connection was reset.
    Reset,
    /// The node could not be reached.
    Unreachable,
    /// A fault ended it: answered in the node's place, cut, reset or hung.
    Injected,
    /// The other side went away first.
    ClientLeft,
    /// The run ended first.
    Aborted,
}

impl AttemptEnd {
    /// Its name in the ledgers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Injected => "injected",
            Self::ClientLeft => "client_left",
            Self::Aborted => "aborted",
        }
    }
}

/// A row of `attempts.jsonl`: one request that reached a node's proxy, written when it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a row of a ledger: each is a column of its own")]
pub struct AttemptRow {
    /// Dense and unique in the run.
    pub id: AttemptId,
    /// The request it serves; none for a health check, or when it could not be told.
    pub request: Option<RequestId>,
    /// What told that.
    #[serde(default)]
    pub known_by: Option<KnownBy>,
    /// 0 for the first attempt of that request that the harness saw, 1 for the next.
    pub ordinal: u32,
    /// The node it was sent to.
    pub node: NodeName,
    /// When its head had arrived at the proxy.
    pub start_ns: Nanos,
    /// First byte of the node's response.
    pub first_byte_ns: Option<Nanos>,
    /// When it was over.
    pub end_ns: Nanos,
    /// The status passed on.
    pub status: Option<u16>,
    /// SSE events that the node sent.
    pub events: u32,
    /// How it ended.
    pub end: AttemptEnd,
    /// A probe (not a POST: `/health`, `/v1/models`, …) rather than work.
    pub probe: bool,
    /// The node sent the final marker of a stream, or a whole answer without streaming.
    pub marker: bool,
    /// It arrived when the client had its end already.
    pub after_end: bool,
    /// Verdicts other than pass that touched it.
    pub faults: u32,
    /// It serves a hedge: the second send of a request whose first was still waited for.
    #[serde(default)]
    pub hedge: bool,
    /// The model that the node was asked for.
    #[serde(default)]
    pub model: Option<String>,
    /// The answer was an error that said to come again after so long (`Retry-After`).
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
    /// Connections to this node that were open as it began, its own included.
    #[serde(default)]
    pub connections: u32,
}

/// A row of `faults.jsonl`: one verdict other than pass, or one action on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRow {
    /// When.
    pub at_ns: Nanos,
    /// The plugin, as the scenario names it.
    pub plugin: String,
    /// The fault's place in the scenario, from 0, over all phases.
    pub fault: u32,
    /// The hook that was called; `resume` where the storm goes on after a pause and takes a node again.
    pub hook: String,
    /// What it decided: `delay(20.000ms)`, `respond(503)`, `reset`, `kill`, `restart`.
    pub verdict: String,
    /// The attempt, when there was one.
    pub attempt: Option<AttemptId>,
    /// The request, when it could be told.
    pub request: Option<RequestId>,
    /// The attempt's place among its request's.
    pub ordinal: Option<u32>,
    /// The node.
    pub node: Option<NodeName>,
}

impl FaultRow {
    /// What a fault does to a node, which is part of no attempt.
    pub(crate) fn on_node(
        at_ns: Nanos,
        (plugin, fault): (String, u32),
        hook: &str,
        verdict: &str,
        node: NodeName,
    ) -> Self {
        Self {
            at_ns,
            plugin,
            fault,
            hook: hook.into(),
            verdict: verdict.into(),
            attempt: None,
            request: None,
            ordinal: None,
            node: Some(node),
        }
    }
}

/// A row of `pauses.jsonl`: the storm was paused by hand, or went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseEvent {
    /// When every fault was withdrawn, or was on again.
    pub at_ns: Nanos,
    /// It is paused from now on; otherwise it goes on.
    pub paused: bool,
}

/// A node changed its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEvent {
    /// When.
    pub at_ns: Nanos,
    /// The node.
    pub node: NodeName,
    /// Its state from now on.
    pub state: NodeState,
}
