//! Recording: outcomes become histograms and ledgers as they come, in memory that does not grow
//! with the run.
//!
//! One thread owns all of it. Everyone else holds a [`Recorder`], a handle that sends.

mod row;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::clock::Nanos;

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
