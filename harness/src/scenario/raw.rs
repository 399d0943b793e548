//! The scenario as it is typed: these types mirror the file, one to one.
//!
//! Nothing is checked here but the shape: keys and types. What values mean, and whether they make
//! sense, is [`super::resolve`]'s to say. The comments on fields are what an editor shows, and the
//! examples are what a mistake's message offers, so each has one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;

use super::place::Placed;
use super::units::{CLOCK_PATTERN, DURATION_PATTERN, RATE_PATTERN, THINK_PATTERN};

mod schedule;

pub(super) use schedule::{
    Arrivals, Bursts, Daily, Rate, RateStep, Session, Spike, SubRequests, Tools, UserStep, Users,
};

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
    /// Bounds on what happens when a node dies.
    #[schemars(example = json!({"detection": "2s", "lost": "1%"}))]
    pub(super) failover: Option<Failover>,
}

/// What the load is sent to: exactly one of `router`, `url`, `command` and `node`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[target]", extend("oneOf" = [{"required": ["router"]}, {"required": ["url"]}, {"required": ["command"]}, {"required": ["node"]}], "dependencies" = {"command": ["ready"], "ready": ["command"], "ready_within": ["command"], "also": ["url"]}))]
pub(super) struct Target {
    /// The API it speaks; `openai-chat` when it is left out.
    #[schemars(example = "openai-chat", extend("enum" = crate::api::Api::ALL.map(crate::api::Api::name)))]
    pub(super) api: Option<Placed<String>>,
    /// The model to ask for; simulated nodes answer to any name.
    #[schemars(example = &"sim")]
    pub(super) model: Placed<String>,
    /// The built-in failover router over all nodes. `{}` takes it as it is.
    #[schemars(example = json!({}))]
    pub(super) router: Option<Placed<Router>>,
    /// Something that runs already: its base URL, up to and with `/v1`.
    #[schemars(example = "http://127.0.0.1:4000/v1")]
    pub(super) url: Option<Placed<String>>,
    /// With `url`: more base URLs. A client that sends a request again sends it to the next of them.
    #[schemars(example = ["http://127.0.0.1:4001/v1"])]
    #[serde(default)]
    pub(super) also: Vec<Placed<String>>,
    /// A program started for the run, and its arguments. `{port}` is a free port, `{dir}` the
    /// scenario's folder, `{node.a}` the proxied URL of node `a`. Needs `ready`.
    #[schemars(example = ["litellm", "--config", "{dir}/litellm.yaml", "--port", "{port}"])]
    pub(super) command: Option<Placed<Vec<Placed<String>>>>,
    /// With `command`: the URL that answers 200 when it is ready; its origin is where the load goes.
    #[schemars(example = "http://127.0.0.1:{port}/health")]
    pub(super) ready: Option<Placed<String>>,
    /// With `command`: how long to wait for `ready`; `30s` when it is left out.
    #[schemars(example = &"30s")]
    pub(super) ready_within: Option<Placed<DurationText>>,
    /// Straight to one node's proxy, by the node's name.
    #[schemars(example = &"a")]
    pub(super) node: Option<Placed<String>>,
    /// The API key, by the environment variable or the file that holds it.
    #[schemars(example = json!({"env": "OPENAI_API_KEY"}))]
    pub(super) key: Option<Placed<Key>>,
    /// Headers to send with each request: texts, or secrets as `key` has them.
    #[schemars(example = json!({"x-team": "sre", "x-tenant": {"env": "TENANT"}}))]
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Placed<TextOrKey>>,
    /// With `https`: a PEM file with the certificates of the authorities to trust, in place of the
    /// system's.
    #[schemars(example = &"certificates/ca.pem")]
    pub(super) ca: Option<Placed<String>>,
    /// The version of HTTP. When it is left out: 1.1, or what the server prefers of both over TLS.
    /// `2` without TLS is spoken by prior knowledge (h2c). The router speaks to nodes as it is spoken to.
    #[schemars(example = &"2", extend("enum" = ["1.1", "2"]))]
    pub(super) http: Option<Placed<String>>,
    /// What its tokens are counted by: `o200k_base`, `cl100k_base`, `p50k_base` or `r50k_base` of
    /// tiktoken, `words` (a word, a number and a mark are a token each, as simulated nodes count), or the
    /// path of a Hugging Face `tokenizer.json`. When it is left out: that of the model where tiktoken knows
    /// its name, `words` where all nodes are simulated, and `o200k_base` otherwise.
    #[schemars(example = &"o200k_base", example = "models/qwen3/tokenizer.json")]
    pub(super) tokenizer: Option<Placed<String>>,
    /// What it says of itself, to be held against what the nodes saw.
    #[schemars(example = json!({"attempts": 3, "sticky": true}))]
    pub(super) promises: Option<Promises>,
}

