//! The scenario as it is typed: these types mirror the file, one to one.
//!
//! Nothing is checked here but the shape: keys and types. What values mean, and whether they make
//! sense, is [`super::resolve`]'s to say. The comments on fields are what an editor shows, and the
//! examples are what a mistake's message offers, so each has one.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::place::Placed;

mod client;
mod node;
mod objectives;
mod phase;
mod schedule;
mod target;
mod traffic;
mod words;

pub(super) use client::{Client, Retries};
pub(super) use node::{Node, Sim};
pub(super) use objectives::{Budget, Failover, Slo, Stop};
pub(super) use phase::{Fault, OnTrap, Phase, When};
pub(super) use schedule::{
    Arrivals, Bursts, Daily, Rate, RateStep, Session, Spike, SubRequests, Tools, UserStep, Users,
};
pub(super) use target::{HeaderKey, Key, Promises, Target};
pub(super) use traffic::{BadRows, Limits, Prompts, Trace, TraceFormat, Traffic};
pub(super) use words::{
    ClockText, DurationText, FlagOrText, NumberOrText, OneOrMany, PluginText, RateText, ThinkText,
    is_plugin_path,
};

/// A part of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Arm {
    /// Without the faults.
    Control,
    /// With the faults.
    Storm,
}

/// A Squall scenario: what is loaded, what is broken, and what must hold. Paths in it are relative
/// to the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the scenario")]
pub(super) struct Scenario {
    /// Version of this format.
    #[schemars(example = 1, extend("const" = 1))]
    pub(super) schema: Placed<u32>,
    /// What the report calls it.
    #[schemars(example = "one node of three dies under chat traffic")]
    pub(super) name: Placed<String>,
    /// Fixes arrivals, prompts, answers of simulated nodes and every fault decision: the same seed,
    /// the same run. 0 when it is left out.
    #[schemars(example = 7)]
    pub(super) seed: Option<u64>,
    /// The parts of the experiment: `storm` alone when it is left out; with `control`, the same traffic is sent
    /// without the faults before it, and the report shows what the faults changed.
    #[schemars(example = json!(["control", "storm"]))]
    pub(super) arms: Option<Placed<Vec<Arm>>>,
    /// What the load is sent to.
    #[schemars(example = json!({"model": "sim", "router": {}}))]
    pub(super) target: Placed<Target>,
    /// The fleet: `[[node]]` once for each. A fault proxy stands before each node.
    #[schemars(example = json!([{"name": "a", "sim": {}}]))]
    #[serde(default)]
    pub(super) node: Vec<Placed<Node>>,
    /// The load.
    #[schemars(example = json!({"trace": {"path": "traces/azure_llm_2023_conv.csv", "speed": 4.0}}))]
    pub(super) traffic: Placed<Traffic>,
    /// The phases, in order: `[[phase]]` once for each.
    #[schemars(example = json!([{"name": "steady", "duration": "20s"}]))]
    #[serde(default)]
    pub(super) phase: Vec<Placed<Phase>>,
    /// What must hold: `[[slo]]` once for each objective.
    #[schemars(example = json!([{"name": "first token", "objective": "p95(ttft) <= 800ms"}]))]
    #[serde(default)]
    pub(super) slo: Vec<Placed<Slo>>,
    /// What ends the run before its time: `[[stop]]` once for each guard.
    #[schemars(example = json!([{"when": "success < 50%", "over": "5s"}]))]
    #[serde(default)]
    pub(super) stop: Vec<Placed<Stop>>,
    /// Bounds on what happens when a node dies.
    #[schemars(example = json!({"detection": "2s", "lost": "1%"}))]
    pub(super) failover: Option<Failover>,
}
