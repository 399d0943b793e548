//! Intervals by resampling time slices.
//!
//! Requests of one moment share their fate: they wait in the same queue, they lose the same node. As if they
//! were independent, an interval would be too narrow. So what is drawn, with replacement, is slices of time with
//! all that was sent in them (a cluster bootstrap; Davison and Hinkley, Bootstrap Methods and their Application,
//! 1997, 3.8), and the interval is that of the percentiles. The draws are seeded: the same runs give the same
//! interval.

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Resamples. The 25th from either end is the interval's end.
pub(super) const RESAMPLES: usize = 1_000;
/// Of each end of the interval.
const TAIL: f64 = 0.025;
/// Values that differ by less than this share are one: a resample then costs the same for any number of requests.
const STEPS_PER_E: f64 = 1_000.0;

/// What one phase of a run has of one figure, by slices of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Sliced {
    slices: u32,
    /// Value, slice, how many; by value. A request that failed is infinitely slow.
    counts: Vec<(f64, u32, u32)>,
    samples: u64,
}

/// Values that were drawn together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drawn {
    pub(super) sum: f64,
    /// How many there are.
    pub(super) samples: f64,
}

impl Drawn {
    fn all(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self::default(), |all, part| Self {
            sum: all.sum + part.sum,
            samples: all.samples + part.samples,
        })
    }
}

impl Sliced {
    /// Of values, each with its slice.
    pub(super) fn new(slices: u32, values: impl Iterator<Item = (f64, u32)>) -> Self {
        let mut all: Vec<(f64, u32)> = values.map(|(value, slice)| (rounded(value), slice)).collect();
        let samples = all.len() as u64;
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let same = |a: &(f64, u32), b: &(f64, u32)| a.1 == b.1 && a.0.total_cmp(&b.0).is_eq();
        let counts = all.chunk_by(same).map(|same| (same[0].0, same[0].1, same.len() as u32)).collect();
        Self { slices: slices.max(1), counts, samples }
    }

    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// Both have the same number of samples in each slice: the same was sent at the same times.
    pub(super) fn is_as_sent(&self, other: &Self) -> bool {
        let sent = |sliced: &Self| sliced.by_slice().into_iter().map(|slice| slice.samples as u64);
        sent(self).eq(sent(other))
    }

    /// The sum of all values, and their number.
    pub(super) fn sum(&self) -> Drawn {
        Drawn::all(self.by_slice().into_iter())
    }

    fn by_slice(&self) -> Vec<Drawn> {
        let mut slices = vec![Drawn::default(); self.slices as usize];
        for (value, slice, count) in &self.counts {
            let of = &mut slices[*slice as usize];
            of.sum += value * f64::from(*count);
            of.samples += f64::from(*count);
        }
        slices
    }

    /// The values at these shares of all, ascending, with every slice as it was.
    pub(super) fn quantiles(&self, shares: &[f64]) -> Vec<f64> {
        self.weighted(&vec![1; self.slices as usize], shares)
    }

    fn weighted(&self, weights: &[u32], shares: &[f64]) -> Vec<f64> {
        let weight = |slice: &u32, count: &u32| u64::from(weights[*slice as usize]) * u64::from(*count);
        let total: u64 = self.counts.iter().map(|(_, slice, count)| weight(slice, count)).sum();
        let mut found = Vec::with_capacity(shares.len());
        let mut passed = 0;
        for (value, slice, count) in &self.counts {
            passed += weight(slice, count);
            while let Some(share) = shares.get(found.len())
                && passed > 0
                && passed as f64 >= share * total as f64
            {
                found.push(*value);
            }
        }
        found
    }

    fn draw(&self, random: &mut ChaCha8Rng) -> Vec<u32> {
        let mut weights = vec![0; self.slices as usize];
        for _ in 0..self.slices {
            weights[random.random_range(0..self.slices) as usize] += 1;
        }
        weights
    }

