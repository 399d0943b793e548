//! From the plan's faults to plugins that run: found, compiled, configured, before anything else.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use squall_report::Counter;

use super::catalogue::{BUILT_IN, built_in_names};
use super::wasm::{self, Deeds, Host, Lent, Refusal};
use super::{Description, Engine, Fault, NodeControl, NodeInfo, NodeState, Trap};
use crate::clock::Clock;
use crate::correlation::Correlator;
use crate::name::NodeName;
use crate::record::Recorder;
use crate::scenario::plan::{FaultPlan, NodePlan, Plan, PluginRef};

/// Why a fault can't be made.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The plugin's file could not be read.
    #[error("cannot read the plugin {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A name that no plugin has.
    #[error("there is no built-in plugin `{name}`; give the path of a .wasm file, or one of {}", built_in_names().join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// Its bytes are no plugin.
    #[error("the plugin `{plugin}` was refused: {why}")]
    Refused {
        /// As the scenario names it.
        plugin: String,
        /// Why.
        why: Refusal,
    },
    /// It does not take its parameters.
    #[error("the plugin `{plugin}`, fault {} of the scenario, in phase `{phase}`, refuses its `with`: {why}", index + 1)]
    Parameters {
        /// As the scenario names it.
        plugin: String,
        /// The fault's place in the scenario, from 0.
        index: u32,
        /// Its phase.
        phase: String,
        /// What the plugin says.
        why: String,
    },
    /// It failed while it read its parameters.
    #[error("{0}")]
    Trapped(#[from] Trap),
}

/// The faults of a run, ready.
pub struct Loaded {
    /// Asks them.
    pub engine: Arc<Engine>,
    pub(super) control: Arc<dyn NodeControl>,
    pub(super) made: Vec<Made>,
}

/// What is known of a fault beside its plan.
pub(super) struct Made {
    sha256: String,
    pub(super) deeds: Arc<Deeds>,
}

/// Makes every fault of `plan`.
pub fn load_all(
    plan: &Plan,
    clock: Clock,
    recorder: &Recorder,
    correlator: &Arc<Correlator>,
    control: &Arc<dyn NodeControl>,
) -> Result<Loaded, PluginError> {
    let mut faults: Vec<(FaultPlan, Box<dyn Fault>)> = Vec::new();
    let mut made = Vec::new();
    let nodes: Vec<NodeName> = plan.nodes.iter().map(|node| node.name.clone()).collect();
    if !plan.faults.is_empty() {
        let host = host()?;
        let mut compiled = HashMap::new();
        for fault in &plan.faults {
            let bytes = bytes_of(&fault.plugin)?;
            let sha256 = hex(&Sha256::digest(&bytes));
            let refused = |why| PluginError::Refused { plugin: fault.plugin.name(), why };
            if !compiled.contains_key(&sha256) {
                compiled.insert(sha256.clone(), host.compile(&bytes).map_err(refused)?);
            }
            let deeds = wasm::deeds();
            let lent = Lent {
                plugin: fault.plugin.name(),
                fault: fault.index,
                nodes: nodes.clone(),
                granted: fault.nodes.clone(),
                clock,
                recorder: recorder.clone(),
                control: Arc::clone(control),
                deeds: Arc::clone(&deeds),
            };
            let mut plugin = host.instantiate(&compiled[&sha256], lent).map_err(refused)?;
            plugin.configure(&fault.with.to_string())?.map_err(|why| PluginError::Parameters {
                plugin: fault.plugin.name(),
                index: fault.index,
                phase: plan.phases[fault.phase].name.clone(),
                why,
            })?;
            faults.push((fault.clone(), Box::new(plugin)));
            made.push(Made { sha256, deeds });
        }
    }
    let engine = Engine::new(plan.seed, clock, recorder.clone(), Arc::clone(correlator), nodes, faults);
    Ok(Loaded { engine, control: Arc::clone(control), made })
}

