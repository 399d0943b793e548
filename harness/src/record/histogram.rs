//! Histograms of latency, all of one shape, so that any two can be added.

use std::time::Duration;

use hdrhistogram::Histogram;
use squall_report::{Lag, Percentiles};

use crate::clock::Nanos;

/// The finest step: below a microsecond the clock of a busy machine says nothing.
const LOWEST_NS: u64 = 1_000;
/// The largest value that is told apart; longer ones count as this.
const HIGHEST_NS: u64 = 2 * 3_600_000_000_000;

/// Latencies in nanoseconds, from 1 µs to 2 h.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    /// Figures right to three digits: what reports are made from.
    pub(super) fn fine() -> Self {
        Self::with_digits(3)
    }

    /// Figures right to two digits, in a tenth of the memory: what is drawn and shown live.
    pub(super) fn coarse() -> Self {
        Self::with_digits(2)
    }

    fn with_digits(digits: u8) -> Self {
        let histogram = Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, digits);
        Self(histogram.expect("the bounds are constants and in range"))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(Nanos::from(latency).0);
    }

    pub(super) fn add(&mut self, other: &Self) {
        // Fails when the shapes differ in range; all have one range.
        let _ = self.0.add(&other.0);
    }

    pub(super) fn clear(&mut self) {
        self.0.reset();
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(super) fn inner(&self) -> &Histogram<u64> {
        &self.0
    }

    pub(super) fn min_ms(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| ms(self.0.min()))
    }

    pub(super) fn mean_ms(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.mean() / 1e6)
    }

    pub(super) fn max_ms(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| ms(self.0.max()))
    }

    /// The value at `quantile`.
    pub(super) fn at(&self, quantile: f64) -> Option<f64> {
        self.at_with_failures(quantile, 0)
    }

    /// The value at `quantile` when there are `failed` samples more, each larger than any; none when
    /// it is one of them.
    pub(super) fn at_with_failures(&self, quantile: f64, failed: u64) -> Option<f64> {
        let all = self.0.len() + failed;
        let rank = ((quantile * all as f64).ceil() as u64).max(1);
        if rank > self.0.len() {
            return None;
        }
        Some(ms(self.0.value_at_quantile(rank as f64 / self.0.len() as f64)))
    }

    /// In microseconds; zero where there is none.
    pub(super) fn lag(&self) -> Lag {
        let us = |quantile| self.at(quantile).unwrap_or_default() * 1e3;
        Lag { p50: us(0.5), p99: us(0.99), max: self.max_ms().unwrap_or_default() * 1e3 }
    }

    pub(super) fn percentiles(&self, failed: u64) -> Percentiles {
        let at = |quantile| self.at_with_failures(quantile, failed);
        Percentiles {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
        }
    }
}

fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_the_largest_samples() {
        let mut latencies = Latencies::fine();
        for n in 1..=90 {
            latencies.record(Duration::from_millis(n));
        }
        assert_eq!(latencies.at_with_failures(0.5, 10).map(f64::round), Some(50.0));
        assert_eq!(latencies.at_with_failures(0.9, 10).map(f64::round), Some(90.0));
        assert_eq!(latencies.at_with_failures(0.91, 10), None);
        assert_eq!(Latencies::fine().at(0.5), None);
    }

    #[test]
    fn values_out_of_range_are_kept_at_its_ends() {
        let mut latencies = Latencies::coarse();
        latencies.record(Duration::ZERO);
        latencies.record(Duration::from_secs(1_000_000));
        assert_eq!(latencies.count(), 2);
    }
}