/// What a gateway promises; each promise is an invariant of the run. What is left out is not checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "promises")]
pub(super) struct Promises {
    /// Attempts that it makes for one send of a request, at most. The built-in router's own are known.
    #[schemars(example = 3)]
    pub(super) attempts: Option<Placed<u32>>,
    /// The turns of a session go to one node as long as that is well.
    #[schemars(example = true)]
    #[serde(default)]
    pub(super) sticky: bool,
    /// A node that answers with `Retry-After` is sent nothing until then. Without this promise only the
    /// request that was answered so is held to it.
    #[schemars(example = true)]
    #[serde(default)]
    pub(super) retry_after: bool,
    /// The names by which it asks nodes for the model.
    #[schemars(example = ["sim"])]
    #[serde(default)]
    pub(super) models: Vec<Placed<String>>,
}

/// A secret, by the environment variable or the file that holds it: exactly one of `env` and `file`. Its value
/// is written nowhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "key", extend("oneOf" = [{"required": ["env"]}, {"required": ["file"]}]))]
pub(super) struct Key {
    /// The variable's name.
    #[schemars(example = &"OPENAI_API_KEY")]
    pub(super) env: Option<Placed<String>>,
    /// The file; white space around the secret does not count.
    #[schemars(example = &"/run/secrets/openai")]
    pub(super) file: Option<Placed<String>>,
}

/// A header's value that is a secret: exactly one of `env` and `file`. Its value is written nowhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a header's value", extend("oneOf" = [{"required": ["env"]}, {"required": ["file"]}]))]
pub(super) struct HeaderKey {
    /// The variable's name.
    #[schemars(example = &"TENANT")]
    pub(super) env: Option<Placed<String>>,
    /// The file; white space around the secret does not count.
    #[schemars(example = &"/run/secrets/tenant")]
    pub(super) file: Option<Placed<String>>,
    /// What stands before the secret, and a blank between.
    #[schemars(example = &"Bearer")]
    pub(super) scheme: Option<Placed<String>>,
}

/// The built-in router.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "router")]
pub(super) struct Router {
    /// Retry on another node, eject nodes that fail, check their health; `true` when it is left out.
    #[schemars(example = false)]
    #[serde(default = "yes")]
    pub(super) failover: bool,
}

/// A node of the fleet: exactly one of `sim`, `command` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[[node]]", extend("oneOf" = [{"required": ["sim"]}, {"required": ["command"]}, {"required": ["url"]}], "dependencies" = {"command": ["ready"], "ready": ["command"], "ready_within": ["command"]}))]
pub(super) struct Node {
    /// Its name: letters, digits, `.`, `_` and `-`.
    #[schemars(example = &"a")]
    pub(super) name: Placed<String>,
    /// Its zone.
    #[schemars(example = &"z1")]
    pub(super) zone: Option<Placed<String>>,
    /// A simulated node, started as a process of its own. `{}` takes the defaults.
    #[schemars(example = json!({"ttft": "60ms", "itl": "8ms", "slots": 32}))]
    pub(super) sim: Option<Placed<Sim>>,
    /// A program started for the run, and its arguments. `{port}` is a free port, `{dir}` the
    /// scenario's folder. Needs `ready`.
    #[schemars(example = ["vllm", "serve", "Qwen/Qwen3-0.6B", "--port", "{port}"])]
    pub(super) command: Option<Placed<Vec<Placed<String>>>>,
    /// With `command`: the URL that answers 200 when it is ready; its origin is what the proxy
    /// forwards to.
    #[schemars(example = "http://127.0.0.1:{port}/health")]
    pub(super) ready: Option<Placed<String>>,
    /// With `command`: how long to wait for `ready`; `30s` when it is left out.
    #[schemars(example = &"30s")]
    pub(super) ready_within: Option<Placed<DurationText>>,
    /// Something that runs already: its origin, without a path.
    #[schemars(example = "http://127.0.0.1:8000")]
    pub(super) url: Option<Placed<String>>,
    /// With `url` or `command`: the API key that its proxy sends, in place of the client's.
    #[schemars(example = json!({"env": "NODE_API_KEY"}))]
    pub(super) key: Option<Placed<Key>>,
    /// With `url` or `command`: headers that its proxy sends, in place of the client's of the same name.
    #[schemars(example = json!({"x-tenant": {"env": "TENANT"}}))]
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Placed<TextOrKey>>,
    /// With an `https` `url`: a PEM file with the certificates of the authorities to trust, in place of the
    /// system's.
    #[schemars(example = &"certificates/ca.pem")]
    pub(super) ca: Option<Placed<String>>,
    /// The version of HTTP that its proxy speaks to it. When it is left out: 1.1, and to a simulated node what
    /// the proxy itself is spoken to by. `2` without TLS is spoken by prior knowledge (h2c).
    #[schemars(example = &"2", extend("enum" = ["1.1", "2"]))]
    pub(super) http: Option<Placed<String>>,
}

