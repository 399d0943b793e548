//! `zone-outage`: SIGKILL to all its nodes of a zone, at once or one after the other.
//!
//! The host starts a node again that is still dead when the fault is withdrawn.

use std::collections::HashMap;

use squall_plugin::{Hooks, Plugin, Span, done, export, nodes, params};

params! {
    /// SIGKILL to all its nodes of a zone, at once or one after the other.
    struct Params {
        /// the zone; otherwise all of the fault's nodes
        zone: Option<String> = None, "\"z2\"";
        /// from one node's death to the next, in the scenario's order
        stagger: Span = Span::ZERO, "\"500ms\"";
        /// each node starts again this long after its death; otherwise when the fault is withdrawn
        restart_after: Option<Span> = None, "\"8s\"";
    }
}

struct Life {
    kill_at: Option<u64>,
    restart_at: Option<u64>,
}

struct ZoneOutage {
    params: Params,
    /// Of each node in the zone, from the first tick on.
    lives: HashMap<u32, Life>,
    begun: bool,
}

impl ZoneOutage {
    fn has(&self, node: &nodes::Node) -> bool {
        self.params.zone.as_ref().is_none_or(|zone| *zone == node.zone)
    }

    fn begin(&mut self, now: u64) {
        self.begun = true;
        let nodes = nodes::list().into_iter().filter(|node| self.has(node));
        let stagger = self.params.stagger.nanos();
        let deaths = (0_u64..).zip(nodes).map(|(place, node)| {
            let kill_at = Some(now.saturating_add(place.saturating_mul(stagger)));
            (node.id, Life { kill_at, restart_at: None })
        });
        self.lives = deaths.collect();
    }
}

impl Plugin for ZoneOutage {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let nodes = nodes::list();
        let outage = Self { params, lives: HashMap::new(), begun: false };
        // A trial without nodes has no zones to compare with.
        if let Some(zone) = &outage.params.zone
            && !nodes.is_empty()
            && !nodes.iter().any(|node| outage.has(node))
        {
            let zones: Vec<String> = nodes.iter().map(|node| format!("{:?}", node.zone)).collect();
            return Err(format!("no node of this fault is in zone {zone:?}; theirs: {}", zones.join(", ")));
        }
        Ok(outage)
    }

    fn hooks(&self) -> Hooks {
        Hooks::TICK
    }

    fn tick(&mut self, now: u64) {
        if !self.begun {
            self.begin(now);
        }
        for node in nodes::list() {
            let Some(life) = self.lives.get_mut(&node.id) else { continue };
            let is_due = |at: Option<u64>| at.is_some_and(|at| now >= at);
            // One that is still starting dies once it can.
            if is_due(life.kill_at) && node.state != nodes::State::Starting {
                life.kill_at = None;
                if done("kill", node.id, nodes::kill(node.id)) {
                    let after = self.params.restart_after.map(Span::nanos);
                    life.restart_at = after.map(|after| now.saturating_add(after));
                }
            } else if is_due(life.restart_at) {
                life.restart_at = None;
                done("start", node.id, nodes::restart(node.id));
            }
        }
    }
}

export!(ZoneOutage);
