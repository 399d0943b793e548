//! How often the verdict is wrong: over many runs of a service that is good, and of services that are bad in
//! one way each, at a stated size. Both rates are to stay under 2 %.
//!
//! A false alarm is a fail of the good service by anything; a miss is a bad one that its own check does not
//! fail. What a run leaves undecided is no false alarm, and is counted apart: a good service is mostly to pass.

mod model;

use std::collections::BTreeMap;

use super::*;
use model::{Model, Wrong};

const GOOD_RUNS: u64 = 2_000;
const BAD_RUNS: u64 = 300;
const MOST: f64 = 0.02;

#[test]
fn a_good_service_is_hardly_ever_failed() {
    let mut alarms: BTreeMap<String, u64> = BTreeMap::new();
    let (mut failed, mut passed) = (0_u64, 0_u64);
    for seed in 0..GOOD_RUNS {
        let report = Model::run(seed, None);
        failed += u64::from(report.verdict == Verdict::Fail);
        passed += u64::from(report.verdict == Verdict::Pass);
        for (name, _) in not_well(&report).into_iter().filter(|(_, verdict)| *verdict == Verdict::Fail) {
            *alarms.entry(name).or_default() += 1;
        }
    }
    println!("{failed} of {GOOD_RUNS} failed, {passed} passed: {alarms:?}");
    assert!((failed as f64) < MOST * GOOD_RUNS as f64, "{failed} of {GOOD_RUNS}: {alarms:?}");
}

#[test]
fn a_bad_service_is_hardly_ever_let_through() {
    let sizes = [
        ("availability", Wrong::Fails(0.03)),
        ("lost", Wrong::Loses(0.15)),
        ("silently_truncated", Wrong::Truncates(0.04)),
        ("duplicated", Wrong::Doubles(0.04)),
        ("amplification", Wrong::Multiplies(2)),
        ("detection", Wrong::Sends(4.0)),
        ("recovery", Wrong::Shakes(8.0)),
        ("failback", Wrong::Shuns(6.0)),
        ("no success without a genuine final marker", Wrong::Invents(0.005)),
        ("no duplicated or spliced content", Wrong::Doubles(0.04)),
        ("attempts within the retry bound", Wrong::Retries(0.005)),
        ("no attempts after the client left", Wrong::Outlives(0.005)),
        ("a dead node gets only probes after detection", Wrong::Resumes(3.0)),
        ("no herd at failback", Wrong::Herds(3.0)),
        ("the gateway's own retry headers equal the ledger", Wrong::Lies(0.005)),
        ("every attempt belongs to a request", Wrong::MakesUp(0.005)),
    ];
    for (name, wrong) in sizes {
        let missed = (0..BAD_RUNS).filter(|seed| {
            let found = not_well(&Model::run(*seed, Some(wrong)));
            !found.contains(&(name.to_owned(), Verdict::Fail))
        });
        let missed = missed.count();
        println!("{wrong:?}: {missed} of {BAD_RUNS} missed by `{name}`");
        assert!(
            (missed as f64) < MOST * BAD_RUNS as f64,
            "{wrong:?}: {missed} of {BAD_RUNS} missed by `{name}`"
        );
    }
}