/// How a simulated node behaves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "sim")]
pub(super) struct Sim {
    /// Time to first token of an empty prompt on an idle node; `60ms` when it is left out.
    #[schemars(example = &"60ms")]
    pub(super) ttft: Option<Placed<DurationText>>,
    /// Gap between tokens when it decodes one request; `8ms` when it is left out.
    #[schemars(example = &"8ms")]
    pub(super) itl: Option<Placed<DurationText>>,
    /// Prompt tokens prefilled a second; 20000 when it is left out.
    #[schemars(example = 20000)]
    pub(super) prefill: Option<Placed<u32>>,
    /// Requests decoded together; 32 when it is left out.
    #[schemars(example = 32)]
    pub(super) slots: Option<Placed<u32>>,
    /// Requests that may wait, more are answered 429; 256 when it is left out.
    #[schemars(example = 256)]
    pub(super) queue: Option<Placed<u32>>,
    /// How much slower a full batch decodes than a batch of one: 0.5, the default, is half as slow
    /// again.
    #[schemars(example = 0.5)]
    pub(super) slowdown: Option<Placed<f64>>,
    /// From the process's start until it is ready; `0s` when it is left out.
    #[schemars(example = &"2s")]
    pub(super) cold_start: Option<Placed<DurationText>>,
}

/// The load: exactly one of `trace`, `arrivals` and `users`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[traffic]", extend("oneOf" = [{"required": ["trace"]}, {"required": ["arrivals"]}, {"required": ["users"]}], "dependencies" = {"session": ["arrivals"]}))]
pub(super) struct Traffic {
    /// Replay a recorded trace: its arrivals, and its lengths of prompts and answers.
    #[schemars(example = json!({"path": "traces/azure_llm_2023_conv.csv", "speed": 4.0}))]
    pub(super) trace: Option<Placed<Trace>>,
    /// Open loop: requests are sent at this rate, whatever became of those before.
    #[schemars(example = json!({"poisson": "40/s"}))]
    pub(super) arrivals: Option<Placed<Arrivals>>,
    /// Closed loop: users who each wait for their answer before they ask again.
    #[schemars(example = json!({"count": 20, "think": "1s"}))]
    pub(super) users: Option<Placed<Users>>,
    /// With `trace` or `arrivals`: what comes on top, each spike once. Spikes are Poisson, and leave what
    /// they are laid on as it is.
    #[schemars(example = json!([{"at": "30s", "for": "5s", "rate": "200/s"}]))]
    pub(super) spikes: Option<Placed<Vec<Placed<Spike>>>>,
    /// With `arrivals`: each arrival begins a session, a conversation of several requests, instead of being
    /// one request alone.
    #[schemars(example = json!({"turns": 6, "think": "exponential(2s)"}))]
    pub(super) session: Option<Placed<Session>>,
    /// With `arrivals`, `users` or `spikes`: what is asked, and how long prompts and answers are.
    #[schemars(example = json!({"input": "lognormal(600, 400)", "output": 200}))]
    pub(super) prompts: Option<Placed<Prompts>>,
    /// Ask for streams; `true` when it is left out, except for embeddings, which are none.
    #[schemars(example = false)]
    pub(super) stream: Option<Placed<bool>>,
    /// The limits a client keeps.
    #[schemars(example = json!({"in_flight": 2000, "first_token": "5s"}))]
    pub(super) limits: Option<Limits>,
    /// What a client does about failure, and when it leaves; nothing, and never, when it is left out.
    #[schemars(example = json!({"retries": {"attempts": 3}}))]
    pub(super) client: Option<Client>,
}

