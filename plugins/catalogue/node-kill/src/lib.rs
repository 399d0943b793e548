//! `node-kill`: SIGKILL to each node the scenario grants, once while the fault is on.
//!
//! The node dies at once, as the Nth request reaches it, or in the middle of a stream, after its
//! event N. The host starts a node again that is still dead when the fault is withdrawn.

use std::collections::HashMap;

use squall_plugin::{
    Attempt, Event, EventVerdict, Hooks, Plugin, RequestHead, RequestVerdict, Span, export, host, nodes,
    params,
};

params! {
    /// SIGKILL to each of its nodes, once.
    struct Params {
        /// dies as the Nth request reaches it, counted from 1
        after_requests: Option<u64> = None, "100";
        /// dies in the middle of a stream, after its event N
        after_event: Option<u32> = None, "5";
        /// starts again this much later; otherwise when the fault is withdrawn
        restart_after: Option<Span> = None, "\"8s\"";
    }
}

#[derive(Clone, Copy)]
enum When {
    AtOnce,
    AfterRequests(u64),
    AfterEvent(u32),
}

/// What became of a node.
#[derive(Default)]
struct Life {
    requests: u64,
    killed: bool,
    restart_at: Option<u64>,
}

struct NodeKill {
    when: When,
    restart_after: Option<u64>,
    lives: HashMap<u32, Life>,
}

impl NodeKill {
    fn kill(&mut self, node: u32, now: u64) {
        let life = self.lives.entry(node).or_default();
        if life.killed {
            return;
        }
        life.killed = true;
        match nodes::kill(node) {
            Ok(()) => life.restart_at = self.restart_after.map(|after| now.saturating_add(after)),
            Err(why) => host::log(
                host::Level::Warn,
                &format!("node `{}` could not be killed: {why}", host::node_name(node)),
            ),
        }
    }
}

impl Plugin for NodeKill {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let when = match (params.after_requests, params.after_event) {
            (None, None) => When::AtOnce,
            (Some(0), None) => {
                return Err("`after_requests` counts from 1; leave it out to kill at once".into());
            }
            (Some(count), None) => When::AfterRequests(count),
            (None, Some(index)) => When::AfterEvent(index),
            (Some(_), Some(_)) => return Err("`after_requests` or `after_event`, not both".into()),
        };
        Ok(Self { when, restart_after: params.restart_after.map(Span::nanos), lives: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        match self.when {
            When::AtOnce => Hooks::TICK,
            When::AfterRequests(_) => Hooks::REQUEST | Hooks::TICK,
            When::AfterEvent(_) => Hooks::EVENTS | Hooks::TICK,
        }
    }

    /// A probe (`GET /health`) is no request that counts.
    fn request(&mut self, attempt: &Attempt, head: &RequestHead) -> RequestVerdict {
        if let When::AfterRequests(count) = self.when
            && head.method == "POST"
        {
            let life = self.lives.entry(attempt.node).or_default();
            life.requests += 1;
            if life.requests == count {
                self.kill(attempt.node, host::now());
            }
        }
        RequestVerdict::Pass
    }

    fn event(&mut self, attempt: &Attempt, event: &Event) -> EventVerdict {
        let index = event.index;
        if let When::AfterEvent(last) = self.when
            && index >= last
        {
            self.kill(attempt.node, host::now());
        }
        EventVerdict::Pass
    }

    fn tick(&mut self, now: u64) {
        if let When::AtOnce = self.when
            && self.lives.is_empty()
        {
            for node in nodes::list() {
                self.kill(node.id, now);
            }
        }
        for (node, life) in &mut self.lives {
            if life.restart_at.is_some_and(|at| now >= at) {
                life.restart_at = None;
                if let Err(why) = nodes::restart(*node) {
                    host::log(
                        host::Level::Warn,
                        &format!("node `{}` could not be started again: {why}", host::node_name(*node)),
                    );
                }
            }
        }
    }
}

export!(NodeKill);
