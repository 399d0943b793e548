//! The histogram log: for each interval and metric a histogram, in the format of HdrHistogram's
//! tools (V2 with DEFLATE), a tag a metric. Values are nanoseconds; times are seconds of run time.

use std::fs::File;
use std::io::{self, BufWriter};
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, Tag};
use squall_report::Metric;

use super::histogram::Latencies;
use crate::clock::Nanos;

/// What heads the log.
const COMMENT: &str = "Squall: latencies in ns by metric; ttft, ttfb and e2e from the intended send; \
                       timestamps are seconds since the run's start";
const METRICS: [Metric; 5] = [Metric::Ttft, Metric::Ttfb, Metric::Itl, Metric::Tpot, Metric::E2e];

/// The file's writer; it borrows the file, so that its owner is the thread's function.
pub(super) type Writer<'f, 's> = IntervalLogWriter<'f, 's, BufWriter<File>, V2DeflateSerializer>;

/// Begins a log in `file`.
pub(super) fn begin<'f, 's>(
    file: &'f mut BufWriter<File>,
    serializer: &'s mut V2DeflateSerializer,
) -> io::Result<Writer<'f, 's>> {
    IntervalLogWriterBuilder::new().add_comment(COMMENT).begin_log_with(file, serializer)
}

/// What has come since the last interval was written.
pub(super) struct Interval {
    since: Nanos,
    latencies: [Latencies; METRICS.len()],
}

impl Interval {
    pub(super) fn new() -> Self {
        Self { since: Nanos::ZERO, latencies: std::array::from_fn(|_| Latencies::fine()) }
    }

    pub(super) fn record(&mut self, metric: Metric, latency: Duration) {
        if let Some(index) = METRICS.iter().position(|known| *known == metric) {
            self.latencies[index].record(latency);
        }
    }

    /// How long the interval has lasted at `now`.
    pub(super) fn length(&self, now: Nanos) -> Duration {
        now.since(self.since)
    }

    /// Writes the interval and begins the next.
    pub(super) fn write(&mut self, log: &mut Writer<'_, '_>, now: Nanos) -> io::Result<()> {
        let (start, length) = (Duration::from_nanos(self.since.0), self.length(now));
        for (metric, latencies) in METRICS.iter().zip(&mut self.latencies) {
            if latencies.count() > 0 {
                let written =
                    log.write_histogram(latencies.inner(), start, length, Tag::new(metric.as_str()));
                written.map_err(|error| io::Error::other(format!("{error:?}")))?;
                latencies.clear();
            }
        }
        self.since = now;
        Ok(())
    }
}
