//! Recording: outcomes become histograms and ledgers as they come, in memory that does not grow
//! with the run.
//!
//! One thread owns all of it. Everyone else holds a [`Recorder`], a handle that sends.

mod digest;
mod facts;
mod gaps;
mod guards;
mod histogram;
mod interval;
mod ledger;
mod pauses;
mod percentiles;
mod recording;
mod row;
mod tables;
#[cfg(test)]
mod tests;
mod worst;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use squall_report::course::Span;
use squall_report::{Counts, Curve, Lag, Latency, Node, Pause, Slice};

use crate::clock::Nanos;

pub use facts::{AttemptFact, Facts, RequestFact, SessionFact, read_facts, read_requests};
pub use guards::Breach;
pub use pauses::pauses;
pub use recording::{Recording, start};
pub use row::{
    AttemptEnd, AttemptRow, Content, FaultRow, Hedge, NodeEvent, PauseEvent, RequestRow, SessionEnd,
    SessionRow, TimeoutKind,
};

/// The ledger of requests.
pub const REQUESTS_FILE: &str = "requests.jsonl";
/// The ledger of sessions, where arrivals begin any.
pub const SESSIONS_FILE: &str = "sessions.jsonl";
/// The ledger of attempts.
pub const ATTEMPTS_FILE: &str = "attempts.jsonl";
/// The ledger of faults.
pub const FAULTS_FILE: &str = "faults.jsonl";
/// The changes of nodes' states.
pub const NODES_FILE: &str = "nodes.jsonl";
/// When the storm was paused by hand; only where it was.
pub const PAUSES_FILE: &str = "pauses.jsonl";
/// Histograms by interval.
pub const HISTOGRAM_LOG_FILE: &str = "latency.hlog";

/// Why a run could not be recorded, or not be read back.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file could not be written.
    #[error("could not write {}: {source}; is there room on the disk?", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A ledger could not be read.
    #[error("could not read {}: {source}", path.display())]
    Read {
        /// The ledger.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Rows that did not stay in memory could not be read back.
    #[error(
        "could not read back what the verdict needs, from a file without a name in the run's folder: {0}"
    )]
    Lost(io::Error),
    /// A row of a ledger makes no sense.
    #[error("{}, line {line}: {why}", path.display())]
    Row {
        /// The ledger.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// The recording thread could not be started, or did not end as it should.
    #[error("the recording thread failed: {0}")]
    Thread(String),
}

/// Records that may wait; a producer waits when the recorder is this far behind.
const BACKLOG: usize = 65_536;

/// Something that happened.
#[derive(Debug)]
pub enum Record {
    /// The schedule had an arrival, intended at this time. Sent once for each, before anything else.
    Arrival(Nanos),
    /// A request ended. `gaps_ns` are the gaps between its content events, in order.
    Request {
        /// Its row.
        row: Box<RequestRow>,
        /// One for each content event after the first.
        gaps_ns: Vec<u32>,
    },
    /// A session ended; all of its requests did before.
    Session(Box<SessionRow>),
    /// An attempt ended.
    Attempt(Box<AttemptRow>),
    /// A fault decided or did something.
    Fault(Box<FaultRow>),
    /// A node changed its state.
    Node(NodeEvent),
    /// The storm was paused by hand, or went on.
    Pause(PauseEvent),
    /// The client's runtime woke a task, every few milliseconds.
    Beat {
        /// When it woke.
        at: Nanos,
        /// How late that was.
        late: Duration,
        /// Requests in flight at that moment.
        in_flight: u64,
    },
}

/// A handle on the recording thread; cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    sender: Sender<Record>,
}

impl Recorder {
    /// A recorder and the end at which its records come out.
    pub fn channel() -> (Self, Receiver<Record>) {
        let (sender, receiver) = bounded(BACKLOG);
        (Self { sender }, receiver)
    }

    /// Hands over a record. Waits when the recorder is behind; after the run has ended it is dropped.
    pub fn record(&self, record: Record) {
        // An error means that the recording has been closed: the run is over.
        let _ = self.sender.send(record);
    }
}

/// What the recording thread counted; histograms have become figures.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Arrivals of the schedule, by phase.
    pub scheduled: Vec<u64>,
    /// Ends of requests, by phase.
    pub counts: Vec<Counts>,
    /// Latency by phase, cohort, metric and clock.
    pub latency: Vec<Latency>,
    /// The run in slices.
    pub series: Vec<Slice>,
    /// Latency by percentile.
    pub curves: Vec<Curve>,
    /// For each SLO of the plan, the gaps between content events; zero for those not on `itl`.
    pub gaps: Vec<Gaps>,
    /// The nodes, in the plan's order.
    pub nodes: Vec<Node>,
    /// The digest of the fault log, hex.
    pub fault_log_digest: String,
    /// The guard that was breached, if one was.
    pub breach: Option<Breach>,
}

/// Gaps between content events, as an SLO on `itl` counts them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gaps {
    /// All gaps of the SLO's phases.
    pub samples: u64,
    /// Of these, within its bound.
    pub good: u64,
    /// The gap at the SLO's percentile, milliseconds.
    pub observed_ms: Option<f64>,
    /// The same by slices of time.
    pub slices: Vec<GapSlice>,
}

/// Gaps of requests that were intended in one slice of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GapSlice {
    /// The slice's start.
    pub start: Nanos,
    /// Its phase, by its place in the plan.
    pub phase: usize,
    /// All gaps.
    pub samples: u64,
    /// Of these, within the SLO's bound.
    pub good: u64,
}

/// How the run stands, for whoever watches it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Requests that ended a second, over the last second or so.
    pub rate: f64,
    /// The last second, or a little more: what was recorded in it, with its stretch.
    pub last: Option<(Span, Slice)>,
    /// The run so far in slices, as the report will have them; made once a second.
    pub series: Arc<[Slice]>,
    /// When they were made.
    pub made: Nanos,
    /// The nodes and what became of them, in the plan's order; made once a second.
    pub nodes: Arc<[Node]>,
    /// The stretches in which the storm was paused by hand.
    pub pauses: Arc<[Pause]>,
    /// How late the client itself is.
    pub client: ClientLive,
    /// The phases, in the plan's order.
    pub phases: Vec<PhaseLive>,
}

/// How late the client is: in the last second, and over all of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClientLive {
    /// From the intended to the actual send, µs, in the last second.
    pub lag: Lag,
    /// The same over the run.
    pub lag_of_run: Lag,
    /// How late a task of the runtime woke, µs, in the last second.
    pub stall: Lag,
    /// The same over the run.
    pub stall_of_run: Lag,
}

/// How a phase stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PhaseLive {
    /// Requests of the phase that have ended.
    pub ended: u64,
    /// Of these, the share that succeeded.
    pub ok_share: Option<f64>,
    /// The 95th percentile of their time to first token, intended clock.
    pub ttft_p95_ms: Option<f64>,
}
