//! Bounds on a share: what k good of n samples say of the whole they were drawn from.
//!
//! Clopper and Pearson (1934): each bound is the share at which a run at least as extreme as this one
//! would be seen in 5 % of cases. One-sided, so a claim is proven or refuted at 95 %. They never say
//! more than independent samples do: the true coverage is 95 % or above for every n and every share.
//!
//! In a storm samples are not independent: what fails, fails together. Then n samples say as much as
//! fewer independent ones do, and the same bounds are taken on so many (Korn and Graubard, "Confidence
//! intervals for proportions with small expected number of positive counts", Survey Methodology 24,
//! 1998). How many is estimated from slices of time ([`slices`]).

#[cfg(test)]
mod simulated;
mod slices;
mod student;

use squall_report::{Method, Verdict};
use statrs::function::beta::checked_beta_reg;

pub(super) use slices::{Cell, Ratio};
pub(super) use student::t_quantile;

/// The risk of a bound that is wrong.
pub(super) const RISK: f64 = 0.05;
/// Halvings of the interval that a bound is looked for in: more than a double has digits.
const HALVINGS: usize = 80;

/// A share of good samples, and what is known of the true one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    /// All samples.
    pub(super) samples: u64,
    /// Of these, good.
    pub(super) good: u64,
    /// So many independent samples say as much.
    pub(super) effective: f64,
    /// How many times the variance is that of independent samples, 1 or more; none where nothing can
    /// be told of it.
    pub(super) design_effect: Option<f64>,
    /// The true share is at least this, at 95 %.
    pub(super) lower: f64,
    /// The true share is at most this, at 95 %, or as the risk of [`Share::with_risk`] says.
    pub(super) upper: f64,
}

impl Share {
    /// `good` of `samples` that are independent; more good than samples can't be, and counts as all.
    pub(super) fn new(good: u64, samples: u64) -> Self {
        let good = good.min(samples);
        let effective = samples as f64;
        Self { samples, good, effective, design_effect: None, lower: 0.0, upper: 1.0 }.with_risk(RISK)
    }

    /// The samples of slices of time, each with its good ones. Slices are taken as independent of each
    /// other, the samples in one are not.
    pub(super) fn of_slices(cells: &[Cell]) -> Self {
        let (samples, good) = cells.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.of, sum.1 + cell.good));
        let plain = Self::new(good as u64, samples as u64);
        let Some(Ratio { value: ratio, variance, degrees }) = Ratio::of(cells) else { return plain };
        let independent = ratio * (1.0 - ratio) / samples;
        // Where all are alike, nothing can be seen of how they come together.
        let effect = if independent > 0.0 { (variance / independent).max(1.0) } else { 1.0 };
        // Only what is beyond independence was estimated, from as many slices as there are: for few of
        // them it counts for more, as Student's t does. Korn and Graubard correct all of it, which
        // would widen the bounds on independent samples too.
        let few = t_quantile(1.0 - RISK, degrees) / t_quantile(1.0 - RISK, samples - 1.0);
        let effective = (samples / (1.0 + (effect - 1.0) * few * few)).clamp(1.0, samples);
        Self { effective, design_effect: Some(effect), ..plain }.with_risk(RISK)
    }

    /// The same with bounds of which the upper one is wrong in this share of cases.
    pub(super) fn with_risk(self, upper: f64) -> Self {
        if self.samples == 0 {
            return self;
        }
        let good = self.good as f64 / self.samples as f64 * self.effective;
        let missed = (self.samples - self.good) as f64 / self.samples as f64 * self.effective;
        Self { lower: lower(good, missed, RISK), upper: 1.0 - lower(missed, good, upper), ..self }
    }

    /// How the bounds came about.
    pub(super) fn method(self) -> Method {
        if self.effective < self.samples as f64 {
            Method::ClopperPearsonEffective
        } else {
            Method::ClopperPearson
        }
    }

    /// The observed share; none without samples.
    pub(super) fn observed(self) -> Option<f64> {
        (self.samples > 0).then(|| self.good as f64 / self.samples as f64)
    }

    /// Is the true share at least `claim`?
    pub(super) fn judge(self, claim: f64) -> Verdict {
        if self.samples == 0 {
            Verdict::Inconclusive
        } else if self.lower >= claim {
            Verdict::Pass
        } else if self.upper < claim {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        }
    }
}

