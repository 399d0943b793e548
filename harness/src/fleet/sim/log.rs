//! The node's own log of requests: the other witness beside the harness's two ledgers.
//!
//! One JSON line a request that ended, on the node's own clock. Rows are buffered; they are on disk
//! after each [`RequestLog::flush`]. The first error is kept and told then, so that no row is lost
//! silently.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use parking_lot::Mutex;
use serde::Serialize;

use crate::clock::Nanos;

/// One request, as the node saw it. Times are nanoseconds of the node's monotonic clock.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Row {
    /// The harness's number of the request, where its header came through.
    pub(super) request: Option<u64>,
    /// Its head had been read.
    pub(super) received_ns: Nanos,
    /// The first content was handed to the connection.
    pub(super) first_token_ns: Option<Nanos>,
    /// The last content was handed to the connection.
    pub(super) last_token_ns: Option<Nanos>,
    /// Content tokens handed to the connection.
    pub(super) tokens: u32,
    /// How it ended.
    pub(super) outcome: Outcome,
}

/// How a request ended for the node.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The whole answer was handed over.
    Complete,
    /// The client left, or the node ended, before that.
    Aborted,
    /// It found no slot and no place in line.
    QueueFull,
}

/// The log's file.
pub(super) struct RequestLog {
    file: Mutex<Written>,
}

struct Written {
    file: BufWriter<File>,
    failed: Option<io::Error>,
}

impl RequestLog {
    /// A new file; what was there before is gone.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(64 * 1024, File::create(path)?);
        Ok(Self { file: Mutex::new(Written { file, failed: None }) })
    }

    pub(super) fn write(&self, row: &Row) {
        let mut written = self.file.lock();
        let line = serde_json::to_writer(&mut written.file, row).map_err(io::Error::from);
        if let Err(error) = line.and_then(|()| written.file.write_all(b"\n")) {
            written.failed.get_or_insert(error);
        }
    }

    /// Brings all rows to the file; the first error since the last flush.
    pub(super) fn flush(&self) -> io::Result<()> {
        let mut written = self.file.lock();
        let flushed = written.file.flush();
        match written.failed.take() {
            Some(error) => Err(error),
            None => flushed,
        }
    }
}