    /// The values at these shares of all, in each resample; fewer where one came out empty.
    pub(super) fn resampled(&self, stream: u64, shares: &[f64]) -> Vec<Vec<f64>> {
        let mut random = random(stream);
        let mut found = Vec::with_capacity(RESAMPLES);
        for _ in 0..RESAMPLES {
            let weights = self.draw(&mut random);
            let values = self.weighted(&weights, shares);
            if values.len() == shares.len() {
                found.push(values);
            }
        }
        found
    }

    /// The sum of the values and their number, in each resample.
    pub(super) fn resampled_sums(&self, stream: u64) -> impl Iterator<Item = Drawn> + use<> {
        let slices = self.by_slice();
        let mut random = random(stream);
        (0..RESAMPLES)
            .map(move |_| Drawn::all((0..slices.len()).map(|_| slices[random.random_range(0..slices.len())])))
    }
}

fn random(stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    random.set_stream(stream);
    random
}

/// To a thousandth: more says nothing of a latency.
fn rounded(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return value;
    }
    ((value.ln() * STEPS_PER_E).round() / STEPS_PER_E).exp()
}

/// The interval that holds 95 % of these changes.
pub(super) fn interval(mut changes: Vec<f64>) -> Option<(f64, f64)> {
    let last = changes.len().checked_sub(1)?;
    changes.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| changes[(share * last as f64).round() as usize];
    Some((at(TAIL), at(1.0 - TAIL)))
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution as _, Exp1, LogNormal};

    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a / b - 1.0).abs() < 2e-3
    }

    #[test]
    fn quantiles_are_the_smallest_value_that_so_many_are_not_above() {
        let values = (1..=100).map(|n| (f64::from(n), n as u32 % 7));
        let sliced = Sliced::new(7, values.chain([(f64::INFINITY, 0)]));
        let found = sliced.quantiles(&[0.5, 0.95, 1.0]);
        assert!(near(found[0], 51.0) && near(found[1], 96.0), "{found:?}");
        assert_eq!((found[2], sliced.samples()), (f64::INFINITY, 101));
        assert_eq!(Sliced::new(3, std::iter::empty()).quantiles(&[0.5]), [0.0; 0]);
    }

    /// One run of a service whose requests depend on their moment: each second has its own slowness.
    fn run(random: &mut ChaCha8Rng, slices: u32) -> Sliced {
        let moment = LogNormal::new(0.0, 0.3).expect("a distribution");
        let mut values = Vec::new();
        for slice in 0..slices {
            let slow = moment.sample(random);
            values.extend((0..20).map(|_| {
                let value: f64 = Exp1.sample(random);
                (100.0 * slow * value, slice)
            }));
        }
        Sliced::new(slices, values.into_iter())
    }

    #[test]
    fn the_interval_of_equal_services_holds_no_change_nineteen_times_of_twenty() {
        let mut random = random(99);
        let (mut held, pairs) = (0, 200_u64);
        for pair in 0..pairs {
            let (a, b) = (run(&mut random, 60), run(&mut random, 60));
            let (a, b) = (a.resampled(2 * pair, &[0.9]), b.resampled(2 * pair + 1, &[0.9]));
            let changes = a.iter().zip(&b).map(|(a, b)| b[0] / a[0] - 1.0).collect();
            let (lower, upper) = interval(changes).expect("an interval");
            held += usize::from(lower <= 0.0 && upper >= 0.0);
        }
        // 190 of 200 are expected; fewer than 180 would come of a right interval once in ten thousand times.
        assert!((180..200).contains(&held), "{held} of {pairs}");
    }

    #[test]
    fn the_same_runs_give_the_same_interval() {
        let sliced = run(&mut random(5), 20);
        assert_eq!(sliced.resampled(1, &[0.5]), sliced.resampled(1, &[0.5]));
        assert_ne!(sliced.resampled(1, &[0.5]), sliced.resampled(2, &[0.5]));
    }
}