/// The share at which `good` or more of `good + missed` would be seen in a share `risk` of cases.
/// Neither need be whole.
fn lower(good: f64, missed: f64, risk: f64) -> f64 {
    if good <= 0.0 {
        return 0.0;
    }
    if missed <= 0.0 {
        // In closed form, so that it agrees to the last digit with the samples that a pass needs.
        return risk.powf(1.0 / good);
    }
    let (a, b) = (good, missed + 1.0);
    // I_x(k, n − k + 1) is the chance of k or more of n at share x; it grows with x. Halving needs
    // only that: Newton's method on it is not safe for every k and n.
    let too_high = |share: f64| checked_beta_reg(a, b, share).is_ok_and(|chance| chance > risk);
    let (mut low, mut high) = (0.0, good / (good + missed));
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if too_high(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::samples_for_a_pass;

    /// The chance of `k` or more of `n` at share `p`, summed term by term.
    fn at_least(k: u64, n: u64, p: f64) -> f64 {
        // In logarithms: the first terms are smaller than a double can be.
        let mut term = n as f64 * (-p).ln_1p();
        let mut below = 0.0;
        for i in 0..k {
            below += term.exp();
            term += ((n - i) as f64 / (i + 1) as f64 * p / (1.0 - p)).ln();
        }
        1.0 - below
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-5
    }

    /// One-sided 95 %, from R's `binom.test(k, n, alternative = …)`, which uses `qbeta`.
    #[test]
    fn the_bounds_are_those_of_the_tables() {
        let share = Share::new(8, 10);
        assert!(near(share.lower, 0.493_099), "{}", share.lower);
        assert!(near(share.upper, 0.963_229), "{}", share.upper);
        let share = Share::new(0, 10);
        assert!(near(share.lower, 0.0) && near(share.upper, 0.258_866), "{share:?}");
        let share = Share::new(10, 10);
        assert!(near(share.lower, 0.741_134) && near(share.upper, 1.0), "{share:?}");
    }

    #[test]
    fn without_samples_nothing_is_known() {
        let share = Share::new(0, 0);
        assert_eq!((share.lower, share.upper, share.observed()), (0.0, 1.0, None));
        assert_eq!(share.judge(0.0), Verdict::Inconclusive);
    }

    #[test]
    fn millions_of_samples_have_bounds_too() {
        for n in [100_000_u64, 10_000_000, 1_000_000_000] {
            for share in [0.001, 0.5, 0.99, 0.999] {
                let found = Share::new((n as f64 * share) as u64, n);
                // The normal approximation is near enough here.
                let spread = 1.644_854 * (share * (1.0 - share) / n as f64).sqrt();
                assert!((found.lower - (share - spread)).abs() < spread * 0.12, "{found:?}");
                assert!((found.upper - (share + spread)).abs() < spread * 0.12, "{found:?}");
            }
        }
    }

    #[test]
    fn the_samples_that_a_pass_needs_suffice_and_no_fewer_do() {
        for share in [0.05, 0.1, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999] {
            let needed = samples_for_a_pass(share).unwrap_or(u64::MAX);
            assert_eq!(Share::new(needed, needed).judge(share), Verdict::Pass, "{share}");
            let fewer = needed - 1;
            assert_eq!(Share::new(fewer, fewer).judge(share), Verdict::Inconclusive, "{share}");
        }
    }

    /// Of all runs of `n` samples, weighed by their chance at the true share, at most 5 % have a lower
    /// bound above it, and at most 5 % an upper bound below it.
    #[test]
    fn a_bound_is_wrong_in_at_most_one_case_of_twenty() {
        for n in [1_u64, 5, 20, 60] {
            for percent in 1..100 {
                let truth = f64::from(percent) / 100.0;
                let (mut too_high, mut too_low) = (0.0, 0.0);
                for k in 0..=n {
                    let chance = at_least(k, n, truth) - if k < n { at_least(k + 1, n, truth) } else { 0.0 };
                    let share = Share::new(k, n);
                    if share.lower > truth {
                        too_high += chance;
                    }
                    if share.upper < truth {
                        too_low += chance;
                    }
                }
                assert!(too_high <= RISK + 1e-9 && too_low <= RISK + 1e-9, "n {n}, p {truth}");
            }
        }
    }

    proptest! {
        #[test]
        fn bounds_hold_the_observed_share_and_solve_the_direct_sum(n in 1_u64..400, part in 0.0..=1.0) {
            let k = (n as f64 * part) as u64;
            let share = Share::new(k, n);
            let observed = k as f64 / n as f64;
            prop_assert!(0.0 <= share.lower && share.lower <= observed);
            prop_assert!(observed <= share.upper && share.upper <= 1.0);
            if k > 0 {
                prop_assert!((at_least(k, n, share.lower) - RISK).abs() < 1e-6);
            }
            if k < n {
                prop_assert!((1.0 - at_least(k + 1, n, share.upper) - RISK).abs() < 1e-6);
            }
        }

        #[test]
        fn one_more_good_sample_raises_both_bounds_and_one_more_miss_lowers_them(
            n in 1_u64..3_000,
            part in 0.0..1.0,
        ) {
            let k = (n as f64 * part) as u64;
            let share = Share::new(k, n);
            let (better, worse) = (Share::new(k + 1, n + 1), Share::new(k, n + 1));
            prop_assert!(better.lower >= share.lower && better.upper >= share.upper);
            prop_assert!(worse.lower <= share.lower && worse.upper <= share.upper);
        }

        #[test]
        fn more_misses_never_better_a_verdict(
            n in 0_u64..2_000, part in 0.0..=1.0, misses in 0_u64..200, claim in 0.001..0.9999,
        ) {
            let k = (n as f64 * part) as u64;
            let rank = |verdict| match verdict {
                Verdict::Fail => 0,
                Verdict::Inconclusive | Verdict::NotChecked => 1,
                Verdict::Pass => 2,
            };
            let (before, after) = (Share::new(k, n).judge(claim), Share::new(k, n + misses).judge(claim));
            prop_assert!(rank(after) <= rank(before), "{before} became {after}");
        }
    }
}
