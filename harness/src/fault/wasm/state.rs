//! What the host lends a plugin: run time, a log, counters, and the nodes it was granted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use wasmtime::ResourceLimiter;

use super::MEMORY;
use super::bindings::squall::fault::{host, nodes, types};
use crate::clock::{Clock, Nanos};
use crate::fault::{NodeControl, NodeInfo, NodeState};
use crate::name::NodeName;
use crate::record::{FaultRow, Record, Recorder};

/// Lines of log that a fault may write.
const LOG_LINES: u32 = 100;
/// How long one of them may be.
const LOG_LINE: usize = 1_000;
/// Counters that a fault may have.
const COUNTERS: usize = 64;
/// Tables and instances that a plugin may have.
const TABLE_ELEMENTS: usize = 100_000;

/// What a fault did to the world, for the report and for the undoing.
#[derive(Default)]
pub(in crate::fault) struct Deeds {
    actions: AtomicU64,
    counters: Mutex<BTreeMap<String, u64>>,
    log: Mutex<Vec<String>>,
    log_lines: AtomicU32,
    /// Locked for the whole of each action, so that none falls between the undoing and its end.
    standing: Mutex<Standing>,
}

/// What a fault did to nodes and has not undone itself.
#[derive(Default)]
struct Standing {
    down: BTreeSet<NodeName>,
    paused: BTreeSet<NodeName>,
    refusing: BTreeSet<NodeName>,
    /// Of a storm that is paused, what stood as it was paused.
    kept: Option<Box<Self>>,
    /// The fault is over, or the storm is paused: a call that was under way, or tells it how an attempt ended, can do no more.
    withdrawn: bool,
}

impl Deeds {
    /// Actions on nodes.
    pub(in crate::fault) fn actions(&self) -> u64 {
        self.actions.load(Ordering::Relaxed)
    }

    pub(in crate::fault) fn counters(&self) -> BTreeMap<String, u64> {
        self.counters.lock().clone()
    }

