//! Processes against their distributions, and curves against their rates.

use std::time::Duration;

use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF as _, Exp, Gamma};

use super::super::arrival::tests::plan;
use super::super::statistics::{kolmogorov_smirnov, moments};
use super::*;
use crate::scenario::plan::{Curve, Schedule, Step};

const POISSON: Process = Process::Poisson;

fn run(process: Process, rate: Curve, seed: u64, phases_s: &[u64]) -> Plan {
    plan(Schedule::Arrivals(Arrivals { process, rate }), seed, phases_s)
}

/// The times of the arrivals, in seconds.
fn times(plan: &Plan) -> Vec<f64> {
    let Schedule::Arrivals(arrivals) = &plan.traffic.schedule else { panic!("arrivals") };
    Rescaled::of(arrivals, plan).expect("valid").map(Nanos::as_secs_f64).collect()
}

fn gaps(times: &[f64]) -> Vec<f64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// How many arrivals each bin of `width` seconds has.
fn counts(times: &[f64], width: f64, bins: usize) -> Vec<f64> {
    let mut counts = vec![0.0; bins];
    for time in times {
        counts[(time / width) as usize] += 1.0;
    }
    counts
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn poisson_gaps_are_exponential_and_independent() {
    let gaps = gaps(&times(&run(POISSON, Curve::Level(200.0), 7, &[50])));
    assert!(gaps.len() > 9_000, "{} gaps", gaps.len());
    let law = Exp::new(200.0).expect("a rate");
    let distance = kolmogorov_smirnov(gaps.clone(), |gap| law.cdf(gap));
    assert!(distance < 1.0, "{distance}");
    // Correlation of neighbours: ±3.3/√n at a level of 0.1 %.
    let (mean, variance) = moments(&gaps);
    let together: f64 = gaps.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    let correlation = together / gaps.len() as f64 / variance;
    assert!(correlation.abs() < 3.3 / (gaps.len() as f64).sqrt(), "{correlation}");
}

#[test]
fn gamma_gaps_have_their_distribution_and_their_variation() {
    for cv in [0.3, 1.0, 3.0] {
        let gaps = gaps(&times(&run(Process::Gamma { cv }, Curve::Level(200.0), 7, &[100])));
        let law = Gamma::new(1.0 / (cv * cv), 200.0 / (cv * cv)).expect("valid");
        // Times are whole nanoseconds, which half of the smallest gaps are below: see 1e-6 and above.
        let seen: Vec<f64> = gaps.iter().copied().filter(|gap| *gap > 1e-6).collect();
        let below = law.cdf(1e-6);
        let distance = kolmogorov_smirnov(seen, |gap| (law.cdf(gap) - below) / (1.0 - below));
        assert!(distance < 1.0, "cv {cv}: {distance}");
        let (mean, variance) = moments(&gaps);
        let measured = variance.sqrt() / mean;
        assert!((measured / cv - 1.0).abs() < 0.05, "cv {cv}: {measured}");
    }
}

/// Not only once the first gap is over: the expected count is the integral of the rate from the start.
#[test]
fn a_clustered_process_has_its_rate_from_the_first_second_on() {
    let firsts: Vec<f64> = (0..4_000)
        .map(|seed| times(&run(Process::Gamma { cv: 3.0 }, Curve::Level(5.0), seed, &[2])).len() as f64)
        .collect();
    let (mean, variance) = moments(&firsts);
    let error = (variance / firsts.len() as f64).sqrt();
    assert!((mean - 10.0).abs() < 3.5 * error, "{mean} ± {error}");
    // An ordinary renewal process would give (cv² - 1) / 2 = 4 more.
    assert!(4.0 > 7.0 * error);
}

/// The requests to expect from 0 to `t`.
type Integral = fn(f64) -> f64;

/// Curves of a minute.
fn curves() -> Vec<(Curve, Integral)> {
    let step = |rate, ramp, lasts: Option<f64>| Step { rate, ramp: seconds(ramp), lasts: lasts.map(seconds) };
    vec![
        (Curve::Level(100.0), |t| 100.0 * t),
        (Curve::Ramp { from: 0.0, to: 200.0, over: seconds(40.0) }, |t| {
            2.5 * t.min(40.0).powi(2) + 200.0 * (t - 40.0).max(0.0)
        }),
        (
            Curve::Steps(vec![
                step(50.0, 0.0, Some(20.0)),
                step(0.0, 0.0, Some(10.0)),
                step(200.0, 10.0, Some(0.0)),
                step(100.0, 10.0, None),
            ]),
            |t| {
                let ramp = |t: f64, from: f64, to: f64| {
                    let t = t.clamp(0.0, 10.0);
                    from * t + (to - from) / 20.0 * t * t
                };
                50.0 * t.min(20.0)
                    + ramp(t - 30.0, 0.0, 200.0)
                    + ramp(t - 40.0, 200.0, 100.0)
                    + 100.0 * (t - 50.0).max(0.0)
            },
        ),
        (
            Curve::Daily {
                mean: 100.0,
                swing: 0.8,
                peak_at: Duration::from_hours(14),
                starts_at: Duration::from_hours(8),
                day: seconds(30.0),
            },
            // The peak is six hours, a quarter of a day, after the start.
            |t| {
                let turn = std::f64::consts::TAU / 30.0;
                100.0 * t + 80.0 / turn * (1.0 - (turn * t).cos())
            },
        ),
    ]
}

#[test]
fn constant_arrivals_follow_every_curve_exactly() {
    for (curve, integral) in curves() {
        let times = times(&run(Process::Constant, curve.clone(), 7, &[60]));
        // Whether one that is due at the very end is before it, rounding decides.
        assert!(times.len().abs_diff(integral(60.0).round() as usize) <= 1, "{curve:?}: {}", times.len());
        for (k, time) in times.iter().enumerate() {
            // The daily curve is straight lines: by the trapezoid rule, off by 2·382·(2π/288)²/12 = 0.03
            // requests at most, half a day after its mean.
            assert!((integral(*time) - k as f64).abs() < 0.04, "{curve:?}: {k} at {time}");
        }
    }
}

#[test]
fn on_the_axis_of_the_expected_count_every_curve_is_its_process_of_rate_1() {
    for (curve, integral) in curves() {
        for cv in [1.0, 2.0] {
            let process = if cv > 1.0 { Process::Gamma { cv } } else { POISSON };
            let places: Vec<f64> =
                times(&run(process, curve.clone(), 11, &[60])).into_iter().map(integral).collect();
            let law = Gamma::new(1.0 / (cv * cv), 1.0 / (cv * cv)).expect("valid");
            let distance = kolmogorov_smirnov(gaps(&places), |gap| law.cdf(gap));
            assert!(places.len() > 3_500 && distance < 1.0, "{curve:?}, {process:?}: {distance}");
        }
    }
}

/// Chi-square of counts in bins, over many seeds: what the test above can't see, a wrong integral.
#[test]
fn counts_in_bins_are_the_rates() {
    for (curve, integral) in curves() {
        let mut sum = vec![0.0; 30];
        for seed in 0..20 {
            let counts = counts(&times(&run(POISSON, curve.clone(), seed, &[60])), 2.0, 30);
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        let chi_square: f64 = sum
            .iter()
            .enumerate()
            .map(|(bin, count)| {
                let (from, to) = (2.0 * bin as f64, 2.0 * (bin + 1) as f64);
                let expected = 20.0 * (integral(to) - integral(from));
                if expected < 1e-6 {
                    assert!(*count < 1.0, "{curve:?}: arrivals in the silence from {from} s");
                    return 0.0;
                }
                (count - expected).powi(2) / expected
            })
            .sum();
        // The 99.9 % point for 30 degrees of freedom.
        assert!(chi_square < 59.7, "{curve:?}: {chi_square}");
    }
}

#[test]
fn a_phases_load_multiplies_whatever_the_curve_says() {
    for (curve, integral) in curves() {
        let mut plan = run(Process::Constant, curve.clone(), 7, &[15, 20, 25]);
        plan.phases[1].load = 3.0;
        plan.phases[2].load = 0.0;
        let times = times(&plan);
        let before = integral(15.0);
        let expected = before + 3.0 * (integral(35.0) - before);
        assert!((times.len() as f64 - expected).abs() <= 1.01, "{curve:?}: {}, {expected}", times.len());
        let first = times.iter().filter(|time| **time < 15.0).count() as f64;
        assert!((first - before).abs() <= 1.01, "{curve:?}: {first}, {before}");
        assert!(times.last().is_some_and(|last| *last < 35.0), "silence in the last phase");
    }
}

const BURSTS: [f64; 4] = [10.0, 80.0, 4.0, 1.0];

fn bursts(seed: u64, phases_s: &[u64]) -> Plan {
    let [low, high, low_for, high_for] = BURSTS;
    let (low_for, high_for) = (seconds(low_for), seconds(high_for));
    run(POISSON, Curve::Bursts { low, high, low_for, high_for }, seed, phases_s)
}

#[test]
fn bursts_stay_as_long_as_they_say_and_have_their_rates() {
    let plan = bursts(7, &[20_000]);
    let Schedule::Arrivals(arrivals) = &plan.traffic.schedule else { panic!("arrivals") };
    let pieces: Vec<Piece> = Pieces::of(&arrivals.rate, &plan).collect();
    let [low, high, low_for, high_for] = BURSTS;
    for (rate, mean) in [(low, low_for), (high, high_for)] {
        let stays: Vec<f64> =
            pieces.iter().filter(|piece| (piece.from - rate).abs() < 1e-9).map(|piece| piece.lasts).collect();
        assert!(stays.len() > 3_000, "{}", stays.len());
        let law = Exp::new(1.0 / mean).expect("a rate");
        let distance = kolmogorov_smirnov(stays, |stay| law.cdf(stay));
        assert!(distance < 1.0, "{rate}/s: {distance}");
    }
    assert!(pieces.windows(2).all(|pair| (pair[0].from - pair[1].from).abs() > 1.0), "they alternate");
}

/// W. Fischer, K. Meier-Hellstern, The Markov-modulated Poisson process (MMPP) cookbook, Performance
/// Evaluation 18 (1993), for two states: the index of dispersion of the counts in windows of t.
fn index_of_dispersion(t: f64) -> f64 {
    let [low, high, low_for, high_for] = BURSTS;
    let (leave_low, leave_high) = (1.0 / low_for, 1.0 / high_for);
    let both = leave_low + leave_high;
    let limit = 2.0 * (high - low).powi(2) * leave_low * leave_high
        / (both.powi(2) * (low * leave_high + high * leave_low));
    1.0 + limit * (1.0 - (1.0 - (-both * t).exp()) / (both * t))
}

#[test]
fn bursts_have_the_index_of_dispersion_of_their_markov_chain() {
    let times = times(&bursts(7, &[40_000]));
    // 10/s for four fifths of the time, 80/s for one.
    let rate = times.len() as f64 / 40_000.0;
    assert!((rate / 24.0 - 1.0).abs() < 0.03, "{rate}/s");
    for window in [0.1, 1.0, 10.0] {
        let (mean, variance) = moments(&counts(&times, window, (40_000.0 / window).round() as usize));
        let (measured, expected) = (variance / mean, index_of_dispersion(window));
        assert!((measured / expected - 1.0).abs() < 0.1, "{window} s: {measured}, not {expected}");
    }
}

#[test]
fn bursts_have_their_mean_rate_from_the_first_second_on() {
    let firsts: Vec<f64> = (0..2_000).map(|seed| times(&bursts(seed, &[1])).len() as f64).collect();
    let (mean, variance) = moments(&firsts);
    let error = (variance / firsts.len() as f64).sqrt();
    assert!((mean - 24.0).abs() < 3.5 * error, "{mean} ± {error}");
}

/// Whatever a scenario can say, in small.
fn any_curve() -> impl Strategy<Value = Curve> {
    let rate = 0.0..300.0;
    let step = (rate.clone(), 0.0..5.0, 0.001..5.0).prop_map(|(rate, ramp, lasts)| Step {
        rate,
        ramp: seconds(ramp),
        lasts: Some(seconds(lasts)),
    });
    prop_oneof![
        rate.clone().prop_map(Curve::Level),
        (rate.clone(), rate.clone(), 0.001..20.0).prop_map(|(from, to, over)| Curve::Ramp {
            from,
            to,
            over: seconds(over)
        }),
        prop::collection::vec(step, 1..6).prop_map(Curve::Steps),
        (rate.clone(), 0.0..=1.0, 0_u64..1440, 0_u64..1440, 1.0..50.0).prop_map(
            |(mean, swing, peak, start, day)| Curve::Daily {
                mean,
                swing,
                peak_at: Duration::from_mins(peak),
                starts_at: Duration::from_mins(start),
                day: seconds(day),
            }
        ),
        (0.0..50.0, 50.0..300.0, 0.001..5.0, 0.001..5.0).prop_map(|(low, high, low_for, high_for)| {
            Curve::Bursts { low, high, low_for: seconds(low_for), high_for: seconds(high_for) }
        }),
    ]
}

fn any_process() -> impl Strategy<Value = Process> {
    prop_oneof![
        Just(Process::Constant),
        Just(Process::Poisson),
        (0.05_f64..20.0).prop_map(|cv| Process::Gamma { cv })
    ]
}

proptest! {
    #[test]
    fn arrivals_are_sorted_in_the_run_the_same_again_and_as_many_as_the_rate_says(
        process in any_process(),
        curve in any_curve(),
        load in 0.0..3.0,
        seed: u64,
    ) {
        let mut plan = run(process, curve, seed, &[8, 7, 5]);
        plan.phases[1].load = load;
        let times = times(&plan);
        prop_assert!(times.is_sorted());
        prop_assert!(times.iter().all(|time| (0.0..20.0).contains(time)));
        prop_assert_eq!(&times, &self::times(&plan));
        let Schedule::Arrivals(arrivals) = &plan.traffic.schedule else { panic!("arrivals") };
        let pieces: Vec<Piece> = Pieces::of(&arrivals.rate, &plan).collect();
        let lasts: f64 = pieces.iter().map(|piece| piece.lasts).sum();
        prop_assert!((lasts - 20.0).abs() < 1e-6, "pieces cover {lasts} s");
        prop_assert!(pieces.iter().all(|piece| piece.from >= 0.0 && piece.to >= 0.0));
        let expected: f64 = pieces.iter().map(|piece| piece.mass()).sum();
        let cv = match process {
            Process::Constant => 0.0,
            Process::Poisson => 1.0,
            Process::Gamma { cv } => cv,
        };
        // The count's standard deviation is about cv·√expected; clusters begin and end anywhere.
        let room = 1.0 + 8.0 * cv * expected.sqrt() + 20.0 * cv * cv;
        prop_assert!((times.len() as f64 - expected).abs() <= room, "{} of {expected}", times.len());
    }

    /// The inverse undoes the integral.
    #[test]
    fn the_time_of_a_piece_s_mass_is_where_it_is_reached(
        from in 0.0..1e4, to in 0.0..1e4, lasts in 1e-6..1e5, share in 0.0..1.0,
    ) {
        let piece = Piece { lasts, from, to };
        let mass = piece.mass() * share;
        let t = piece.time_of(mass);
        prop_assert!((0.0..=lasts).contains(&t));
        let reached = from * t + (to - from) / lasts * t * t / 2.0;
        prop_assert!((reached - mass).abs() <= 1e-6 * piece.mass().max(1e-9), "{reached} for {mass}");
    }
}
