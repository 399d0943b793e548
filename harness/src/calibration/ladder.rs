//! Which step comes next, and where a ladder ends: pure.

use super::step::{Ladder, Step};

/// A step that did not hold is tried so often in all: another process may have had the processor.
const TRIES: usize = 2;

/// How a ladder is climbed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Climb {
    pub(super) ladder: Ladder,
    pub(super) first: u64,
    /// Each step is so many times the last.
    pub(super) factor: u64,
    pub(super) last: u64,
    /// Steps between the last that held and the first that did not.
    pub(super) refine: u32,
}

impl Climb {
    /// The next step to take after `steps` of this ladder; none when its end is found.
    pub(super) fn next(&self, steps: &[Step]) -> Option<u64> {
        let Some(latest) = steps.last() else { return Some(self.first.min(self.last)) };
        let tries = steps.iter().filter(|step| step.asked == latest.asked).count();
        if !latest.held() && tries < TRIES {
            return Some(latest.asked);
        }
        let held = highest(steps);
        match lowest_broken(steps) {
            None => {
                let next = held.saturating_mul(self.factor).min(self.last);
                (next > held).then_some(next)
            }
            Some(broken) => {
                let between = asked_between(steps, broken, self.factor);
                (held > 0 && between < self.refine && broken - held > held / 8)
                    .then_some(held.midpoint(broken))
            }
        }
    }
}

/// The highest that held.
pub(super) fn highest(steps: &[Step]) -> u64 {
    steps.iter().filter(|step| step.held()).map(|step| step.asked).max().unwrap_or(0)
}

/// The lowest that did not hold, however often it was tried.
fn lowest_broken(steps: &[Step]) -> Option<u64> {
    let held = |asked| steps.iter().any(|step| step.asked == asked && step.held());
    steps.iter().map(|step| step.asked).filter(|asked| !held(*asked)).min()
}

/// How many steps were taken between two of the climb: those that are no product of the factor.
fn asked_between(steps: &[Step], broken: u64, factor: u64) -> u32 {
    let first = steps.first().map_or(1, |step| step.asked);
    let climbed = |asked: u64| {
        let mut step = first;
        while step < asked {
            step = step.saturating_mul(factor.max(2));
        }
        step == asked
    };
    let mut between: Vec<u64> = steps
        .iter()
        .map(|step| step.asked)
        .filter(|asked| *asked <= broken.saturating_mul(factor) && !climbed(*asked))
        .collect();
    between.sort_unstable();
    between.dedup();
    u32::try_from(between.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::step::tests::step;

    const CLIMB: Climb = Climb { ladder: Ladder::Requests, first: 100, factor: 2, last: 100_000, refine: 2 };

    /// Climbs with a client that carries `most`.
    fn climbed(climb: Climb, most: u64) -> Vec<u64> {
        let mut steps = Vec::new();
        while let Some(asked) = climb.next(&steps) {
            steps.push(step(climb.ladder, asked, if asked <= most { 100.0 } else { 50_000.0 }));
            assert!(steps.len() < 50, "it has no end");
        }
        steps.iter().map(|step| step.asked).collect()
    }

    #[test]
    fn it_doubles_until_a_step_breaks_twice_and_then_halves_the_distance() {
        assert_eq!(climbed(CLIMB, 500), [100, 200, 400, 800, 800, 600, 600, 500]);
        assert_eq!(climbed(Climb { refine: 0, ..CLIMB }, 500), [100, 200, 400, 800, 800]);
    }

    #[test]
    fn it_ends_at_its_last_step_and_gives_up_at_its_first() {
        assert_eq!(climbed(Climb { last: 300, ..CLIMB }, 1_000), [100, 200, 300]);
        assert_eq!(climbed(Climb { last: 50, ..CLIMB }, 1_000), [50]);
        assert_eq!(climbed(CLIMB, 10), [100, 100]);
    }

    #[test]
    fn a_step_that_holds_the_second_time_holds() {
        let steps = [step(Ladder::Requests, 100, 50_000.0), step(Ladder::Requests, 100, 100.0)];
        assert_eq!((CLIMB.next(&steps), highest(&steps)), (Some(200), 100));
    }
}