/// What a client does about failure, and when it leaves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "client")]
pub(super) struct Client {
    /// Send again what failed before any content had come.
    #[schemars(example = json!({"attempts": 3, "base": "500ms", "max": "8s"}))]
    pub(super) retries: Option<Placed<Retries>>,
    /// Send a second time what has not begun to be answered, and take the answer that begins first.
    #[schemars(example = json!({"after": "400ms"}))]
    pub(super) hedge: Option<Placed<Hedge>>,
    /// Leave on purpose, as a reader who has seen enough; that is no failure of the service.
    #[schemars(example = json!({"after": "10s"}))]
    pub(super) leave: Option<Placed<Leave>>,
}

/// How a client sends again what failed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "retries")]
pub(super) struct Retries {
    /// Sends of one request at most, the first included.
    #[schemars(example = 3)]
    pub(super) attempts: Placed<u32>,
    /// The wait before the second send, doubled before each after it; `500ms` when it is left out.
    #[schemars(example = &"500ms")]
    pub(super) base: Option<Placed<DurationText>>,
    /// The longest wait; `8s` when it is left out.
    #[schemars(example = &"8s")]
    pub(super) max: Option<Placed<DurationText>>,
    /// Draw each wait from its half up, so that clients do not come back all at once; `true` when it is left out.
    #[schemars(example = false)]
    #[serde(default = "yes")]
    pub(super) jitter: bool,
    /// After what: HTTP statuses, `connect` (no connection), `broken` (before any content), `timeout`. When it is
    /// left out, what the SDKs of providers have: 408, 409, 429, 500, 502, 503, 504 and the three words.
    #[schemars(example = json!([429, 503, "connect"]))]
    pub(super) on: Option<Vec<Placed<NumberOrText>>>,
    /// Wait as long as `Retry-After` says, up to a minute; `true` when it is left out.
    #[schemars(example = false)]
    #[serde(default = "yes")]
    pub(super) retry_after: bool,
}

/// When a client sends a request a second time while it waits for the first: to the next of the target's URLs,
/// where it has several. The answer whose content begins first is taken, the other send is cancelled.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "hedge")]
pub(super) struct Hedge {
    /// From a send, if no content has come by then; the p95 of the time to first token is usual.
    #[schemars(example = &"400ms")]
    pub(super) after: Placed<DurationText>,
}

/// When a client leaves on purpose: after a time, or with so many tokens, whichever is first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "leave")]
pub(super) struct Leave {
    /// From the first send.
    #[schemars(example = &"10s")]
    pub(super) after: Option<Placed<DurationText>>,
    /// Events with content.
    #[schemars(example = 20)]
    pub(super) tokens: Option<Placed<u32>>,
}

/// A recorded trace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "trace")]
pub(super) struct Trace {
    /// The trace's file, plain or compressed (`.gz`, `.zst`): Azure's or BurstGPT's CSV, Mooncake's
    /// JSONL, OpenAI's batch JSONL, or Squall's own JSONL.
    #[schemars(example = "traces/azure_llm_2023_conv.csv")]
    pub(super) path: Placed<String>,
    /// Its format; found by its first line when it is left out.
    #[schemars(example = &"mooncake")]
    pub(super) format: Option<TraceFormat>,
    /// How many times as fast as it was recorded; 1 when it is left out.
    #[schemars(example = 4.0)]
    pub(super) speed: Option<Placed<f64>>,
    /// Spread times that were rounded when they were recorded, within their rounding: `true` finds it,
    /// a duration says it. Fixed by the seed; `false` when it is left out.
    #[schemars(example = true, example = "1s")]
    pub(super) spread: Option<Placed<FlagOrText>>,
    /// What becomes of a row that is not what the format says; `refuse` when it is left out.
    #[schemars(example = &"skip")]
    pub(super) bad_rows: Option<BadRows>,
}

