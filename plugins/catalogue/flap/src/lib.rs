//! `flap`: each of its nodes is down and up in turn, down first.
//!
//! Each tick compares what a node is with what it should be, so that a node that takes longer to start than
//! its period allows goes down as soon as it can. What is still down when the fault is withdrawn, the host
//! brings back.

use std::collections::HashSet;

use squall_plugin::{Hooks, Plugin, Span, done, export, nodes, params, words};

params! {
    /// Its nodes are down and up in turn, down first.
    struct Params {
        /// down and up once
        period: Span, "\"4s\"";
        /// the share of each period that it is up
        duty: f64 = 0.5, "0.8";
        /// how it goes down: killed and started again, its port closed, or stopped (SIGSTOP)
        how: How = How::Kill, "\"refuse\"";
    }
}

words! {
    enum How { Kill = "kill", Refuse = "refuse", Pause = "pause" }
}

impl How {
    fn down(self, node: u32) -> bool {
        match self {
            Self::Kill => done("kill", node, nodes::kill(node)),
            Self::Refuse => done("close the port of", node, nodes::refuse(node)),
            Self::Pause => done("pause", node, nodes::pause(node)),
        }
    }

    fn up(self, node: u32) {
        match self {
            Self::Kill => done("start", node, nodes::restart(node)),
            Self::Refuse => done("open the port of", node, nodes::accept(node)),
            Self::Pause => done("resume", node, nodes::resume(node)),
        };
    }
}

struct Flap {
    period: u64,
    /// How long of each period it is down.
    down: u64,
    how: How,
    began: Option<u64>,
    /// The nodes that are down by this fault.
    taken: HashSet<u32>,
}

impl Plugin for Flap {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let Params { period, duty, how } = params;
        if period == Span::ZERO {
            return Err("`period` must be above 0".into());
        }
        if !(duty > 0.0 && duty < 1.0) {
            return Err(format!(
                "`duty` is the share of a period that the node is up: above 0 and below 1, not {duty}"
            ));
        }
        let down = (period.nanos() as f64 * (1.0 - duty)).round() as u64;
        Ok(Self { period: period.nanos(), down, how, began: None, taken: HashSet::new() })
    }

    fn hooks(&self) -> Hooks {
        Hooks::TICK
    }

    fn tick(&mut self, now: u64) {
        let began = *self.began.get_or_insert(now);
        let is_down = now.saturating_sub(began) % self.period < self.down;
        for node in nodes::list() {
            if is_down && node.state == nodes::State::Up {
                if self.how.down(node.id) {
                    self.taken.insert(node.id);
                }
            } else if !is_down && self.taken.remove(&node.id) {
                self.how.up(node.id);
            }
        }
    }
}

export!(Flap);
