//! `node-pause`: SIGSTOP to each of its nodes, once. A paused node's kernel still accepts connections and
//! takes requests; nobody answers them until SIGCONT.
//!
//! The host resumes a node that is still paused when the fault is withdrawn.

use std::collections::HashMap;

use squall_plugin::{Hooks, Plugin, Span, done, export, nodes, params};

params! {
    /// SIGSTOP to each of its nodes, once, and SIGCONT later.
    struct Params {
        /// goes on this much later; otherwise when the fault is withdrawn
        r#for: Option<Span> = None, "\"3s\"";
    }
}

struct NodePause {
    lasts: Option<u64>,
    /// When each node that was paused goes on.
    until: HashMap<u32, Option<u64>>,
}

impl Plugin for NodePause {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        if params.r#for == Some(Span::ZERO) {
            return Err("`for` must be above 0; leave it out to pause until the fault is withdrawn".into());
        }
        Ok(Self { lasts: params.r#for.map(Span::nanos), until: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        Hooks::TICK
    }

    fn tick(&mut self, now: u64) {
        for node in nodes::list() {
            match self.until.get_mut(&node.id) {
                // One that something else has taken down is paused once it is back.
                None if node.state == nodes::State::Up => {
                    if done("pause", node.id, nodes::pause(node.id)) {
                        self.until.insert(node.id, self.lasts.map(|lasts| now.saturating_add(lasts)));
                    }
                }
                Some(until) if until.is_some_and(|until| now >= until) => {
                    *until = None;
                    done("resume", node.id, nodes::resume(node.id));
                }
                _ => {}
            }
        }
    }
}

export!(NodePause);