fn host() -> Result<Host, PluginError> {
    Host::new().map_err(|why| PluginError::Refused { plugin: "wasmtime".into(), why })
}

/// Hands every fault of `plan` its parameters, as before a run, and lets nothing run.
pub fn check_all(plan: &Plan) -> Result<(), PluginError> {
    let node = |node: &NodePlan| NodeInfo {
        name: node.name.clone(),
        zone: node.zone.clone(),
        state: NodeState::Down,
    };
    let control: Arc<dyn NodeControl> = Arc::new(Planned(plan.nodes.iter().map(node).collect()));
    load_all(plan, Clock::stopped(), &Recorder::channel().0, &Arc::default(), &control).map(drop)
}

/// What a plugin says of itself.
pub fn describe(plugin: &PluginRef) -> Result<Description, PluginError> {
    let refused = |why| PluginError::Refused { plugin: plugin.name(), why };
    let host = host()?;
    let component = host.compile(&bytes_of(plugin)?).map_err(refused)?;
    let lent = Lent {
        plugin: plugin.name(),
        fault: 0,
        nodes: Vec::new(),
        granted: Vec::new(),
        clock: Clock::stopped(),
        recorder: Recorder::channel().0,
        control: Arc::new(Planned(Vec::new())),
        deeds: wasm::deeds(),
    };
    Ok(host.instantiate(&component, lent).map_err(refused)?.describe()?)
}

/// A fleet that does not run, for plugins that are only looked at.
struct Planned(Vec<NodeInfo>);

impl NodeControl for Planned {
    fn list(&self) -> Vec<NodeInfo> {
        self.0.clone()
    }
    fn kill(&self, _: &NodeName) -> Result<(), String> {
        Err(NOTHING_RUNS.into())
    }
    fn pause(&self, _: &NodeName) -> Result<(), String> {
        Err(NOTHING_RUNS.into())
    }
    fn resume(&self, _: &NodeName) -> Result<(), String> {
        Err(NOTHING_RUNS.into())
    }
    fn restart(&self, _: &NodeName) -> Result<(), String> {
        Err(NOTHING_RUNS.into())
    }
    fn refuse(&self, _: &NodeName) -> Result<(), String> {
        Err(NOTHING_RUNS.into())
    }
    fn accept(&self, _: &NodeName) -> Result<(), String> {
        Err(NOTHING_RUNS.into())
    }
}

const NOTHING_RUNS: &str = "nothing runs yet";

/// A plugin's bytes, as they are.
pub fn bytes_of(plugin: &PluginRef) -> Result<Vec<u8>, PluginError> {
    match plugin {
        PluginRef::BuiltIn(name) => {
            let built_in = BUILT_IN.iter().find(|(known, _)| known == name);
            built_in
                .map(|(_, bytes)| bytes.to_vec())
                .ok_or_else(|| PluginError::Unknown { name: name.clone() })
        }
        PluginRef::File(path) => {
            std::fs::read(path).map_err(|source| PluginError::Unreadable { path: path.clone(), source })
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Loaded {
    /// What each fault did, for the report.
    pub fn evidence(&self, plan: &Plan) -> Vec<squall_report::Fault> {
        let made = self.made.iter().enumerate();
        plan.faults
            .iter()
            .zip(made)
            .map(|(fault, (index, made))| {
                let tally = self.engine.tally(index);
                let counters = made.deeds.counters().into_iter();
                squall_report::Fault {
                    plugin: fault.plugin.name(),
                    sha256: made.sha256.clone(),
                    phase: plan.phases[fault.phase].name.clone(),
                    nodes: fault.nodes.iter().map(ToString::to_string).collect(),
                    start_s: fault.on.as_secs_f64(),
                    end_s: fault.off.as_secs_f64(),
                    fired: tally.fired + made.deeds.actions(),
                    traps: tally.traps,
                    trap: tally.first_trap.map(|trap| trap.to_string()),
                    counters: counters.map(|(name, value)| Counter { name, value }).collect(),
                }
            })
            .collect()
    }
}
