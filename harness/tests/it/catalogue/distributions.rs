//! `latency` draws what it says: Kolmogorov and Smirnov's test on the delays that the plugin asks for.
//!
//! The delays are read from the engine's rulings, so that nothing but the draw is measured. The seed
//! is fixed: the test passes or fails for good.

use std::sync::Arc;

use squall::clock::Nanos;
use squall::fault::{Attempt, RequestHead};
use squall::name::{AttemptId, NodeName, RequestId};
use statrs::distribution::{ContinuousCDF, LogNormal, Normal, Pareto, Uniform};

use super::fault;
use crate::support::storm::{PretendedFleet, load, plan};
use crate::support::{Parts, Result};

const ATTEMPTS: u64 = 4_000;
/// Where Kolmogorov's distribution has 0.001 left above it: the square root of −ln(0.0005)/2.
const CRITICAL: f64 = 1.949_47;
/// z of the 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874;

/// The probability of a value up to this one.
type Cdf<'a> = &'a dyn Fn(f64) -> f64;

/// The delays, in milliseconds, of the first attempts of a run's requests; of this share of them.
fn delays(with: &str, share: f64) -> Result<Vec<f64>> {
    let plan = plan(&fault("latency", with).replace("nodes", &format!("share = {share:?}, nodes")))?;
    let loaded = load(&plan, &Parts::new(), &PretendedFleet::new())?;
    loaded.engine.switch_on(0);
    let head = Arc::new(RequestHead {
        method: http::Method::POST,
        path: "/v1/chat/completions".into(),
        headers: http::HeaderMap::new(),
        model: "sim".into(),
        streaming: true,
        max_tokens: None,
        body_bytes: 0,
    });
    let delay = |id| {
        let attempt = Attempt {
            id: AttemptId(id),
            node: NodeName::from("a"),
            request: Some(RequestId(id)),
            ordinal: 0,
            at: Nanos(id),
        };
        loaded.engine.meet(attempt).request(&head).delay.as_secs_f64() * 1e3
    };
    Ok((0..ATTEMPTS).map(delay).filter(|delay| *delay > 0.0).collect())
}

/// The largest distance between a sample's distribution and the one that it should have.
fn distance(mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let count = sample.len() as f64;
    let apart = |(rank, value): (usize, &f64)| {
        let expected = cdf(*value);
        (expected - rank as f64 / count).max((rank + 1) as f64 / count - expected)
    };
    sample.iter().enumerate().map(apart).fold(0.0, f64::max)
}

#[test]
fn latency_has_the_distribution_that_it_is_given() -> Result {
    let uniform = Uniform::new(10.0, 50.0)?;
    // Eight standard deviations above zero, where it is cut off.
    let normal = Normal::new(80.0, 10.0)?;
    let lognormal = LogNormal::new(20_f64.ln(), 10_f64.ln() / Z99)?;
    let pareto = Pareto::new(10.0, 1.5)?;
    let cases: [(&str, Cdf<'_>); 4] = [
        ("uniform = [\"10ms\", \"50ms\"]", &|x| uniform.cdf(x)),
        ("normal = { mean = \"80ms\", sd = \"10ms\" }", &|x| normal.cdf(x)),
        ("p50 = \"20ms\", p99 = \"200ms\"", &|x| lognormal.cdf(x)),
        ("pareto = { min = \"10ms\", alpha = 1.5 }", &|x| pareto.cdf(x)),
    ];
    let most = CRITICAL / (ATTEMPTS as f64).sqrt();
    for (with, cdf) in cases {
        let apart = distance(delays(with, 1.0)?, cdf);
        assert!(apart < most, "{with}: {apart:.4}, where {most:.4} is the most");
        let other = distance(delays("fixed = \"30ms\"", 1.0)?, cdf);
        assert!(other > most, "{with}: the test tells nothing apart");
    }
    Ok(())
}

/// The share of attempts is a fair draw too, independent of the plugin's own.
#[test]
fn the_attempts_that_a_share_chooses_are_a_fair_sample_of_the_delays() -> Result {
    let with = "uniform = [\"10ms\", \"50ms\"]";
    assert_eq!(delays(with, 1.0)?, delays(with, 1.0)?, "the same seed, the same delays");
    let sample = delays(with, 0.25)?;
    // Four standard deviations about a thousand.
    assert!((890..=1110).contains(&sample.len()), "{} of {ATTEMPTS}", sample.len());
    let most = CRITICAL / (sample.len() as f64).sqrt();
    let uniform = Uniform::new(10.0, 50.0)?;
    let apart = distance(sample, |x| uniform.cdf(x));
    assert!(apart < most, "{apart:.4}, where {most:.4} is the most");
    Ok(())
}