/// A trace's format.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TraceFormat {
    /// Azure's LLM inference traces of 2023, 2024 and 2025: CSV.
    Azure,
    /// BurstGPT, with or without sessions: CSV.
    BurstGpt,
    /// Mooncake: JSONL with ids of blocks.
    Mooncake,
    /// OpenAI's batch API: JSONL of requests as they are, without times.
    OpenaiBatch,
    /// Squall's own: JSONL.
    Squall,
}

/// What becomes of a bad row.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BadRows {
    /// It is an error, and nothing is run.
    Refuse,
    /// It is left out and counted.
    Skip,
}

/// What is asked: conversations of a corpus, what the rows of a trace say, or texts that are written. Lengths are in tokens: a number, or
/// `lognormal(mean, standard deviation)`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "prompts")]
pub(super) struct Prompts {
    /// Tokens of a prompt; `lognormal(600, 400)` when it is left out.
    #[schemars(example = "lognormal(600, 400)")]
    pub(super) input: Option<Placed<NumberOrText>>,
    /// Tokens of an answer; 200 when it is left out.
    #[schemars(example = 200)]
    pub(super) output: Option<Placed<NumberOrText>>,
    /// Conversations to ask with: a JSONL file, one a line, of which each request takes one. Such prompts
    /// have lengths of their own, so `input` has no place beside it.
    #[schemars(example = "corpora/chat.jsonl")]
    pub(super) corpus: Option<Placed<String>>,
    /// With `arrivals` or `users`: ask what the rows of a trace say, one after the other and then from the first
    /// again, whether or not they have times. What a row does not say is as `input` and `output`.
    #[schemars(example = json!({"path": "traces/mooncake.jsonl"}))]
    pub(super) trace: Option<Placed<PromptTrace>>,
}

/// A trace whose rows say what is asked, but not when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the trace of prompts")]
pub(super) struct PromptTrace {
    /// The trace's file, plain or compressed (`.gz`, `.zst`), of any format that `traffic.trace` reads.
    #[schemars(example = "traces/azure_llm_2023_conv.csv")]
    pub(super) path: Placed<String>,
    /// Its format; found by its first line when it is left out.
    #[schemars(example = &"mooncake")]
    pub(super) format: Option<TraceFormat>,
    /// What becomes of a row that is not what the format says; `refuse` when it is left out.
    #[schemars(example = &"skip")]
    pub(super) bad_rows: Option<BadRows>,
}

/// The limits a client keeps.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "limits")]
pub(super) struct Limits {
    /// Requests in flight at once; an arrival beyond it is counted as shed. 1000 when it is left out.
    #[schemars(example = 2000)]
    pub(super) in_flight: Option<Placed<u32>>,
    /// Requests of the whole run: it ends when so many have ended, or with its last phase, whichever is
    /// first.
    #[schemars(example = 1000)]
    pub(super) requests: Option<Placed<u32>>,
    /// To connect; `2s` when it is left out.
    #[schemars(example = &"2s")]
    pub(super) connect: Option<Placed<DurationText>>,
    /// To the first content; `10s` when it is left out.
    #[schemars(example = &"5s")]
    pub(super) first_token: Option<Placed<DurationText>>,
    /// Between events; `5s` when it is left out.
    #[schemars(example = &"3s")]
    pub(super) idle: Option<Placed<DurationText>>,
    /// To the end of the answer; `120s` when it is left out.
    #[schemars(example = &"60s")]
    pub(super) total: Option<Placed<DurationText>>,
}

