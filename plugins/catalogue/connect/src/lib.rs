//! `connect`: what becomes of new connections. Those that are open already go on.
//!
//! A refusal is the node's port itself, closed; the host opens it when the fault is withdrawn.

use squall_plugin::{Attempt, ConnectVerdict, Hooks, Plugin, Span, done, export, nodes, params, words};

params! {
    /// Refuses, hangs, resets or delays new connections.
    struct Params {
        /// refused, accepted and then silent, reset once accepted, or read from only after `delay`
        how: How, "\"refuse\"";
        /// how long nothing is read, with how = "delay"
        delay: Option<Span> = None, "\"2s\"";
    }
}

words! {
    enum How { Refuse = "refuse", Hang = "hang", Reset = "reset", Delay = "delay" }
}

enum Fate {
    Refuse,
    Accept(ConnectVerdict),
}

struct Connect {
    fate: Fate,
}

impl Plugin for Connect {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let fate = match (params.how, params.delay) {
            (How::Delay, Some(delay)) => Fate::Accept(ConnectVerdict::Delay(delay.nanos())),
            (How::Delay, None) => {
                return Err("how = \"delay\" needs to know how long: `delay = \"2s\"`".into());
            }
            (_, Some(_)) => return Err("`delay` has a meaning only with how = \"delay\"".into()),
            (How::Refuse, None) => Fate::Refuse,
            (How::Hang, None) => Fate::Accept(ConnectVerdict::Hang),
            (How::Reset, None) => Fate::Accept(ConnectVerdict::Reset),
        };
        Ok(Self { fate })
    }

    fn hooks(&self) -> Hooks {
        match self.fate {
            Fate::Refuse => Hooks::TICK,
            Fate::Accept(_) => Hooks::CONNECT,
        }
    }

    fn connect(&mut self, _: &Attempt) -> ConnectVerdict {
        match &self.fate {
            Fate::Refuse => ConnectVerdict::Pass,
            Fate::Accept(verdict) => *verdict,
        }
    }

    /// A node that something else killed accepts again when it is back, and is refused again.
    fn tick(&mut self, _: u64) {
        for node in nodes::list() {
            if node.state == nodes::State::Up {
                done("close the port of", node.id, nodes::refuse(node.id));
            }
        }
    }
}

export!(Connect);
