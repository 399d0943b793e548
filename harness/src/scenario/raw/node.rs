//! The nodes of the fleet, as they are typed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::either::TextOr;
use super::super::place::Placed;
use super::{DurationText, HeaderKey, Key};

/// A node of the fleet: exactly one of `sim`, `command` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[[node]]", extend("oneOf" = [{"required": ["sim"]}, {"required": ["command"]}, {"required": ["url"]}], "dependencies" = {"command": ["ready"], "ready": ["command"], "ready_within": ["command"]}))]
pub(in crate::scenario) struct Node {
    /// Its name: letters, digits, `.`, `_` and `-`.
    #[schemars(example = &"a")]
    pub(in crate::scenario) name: Placed<String>,
    /// Its zone.
    #[schemars(example = &"z1")]
    pub(in crate::scenario) zone: Option<Placed<String>>,
    /// A simulated node, started as a process of its own. `{}` takes the defaults.
    #[schemars(example = json!({"ttft": "60ms", "itl": "8ms", "slots": 32}))]
    pub(in crate::scenario) sim: Option<Placed<Sim>>,
    /// A program started for the run, and its arguments. `{port}` is a free port, `{dir}` the
    /// scenario's folder. Needs `ready`.
    #[schemars(example = ["vllm", "serve", "Qwen/Qwen3-0.6B", "--port", "{port}"])]
    pub(in crate::scenario) command: Option<Placed<Vec<Placed<String>>>>,
    /// With `command`: the URL that answers 200 when it is ready; its origin is what the proxy
    /// forwards to.
    #[schemars(example = "http://127.0.0.1:{port}/health")]
    pub(in crate::scenario) ready: Option<Placed<String>>,
    /// With `command`: how long to wait for `ready`; `30s` when it is left out.
    #[schemars(example = &"30s")]
    pub(in crate::scenario) ready_within: Option<Placed<DurationText>>,
    /// Something that runs already: its origin, without a path.
    #[schemars(example = "http://127.0.0.1:8000")]
    pub(in crate::scenario) url: Option<Placed<String>>,
    /// With `url` or `command`: the API key that its proxy sends, in place of the client's.
    #[schemars(example = json!({"env": "NODE_API_KEY"}))]
    pub(in crate::scenario) key: Option<Placed<Key>>,
    /// With `url` or `command`: headers that its proxy sends, in place of the client's of the same name.
    #[schemars(example = json!({"x-tenant": {"env": "TENANT"}}))]
    #[serde(default)]
    pub(in crate::scenario) headers: BTreeMap<String, Placed<TextOr<String, HeaderKey>>>,
    /// With an `https` `url`: a PEM file with the certificates of the authorities to trust, in place of the
    /// system's.
    #[schemars(example = &"certificates/ca.pem")]
    pub(in crate::scenario) ca: Option<Placed<String>>,
    /// The version of HTTP that its proxy speaks to it. When it is left out: 1.1, and to a simulated node what
    /// the proxy itself is spoken to by. `2` without TLS is spoken by prior knowledge (h2c).
    #[schemars(example = &"2", extend("enum" = ["1.1", "2"]))]
    pub(in crate::scenario) http: Option<Placed<String>>,
}

/// How a simulated node behaves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "sim")]
pub(in crate::scenario) struct Sim {
    /// Time to first token of an empty prompt on an idle node; `60ms` when it is left out.
    #[schemars(example = &"60ms")]
    pub(in crate::scenario) ttft: Option<Placed<DurationText>>,
    /// Gap between tokens when it decodes one request; `8ms` when it is left out.
    #[schemars(example = &"8ms")]
    pub(in crate::scenario) itl: Option<Placed<DurationText>>,
    /// Prompt tokens prefilled a second; 20000 when it is left out.
    #[schemars(example = 20000)]
    pub(in crate::scenario) prefill: Option<Placed<u32>>,
    /// Requests decoded together; 32 when it is left out.
    #[schemars(example = 32)]
    pub(in crate::scenario) slots: Option<Placed<u32>>,
    /// Requests that may wait, more are answered 429; 256 when it is left out.
    #[schemars(example = 256)]
    pub(in crate::scenario) queue: Option<Placed<u32>>,
    /// How much slower a full batch decodes than a batch of one: 0.5, the default, is half as slow
    /// again.
    #[schemars(example = 0.5)]
    pub(in crate::scenario) slowdown: Option<Placed<f64>>,
    /// From the process's start until it is ready; `0s` when it is left out.
    #[schemars(example = &"2s")]
    pub(in crate::scenario) cold_start: Option<Placed<DurationText>>,
}
