//! The worst requests of a run, with the rows of both ledgers: what the client saw, what the nodes saw.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cohort, Outcome};

/// Why a request is among the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyWorst {
    /// It failed; it stands for others that ended alike.
    Failed,
    /// It waited longest for its first token.
    FirstToken,
    /// It waited longest for each of the others.
    Tokens,
    /// It took the most attempts on nodes.
    Attempts,
}

/// A request, by its row of `requests.jsonl`, with its attempts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstRequest {
    /// Its id in the ledgers.
    pub id: u64,
    /// Why it is here.
    pub why: Vec<WhyWorst>,
    /// How many requests ended as this one did, itself included; for those that failed.
    pub alike: u64,
    /// The phase that its intended send lies in.
    pub phase: String,
    /// Whether a fault touched it.
    pub cohort: Cohort,
    /// When the schedule wanted it sent.
    pub intended_s: f64,
    /// When it was sent.
    pub sent_s: Option<f64>,
    /// First event with content.
    pub first_content_s: Option<f64>,
    /// Last event with content.
    pub last_content_s: Option<f64>,
    /// When it was over for the client.
    pub end_s: f64,
    /// What became of it.
    pub outcome: Outcome,
    /// HTTP status, when there was a response.
    pub status: Option<u16>,
    /// What the error said.
    pub error: Option<String>,
    /// How its content compares with what was expected: `unknown`, `whole`, `truncated`, `duplicated`,
    /// `spliced` or `different`.
    pub content: String,
    /// Tokens of the answer.
    pub output_tokens: u32,
    /// Tokens that were asked for.
    pub expected_tokens: Option<u32>,
    /// The node whose answer was passed on last.
    pub node: Option<String>,
    /// Attempts that reached a node until it ended.
    pub attempts: u32,
    /// Attempts that the gateway says it made.
    pub claimed_attempts: Option<u32>,
    /// Times that the client sent it.
    pub sends: u32,
    /// The client saw the final marker.
    pub marker: bool,
    /// A node sent the final marker.
    pub genuine_marker: bool,
    /// The HTTP message ended as HTTP says it should.
    pub clean_end: bool,
    /// Its attempts by the proxies' ledger, in order; those after its end included.
    pub ledger: Vec<WorstAttempt>,
    /// Further attempts that are left out here.
    pub ledger_left_out: u64,
}

/// An attempt, by its row of `attempts.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstAttempt {
    /// Its id in the ledgers.
    pub id: u64,
    /// The node it was sent to.
    pub node: String,
    /// When its head had arrived at the node's proxy.
    pub start_s: f64,
    /// First byte of the node's response.
    pub first_byte_s: Option<f64>,
    /// When it was over.
    pub end_s: f64,
    /// The status passed on.
    pub status: Option<u16>,
    /// SSE events that the node sent.
    pub events: u32,
    /// How it ended: `complete`, `cut`, `reset`, `unreachable`, `injected`, `client_left` or `aborted`.
    pub end: String,
    /// The node sent the final marker.
    pub marker: bool,
    /// It came when the client had its end already.
    pub after_end: bool,
    /// It serves a hedge.
    pub hedge: bool,
    /// What faults did to it, the first few: `latency: delay(20.000ms)`.
    pub faults: Vec<String>,
    /// Verdicts of faults that touched it.
    pub touched: u32,
}