/// A phase of the run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[[phase]]")]
pub(super) struct Phase {
    /// Its name.
    #[schemars(example = &"steady")]
    pub(super) name: Placed<String>,
    /// How long it lasts.
    #[schemars(example = &"20s")]
    pub(super) duration: Placed<DurationText>,
    /// No SLO counts it; `false` when it is left out.
    #[schemars(example = true)]
    #[serde(default)]
    pub(super) warmup: bool,
    /// With `arrivals`: how many times the rate while it lasts; 1 when it is left out, 0 is silence.
    /// Spikes stay as they are.
    #[schemars(example = 2.0)]
    pub(super) load: Option<Placed<f64>>,
    /// What is broken while it lasts.
    #[schemars(example = json!([{"plugin": "node-kill", "nodes": ["a"], "at": "2s"}]))]
    #[serde(default)]
    pub(super) fault: Vec<Placed<Fault>>,
}

/// A fault on the path to nodes, or on the nodes themselves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "fault")]
pub(super) struct Fault {
    /// A built-in plugin by its name, or the path of a WebAssembly file.
    #[schemars(example = &"latency")]
    pub(super) plugin: Placed<PluginText>,
    /// The nodes it may touch; all of them when it is left out.
    #[schemars(example = ["a"])]
    pub(super) nodes: Option<Placed<OneOrMany>>,
    /// When it is switched on, from the phase's start; `0s` when it is left out.
    #[schemars(example = &"2s")]
    pub(super) at: Option<Placed<DurationText>>,
    /// How long it stays on; to the phase's end when it is left out.
    #[schemars(example = &"8s")]
    #[serde(rename = "for")]
    pub(super) lasts: Option<Placed<DurationText>>,
    /// The share of attempts it is shown, from 0 to 1 or as a percentage; all when it is left out.
    #[schemars(example = 0.3)]
    pub(super) share: Option<Placed<NumberOrText>>,
    /// The attempts it is shown, of that share; all when it is left out.
    #[schemars(example = json!({"streaming": true}))]
    pub(super) when: Option<When>,
    /// The plugin's own parameters.
    #[schemars(example = json!({"p50": "20ms", "p99": "200ms"}))]
    #[serde(rename = "with")]
    pub(super) parameters: Option<Placed<serde_json::Map<String, serde_json::Value>>>,
    /// What happens when the plugin crashes; `fail-run` when it is left out.
    #[schemars(example = &"skip")]
    pub(super) on_trap: Option<OnTrap>,
}

/// Which attempts a fault is shown: those that meet all that is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "when")]
pub(super) struct When {
    /// The model that the request names.
    #[schemars(example = &"sim")]
    pub(super) model: Option<String>,
    /// What the path begins with.
    #[schemars(example = "/v1/chat")]
    pub(super) path: Option<Placed<String>>,
    /// A header and its value.
    #[schemars(example = json!({"name": "x-tenant", "value": "gold"}))]
    pub(super) header: Option<HeaderMatch>,
    /// Only streams, or only requests that are none.
    #[schemars(example = true)]
    pub(super) streaming: Option<bool>,
}

/// A header and its value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "header")]
pub(super) struct HeaderMatch {
    /// The header's name, in any case.
    #[schemars(example = "x-tenant")]
    pub(super) name: Placed<String>,
    /// Its value, exactly.
    #[schemars(example = &"gold")]
    pub(super) value: Placed<String>,
}

/// What happens when a plugin crashes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OnTrap {
    /// The run ends, inconclusive.
    FailRun,
    /// The call counts as a pass; the report shows the crash.
    Skip,
}

/// A service level objective.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[[slo]]")]
pub(super) struct Slo {
    /// What the report calls it.
    #[schemars(example = "first token")]
    pub(super) name: Placed<String>,
    /// A percentile of `ttft`, `ttfb`, `itl`, `tpot` or `e2e`, as in `p95(ttft) <= 800ms`; or the
    /// share of requests that succeed, as in `success >= 99%`.
    #[schemars(example = "p95(ttft) <= 800ms", example = "success >= 99%")]
    pub(super) objective: Placed<String>,
    /// The phases it counts; all but warm-ups when it is left out.
    #[schemars(example = &"storm", example = ["steady", "recovery"])]
    pub(super) during: Option<Placed<OneOrMany>>,
}

