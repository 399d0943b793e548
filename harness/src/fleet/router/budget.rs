//! The retry budget: retries may be a share of the requests of the last ten seconds, plus a floor.
//!
//! It bounds what a router adds to the load of a fleet that fails as a whole, where every retry is
//! one more request on nodes that can't take those they have.

use parking_lot::Mutex;

use super::Tuning;
use crate::clock::Nanos;

/// The window, in slots of a second.
const SLOTS: usize = 10;

/// Requests and retries of one second of run time.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    second: u64,
    requests: u32,
    retries: u32,
}

/// What retries may still be made.
#[derive(Debug)]
pub(super) struct Budget {
    share: f64,
    floor: u32,
    slots: Mutex<[Slot; SLOTS]>,
}

impl Budget {
    pub(super) fn new(tuning: &Tuning) -> Self {
        Self { share: tuning.retry_share, floor: tuning.retry_floor, slots: Mutex::default() }
    }

    /// A request has come.
    pub(super) fn request(&self, now: Nanos) {
        current(&mut self.slots.lock(), now).requests += 1;
    }

    /// Takes one retry; false when the budget is spent.
    pub(super) fn take(&self, now: Nanos) -> bool {
        let mut slots = self.slots.lock();
        let oldest = second(now).saturating_sub(SLOTS as u64 - 1);
        let recent = slots.iter().filter(|slot| slot.second >= oldest);
        let (requests, retries) = recent.fold((0_u64, 0_u64), |(requests, retries), slot| {
            (requests + u64::from(slot.requests), retries + u64::from(slot.retries))
        });
        let allowed = requests as f64 * self.share + f64::from(self.floor) * SLOTS as f64;
        let within = ((retries + 1) as f64) <= allowed;
        if within {
            current(&mut slots, now).retries += 1;
        }
        within
    }
}

fn second(now: Nanos) -> u64 {
    now.0 / 1_000_000_000
}

/// The slot of this second, emptied when it still holds an older one.
fn current(slots: &mut [Slot; SLOTS], now: Nanos) -> &mut Slot {
    let second = second(now);
    let slot = &mut slots[(second % SLOTS as u64) as usize];
    if slot.second != second {
        *slot = Slot { second, ..Slot::default() };
    }
    slot
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Nanos {
        Nanos::from(Duration::from_secs(seconds))
    }

    #[test]
    fn the_share_and_the_floor_are_kept_and_given_back() {
        let budget = Budget::new(&Tuning { retry_share: 0.2, retry_floor: 1, ..Tuning::default() });
        for _ in 0..50 {
            budget.request(at(3));
        }
        let taken = (0..100).filter(|_| budget.take(at(5))).count();
        assert_eq!(taken, 20, "a fifth of 50, and one for each of ten seconds");
        assert!(!budget.take(at(12)), "the window still holds them");
        assert_eq!((0..100).filter(|_| budget.take(at(15))).count(), 10, "only the floor is left");
    }

    proptest! {
        #[test]
        fn retries_never_exceed_the_budget_of_any_window(
            steps in prop::collection::vec((any::<bool>(), 0_u64..3), 0..400),
        ) {
            let budget = Budget::new(&Tuning { retry_share: 0.2, retry_floor: 0, ..Tuning::default() });
            let (mut now, mut requests, mut retries) = (0, Vec::new(), Vec::new());
            for (retry, step) in steps {
                now += step;
                if !retry {
                    budget.request(at(now));
                    requests.push(now);
                } else if budget.take(at(now)) {
                    retries.push(now);
                    let recent = |times: &[u64]| times.iter().filter(|&&t| t + 9 >= now).count();
                    prop_assert!(recent(&retries) * 5 <= recent(&requests));
                }
            }
        }
    }
}
