//! Facts: the ledgers read back, compact, for the verdict.
//!
//! The verdict is computed from what is on disk, so that what was judged is what can be read. What there is one of
//! for each request, attempt or session is in tables, which take no more memory for a long run than for a short one.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use squall_report::{Cohort, Metric, Outcome, WorstRequest};

use super::row::{
    AttemptEnd, AttemptRow, Content, FaultRow, Moments, NodeEvent, PauseEvent, RequestRow, SessionEnd,
    SessionRow,
};
use super::worst::Picker;
use super::{
    ATTEMPTS_FILE, FAULTS_FILE, NODES_FILE, PAUSES_FILE, REQUESTS_FILE, RecordError, SESSIONS_FILE, ledger,
};
use crate::clock::Nanos;
use crate::correlation::KnownBy;
use crate::name::{AttemptId, NodeName, RequestId};
use crate::scenario::plan::Plan;
use crate::table::{Scratch, Table, packed, packed_enum};

/// Models that are told apart.
const MOST_MODELS: usize = 1_000;

/// What the ledgers say.
#[derive(Debug, Default)]
pub struct Facts {
    /// Where the tables lie, and those that the verdict makes of them.
    pub scratch: Scratch,
    /// Rows of `requests.jsonl`, in the order of their ends.
    pub requests: Table<RequestFact>,
    /// The models that answers named.
    pub models: Vec<String>,
    /// Rows of `sessions.jsonl`, in the order of their ends; none where arrivals begin no sessions.
    pub sessions: Table<SessionFact>,
    /// Rows of `attempts.jsonl`, in the order of their ends.
    pub attempts: Table<AttemptFact>,
    /// Changes of nodes' states, in order.
    pub node_events: Vec<NodeEvent>,
    /// When the storm was paused by hand and went on, in order.
    pub pause_events: Vec<PauseEvent>,
    /// The worst requests, with their rows of every ledger as they are.
    pub worst: Vec<WorstRequest>,
    /// The models that nodes were asked for, each once.
    pub asked_models: Vec<String>,
}

/// A row of `requests.jsonl`; the fields mean what [`super::RequestRow`]'s do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of `RequestRow`")]
#[expect(clippy::struct_excessive_bools, reason = "a row of a ledger: each is a column of its own")]
pub struct RequestFact {
    pub id: RequestId,
    pub session: Option<u64>,
    pub turn: Option<u32>,
    pub sub_request: Option<u32>,
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
    pub usage_tokens: Option<u32>,
    pub counted_tokens: Option<u32>,
    pub right: Option<bool>,
    /// The model that the answer named, by its place in [`Facts::models`].
    pub model: Option<u16>,
    /// By its place in the plan.
    pub node: Option<u16>,
    pub attempts: u32,
    /// Times that the client sent it.
    pub sends: u32,
    pub left: bool,
    /// Whether its hedge won, where it had one.
    pub hedge_won: Option<bool>,
    pub claimed_attempts: Option<u32>,
    pub retry_after: Option<Duration>,
    pub content: Content,
    pub marker: bool,
    pub genuine_marker: bool,
    pub clean_end: bool,
}

/// A row of `sessions.jsonl`; the fields mean what [`super::SessionRow`]'s do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of `SessionRow`")]
pub struct SessionFact {
    pub id: u64,
    pub end: SessionEnd,
    pub turns: u32,
    pub turns_asked: u32,
    pub first_request: RequestId,
    pub requests: u32,
    pub requests_asked: u32,
}

/// A row of `attempts.jsonl`; the fields mean what [`super::AttemptRow`]'s do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of `AttemptRow`")]
pub struct AttemptFact {
    pub id: AttemptId,
    pub request: Option<RequestId>,
    pub known_by: Option<KnownBy>,
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
    /// The model that its node was asked for, by its place in [`Facts::asked_models`].
    pub model: Option<u16>,
    pub retry_after: Option<Duration>,
    pub connections: u32,
}

packed!(RequestFact {
    id,
    session,
    turn,
    sub_request,
    phase,
    cohort,
    intended,
    sent,
    first_byte,
    first_content,
    last_content,
    end,
    outcome,
    status,
    output_tokens,
    usage_tokens,
    counted_tokens,
    right,
    model,
    node,
    attempts,
    sends,
    left,
    hedge_won,
    claimed_attempts,
    retry_after,
    content,
    marker,
    genuine_marker,
    clean_end,
});
packed!(SessionFact { id, end, turns, turns_asked, first_request, requests, requests_asked });
packed!(AttemptFact {
    id,
    request,
    known_by,
    ordinal,
    node,
    start,
    end,
    how,
    status,
    probe,
    marker,
    after_end,
    faults,
    model,
    retry_after,
    connections,
});
packed_enum!(Cohort { Faulted, Collateral, All });
packed_enum!(Outcome {
    Ok,
    HttpError,
    InBandError,
    ConnectFailed,
    Reset,
    Cut,
    Invented,
    Timeout,
    Corrupt,
    Empty,
    Shed,
    Aborted,
});
packed_enum!(Content { Unknown, Whole, Truncated, Duplicated, Spliced, Different });
packed_enum!(SessionEnd { Complete, Failed, Shed, RunOver, Aborted });
packed_enum!(AttemptEnd { Complete, Cut, Reset, Unreachable, Injected, ClientLeft, Aborted });
packed_enum!(KnownBy { Header, Message, Trace });

/// Reads the requests of the run in `folder`, in the order of their ends.
pub fn read_requests(folder: &Path, mut take: impl FnMut(RequestRow) + Send) -> Result<(), RecordError> {
    ledger::read(folder, REQUESTS_FILE, |row| {
        take(row);
        Ok(())
    })
}

