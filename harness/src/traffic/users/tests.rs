//! Who is there when, and how long they think.

use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF as _, Exp, LogNormal, Uniform};

use super::super::statistics::{kolmogorov_smirnov, moments};
use super::*;

const NONE: Duration = Duration::ZERO;
const END: Nanos = Nanos(60_000_000_000);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn users(crowd: Vec<Crowd>) -> Users {
    Users { crowd, think: Think::Fixed(NONE), turns: 1 }
}

fn crowd(count: u32, ramp: Duration, lasts: Option<Duration>) -> Crowd {
    Crowd { count, ramp, lasts }
}

/// Its stays, in milliseconds.
fn stays_ms(users: &Users, number: u32) -> Vec<(u64, u64)> {
    stays(users, number, END).iter().map(|stay| (stay.from.0 / 1_000_000, stay.to.0 / 1_000_000)).collect()
}

fn there_at(users: &Users, at: Nanos) -> usize {
    let is_there = |number| stays(users, number, END).iter().any(|stay| stay.from <= at && at < stay.to);
    (0..most_users(users)).filter(|number| is_there(*number)).count()
}

#[test]
fn without_a_ramp_all_are_there_from_the_start_to_the_end() {
    let users = users(vec![crowd(3, NONE, None)]);
    assert_eq!(most_users(&users), 3);
    assert!((0..3).all(|number| stays_ms(&users, number) == [(0, 60_000)]));
    assert!(stays(&users, 3, END).is_empty());
}

#[test]
fn on_a_ramp_they_come_one_by_one_and_go_in_the_opposite_order() {
    let plan = vec![crowd(4, seconds(8), Some(seconds(12))), crowd(0, seconds(8), None)];
    let users = users(plan);
    assert_eq!(stays_ms(&users, 0), [(0, 28_000)]);
    assert_eq!(stays_ms(&users, 1), [(2_000, 26_000)]);
    assert_eq!(stays_ms(&users, 3), [(6_000, 22_000)]);
}

#[test]
fn steps_keep_whoever_stays_and_bring_back_whoever_was_there() {
    let plan = vec![
        crowd(2, NONE, Some(seconds(10))),
        crowd(5, NONE, Some(seconds(10))),
        crowd(1, NONE, Some(seconds(10))),
        crowd(3, NONE, None),
    ];
    let users = users(plan);
    assert_eq!(stays_ms(&users, 0), [(0, 60_000)]);
    assert_eq!(stays_ms(&users, 1), [(0, 20_000), (30_000, 60_000)]);
    assert_eq!(stays_ms(&users, 2), [(10_000, 20_000), (30_000, 60_000)]);
    assert_eq!(stays_ms(&users, 4), [(10_000, 20_000)]);
    for (second, count) in [(0, 2), (9, 2), (10, 5), (19, 5), (20, 1), (30, 3), (59, 3)] {
        assert_eq!(there_at(&users, Nanos(second * 1_000_000_000)), count, "at {second} s");
    }
}

#[test]
fn a_step_after_the_end_brings_nobody() {
    let users = users(vec![crowd(1, NONE, Some(seconds(70))), crowd(2, NONE, None)]);
    assert!(stays(&users, 1, END).is_empty());
}

fn thoughts(think: Think) -> Vec<f64> {
    let mut thinking = Thinking::of(think, 7, 3);
    (0..5_000).map(|_| thinking.draw().as_secs_f64()).collect()
}

#[test]
fn times_to_think_have_their_distribution() {
    assert!(thoughts(Think::Fixed(seconds(2))).iter().all(|thought| (thought - 2.0).abs() < 1e-9));
    let exponential = Exp::new(0.5).expect("valid");
    let law = |x| exponential.cdf(x);
    assert!(kolmogorov_smirnov(thoughts(Think::Exponential(seconds(2))), law) < 1.0);
    let uniform = Uniform::new(1.0, 5.0).expect("valid");
    let drawn = thoughts(Think::Uniform { least: seconds(1), most: seconds(5) });
    assert!(kolmogorov_smirnov(drawn, |x| uniform.cdf(x)) < 1.0);
    let think = Think::Lognormal { mean: seconds(3), sd: seconds(2) };
    let drawn = thoughts(think);
    let (mean, variance) = moments(&drawn);
    assert!((mean - 3.0).abs() < 0.1 && (variance.sqrt() - 2.0).abs() < 0.2, "{mean} ± {}", variance.sqrt());
    let sigma = (1.0_f64 + 4.0 / 9.0).ln().sqrt();
    let lognormal = LogNormal::new(3.0_f64.ln() - sigma * sigma / 2.0, sigma).expect("valid");
    assert!(kolmogorov_smirnov(drawn, |x| lognormal.cdf(x)) < 1.0);
    assert_eq!(think.mean(), seconds(3));
}

#[test]
fn each_user_thinks_for_itself_and_the_same_again() {
    let think = Think::Exponential(seconds(2));
    let first = |seed, number| Thinking::of(think, seed, number).draw();
    assert_eq!(first(7, 0), first(7, 0));
    assert_ne!(first(7, 0), first(7, 1));
    assert_ne!(first(7, 0), first(8, 0));
}

proptest! {
    #[test]
    fn stays_are_in_order_apart_and_inside_the_run(
        crowd in prop::collection::vec((0_u32..20, 0_u64..9_000, 1_u64..9_000), 1..8),
    ) {
        let millis = Duration::from_millis;
        let plan: Vec<Crowd> = crowd
            .into_iter()
            .map(|(count, ramp, lasts)| Crowd { count, ramp: millis(ramp), lasts: Some(millis(lasts)) })
            .collect();
        let users = users(plan);
        for number in 0..20 {
            let stays = stays(&users, number, END);
            prop_assert!(stays.iter().all(|stay| stay.from < stay.to && stay.to <= END));
            prop_assert!(stays.windows(2).all(|pair| pair[0].to <= pair[1].from));
        }
        // While a step holds there are as many as it says.
        let mut at = Nanos::ZERO;
        for step in &users.crowd {
            let middle = at + step.ramp + step.lasts.unwrap_or_default() / 2;
            if middle < END {
                prop_assert_eq!(there_at(&users, middle), step.count as usize);
            }
            at = at + step.ramp + step.lasts.unwrap_or_default();
        }
    }
}
