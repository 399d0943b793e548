//! Recording: outcomes become histograms and ledgers as they come, in memory that does not grow
//! with the run.
//!
//! One thread owns all of it. Everyone else holds a [`Recorder`], a handle that sends.

mod facts;
mod row;

use crossbeam_channel::{Receiver, Sender, bounded};

use squall_report::{Counts, Curve, Latency, Node, Slice};

use crate::clock::Nanos;

pub use facts::{AttemptFact, Facts, RequestFact};
pub use row::{AttemptEnd, AttemptRow, Content, FaultRow, NodeEvent, RequestRow, TimeoutKind};

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
    /// An attempt ended.
    Attempt(Box<AttemptRow>),
    /// A fault decided or did something.
    Fault(Box<FaultRow>),
    /// A node changed its state.
    Node(NodeEvent),
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
}

/// Gaps between content events, as an SLO on `itl` counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gaps {
    /// All gaps of the SLO's phases.
    pub samples: u64,
    /// Of these, within its bound.
    pub good: u64,
    /// The gap at the SLO's percentile, milliseconds.
    pub observed_ms: Option<f64>,
}
