//! Real plugins before a scripted node: a fault as a scenario writes it, loaded and switched on.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use squall::fault::{self, Loaded, NodeControl, NodeInfo, NodeState, PluginError};
use squall::name::NodeName;
use squall::scenario::{self, plan::Plan};

use super::{Node, Parts, Result, Rig};

/// The guest that misbehaves, as built by ci/build-plugins.
pub(crate) fn hostile() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/dist-test/hostile.wasm"))
}

/// The guest that counts events again which come again.
pub(crate) fn forgetful() -> PathBuf {
    hostile().with_file_name("forgetful.wasm")
}

/// What ends an endless loop: its fuel, or on a machine that is busy otherwise, the time.
pub(crate) const SPUN: &str = "units of fuel|did not return within";

/// `text` has one of these words, which `|` separates.
pub(crate) fn says(text: &str, words: &str) -> bool {
    words.split('|').any(|words| text.contains(words))
}

/// A plan with these faults (lines of the scenario's `fault` list), all of them on node `a`'s proxy. Node
/// `b` exists too, and no fault is granted it unless it says so.
pub(crate) fn plan(faults: &str) -> Result<Plan> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("scenario.toml");
    std::fs::write(
        &path,
        format!(
            "schema = 1\nname = \"storm\"\nseed = {}\n\
             [target]\napi = \"openai-chat\"\nmodel = \"sim\"\nnode = \"a\"\n\
             [[node]]\nname = \"a\"\nsim = {{}}\n[[node]]\nname = \"b\"\nzone = \"z2\"\nsim = {{}}\n\
             [traffic]\narrivals = {{ constant = \"1/s\" }}\nprompts = {{ input = 10, output = 10 }}\n\
             [[phase]]\nname = \"all\"\nduration = \"1h\"\nfault = [\n{faults}\n]\n",
            super::SEED
        ),
    )?;
    Ok(scenario::load(&path, None)?)
}

/// A fault line: this plugin with these parameters, on every attempt at node `a`.
pub(crate) fn fault(plugin: &str, with: &str) -> String {
    format!("{{ plugin = \"{plugin}\", nodes = [\"a\"], with = {{ {with} }} }}")
}

/// The faults of `plan`, loaded over a pretended fleet.
pub(crate) fn load(
    plan: &Plan,
    parts: &Parts,
    fleet: &Arc<PretendedFleet>,
) -> std::result::Result<Loaded, PluginError> {
    let control: Arc<dyn NodeControl> = Arc::clone(fleet) as Arc<dyn NodeControl>;
    fault::load_all(plan, parts.clock, &parts.recorder, &parts.correlator, &control)
}

/// Real plugins in a proxy before a scripted node.
pub(crate) struct Storm {
    pub(crate) rig: Rig,
    pub(crate) loaded: Loaded,
    pub(crate) plan: Plan,
    pub(crate) fleet: Arc<PretendedFleet>,
}

impl Storm {
    /// These faults before `node`, all switched on.
    pub(crate) fn new(node: &Node, faults: &str) -> Result<Self> {
        let plan = plan(faults)?;
        let parts = Parts::new();
        let fleet = Arc::new(PretendedFleet::default());
        let loaded = load(&plan, &parts, &fleet)?;
        (0..plan.faults.len()).for_each(|index| loaded.engine.switch_on(index));
        let rig = parts.rig(node.address, Arc::clone(&loaded.engine))?;
        Ok(Self { rig, loaded, plan, fleet })
    }
}

/// A mock: it writes down what would be done to nodes, and lists them as if it had been. Real nodes are
/// killed in the tests of whole runs.
#[derive(Default)]
pub(crate) struct PretendedFleet {
    pub(crate) done: Mutex<Vec<String>>,
    /// Of the nodes that are not up.
    states: Mutex<HashMap<NodeName, NodeState>>,
}

impl PretendedFleet {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn act(&self, what: &str, node: &NodeName, becomes: NodeState) {
        self.done.lock().push(format!("{what} {node}"));
        self.states.lock().insert(node.clone(), becomes);
    }
}

impl NodeControl for PretendedFleet {
    fn list(&self) -> Vec<NodeInfo> {
        let states = self.states.lock();
        let node = |name: &str, zone: &str| {
            let state = states.get(&NodeName::from(name)).copied().unwrap_or(NodeState::Up);
            NodeInfo { name: name.into(), zone: zone.into(), state }
        };
        vec![node("a", ""), node("b", "z2")]
    }
    fn kill(&self, node: &NodeName) -> std::result::Result<(), String> {
        self.act("kill", node, NodeState::Down);
        Ok(())
    }
    fn pause(&self, node: &NodeName) -> std::result::Result<(), String> {
        self.act("pause", node, NodeState::Paused);
        Ok(())
    }
    fn resume(&self, node: &NodeName) -> std::result::Result<(), String> {
        self.act("resume", node, NodeState::Up);
        Ok(())
    }
    fn restart(&self, node: &NodeName) -> std::result::Result<(), String> {
        self.act("restart", node, NodeState::Up);
        Ok(())
    }
    fn refuse(&self, node: &NodeName) -> std::result::Result<(), String> {
        self.act("refuse", node, NodeState::Refusing);
        Ok(())
    }
    fn accept(&self, node: &NodeName) -> std::result::Result<(), String> {
        self.act("accept", node, NodeState::Up);
        Ok(())
    }
}
