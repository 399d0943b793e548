//! The timeline: switches faults on and off at their times, and undoes what they did to nodes.
//!
//! Invariant: whatever ends the storm, no fault is on and nothing that a fault did to a node is left
//! undone when [`Loaded::play`] returns (a node that is started again is then on its way up).
//!
//! A storm that is paused by hand is withdrawn the same way, and its timetable goes on: a fault whose time
//! is over meanwhile does not come back. What comes back, comes back as it stood: a node that it had taken
//! down is taken down again, unless the fault itself would have brought it up by then.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::hold::{Hold, Storm};
use super::{FaultLive, Loaded};
use crate::clock::{Clock, Nanos};
use crate::record::{FaultRow, PauseEvent, Record, Recorder};
use crate::scenario::plan::Plan;

/// How often plugins that asked for it are told that time passes.
const TICK: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Before,
    On,
    /// The storm is paused in its time.
    Held {
        /// It had begun before.
        begun: bool,
    },
    Over,
}

impl Loaded {
    /// Plays the plan's faults until all are over, or `withdrawn` is cancelled. Pauses go to `recorder`.
    pub async fn play(
        &self,
        plan: &Plan,
        clock: Clock,
        withdrawn: CancellationToken,
        hold: &Hold,
        recorder: &Recorder,
    ) {
        let stages = vec![Stage::Before; plan.faults.len()];
        let mut changes = hold.changes();
        let mut play = Play { faults: self, plan, clock, recorder, stages, paused: false, owing: Vec::new() };
        while !play.is_over() && !withdrawn.is_cancelled() {
            let storm = *changes.borrow_and_update();
            play.heed(storm);
            let now = clock.now();
            play.advance(now);
            tokio::select! {
                () = clock.sleep_until(play.wake(now)) => {}
                () = withdrawn.cancelled() => {}
                // The hold is there for as long as this borrows it.
                _ = changes.changed() => {}
            }
        }
        play.end();
        hold.over();
    }

    /// How each fault stands, in the plan's order.
    pub fn live(&self, plan: &Plan) -> Vec<FaultLive> {
        let faults = self.evidence(plan).into_iter().enumerate();
        faults.map(|(index, fault)| FaultLive { fault, on: self.engine.is_on(index) }).collect()
    }

    fn withdraw(&self, index: usize) {
        self.engine.switch_off(index);
        self.made[index].deeds.undo(self.control.as_ref(), &self.others(index));
    }

    /// Withdraws a fault that may come back.
    fn hold(&self, index: usize) {
        self.engine.hold(index);
        self.made[index].deeds.hold(self.control.as_ref(), &self.others(index));
    }

    fn others(&self, index: usize) -> Vec<&super::wasm::Deeds> {
        let others = self.made.iter().enumerate().filter(|(other, _)| *other != index);
        others.map(|(_, made)| made.deeds.as_ref()).collect()
    }
}

/// A storm that goes on.
struct Play<'a> {
    faults: &'a Loaded,
    plan: &'a Plan,
    clock: Clock,
    recorder: &'a Recorder,
    stages: Vec<Stage>,
    paused: bool,
    /// Faults that have come back, and not yet taken from nodes what they had taken before.
    owing: Vec<usize>,
}

impl Play<'_> {
    fn is_over(&self) -> bool {
        self.stages.iter().all(|stage| *stage == Stage::Over)
    }

    /// Pauses or goes on, where that was asked for.
    fn heed(&mut self, storm: Storm) {
        match (storm, self.paused) {
            (Storm::Paused, false) => self.pause(),
            (Storm::Going, true) => self.go_on(),
            _ => {}
        }
    }

    fn pause(&mut self) {
        self.paused = true;
        self.owing.clear();
        for (index, stage) in self.stages.iter_mut().enumerate() {
            if *stage == Stage::On {
                self.faults.hold(index);
                *stage = Stage::Held { begun: true };
            }
        }
        self.record_pause();
    }

    fn go_on(&mut self) {
        self.paused = false;
        // Before anything is on again: no row of a fault lies within the pause.
        self.record_pause();
        for (index, stage) in self.stages.iter_mut().enumerate() {
            match *stage {
                Stage::Held { begun: true } => {
                    self.faults.made[index].deeds.go_on();
                    self.faults.engine.resume(index);
                    self.owing.push(index);
                    *stage = Stage::On;
                }
                Stage::Held { begun: false } => {
                    self.faults.engine.switch_on(index);
                    *stage = Stage::On;
                }
                Stage::Before | Stage::On | Stage::Over => {}
            }
        }
    }

    fn record_pause(&self) {
        let event = PauseEvent { at_ns: self.clock.now(), paused: self.paused };
        self.recorder.record(Record::Pause(event));
    }

    /// Does what is due.
    fn advance(&mut self, now: Nanos) {
        for (index, fault) in self.plan.faults.iter().enumerate() {
            let stage = &mut self.stages[index];
            if *stage == Stage::Before && now >= fault.on {
                if self.paused {
                    *stage = Stage::Held { begun: false };
                } else {
                    self.faults.engine.switch_on(index);
                    *stage = Stage::On;
                }
            }
            if *stage != Stage::Over && now >= fault.off {
                if *stage == Stage::On {
                    self.faults.withdraw(index);
                }
                self.owing.retain(|owing| *owing != index);
                *stage = Stage::Over;
            }
        }
        // A plugin whose time to bring a node back has come does so before its fault takes it again.
        self.faults.engine.tick();
        let mut owing = std::mem::take(&mut self.owing);
        owing.retain(|index| !self.take_again(*index));
        self.owing = owing;
    }

    /// Takes from nodes again what a fault had taken; true once all is taken.
    fn take_again(&self, index: usize) -> bool {
        let fault = &self.plan.faults[index];
        self.faults.made[index].deeds.take_again(self.faults.control.as_ref(), |node, verdict| {
            let whose = (fault.plugin.name(), fault.index);
            let row = FaultRow::on_node(self.clock.now(), whose, "resume", verdict, node.clone());
            self.recorder.record(Record::Fault(Box::new(row)));
        })
    }

    /// The next moment at which something is to be done.
    fn wake(&self, now: Nanos) -> Nanos {
        let next = self.plan.faults.iter().zip(&self.stages).filter_map(|(fault, stage)| match stage {
            Stage::Before => Some(fault.on),
            Stage::On | Stage::Held { .. } => Some(fault.off),
            Stage::Over => None,
        });
        let next = next.min().unwrap_or(now);
        let often = self.faults.engine.wants_ticks() || !self.owing.is_empty();
        if often { next.min(now + TICK) } else { next }
    }

    /// Withdraws what is on. A pause ends with the storm.
    fn end(&mut self) {
        for (index, stage) in self.stages.iter().enumerate() {
            if *stage == Stage::On {
                self.faults.withdraw(index);
            }
        }
        if self.paused {
            self.paused = false;
            self.record_pause();
        }
    }
}