/// Bounds on what happens when a node dies; what is left out is not checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[failover]")]
pub(super) struct Failover {
    /// From the node's death until no more work is sent to it.
    #[schemars(example = &"2s")]
    pub(super) detection: Option<Placed<DurationText>>,
    /// From the node's death until the service level holds again.
    #[schemars(example = &"5s")]
    pub(super) recovery: Option<Placed<DurationText>>,
    /// From the node's return until it has its share of the work.
    #[schemars(example = &"10s")]
    pub(super) failback: Option<Placed<DurationText>>,
    /// Share of the requests around the failure that may be lost, from 0 to 1 or as a percentage.
    #[schemars(example = "1%")]
    pub(super) lost: Option<Placed<NumberOrText>>,
    /// Requests that may be cut short without being told so.
    #[schemars(example = 0)]
    pub(super) silently_truncated: Option<u64>,
    /// Requests that may hold a part of their answer twice.
    #[schemars(example = 0)]
    pub(super) duplicated: Option<u64>,
    /// Mean attempts a request, 1 or more.
    #[schemars(example = 1.5)]
    pub(super) amplification: Option<Placed<f64>>,
}

fn yes() -> bool {
    true
}

/// A string that the schema describes more closely.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name(pub(super) String);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text!(
    /// A duration: `20s`, `60ms`, `1m30s`.
    DurationText, { "type": "string", "pattern": DURATION_PATTERN });
text!(
    /// A rate: `40/s`.
    RateText, { "type": "string", "pattern": RATE_PATTERN });
text!(
    /// A time of day: `14:30`.
    ClockText, { "type": "string", "pattern": CLOCK_PATTERN });
text!(
    /// A time to think: `2s`, `exponential(2s)`.
    ThinkText, { "type": "string", "pattern": THINK_PATTERN });
text!(
    /// A plugin: a built-in's name, or a path.
    PluginText, { "type": "string", "anyOf": [{ "enum": crate::fault::built_in_names() }, { "pattern": "\\.wasm$|/" }] });

/// Is this the path of a plugin, rather than a built-in's name?
pub(super) fn is_plugin_path(text: &str) -> bool {
    text.contains('/') || Path::new(text).extension().is_some_and(|extension| extension == "wasm")
}

/// A number, or a string that says more than a number.
#[derive(Clone, Debug)]
pub(super) enum NumberOrText {
    Integer(i64),
    Float(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for NumberOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl Visitor<'_> for Kinds {
            type Value = NumberOrText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a string")
            }
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(NumberOrText::Integer(value))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(NumberOrText::Float(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(NumberOrText::Text(value.into()))
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl JsonSchema for NumberOrText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "NumberOrText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"] })
    }
}

/// A text, or a secret by where it is.
#[derive(Debug)]
pub(super) enum TextOrKey {
    Text(String),
    Key(HeaderKey),
}

impl<'de> Deserialize<'de> for TextOrKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl<'de> Visitor<'de> for Kinds {
            type Value = TextOrKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a table with `env` or `file`")
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(TextOrKey::Text(value.into()))
            }
            fn visit_map<A: MapAccess<'de>>(self, key: A) -> Result<Self::Value, A::Error> {
                HeaderKey::deserialize(MapAccessDeserializer::new(key)).map(TextOrKey::Key)
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl JsonSchema for TextOrKey {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "TextOrKey".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let key = generator.subschema_for::<HeaderKey>();
        json_schema!({ "anyOf": [{ "type": "string" }, key] })
    }
}

/// A boolean, or a string that says more than `true`.
#[derive(Clone, Debug)]
pub(super) enum FlagOrText {
    Flag(bool),
    Text(String),
}

impl<'de> Deserialize<'de> for FlagOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl Visitor<'_> for Kinds {
            type Value = FlagOrText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false` or a duration")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(FlagOrText::Flag(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(FlagOrText::Text(value.into()))
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl JsonSchema for FlagOrText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "FlagOrText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": DURATION_PATTERN }] })
    }
}

/// A name, or a list of names.
#[derive(Clone, Debug)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<Placed<String>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl<'de> Visitor<'de> for Kinds {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(value.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(OneOrMany::Many)
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

impl Placed<OneOrMany> {
    /// The names, each with its place.
    pub(super) fn names(&self) -> Vec<Placed<String>> {
        match &self.value {
            OneOrMany::One(name) => vec![Placed { value: name.clone(), span: self.span.clone() }],
            OneOrMany::Many(names) => names.clone(),
        }
    }
}