    /// Lines of log since the last look, for a plugin's author.
    pub(in crate::fault) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock())
    }

    /// Brings back what the fault took away, and remembers it: the storm is paused.
    pub(in crate::fault) fn hold(&self, control: &dyn NodeControl, others: &[&Self]) {
        let kept = {
            let mut standing = self.standing.lock();
            standing.withdrawn = true;
            let Standing { down, paused, refusing, .. } = &*standing;
            Standing {
                down: down.clone(),
                paused: paused.clone(),
                refusing: refusing.clone(),
                ..Standing::default()
            }
        };
        self.undo(control, others);
        self.standing.lock().kept = Some(Box::new(kept));
    }

    /// The storm goes on: the fault may act again, and what stood as it was paused is to stand again, unless
    /// its plugin undoes it before [`Deeds::take_again`].
    pub(in crate::fault) fn go_on(&self) {
        let mut standing = self.standing.lock();
        if let Some(kept) = standing.kept.take() {
            *standing = *kept;
        }
        standing.withdrawn = false;
    }

    /// Takes down, pauses and refuses again what stands so by this fault, each after a word to `tell`. False
    /// while a node is not up yet, so that it can't be taken: then to be called again.
    pub(in crate::fault) fn take_again(
        &self,
        control: &dyn NodeControl,
        tell: impl Fn(&NodeName, &'static str),
    ) -> bool {
        type Take = fn(&dyn NodeControl, &NodeName) -> Result<(), String>;
        let standing = self.standing.lock();
        let states: BTreeMap<NodeName, NodeState> =
            control.list().into_iter().map(|node| (node.name, node.state)).collect();
        let kinds: [(&BTreeSet<NodeName>, NodeState, &'static str, Take); 3] = [
            (&standing.down, NodeState::Down, "kill", |control, node| control.kill(node)),
            (&standing.paused, NodeState::Paused, "pause", |control, node| control.pause(node)),
            (&standing.refusing, NodeState::Refusing, "refuse", |control, node| control.refuse(node)),
        ];
        let mut all = true;
        for (nodes, wanted, verdict, take) in kinds {
            for node in nodes.iter().filter(|node| states.get(*node) != Some(&wanted)) {
                if states.get(node) != Some(&NodeState::Up) {
                    all = false;
                    continue;
                }
                tell(node, verdict);
                match take(control, node) {
                    Ok(()) => drop(self.actions.fetch_add(1, Ordering::Relaxed)),
                    Err(why) => tracing::warn!(%node, "{verdict} could not be done again: {why}"),
                }
            }
        }
        all
    }

    /// Brings back what the fault took away, for good: nodes that are still down, paused or refusing by it, and
    /// by none of the `others`.
    pub(in crate::fault) fn undo(&self, control: &dyn NodeControl, others: &[&Self]) {
        let held = |taken: fn(&Standing) -> &BTreeSet<NodeName>, node: &NodeName| {
            others.iter().any(|other| taken(&other.standing.lock()).contains(node))
        };
        let mut standing = self.standing.lock();
        standing.withdrawn = true;
        let states: BTreeMap<NodeName, NodeState> =
            control.list().into_iter().map(|node| (node.name, node.state)).collect();
        let is = |node: &NodeName, state| states.get(node) == Some(&state);
        for node in std::mem::take(&mut standing.paused) {
            if is(&node, NodeState::Paused) && !held(|standing| &standing.paused, &node) {
                report(&node, "resumed", control.resume(&node));
            }
        }
        for node in std::mem::take(&mut standing.refusing) {
            if is(&node, NodeState::Refusing) && !held(|standing| &standing.refusing, &node) {
                report(&node, "reachable", control.accept(&node));
            }
        }
        for node in std::mem::take(&mut standing.down) {
            if is(&node, NodeState::Down) && !held(|standing| &standing.down, &node) {
                report(&node, "started", control.restart(&node));
            }
        }
    }
}

fn report(node: &NodeName, what: &str, result: Result<(), String>) {
    match result {
        Ok(()) => tracing::info!(%node, "{what} again, since its fault is withdrawn"),
        Err(why) => tracing::warn!(%node, "could not be {what} again: {why}"),
    }
}

/// What a plugin's instance is lent.
#[derive(Clone)]
pub(in crate::fault) struct Lent {
    pub(in crate::fault) plugin: String,
    pub(in crate::fault) fault: u32,
    /// All nodes, in the scenario's order.
    pub(in crate::fault) nodes: Vec<NodeName>,
    /// Those that the scenario lets it touch.
    pub(in crate::fault) granted: Vec<NodeName>,
    pub(in crate::fault) clock: Clock,
    pub(in crate::fault) recorder: Recorder,
    pub(in crate::fault) control: Arc<dyn NodeControl>,
    pub(in crate::fault) deeds: Arc<Deeds>,
}

/// The data of a plugin's store.
pub(super) struct State {
    pub(super) lent: Lent,
    /// The hook that is being called.
    pub(super) hook: &'static str,
    memory: usize,
    pub(super) refused_memory: bool,
}

impl State {
    /// Of an instance that does not run yet.
    pub(super) fn new(lent: Lent) -> Self {
        Self { lent, hook: "configure", memory: 0, refused_memory: false }
    }

    fn named(&self, node: types::NodeId) -> Option<&NodeName> {
        self.lent.nodes.get(usize::try_from(node).ok()?)
    }

    /// Carries out an action on a granted node, and notes what stands by it. It is on record before it
    /// happens.
    fn act(
        &mut self,
        node: types::NodeId,
        what: &str,
        act: impl FnOnce(&dyn NodeControl, &NodeName) -> Result<(), String>,
        note: impl FnOnce(&mut Standing, NodeName),
    ) -> Result<(), String> {
        let name = self.named(node).ok_or_else(|| format!("the scenario has no node {node}"))?.clone();
        let lent = &self.lent;
        if !lent.granted.contains(&name) {
            return Err(format!("the scenario does not name node `{name}` in this fault's nodes"));
        }
        if self.hook == "configure" {
            return Err(format!("the fault is not on yet, so that nothing is done to node `{name}`"));
        }
        let mut standing = lent.deeds.standing.lock();
        if standing.withdrawn {
            return Err(format!("the fault is over, so that nothing is done to node `{name}` any more"));
        }
        let whose = (lent.plugin.clone(), lent.fault);
        let row = FaultRow::on_node(lent.clock.now(), whose, self.hook, what, name.clone());
        lent.recorder.record(Record::Fault(Box::new(row)));
        act(lent.control.as_ref(), &name)?;
        lent.deeds.actions.fetch_add(1, Ordering::Relaxed);
        note(&mut standing, name);
        Ok(())
    }
}

impl host::Host for State {
    fn now(&mut self) -> types::Nanos {
        let Nanos(now) = self.lent.clock.now();
        now
    }

    fn log(&mut self, level: host::Level, message: String) {
        let lines = self.lent.deeds.log_lines.fetch_add(1, Ordering::Relaxed) + 1;
        if lines > LOG_LINES {
            return;
        }
        let plugin = &self.lent.plugin;
        let message: String = message.chars().take(LOG_LINE).collect();
        self.lent.deeds.log.lock().push(message.clone());
        match level {
            host::Level::Debug => tracing::debug!(%plugin, "{message}"),
            host::Level::Info => tracing::info!(%plugin, "{message}"),
            host::Level::Warn => tracing::warn!(%plugin, "{message}"),
        }
        if lines == LOG_LINES {
            tracing::warn!(%plugin, "has written {LOG_LINES} lines; what follows is left out");
        }
    }

    fn count(&mut self, name: String, by: u64) {
        let mut counters = self.lent.deeds.counters.lock();
        if counters.len() < COUNTERS || counters.contains_key(&name) {
            let counter = counters.entry(name.chars().take(LOG_LINE).collect()).or_default();
            *counter = counter.saturating_add(by);
        }
    }

    fn node_name(&mut self, node: types::NodeId) -> String {
        self.named(node).map(ToString::to_string).unwrap_or_default()
    }
}

impl nodes::Host for State {
    fn list(&mut self) -> Vec<nodes::Node> {
        let granted = |node: &NodeInfo| self.lent.granted.contains(&node.name);
        let place = |node: &NodeInfo| self.lent.nodes.iter().position(|name| *name == node.name);
        let nodes = self.lent.control.list().into_iter().filter(granted);
        nodes.filter_map(|node| Some(listed(u32::try_from(place(&node)?).ok()?, node))).collect()
    }

    fn kill(&mut self, node: types::NodeId) -> Result<(), String> {
        let note = |standing: &mut Standing, name| {
            standing.down.insert(name);
        };
        self.act(node, "kill", |control, name| control.kill(name), note)
    }

    fn restart(&mut self, node: types::NodeId) -> Result<(), String> {
        let note = |standing: &mut Standing, name| {
            standing.down.remove(&name);
        };
        self.act(node, "restart", |control, name| control.restart(name), note)
    }

    fn pause(&mut self, node: types::NodeId) -> Result<(), String> {
        let note = |standing: &mut Standing, name| {
            standing.paused.insert(name);
        };
        self.act(node, "pause", |control, name| control.pause(name), note)
    }

    fn resume(&mut self, node: types::NodeId) -> Result<(), String> {
        let note = |standing: &mut Standing, name| {
            standing.paused.remove(&name);
        };
        self.act(node, "resume", |control, name| control.resume(name), note)
    }

    fn refuse(&mut self, node: types::NodeId) -> Result<(), String> {
        let note = |standing: &mut Standing, name| {
            standing.refusing.insert(name);
        };
        self.act(node, "refuse", |control, name| control.refuse(name), note)
    }

    fn accept(&mut self, node: types::NodeId) -> Result<(), String> {
        let note = |standing: &mut Standing, name| {
            standing.refusing.remove(&name);
        };
        self.act(node, "accept", |control, name| control.accept(name), note)
    }
}

fn listed(id: types::NodeId, node: NodeInfo) -> nodes::Node {
    nodes::Node {
        id,
        name: node.name.to_string(),
        zone: node.zone,
        state: match node.state {
            NodeState::Starting => nodes::State::Starting,
            NodeState::Up => nodes::State::Up,
            NodeState::Paused => nodes::State::Paused,
            NodeState::Refusing => nodes::State::Refusing,
            NodeState::Down => nodes::State::Down,
        },
    }
}

impl types::Host for State {}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory + desired.saturating_sub(current);
        let allowed = wanted as u64 <= MEMORY;
        if allowed {
            self.memory = wanted;
        } else {
            self.refused_memory = true;
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}
