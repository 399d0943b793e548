//! Phases and their faults, as they are typed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::place::Placed;
use super::{DurationText, NumberOrText, OneOrMany, PluginText};

/// A phase of the run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[[phase]]")]
pub(in crate::scenario) struct Phase {
    /// Its name.
    #[schemars(example = &"steady")]
    pub(in crate::scenario) name: Placed<String>,
    /// How long it lasts.
    #[schemars(example = &"20s")]
    pub(in crate::scenario) duration: Placed<DurationText>,
    /// No SLO counts it; `false` when it is left out.
    #[schemars(example = true)]
    #[serde(default)]
    pub(in crate::scenario) warmup: bool,
    /// With `arrivals`: how many times the rate while it lasts; 1 when it is left out, 0 is silence.
    /// Spikes stay as they are.
    #[schemars(example = 2.0)]
    pub(in crate::scenario) load: Option<Placed<f64>>,
    /// What is broken while it lasts.
    #[schemars(example = json!([{"plugin": "node-kill", "nodes": ["a"], "at": "2s"}]))]
    #[serde(default)]
    pub(in crate::scenario) fault: Vec<Placed<Fault>>,
}

/// A fault on the path to nodes, or on the nodes themselves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "fault")]
pub(in crate::scenario) struct Fault {
    /// A built-in plugin by its name, or the path of a WebAssembly file.
    #[schemars(example = &"latency")]
    pub(in crate::scenario) plugin: Placed<PluginText>,
    /// The nodes it may touch; all of them when it is left out.
    #[schemars(example = ["a"])]
    pub(in crate::scenario) nodes: Option<Placed<OneOrMany>>,
    /// When it is switched on, from the phase's start; `0s` when it is left out.
    #[schemars(example = &"2s")]
    pub(in crate::scenario) at: Option<Placed<DurationText>>,
    /// How long it stays on; to the phase's end when it is left out.
    #[schemars(example = &"8s")]
    #[serde(rename = "for")]
    pub(in crate::scenario) lasts: Option<Placed<DurationText>>,
    /// The share of attempts it is shown, from 0 to 1 or as a percentage; all when it is left out.
    #[schemars(example = 0.3)]
    pub(in crate::scenario) share: Option<Placed<NumberOrText>>,
    /// The attempts it is shown, of that share; all when it is left out.
    #[schemars(example = json!({"streaming": true}))]
    pub(in crate::scenario) when: Option<When>,
    /// The plugin's own parameters.
    #[schemars(example = json!({"p50": "20ms", "p99": "200ms"}))]
    #[serde(rename = "with")]
    pub(in crate::scenario) parameters: Option<Placed<serde_json::Map<String, serde_json::Value>>>,
    /// What happens when the plugin crashes; `fail-run` when it is left out.
    #[schemars(example = &"skip")]
    pub(in crate::scenario) on_trap: Option<OnTrap>,
}

/// Which attempts a fault is shown: those that meet all that is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "when")]
pub(in crate::scenario) struct When {
    /// The model that the request names.
    #[schemars(example = &"sim")]
    pub(in crate::scenario) model: Option<String>,
    /// What the path begins with.
    #[schemars(example = "/v1/chat")]
    pub(in crate::scenario) path: Option<Placed<String>>,
    /// A header and its value.
    #[schemars(example = json!({"name": "x-tenant", "value": "gold"}))]
    pub(in crate::scenario) header: Option<HeaderMatch>,
    /// Only streams, or only requests that are none.
    #[schemars(example = true)]
    pub(in crate::scenario) streaming: Option<bool>,
}

/// A header and its value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "header")]
pub(in crate::scenario) struct HeaderMatch {
    /// The header's name, in any case.
    #[schemars(example = "x-tenant")]
    pub(in crate::scenario) name: Placed<String>,
    /// Its value, exactly.
    #[schemars(example = &"gold")]
    pub(in crate::scenario) value: Placed<String>,
}

/// What happens when a plugin crashes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum OnTrap {
    /// The run ends, inconclusive.
    FailRun,
    /// The call counts as a pass; the report shows the crash.
    Skip,
}
