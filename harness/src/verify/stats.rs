//! Exact bounds on a share: what k good of n samples say of the whole they were drawn from.
//!
//! Clopper and Pearson (1934): each bound is the share at which a run at least as extreme as this one
//! would be seen in 5 % of cases. One-sided, so a claim is proven or refuted at 95 %. They never say
//! more than the samples do: the true coverage is 95 % or above for every n and every share.

use squall_report::Verdict;
use statrs::function::beta::checked_beta_reg;

/// The risk of a bound that is wrong.
const RISK: f64 = 0.05;
/// Halvings of the interval that a bound is looked for in: more than a double has digits.
const HALVINGS: usize = 80;

/// A share of good samples, and what is known of the true one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    /// All samples.
    pub(super) samples: u64,
    /// Of these, good.
    pub(super) good: u64,
    /// The true share is at least this, at 95 %.
    pub(super) lower: f64,
    /// The true share is at most this, at 95 %.
    pub(super) upper: f64,
}

impl Share {
    /// `good` of `samples`; more good than samples can't be, and counts as all.
    pub(super) fn new(good: u64, samples: u64) -> Self {
        let good = good.min(samples);
        Self { samples, good, lower: lower(good, samples), upper: 1.0 - lower(samples - good, samples) }
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

/// The share at which `good` or more of `samples` would be seen in 5 % of cases.
fn lower(good: u64, samples: u64) -> f64 {
    if good == 0 {
        return 0.0;
    }
    if good == samples {
        // In closed form, so that it agrees to the last digit with the samples that a pass needs.
        return RISK.powf(1.0 / samples as f64);
    }
    let (a, b) = (good as f64, (samples - good + 1) as f64);
    // I_x(k, n − k + 1) is the chance of k or more of n at share x; it grows with x. Halving needs
    // only that: Newton's method on it is not safe for every k and n.
    let too_high = |share: f64| checked_beta_reg(a, b, share).is_ok_and(|chance| chance > RISK);
    let (mut low, mut high) = (0.0, good as f64 / samples as f64);
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
