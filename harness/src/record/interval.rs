//! The histogram log: for each interval and series a histogram, in the format of HdrHistogram's
//! tools (V2 with DEFLATE), a tag a series. Values are nanoseconds; times are seconds of run time.
//!
//! Beside it, each series over the whole run: the sum of what was logged, so that both say the same.

use std::fs::File;
use std::io::{self, BufWriter};
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, Tag};
use squall_report::{Clock, Lag, Metric};

use super::ClientLive;
use super::histogram::Latencies;
use crate::clock::Nanos;

/// What heads the log.
const COMMENT: &str = "Squall: in ns by tag; ttft, ttfb and e2e from the intended send, with _sent from the \
                       actual one; dispatch_lag from the intended to the actual send; runtime_stall is how late \
                       a task woke; timestamps are seconds since the run's start";

/// What is measured, by the tag that it has in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Series {
    /// A latency, on a clock.
    Latency(Metric, Clock),
    /// From the intended to the actual send.
    DispatchLag,
    /// How late a task of the runtime woke.
    RuntimeStall,
}

const SERIES: [Series; 10] = [
    Series::Latency(Metric::Ttft, Clock::Intended),
    Series::Latency(Metric::Ttft, Clock::Sent),
    Series::Latency(Metric::Ttfb, Clock::Intended),
    Series::Latency(Metric::Ttfb, Clock::Sent),
    Series::Latency(Metric::Itl, Clock::Stream),
    Series::Latency(Metric::Tpot, Clock::Stream),
    Series::Latency(Metric::E2e, Clock::Intended),
    Series::Latency(Metric::E2e, Clock::Sent),
    Series::DispatchLag,
    Series::RuntimeStall,
];

impl Series {
    /// Its tag in the log, and the name of its percentile file.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Latency(Metric::Ttft, Clock::Sent) => "ttft_sent",
            Self::Latency(Metric::Ttfb, Clock::Sent) => "ttfb_sent",
            Self::Latency(Metric::E2e, Clock::Sent) => "e2e_sent",
            Self::Latency(metric, _) => metric.as_str(),
            Self::DispatchLag => "dispatch_lag",
            Self::RuntimeStall => "runtime_stall",
        }
    }
}

/// The file's writer; it borrows the file, so that its owner is the thread's function.
pub(super) type Writer<'f, 's> = IntervalLogWriter<'f, 's, BufWriter<File>, V2DeflateSerializer>;

/// Begins a log in `file`.
pub(super) fn begin<'f, 's>(
    file: &'f mut BufWriter<File>,
    serializer: &'s mut V2DeflateSerializer,
) -> io::Result<Writer<'f, 's>> {
    IntervalLogWriterBuilder::new().add_comment(COMMENT).begin_log_with(file, serializer)
}

/// What has come since the last interval was written, and before.
pub(super) struct Interval {
    since: Nanos,
    latencies: [Latencies; SERIES.len()],
    before: [Latencies; SERIES.len()],
}

impl Interval {
    pub(super) fn new() -> Self {
        let none = || std::array::from_fn(|_| Latencies::fine());
        Self { since: Nanos::ZERO, latencies: none(), before: none() }
    }

    pub(super) fn record(&mut self, series: Series, latency: Duration) {
        if let Some(index) = SERIES.iter().position(|known| *known == series) {
            self.latencies[index].record(latency);
        }
    }

    /// How long the interval has lasted at `now`.
    pub(super) fn length(&self, now: Nanos) -> Duration {
        now.since(self.since)
    }

    /// Writes the interval and begins the next; says how late the client was in it, and over the run.
    pub(super) fn write(&mut self, log: &mut Writer<'_, '_>, now: Nanos) -> io::Result<ClientLive> {
        let (lag, stall) = (self.lag_of(Series::DispatchLag), self.lag_of(Series::RuntimeStall));
        let (start, length) = (Duration::from_nanos(self.since.0), self.length(now));
        for ((series, latencies), before) in SERIES.iter().zip(&mut self.latencies).zip(&mut self.before) {
            if latencies.count() > 0 {
                let written = log.write_histogram(latencies.inner(), start, length, Tag::new(series.tag()));
                written.map_err(|error| io::Error::other(format!("{error:?}")))?;
                before.add(latencies);
                latencies.clear();
            }
        }
        self.since = now;
        let of_run = |series| self.whole().find(|(known, _)| *known == series);
        let of_run = |series| of_run(series).map_or_else(Lag::default, |(_, latencies)| latencies.lag());
        let (lag_of_run, stall_of_run) = (of_run(Series::DispatchLag), of_run(Series::RuntimeStall));
        Ok(ClientLive { lag, lag_of_run, stall, stall_of_run })
    }

    /// How late it was in the interval that goes on.
    fn lag_of(&self, series: Series) -> Lag {
        let index = SERIES.iter().position(|known| *known == series);
        index.map_or_else(Lag::default, |index| self.latencies[index].lag())
    }

    /// Each series that has samples, over all intervals that were written.
    pub(super) fn whole(&self) -> impl Iterator<Item = (Series, &Latencies)> {
        let all = SERIES.into_iter().zip(&self.before);
        all.filter(|(_, latencies)| latencies.count() > 0)
    }
}
