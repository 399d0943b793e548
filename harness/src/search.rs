//! The highest load at which a scenario still passes: which load to try next, and what is known so far.
//!
//! Loads are factors of the scenario's own. First the load is doubled, or halved, until there is one that holds
//! and one that does not; then the middle of the two, by ratio, is tried until they are near enough. A run of a
//! service near its capacity may come out either way, so what is known is a monotone fit of all runs: the more
//! load, the less likely it holds (isotonic regression by pooling adjacent violators; Ayer et al., 1955). Where
//! runs contradict it, they are repeated. The capacity is between the highest load below which nothing failed,
//! and the lowest above which nothing held.

/// How a run at a load came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It passed.
    Yes,
    /// It failed.
    No,
    /// It decided nothing.
    Unproven,
}

/// The bounds of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The lowest load to try.
    pub least: f64,
    /// The highest.
    pub most: f64,
    /// The search ends when what holds and what does not are this near: 0.1 is a tenth.
    pub precision: f64,
    /// It ends after so many runs.
    pub runs: usize,
}

/// A search that goes on.
#[derive(Clone, Debug)]
pub struct Search {
    limits: Limits,
    first: f64,
    /// Every run, in the order in which they were made.
    runs: Vec<(f64, Held)>,
}

/// What is known of the capacity.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Nothing failed up to this load, which held.
    pub at_least: Option<f64>,
    /// Nothing held from this load on, which failed or decided nothing.
    pub below: Option<f64>,
    /// Where the fit crosses one half.
    pub about: Option<f64>,
}

impl Search {
    /// A search that begins at the load `first`, or as near to it as the limits let it.
    pub fn new(first: f64, limits: Limits) -> Self {
        Self { limits, first: first.clamp(limits.least, limits.most), runs: Vec::new() }
    }

    /// Adds a run.
    pub fn ran(&mut self, load: f64, held: Held) {
        self.runs.push((load, held));
    }

    /// The load to try next; none when the search is over.
    pub fn next(&self) -> Option<f64> {
        if self.runs.len() >= self.limits.runs {
            return None;
        }
        if self.runs.is_empty() {
            return Some(self.first);
        }
        let Found { at_least, below, .. } = self.found();
        match (at_least, below) {
            (Some(low), None) => (low < self.limits.most).then(|| (low * 2.0).min(self.limits.most)),
            (None, Some(high)) => (high > self.limits.least).then(|| (high / 2.0).max(self.limits.least)),
            (Some(low), Some(high)) if high / low <= 1.0 + self.limits.precision => None,
            (Some(low), Some(high)) => Some(self.contradicted(low, high).unwrap_or((low * high).sqrt())),
            // Only contradictions: the one that was tried least often.
            (None, None) => self.contradicted(0.0, f64::INFINITY),
        }
    }

    /// The load between these that was tried least often, if any was: the fit is contradicted there.
    fn contradicted(&self, low: f64, high: f64) -> Option<f64> {
        let within = self.runs.iter().map(|(load, _)| *load).filter(|load| *load > low && *load < high);
        let tries = |load: f64| self.runs.iter().filter(|(other, _)| other.total_cmp(&load).is_eq()).count();
        within.min_by_key(|load| tries(*load))
    }

    /// What is known.
    pub fn found(&self) -> Found {
        let mut runs = self.runs.clone();
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let failed = runs.iter().filter(|(_, held)| *held != Held::Yes).map(|(load, _)| *load);
        let mut held = runs.iter().filter(|(_, held)| *held == Held::Yes).map(|(load, _)| *load);
        let lowest_failed = failed.clone().next().unwrap_or(f64::INFINITY);
        let highest_held = held.clone().next_back().unwrap_or(0.0);
        Found {
            at_least: held.rfind(|load| *load < lowest_failed),
            below: failed.filter(|load| *load > highest_held).min_by(f64::total_cmp),
            about: crossing(&fit(&runs)),
        }
    }
}

