//! Is the client the bottleneck? How late it sent, and what it could not send for want of its own.
//!
//! Latency counts from the intended send, so a late client makes a service look slow: it can cause a
//! false fail, and by sending less than was asked a false pass. Either way nothing can be concluded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use squall_report::{Lag, Peak};

use super::heartbeat::Pace;
use crate::clock::Nanos;

/// A client whose late one in a hundred is later than this is saturated. Objectives on the first token
/// are hundreds of milliseconds: an error of this size is a few percent of them. An idle machine stays
/// a hundred times below, a busy one of two cores ten times.
const LAG_P99_MAX: Duration = Duration::from_millis(10);
/// No send may be later than this: whatever held up the client so long (the machine was suspended, the
/// disk was full) held up everything that it should have measured meanwhile.
const LAG_MAX: Duration = Duration::from_secs(1);
/// Where one wake-up in a hundred of the runtime is later than this, events are stamped late by about as
/// much. A tick of its timer, a millisecond, is always in it, and so is a busy machine's turn of a few.
const STALL_P99_MAX: Duration = Duration::from_millis(25);
/// Lag is told apart up to here; longer ones count as this.
const HIGHEST_US: u64 = 3_600_000_000;

/// What the client could not keep.
#[derive(Debug)]
pub(super) struct Meter {
    /// µs.
    lag: Mutex<Histogram<u64>>,
    /// µs.
    stall: Mutex<Histogram<u64>>,
    starved: AtomicU64,
    sent: AtomicU64,
    events: AtomicU64,
    in_flight: AtomicU64,
    pace: Mutex<Pace>,
}

impl Meter {
    pub(super) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, HIGHEST_US, 3);
        let histogram = histogram.expect("the bounds are constants and in range");
        Self {
            lag: Mutex::new(histogram.clone()),
            stall: Mutex::new(histogram),
            starved: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            events: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            pace: Mutex::new(Pace::default()),
        }
    }

    /// A request was sent, this long after it was intended.
    pub(super) fn sent(&self, lag: Duration) {
        self.lag.lock().saturating_record(micros(lag));
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// A task of the runtime woke so late.
    pub(super) fn stalled(&self, late: Duration) {
        self.stall.lock().saturating_record(micros(late));
    }

    /// So many events came.
    pub(super) fn events(&self, events: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
    }

    /// So many requests are in flight now.
    pub(super) fn in_flight(&self, now: u64) {
        self.in_flight.fetch_max(now, Ordering::Relaxed);
    }

    /// Takes the pace; called about once a second.
    pub(super) fn pace(&self, now: Nanos) {
        let (sent, events) = (self.sent.load(Ordering::Relaxed), self.events.load(Ordering::Relaxed));
        self.pace.lock().look(now, sent, events);
    }

    /// A request was not sent, since the client had no file descriptor or port left for it.
    pub(super) fn starved(&self) {
        self.starved.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lag(&self) -> Lag {
        figures(&self.lag.lock())
    }

    pub(super) fn stall(&self) -> Lag {
        figures(&self.stall.lock())
    }

    /// The most that the client carried.
    pub(super) fn peak(&self) -> Peak {
        let (requests_per_s, events_per_s) = self.pace.lock().busiest();
        Peak { requests_per_s, events_per_s, in_flight: self.in_flight.load(Ordering::Relaxed) }
    }

    /// Why no verdict can rest on what the client measured, if so.
    pub(super) fn why_saturated(&self) -> Option<String> {
        let starved = self.starved.load(Ordering::Relaxed);
        if starved > 0 {
            return Some(format!(
                "the client could not send {starved} requests: it had no file descriptors or ports left \
                 (raise `ulimit -n`, or `net.ipv4.ip_local_port_range`)"
            ));
        }
        let Lag { p99, max, .. } = self.lag();
        let late = |what: &str, lag: f64, bound: Duration| {
            (lag > bound.as_micros() as f64).then(|| {
                format!(
                    "the client could not keep its schedule: {what} sent {:.1} ms late, more than {} ms \
                     (give it more cores, or send less)",
                    lag / 1e3,
                    bound.as_millis()
                )
            })
        };
        late("one request in a hundred was", p99, LAG_P99_MAX)
            .or_else(|| late("a request was", max, LAG_MAX))
            .or_else(|| self.why_stalled())
    }

    fn why_stalled(&self) -> Option<String> {
        let stall = self.stall();
        (stall.p99 > STALL_P99_MAX.as_micros() as f64).then(|| {
            format!(
                "the client's own runtime stood still: one wake-up in a hundred was {:.1} ms late, more than {} ms,                  and events were stamped as late (give it more cores, or send less)",
                stall.p99 / 1e3,
                STALL_P99_MAX.as_millis()
            )
        })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn figures(histogram: &Histogram<u64>) -> Lag {
    if histogram.is_empty() {
        return Lag::default();
    }
    let at = |quantile| histogram.value_at_quantile(quantile) as f64;
    Lag { p50: at(0.5), p99: at(0.99), max: histogram.max() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(lags_ms: impl IntoIterator<Item = u64>) -> String {
        let meter = Meter::new();
        lags_ms.into_iter().for_each(|lag| meter.sent(Duration::from_millis(lag)));
        meter.why_saturated().unwrap_or_default()
    }

    #[test]
    fn a_client_that_kept_its_schedule_is_not_saturated() {
        assert_eq!(why([]), "");
        assert_eq!(why((0..1_000).map(|n| if n < 5 { 900 } else { 1 })), "");
    }

    #[test]
    fn a_late_client_says_how_late() {
        assert!(
            why((0..1_000).map(|n| if n < 20 { 50 } else { 1 }))
                .contains("in a hundred was sent 50.0 ms late")
        );
        assert!(why((0..1_000).map(|n| if n == 7 { 1_200 } else { 1 })).contains("a request was sent 120"));
        let meter = Meter::new();
        meter.starved();
        assert!(meter.why_saturated().is_some_and(|why| why.contains("1 requests")));
    }

    #[test]
    fn a_runtime_that_stands_still_says_so() {
        let meter = Meter::new();
        (0..1_000).for_each(|n| meter.stalled(Duration::from_millis(if n < 20 { 60 } else { 1 })));
        assert!(meter.why_saturated().is_some_and(|why| why.contains("one wake-up in a hundred was 60.")));
        let meter = Meter::new();
        (0..1_000).for_each(|n| meter.stalled(Duration::from_millis(if n < 5 { 60 } else { 9 })));
        assert_eq!(meter.why_saturated(), None);
    }

    #[test]
    fn the_most_in_flight_is_kept() {
        let meter = Meter::new();
        for now in [3, 9, 4] {
            meter.in_flight(now);
        }
        assert_eq!(meter.peak().in_flight, 9);
    }

    #[test]
    fn lag_is_in_microseconds() {
        let meter = Meter::new();
        (1..=1_000).for_each(|micros| meter.sent(Duration::from_micros(micros)));
        let Lag { p50, p99, max } = meter.lag();
        assert!((499.0..=501.0).contains(&p50) && (989.0..=991.0).contains(&p99), "{p50} {p99}");
        assert!((1_000.0..=1_001.0).contains(&max));
    }
}
