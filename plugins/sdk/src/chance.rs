//! Chance: numbers drawn from an attempt's `draw`, never from a generator that calls share, so that
//! a rerun with the same seed decides the same whatever the interleaving.

use std::f64::consts::TAU;

use crate::Attempt;

/// z of the 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874_040_841;

/// A sequence of numbers fixed by where it began: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The numbers of one decision on an attempt. Decisions on the same attempt that should be
    /// independent (one for each event, say) take different `decision`s.
    pub fn of(attempt: &Attempt, decision: u64) -> Self {
        let mut sequence = Self(attempt.draw ^ decision.wrapping_mul(0xd1b5_4a32_d192_ed03));
        sequence.bits();
        sequence
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform, from 0 and below 1.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between two bounds.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Standard normal, by Box and Muller's transform.
    pub fn normal(&mut self) -> f64 {
        // 1 − u lies above 0, where the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (TAU * self.uniform()).cos()
    }

    /// Pareto with its least value and its tail index `alpha`: the smaller, the heavier the tail.
    pub fn pareto(&mut self, least: f64, alpha: f64) -> f64 {
        least * (1.0 - self.uniform()).powf(-1.0 / alpha)
    }
}

/// A log-normal distribution, fixed by two of its percentiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lognormal {
    mu: f64,
    sigma: f64,
}

impl Lognormal {
    /// The one with this median and 99th percentile; both above 0, and `p99` not below `p50`.
    pub fn from_percentiles(p50: f64, p99: f64) -> Self {
        Self { mu: p50.ln(), sigma: (p99 / p50).ln() / Z99 }
    }

    /// A value of it.
    pub fn draw(&self, chance: &mut Chance) -> f64 {
        (self.mu + self.sigma * chance.normal()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(draw: u64) -> Attempt {
        Attempt { id: 0, node: 0, request: None, ordinal: 0, draw, at: 0, since_start: 0 }
    }

    fn percentiles(draw: impl Fn(&mut Chance) -> f64) -> (f64, f64) {
        let mut all: Vec<f64> = (0..100_000).map(|n| draw(&mut Chance::of(&attempt(n), 0))).collect();
        all.sort_by(f64::total_cmp);
        (all[50_000], all[99_000])
    }

    #[test]
    fn distributions_have_the_percentiles_they_claim() {
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 0.05;
        let lognormal = Lognormal::from_percentiles(20.0, 200.0);
        let (p50, p99) = percentiles(|chance| lognormal.draw(chance));
        assert!(close(p50, 20.0) && close(p99, 200.0), "{p50} {p99}");
        let (p50, p99) = percentiles(|chance| 10.0 + chance.normal());
        assert!(close(p50, 10.0) && close(p99, 10.0 + Z99), "{p50} {p99}");
        let (p50, p99) = percentiles(|chance| chance.pareto(3.0, 2.0));
        assert!(close(p50, 3.0 * 2_f64.sqrt()) && close(p99, 30.0), "{p50} {p99}");
        let (p50, p99) = percentiles(|chance| chance.between(10.0, 20.0));
        assert!(close(p50, 15.0) && close(p99, 19.9), "{p50} {p99}");
    }

    #[test]
    fn the_same_attempt_and_decision_draw_the_same() {
        let draw = |draw, decision| Chance::of(&attempt(draw), decision).bits();
        assert_eq!(draw(5, 1), draw(5, 1));
        assert_ne!(draw(5, 1), draw(5, 2));
        assert_ne!(draw(5, 1), draw(6, 1));
    }
}
