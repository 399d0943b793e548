//! The bounds against runs that were made up: how often they hold, and how wide they are.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution as _};

use super::*;

const RUNS: u32 = 2_000;

/// Runs of slices whose own shares of good samples vary around `truth`; with a correlation of 0 they don't.
fn runs(truth: f64, correlation: f64, slices: u32, size: u32) -> impl Iterator<Item = Vec<Cell>> {
    let mut random = ChaCha8Rng::seed_from_u64(u64::from(slices * 1_000 + size));
    let spread = (1.0 - correlation) / correlation;
    let shares =
        (correlation > 0.0).then(|| Beta::new(truth * spread, (1.0 - truth) * spread).expect("positive"));
    (0..RUNS).map(move |_| {
        let slice = |random: &mut ChaCha8Rng| {
            let share = shares.map_or(truth, |shares| shares.sample(random));
            let good = (0..size).filter(|_| random.random::<f64>() < share).count();
            Cell { piece: 0, of: f64::from(size), good: good as f64 }
        };
        (0..slices).map(|_| slice(&mut random)).collect()
    })
}

/// The shares of runs in which the lower and the upper bound hold, and the mean width between them.
fn held(truth: f64, shares: impl Iterator<Item = Share>) -> (f64, f64, f64) {
    let (mut lower, mut upper, mut width) = (0, 0, 0.0);
    for share in shares {
        lower += u32::from(share.lower <= truth);
        upper += u32::from(share.upper >= truth);
        width += share.upper - share.lower;
    }
    let of = |number: u32| f64::from(number) / f64::from(RUNS);
    (of(lower), of(upper), width / f64::from(RUNS))
}

fn plain(cells: &[Cell]) -> Share {
    let (samples, good) = cells.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.of, sum.1 + cell.good));
    Share::new(good as u64, samples as u64)
}

#[test]
fn bounds_hold_where_misses_come_together() {
    for (truth, correlation, slices, size) in [
        (0.9, 0.1, 20, 20),
        (0.9, 0.05, 60, 30),
        (0.8, 0.3, 40, 10),
        (0.95, 0.1, 100, 20),
        (0.5, 0.2, 12, 40),
    ] {
        let case = || runs(truth, correlation, slices, size);
        let (lower, upper, width) = held(truth, case().map(|cells| Share::of_slices(&cells)));
        let (plain_lower, _, plain_width) = held(truth, case().map(|cells| plain(&cells)));
        let said = format!(
            "p {truth}, ρ {correlation}, {slices} × {size}: {lower} {upper} {width}; {plain_lower} {plain_width}"
        );
        // About 95 %: the variance of few slices is skewed where most of them are good.
        assert!(lower >= 0.925 && upper >= 0.935, "{said}");
        // The design effect is 1 + (size − 1) ρ; bounds that take samples as independent are wrong often.
        assert!(plain_lower < 0.9, "{said}");
        assert!(width > plain_width * 1.2, "{said}");
    }
}

#[test]
fn independent_samples_keep_the_width_that_they_have() {
    for (truth, slices, size) in [(0.9, 20, 20), (0.99, 60, 30), (0.98, 20, 22), (0.7, 40, 10)] {
        let case = || runs(truth, 0.0, slices, size);
        let (lower, upper, width) = held(truth, case().map(|cells| Share::of_slices(&cells)));
        let (.., plain_width) = held(truth, case().map(|cells| plain(&cells)));
        let said = format!("p {truth}, {slices} × {size}: {lower} {upper} {width} {plain_width}");
        assert!(lower >= 0.94 && upper >= 0.94, "{said}");
        assert!(width < plain_width * 1.1, "{said}");
    }
}

#[test]
fn one_bad_second_is_less_evidence_than_as_many_misses_over_a_minute() {
    let minute = |misses: fn(u32) -> f64| {
        let cells: Vec<Cell> = (0..60).map(|n| Cell { piece: 0, of: 20.0, good: 20.0 - misses(n) }).collect();
        Share::of_slices(&cells)
    };
    let together = minute(|second| if second == 30 { 12.0 } else { 0.0 });
    let apart = minute(|second| if second % 5 == 0 { 1.0 } else { 0.0 });
    assert_eq!((together.good, apart.good), (1_188, 1_188));
    assert_eq!(apart.judge(0.98), Verdict::Pass, "{apart:?}");
    assert_eq!(together.judge(0.98), Verdict::Inconclusive, "{together:?}");
    assert_eq!(
        (apart.method(), together.method()),
        (Method::ClopperPearson, Method::ClopperPearsonEffective)
    );
    assert!(together.effective < 120.0 && together.design_effect > Some(10.0), "{together:?}");
}

#[test]
fn where_nothing_was_missed_nothing_is_taken_away() {
    let cells: Vec<Cell> = (0..13).map(|_| Cell { piece: 0, of: 23.0, good: 23.0 }).collect();
    let share = Share::of_slices(&cells);
    assert_eq!((share.samples, share.judge(0.99)), (299, Verdict::Pass));
}