/// Loads in order, each with the chance that it holds: never rising.
fn fit(runs: &[(f64, Held)]) -> Vec<(f64, f64)> {
    // Pools of neighbours: the sum of what held, the runs, and their loads.
    let mut pools: Vec<(f64, f64, Vec<f64>)> = Vec::new();
    for (load, held) in runs {
        pools.push((f64::from(u8::from(*held == Held::Yes)), 1.0, vec![*load]));
        while let [.., before, last] = pools.as_mut_slice()
            && (last.0 / last.1 > before.0 / before.1
                || before.2.last().is_some_and(|load| load.total_cmp(&last.2[0]).is_eq()))
        {
            before.0 += last.0;
            before.1 += last.1;
            before.2.append(&mut last.2);
            pools.pop();
        }
    }
    pools
        .into_iter()
        .flat_map(|(held, runs, loads)| loads.into_iter().map(move |load| (load, held / runs)))
        .collect()
}

/// Where the fit falls through one half, between two loads by ratio.
fn crossing(fit: &[(f64, f64)]) -> Option<f64> {
    let above = fit.iter().filter(|(_, chance)| *chance >= 0.5).map(|(load, _)| *load).next_back()?;
    let below = fit.iter().find(|(_, chance)| *chance < 0.5).map(|(load, _)| *load)?;
    Some((above * below).sqrt())
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const LIMITS: Limits = Limits { least: 0.1, most: 100.0, precision: 0.1, runs: 20 };

    fn search(first: f64, limits: Limits, mut held: impl FnMut(f64) -> Held) -> Search {
        let mut search = Search::new(first, limits);
        while let Some(load) = search.next() {
            assert!((limits.least..=limits.most).contains(&load), "{load}");
            search.ran(load, held(load));
        }
        search
    }

    #[test]
    fn a_sharp_capacity_is_bracketed_to_the_precision_from_wherever_it_begins() {
        for capacity in [0.15, 0.9, 1.0, 3.7, 60.0] {
            for first in [0.2, 1.0, 8.0] {
                let held = |load| if load <= capacity { Held::Yes } else { Held::No };
                let search = search(first, LIMITS, held);
                let Found { at_least: Some(low), below: Some(high), about: Some(about) } = search.found()
                else {
                    panic!("{:?}", search.found())
                };
                assert!(low <= capacity && capacity < high && high / low <= 1.1, "{low} {capacity} {high}");
                assert!(low < about && about < high);
                assert!(search.runs.len() <= 14, "{} runs", search.runs.len());
            }
        }
    }

    #[test]
    fn it_ends_at_its_limits() {
        let all = search(1.0, LIMITS, |_| Held::Yes).found();
        assert_eq!((all.at_least, all.below), (Some(100.0), None));
        let none = search(1.0, LIMITS, |_| Held::No).found();
        assert_eq!((none.at_least, none.below), (None, Some(0.1)));
        let unproven =
            search(1.0, LIMITS, |load| if load < 2.0 { Held::Yes } else { Held::Unproven }).found();
        assert!(unproven.below.is_some_and(|below| below <= 2.2), "what decides nothing does not hold");
    }

    #[test]
    fn runs_that_contradict_each_other_are_repeated_and_the_capacity_stays_within_what_is_said() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut right = 0;
        for _ in 0..200 {
            // Holds surely below 2.8, never above 5.7; half the time at 4.
            let mut held = |load: f64| {
                let chance = 1.0 / (1.0 + (load / 4.0).powf(12.0));
                if random.random_bool(chance) { Held::Yes } else { Held::No }
            };
            let found = search(1.0, LIMITS, &mut held).found();
            assert!(found.at_least.is_none_or(|low| found.below.is_none_or(|high| low < high)), "{found:?}");
            right += usize::from(found.about.is_some_and(|about| (3.2..5.0).contains(&about)));
        }
        assert!(right >= 180, "{right} of 200 are near");
    }

    #[test]
    fn the_fit_never_rises() {
        let runs = [(1.0, Held::Yes), (2.0, Held::No), (3.0, Held::Yes), (4.0, Held::No)];
        assert_eq!(fit(&runs), [(1.0, 1.0), (2.0, 0.5), (3.0, 0.5), (4.0, 0.0)]);
        assert_eq!(fit(&[(1.0, Held::Yes), (1.0, Held::No)]), [(1.0, 0.5), (1.0, 0.5)]);
    }
}
