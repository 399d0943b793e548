//! The timeline: switches faults on and off at their times, and undoes what they did to nodes.
//!
//! Invariant: whatever ends the storm, no fault is on and nothing that a fault did to a node is left
//! undone when [`Loaded::play`] returns (a node that is started again is then on its way up).

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Loaded;
use crate::clock::{Clock, Nanos};
use crate::scenario::plan::Plan;

/// How often plugins that asked for it are told that time passes.
const TICK: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Before,
    On,
    Over,
}

impl Loaded {
    /// Plays the plan's faults until all are over, or `withdrawn` is cancelled.
    pub async fn play(&self, plan: &Plan, clock: Clock, withdrawn: CancellationToken) {
        let mut stages = vec![Stage::Before; plan.faults.len()];
        while stages.iter().any(|stage| *stage != Stage::Over) && !withdrawn.is_cancelled() {
            let now = clock.now();
            for (index, fault) in plan.faults.iter().enumerate() {
                if stages[index] == Stage::Before && now >= fault.on {
                    self.engine.switch_on(index);
                    stages[index] = Stage::On;
                }
                if stages[index] == Stage::On && now >= fault.off {
                    self.withdraw(index);
                    stages[index] = Stage::Over;
                }
            }
            self.engine.tick();
            let wake = self.wake(plan, &stages, now);
            tokio::select! {
                () = clock.sleep_until(wake) => {}
                () = withdrawn.cancelled() => {}
            }
        }
        for (index, stage) in stages.iter().enumerate() {
            if *stage == Stage::On {
                self.withdraw(index);
            }
        }
    }

    fn withdraw(&self, index: usize) {
        self.engine.switch_off(index);
        let others = self.made.iter().enumerate().filter(|(other, _)| *other != index);
        let others: Vec<_> = others.map(|(_, made)| made.deeds.as_ref()).collect();
        self.made[index].deeds.undo(self.control.as_ref(), &others);
    }

    /// The next moment at which something is to be done.
    fn wake(&self, plan: &Plan, stages: &[Stage], now: Nanos) -> Nanos {
        let next = plan.faults.iter().zip(stages).filter_map(|(fault, stage)| match stage {
            Stage::Before => Some(fault.on),
            Stage::On => Some(fault.off),
            Stage::Over => None,
        });
        let next = next.min().unwrap_or(now);
        if self.engine.wants_ticks() { next.min(now + TICK) } else { next }
    }
}