/// Reads the ledgers of the run in `folder`.
pub fn read_facts(folder: &Path, plan: &Plan) -> Result<Facts, RecordError> {
    let phases: HashMap<&str, u16> = plan.phases.iter().map(|phase| phase.name.as_str()).zip(0..).collect();
    let nodes: HashMap<&NodeName, u16> = plan.nodes.iter().map(|node| &node.name).zip(0..).collect();
    let node_of =
        |name: &NodeName| nodes.get(name).copied().ok_or_else(|| format!("no node `{name}` in the plan"));
    let mut facts = Facts::new(Scratch::in_folder(folder));
    let mut picker = Picker::default();
    ledger::read(folder, REQUESTS_FILE, |row: RequestRow| {
        let phase = phases.get(row.phase.as_str()).copied();
        let phase = phase.ok_or_else(|| format!("no phase `{}` in the plan", row.phase))?;
        let node = row.node.as_ref().map(node_of).transpose()?;
        let model = row.model.as_ref().map(|model| place_of(model, &mut facts.models));
        facts.requests.push(RequestFact::of(&row, phase, node, model));
        picker.request(&row);
        Ok(())
    })?;
    if plan.traffic.sessions.is_some() {
        ledger::read(folder, SESSIONS_FILE, |row: SessionRow| {
            facts.sessions.push(SessionFact::of(&row));
            Ok(())
        })?;
    }
    let mut picked = picker.picked();
    ledger::read(folder, ATTEMPTS_FILE, |row: AttemptRow| {
        let model = row.model.as_deref().map(|model| place_of(model, &mut facts.asked_models));
        facts.attempts.push(AttemptFact::of(&row, node_of(&row.node)?, model));
        picked.attempt(&row);
        Ok(())
    })?;
    ledger::read(folder, FAULTS_FILE, |row: FaultRow| {
        picked.fault(&row);
        Ok(())
    })?;
    facts.worst = picked.finish();
    ledger::read(folder, NODES_FILE, |event| {
        facts.node_events.push(event);
        Ok(())
    })?;
    if folder.join(PAUSES_FILE).exists() {
        ledger::read(folder, PAUSES_FILE, |event| {
            facts.pause_events.push(event);
            Ok(())
        })?;
    }
    Ok(facts)
}

impl Facts {
    /// Nothing yet.
    pub fn new(scratch: Scratch) -> Self {
        Self {
            requests: Table::new(&scratch),
            models: Vec::new(),
            sessions: Table::new(&scratch),
            attempts: Table::new(&scratch),
            node_events: Vec::new(),
            pause_events: Vec::new(),
            worst: Vec::new(),
            asked_models: Vec::new(),
            scratch,
        }
    }

    /// All rows could be read as long as they were looked at. Nothing may rest on them otherwise: ask when all
    /// that was to be drawn from them is.
    pub fn whole(&self) -> Result<(), RecordError> {
        self.scratch.whole().map_err(RecordError::Lost)
    }
}

/// The place of a model among those that were named before, or after them. A service that names ever new ones
/// has its last ones told apart no more.
fn place_of(model: &str, models: &mut Vec<String>) -> u16 {
    let place = models.iter().position(|known| known == model).unwrap_or_else(|| {
        if models.len() < MOST_MODELS {
            models.push(model.to_owned());
        }
        models.len() - 1
    });
    place as u16
}

impl RequestFact {
    /// A latency of its answer on the clock that objectives use; none where the answer has no such moment, and for
    /// gaps, which are in no row.
    pub fn latency(&self, metric: Metric) -> Option<Duration> {
        let moments = Moments {
            first_byte: self.first_byte,
            first_content: self.first_content,
            last_content: self.last_content,
            output_tokens: self.output_tokens,
        };
        moments.latency_from(self.intended, metric)
    }

    fn of(row: &RequestRow, phase: u16, node: Option<u16>, model: Option<u16>) -> Self {
        Self {
            id: row.id,
            session: row.session,
            turn: row.turn,
            sub_request: row.sub_request,
            phase,
            cohort: row.cohort,
            intended: row.intended_ns,
            sent: row.sent_ns,
            first_byte: row.first_byte_ns,
            first_content: row.first_content_ns,
            last_content: row.last_content_ns,
            end: row.end_ns,
            outcome: row.outcome,
            status: row.status,
            output_tokens: row.output_tokens,
            usage_tokens: row.usage_tokens,
            counted_tokens: row.counted_tokens,
            right: row.right,
            model,
            node,
            attempts: row.attempts,
            sends: row.sends,
            left: row.left,
            hedge_won: row.hedge.map(|hedge| hedge.won),
            claimed_attempts: row.claimed_attempts,
            retry_after: row.retry_after_ms.map(Duration::from_millis),
            content: row.content,
            marker: row.marker,
            genuine_marker: row.genuine_marker,
            clean_end: row.clean_end,
        }
    }
}

impl SessionFact {
    fn of(row: &SessionRow) -> Self {
        Self {
            id: row.id,
            end: row.end,
            turns: row.turns,
            turns_asked: row.turns_asked,
            first_request: row.first_request,
            requests: row.requests,
            requests_asked: row.requests_asked,
        }
    }
}

impl AttemptFact {
    fn of(row: &AttemptRow, node: u16, model: Option<u16>) -> Self {
        Self {
            id: row.id,
            request: row.request,
            known_by: row.known_by,
            ordinal: row.ordinal,
            node,
            start: row.start_ns,
            end: row.end_ns,
            how: row.end,
            status: row.status,
            probe: row.probe,
            marker: row.marker,
            after_end: row.after_end,
            faults: row.faults,
            model,
            retry_after: row.retry_after_ms.map(Duration::from_millis),
            connections: row.connections,
        }
    }
}
