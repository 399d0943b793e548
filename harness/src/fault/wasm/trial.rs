//! A plugin on its own, outside a run: what its author's checks, replays and measurements call.
//!
//! Time stands where it is put, and nodes are a pretended fleet's that does what it is asked, on paper.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentExtern, ComponentItem};

use super::{COMPONENT, DURING, Deeds, Host, Lent, Plugin, Refusal};
use crate::clock::{Clock, Nanos};
use crate::fault::{Description, Fault, Hooks, NodeControl, NodeInfo, NodeState, Trap};
use crate::name::NodeName;
use crate::record::Recorder;

/// A plugin's bytes, compiled: ready for trials.
pub struct Specimen {
    name: String,
    host: Host,
    component: Component,
    bytes: Vec<u8>,
}

impl Specimen {
    /// From a component, or a core module, which is wrapped.
    pub fn new(name: impl Into<String>, bytes: &[u8]) -> Result<Self, Refusal> {
        let host = Host::new()?;
        let bytes = host.component(bytes)?.into_owned();
        let component = host.compile(&bytes)?;
        Ok(Self { name: name.into(), host, component, bytes })
    }

    /// What `bytes` import and export, whether or not Squall runs them.
    pub fn shape(bytes: &[u8]) -> Result<Shape, Refusal> {
        let host = Host::new()?;
        let component = host.native(&host.component(bytes)?)?;
        let (kind, engine) = (component.component_type(), &host.engine);
        let named = |name: &str, item: ComponentExtern<'_>| {
            let functions = match item.ty {
                ComponentItem::ComponentInstance(instance) => {
                    let items = instance.exports(engine);
                    let functions =
                        items.filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
                    functions.map(|(name, _)| name.to_owned()).collect()
                }
                _ => Vec::new(),
            };
            Interface { name: name.to_owned(), functions }
        };
        Ok(Shape {
            is_component: bytes.starts_with(COMPONENT),
            imports: kind.imports(engine).map(|(name, item)| named(name, item)).collect(),
            exports: kind.exports(engine).map(|(name, item)| named(name, item)).collect(),
        })
    }

    /// The component that is run.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A fresh instance over these nodes, of which it may touch those in `granted`.
    pub fn trial(&self, nodes: Vec<NodeInfo>, granted: Vec<NodeName>) -> Result<Trial, Refusal> {
        let names = nodes.iter().map(|node| node.name.clone()).collect();
        let fleet = Arc::new(PaperFleet::new(nodes));
        let (clock, deeds) = (Clock::stopped(), super::deeds());
        let control: Arc<dyn NodeControl> = Arc::clone(&fleet) as Arc<dyn NodeControl>;
        let lent = Lent {
            plugin: self.name.clone(),
            fault: 0,
            nodes: names,
            granted,
            clock,
            recorder: Recorder::channel().0,
            control,
            deeds: Arc::clone(&deeds),
        };
        let plugin = self.host.instantiate(&self.component, lent)?;
        Ok(Trial { plugin, clock, deeds, fleet })
    }
}

/// What a component imports and exports.
#[derive(Clone, Debug)]
pub struct Shape {
    /// It is one as it is, not wrapped here.
    pub is_component: bool,
    /// What it imports.
    pub imports: Vec<Interface>,
    /// What it exports.
    pub exports: Vec<Interface>,
}

/// An import or an export.
#[derive(Clone, Debug)]
pub struct Interface {
    /// `squall:fault/host@0.3.0`.
    pub name: String,
    /// The functions in it.
    pub functions: Vec<String>,
}

/// An instance of a plugin that is tried out.
pub struct Trial {
    plugin: Plugin,
    clock: Clock,
    deeds: Arc<Deeds>,
    fleet: Arc<PaperFleet>,
}

impl Trial {
    /// The fuel that a call may use during a run.
    pub const BUDGET: u64 = DURING.fuel;

    /// What it says of itself.
    pub fn describe(&mut self) -> Result<Description, Trap> {
        self.plugin.describe()
    }

    /// Hands over its parameters, as JSON. The inner error is the plugin's own.
    pub fn configure(&mut self, json: &str) -> Result<Result<Hooks, String>, Trap> {
        Ok(self.plugin.configure(json)?.map(|()| self.plugin.hooks()))
    }

    /// Its hooks.
    pub fn fault(&mut self) -> &mut dyn Fault {
        &mut self.plugin
    }

    /// Moves run time to `now`.
    pub fn set_time(&self, now: Nanos) {
        self.clock.stand_at(now);
    }

    /// The fuel that the last call used.
    pub fn fuel_used(&self) -> u64 {
        self.plugin.fuel_used()
    }

    /// What it did to nodes since the last look: `kill a`.
    pub fn take_actions(&self) -> Vec<String> {
        std::mem::take(&mut *self.fleet.done.lock())
    }

    /// What it logged since the last look.
    pub fn take_log(&self) -> Vec<String> {
        self.deeds.take_log()
    }

    /// Its counters.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.deeds.counters()
    }
}

/// A fleet on paper: each action happens at once, and is written down.
struct PaperFleet {
    nodes: Mutex<Vec<NodeInfo>>,
    done: Mutex<Vec<String>>,
}

impl PaperFleet {
    fn new(nodes: Vec<NodeInfo>) -> Self {
        Self { nodes: Mutex::new(nodes), done: Mutex::default() }
    }

    fn become_so(&self, what: &str, name: &NodeName, state: NodeState) -> Result<(), String> {
        let mut nodes = self.nodes.lock();
        let node = nodes.iter_mut().find(|node| node.name == *name);
        node.ok_or_else(|| format!("there is no node `{name}`"))?.state = state;
        self.done.lock().push(format!("{what} {name}"));
        Ok(())
    }
}

impl NodeControl for PaperFleet {
    fn list(&self) -> Vec<NodeInfo> {
        self.nodes.lock().clone()
    }
    fn kill(&self, node: &NodeName) -> Result<(), String> {
        self.become_so("kill", node, NodeState::Down)
    }
    fn pause(&self, node: &NodeName) -> Result<(), String> {
        self.become_so("pause", node, NodeState::Paused)
    }
    fn resume(&self, node: &NodeName) -> Result<(), String> {
        self.become_so("resume", node, NodeState::Up)
    }
    fn restart(&self, node: &NodeName) -> Result<(), String> {
        self.become_so("restart", node, NodeState::Up)
    }
    fn refuse(&self, node: &NodeName) -> Result<(), String> {
        self.become_so("refuse", node, NodeState::Refusing)
    }
    fn accept(&self, node: &NodeName) -> Result<(), String> {
        self.become_so("accept", node, NodeState::Up)
    }
}
