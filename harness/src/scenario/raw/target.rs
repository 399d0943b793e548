//! What the load is sent to, as it is typed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::either::TextOr;
use super::super::place::Placed;
use super::DurationText;

/// What the load is sent to: exactly one of `router`, `url`, `command` and `node`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[target]", extend("oneOf" = [{"required": ["router"]}, {"required": ["url"]}, {"required": ["command"]}, {"required": ["node"]}], "dependencies" = {"command": ["ready"], "ready": ["command"], "ready_within": ["command"], "also": ["url"]}))]
pub(in crate::scenario) struct Target {
    /// The API it speaks; `openai-chat` when it is left out.
    #[schemars(example = "openai-chat", extend("enum" = crate::api::Api::ALL.map(crate::api::Api::name)))]
    pub(in crate::scenario) api: Option<Placed<String>>,
    /// The model to ask for; simulated nodes answer to any name.
    #[schemars(example = &"sim")]
    pub(in crate::scenario) model: Placed<String>,
    /// The built-in failover router over all nodes. `{}` takes it as it is.
    #[schemars(example = json!({}))]
    pub(in crate::scenario) router: Option<Placed<Router>>,
    /// Something that runs already: its base URL, up to and with `/v1`.
    #[schemars(example = "http://127.0.0.1:4000/v1")]
    pub(in crate::scenario) url: Option<Placed<String>>,
    /// With `url`: more base URLs. A client that sends a request again sends it to the next of them.
    #[schemars(example = ["http://127.0.0.1:4001/v1"])]
    #[serde(default)]
    pub(in crate::scenario) also: Vec<Placed<String>>,
    /// A program started for the run, and its arguments. `{port}` is a free port, `{dir}` the
    /// scenario's folder, `{node.a}` the proxied URL of node `a`. Needs `ready`.
    #[schemars(example = ["litellm", "--config", "{dir}/litellm.yaml", "--port", "{port}"])]
    pub(in crate::scenario) command: Option<Placed<Vec<Placed<String>>>>,
    /// With `command`: the URL that answers 200 when it is ready; its origin is where the load goes.
    #[schemars(example = "http://127.0.0.1:{port}/health")]
    pub(in crate::scenario) ready: Option<Placed<String>>,
    /// With `command`: how long to wait for `ready`; `30s` when it is left out.
    #[schemars(example = &"30s")]
    pub(in crate::scenario) ready_within: Option<Placed<DurationText>>,
    /// Straight to one node's proxy, by the node's name.
    #[schemars(example = &"a")]
    pub(in crate::scenario) node: Option<Placed<String>>,
    /// The API key, by the environment variable or the file that holds it.
    #[schemars(example = json!({"env": "OPENAI_API_KEY"}))]
    pub(in crate::scenario) key: Option<Placed<Key>>,
    /// Headers to send with each request: texts, or secrets as `key` has them. In a text `{node.a}` is the
    /// proxied URL of node `a`, for gateways that are told by each request where their nodes are.
    #[schemars(example = json!({"x-team": "sre", "x-tenant": {"env": "TENANT"}}))]
    #[serde(default)]
    pub(in crate::scenario) headers: BTreeMap<String, Placed<TextOr<String, HeaderKey>>>,
    /// With `https`: a PEM file with the certificates of the authorities to trust, in place of the
    /// system's.
    #[schemars(example = &"certificates/ca.pem")]
    pub(in crate::scenario) ca: Option<Placed<String>>,
    /// The version of HTTP. When it is left out: 1.1, or what the server prefers of both over TLS.
    /// `2` without TLS is spoken by prior knowledge (h2c). The router speaks to nodes as it is spoken to.
    #[schemars(example = &"2", extend("enum" = ["1.1", "2"]))]
    pub(in crate::scenario) http: Option<Placed<String>>,
    /// What its tokens are counted by: `o200k_base`, `cl100k_base`, `p50k_base` or `r50k_base` of
    /// tiktoken, `words` (a word, a number and a mark are a token each, as simulated nodes count), or the
    /// path of a Hugging Face `tokenizer.json`. When it is left out: that of the model where tiktoken knows
    /// its name, `words` where all nodes are simulated, and `o200k_base` otherwise.
    #[schemars(example = &"o200k_base", example = "models/qwen3/tokenizer.json")]
    pub(in crate::scenario) tokenizer: Option<Placed<String>>,
    /// What it says of itself, to be held against what the nodes saw.
    #[schemars(example = json!({"attempts": 3, "sticky": true}))]
    pub(in crate::scenario) promises: Option<Promises>,
}

/// What a gateway promises; each promise is an invariant of the run. What is left out is not checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "promises")]
pub(in crate::scenario) struct Promises {
    /// Attempts that it makes for one send of a request, at most. The built-in router's own are known.
    #[schemars(example = 3)]
    pub(in crate::scenario) attempts: Option<Placed<u32>>,
    /// The turns of a session go to one node as long as that is well.
    #[schemars(example = true)]
    #[serde(default)]
    pub(in crate::scenario) sticky: bool,
    /// A node that answers with `Retry-After` is sent nothing until then. Without this promise only the
    /// request that was answered so is held to it.
    #[schemars(example = true)]
    #[serde(default)]
    pub(in crate::scenario) retry_after: bool,
    /// The names by which it asks nodes for the model.
    #[schemars(example = ["sim"])]
    #[serde(default)]
    pub(in crate::scenario) models: Vec<Placed<String>>,
    /// The headers of its answers in which it says how many retries it made; several are added up. Without
    /// this only `x-squall-attempts` is read.
    #[schemars(example = ["x-litellm-attempted-retries", "x-litellm-attempted-fallbacks"])]
    #[serde(default)]
    pub(in crate::scenario) retries_in: Vec<Placed<String>>,
    /// A client whose request failed since every node asked for a wait is told to wait as well.
    #[schemars(example = true)]
    #[serde(default)]
    pub(in crate::scenario) wait_told: bool,
}

/// A secret, by the environment variable or the file that holds it: exactly one of `env` and `file`. Its value
/// is written nowhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "key", extend("oneOf" = [{"required": ["env"]}, {"required": ["file"]}]))]
pub(in crate::scenario) struct Key {
    /// The variable's name.
    #[schemars(example = &"OPENAI_API_KEY")]
    pub(in crate::scenario) env: Option<Placed<String>>,
    /// The file; white space around the secret does not count.
    #[schemars(example = &"/run/secrets/openai")]
    pub(in crate::scenario) file: Option<Placed<String>>,
}

/// A header's value that is a secret: exactly one of `env` and `file`. Its value is written nowhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a header's value", extend("oneOf" = [{"required": ["env"]}, {"required": ["file"]}]))]
pub(in crate::scenario) struct HeaderKey {
    /// The variable's name.
    #[schemars(example = &"TENANT")]
    pub(in crate::scenario) env: Option<Placed<String>>,
    /// The file; white space around the secret does not count.
    #[schemars(example = &"/run/secrets/tenant")]
    pub(in crate::scenario) file: Option<Placed<String>>,
    /// What stands before the secret, and a blank between.
    #[schemars(example = &"Bearer")]
    pub(in crate::scenario) scheme: Option<Placed<String>>,
}

/// The built-in router.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "router")]
pub(in crate::scenario) struct Router {
    /// Retry on another node, eject nodes that fail, check their health; `true` when it is left out.
    #[schemars(example = false)]
    #[serde(default = "super::words::yes")]
    pub(in crate::scenario) failover: bool,
}
