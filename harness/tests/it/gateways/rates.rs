//! How often the verdict is wrong on real runs: `ci/truth`. Over simulated ledgers, and many more seeds, it is
//! measured beside the verdict itself (`verify/tests/rates/`).

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::storm::Storm;
use super::{ANSWERS, ATTEMPTS, Case, NODES, PROMISES, judge};
use crate::support::Result;

/// Of sound gateways, and of broken ones.
const RUNS_EACH: usize = 50;
const AT_ONCE: usize = 2;

/// What is wrong with the verdict on run `number`, and whether its gateway was broken.
fn run(number: usize) -> (bool, Result<Option<String>>) {
    let seed = number as u64 / 2 + 1;
    let turn = number / 2;
    if number.is_multiple_of(2) {
        let storm = Storm::ALL[turn % Storm::ALL.len()];
        let judged = judge(None, storm, seed).map(super::Judged::fails);
        return (
            false,
            judged.map(|said| said.map(|said| format!("sound in {storm:?}, seed {seed}: {said}"))),
        );
    }
    let cases: Vec<&Case> = [ANSWERS, ATTEMPTS, NODES, PROMISES].into_iter().flatten().collect();
    let untrue = cases[turn % cases.len()].untrue(seed);
    (true, untrue.map(|said| said.map(|said| format!("seed {seed}: {said}"))))
}

#[test]
#[ignore = "takes minutes: ci/truth runs it"]
fn a_hundred_runs_are_judged_as_they_are() {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new((Vec::new(), Vec::new())));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= 2 * RUNS_EACH {
                        return;
                    }
                    let (broken, said) = run(number);
                    let said = said.unwrap_or_else(|error| Some(format!("run {number}: {error}")));
                    let Some(said) = said else { continue };
                    println!("{said}");
                    let (alarms, misses) = &mut *wrong.lock();
                    if broken { misses } else { alarms }.push(said);
                }
            });
        }
    });
    let (alarms, misses) = wrong.into_inner();
    println!(
        "{} of {RUNS_EACH} sound gateways failed, {} of {RUNS_EACH} broken ones missed",
        alarms.len(),
        misses.len()
    );
    // Under 2 % of fifty is none.
    assert!(alarms.is_empty() && misses.is_empty(), "{alarms:?} {misses:?}");
}
