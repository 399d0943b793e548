//! Spikes: Poisson arrivals of their own, on top of a schedule.
//!
//! Each spike draws from a stream of its own, so what it is laid on arrives as it would without it.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp1};

use super::draw::{Purpose, stream};
use crate::clock::Nanos;
use crate::scenario::plan::{Plan, Spike};

/// The arrivals of all spikes of a run, in order. Ends with the last of them.
#[derive(Debug)]
pub(super) struct Spikes(Vec<Rush>);

/// What is left of one spike.
#[derive(Debug)]
struct Rush {
    /// Its next arrival.
    next: Nanos,
    /// Seconds into the spike, of that arrival.
    into: f64,
    spike: Spike,
    random: ChaCha8Rng,
}

impl Spikes {
    pub(super) fn of(plan: &Plan) -> Self {
        let rushes = plan.traffic.spikes.iter().zip(0..).filter_map(|(&spike, index)| {
            let random = stream(plan.seed, Purpose::Spikes, index);
            Rush { next: spike.at, into: 0.0, spike, random }.advanced()
        });
        Self(rushes.collect())
    }

    /// No spikes.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// The next arrival, if there is one before `limit`.
    pub(super) fn next_before(&mut self, limit: Nanos) -> Option<Nanos> {
        let (index, at) = self.0.iter().map(|rush| rush.next).enumerate().min_by_key(|(_, at)| *at)?;
        if at >= limit {
            return None;
        }
        if let Some(rest) = self.0.swap_remove(index).advanced() {
            self.0.push(rest);
        }
        Some(at)
    }
}

impl Rush {
    /// At its next arrival, if it has another.
    fn advanced(mut self) -> Option<Self> {
        let gap: f64 = Exp1.sample(&mut self.random);
        self.into += gap / self.spike.rate;
        self.next = self.spike.at + std::time::Duration::try_from_secs_f64(self.into).ok()?;
        (self.next < self.spike.at + self.spike.lasts).then_some(self)
    }
}
