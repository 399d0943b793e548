//! Facts: the ledgers read back, compact, for the verdict.
//!
//! The verdict is computed from what is on disk, so that what was judged is what can be read.

use squall_report::{Cohort, Outcome};

use super::row::{AttemptEnd, Content, NodeEvent};
use crate::clock::Nanos;
use crate::name::{AttemptId, RequestId};

/// What the ledgers say.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Rows of `requests.jsonl`, in the order of their ends.
    pub requests: Vec<RequestFact>,
    /// Rows of `attempts.jsonl`, in the order of their ends.
    pub attempts: Vec<AttemptFact>,
    /// Changes of nodes' states, in order.
    pub node_events: Vec<NodeEvent>,
}

/// A row of `requests.jsonl`; the fields mean what [`super::RequestRow`]'s do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of `RequestRow`")]
pub struct RequestFact {
    pub id: RequestId,
    /// By its place in the plan.
    pub phase: u16,
    pub cohort: Cohort,
    pub intended: Nanos,
    pub sent: Option<Nanos>,
    pub first_byte: Option<Nanos>,
    pub first_content: Option<Nanos>,
    pub last_content: Option<Nanos>,
    pub end: Nanos,
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub output_tokens: u32,
    /// By its place in the plan.
    pub node: Option<u16>,
    pub attempts: u32,
    pub claimed_attempts: Option<u32>,
    pub content: Content,
    pub marker: bool,
    pub genuine_marker: bool,
    pub clean_end: bool,
}

/// A row of `attempts.jsonl`; the fields mean what [`super::AttemptRow`]'s do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of `AttemptRow`")]
pub struct AttemptFact {
    pub id: AttemptId,
    pub request: Option<RequestId>,
    pub ordinal: u32,
    /// By its place in the plan.
    pub node: u16,
    pub start: Nanos,
    pub end: Nanos,
    pub how: AttemptEnd,
    pub status: Option<u16>,
    pub probe: bool,
    pub marker: bool,
    pub after_end: bool,
    pub faults: u32,
}
