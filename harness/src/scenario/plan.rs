//! The plan: what a scenario means.
//!
//! Validated when it is made, so that nothing after it checks again. `raw.rs` mirrors the file;
//! `resolve.rs` is the only place that turns one into the other.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use serde::{Serialize, Serializer};

use super::Lines;
pub use crate::api::Api;
use crate::clock::Nanos;
use crate::name::NodeName;
use crate::traffic::trace;

mod schedule;
mod slo;
mod variation;

pub use schedule::{
    Arrivals, Crowd, Curve, Process, Schedule, Sessions, Spike, Step, SubRequests, Think, Tools, Turns, Users,
};
pub use slo::{Budget, Counted, Objective, Selector, Slo, Stop};

pub use variation::Arm;

/// What is shown of a secret.
const HIDDEN: &str = "***";

/// A run, ready to be carried out.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// Fixes everything that is drawn.
    pub seed: u64,
    /// The scenario's file, as given.
    #[serde(skip)]
    pub path: PathBuf,
    /// What the load is sent to.
    pub target: Target,
    /// The fleet, in the scenario's order. At least one unless the target is a URL.
    pub nodes: Vec<NodePlan>,
    /// The load.
    pub traffic: Traffic,
    /// In order, without gaps; at least one.
    pub phases: Vec<Phase>,
    /// All faults of all phases, in the scenario's order.
    pub faults: Vec<FaultPlan>,
    /// The objectives.
    pub slos: Vec<Slo>,
    /// The guards that end the run before its time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<Stop>,
    /// The bounds on failover, where the scenario has any.
    pub failover: Option<FailoverBounds>,
    /// The parts of the experiment, in the order in which they are run; at least one.
    #[serde(skip_serializing_if = "is_storm_alone")]
    pub arms: Vec<Arm>,
    /// Where the objectives and bounds are in the scenario's file.
    #[serde(skip)]
    pub lines: Lines,
}

/// As nearly always: then it is no part of a plan's digest.
fn is_storm_alone(arms: &[Arm]) -> bool {
    arms == [Arm::Storm]
}

impl Plan {
    /// When the last phase ends.
    pub fn end(&self) -> Nanos {
        self.phases.last().map_or(Nanos::ZERO, Phase::end)
    }

    /// The names of headers whose values are secrets.
    pub fn secret_headers(&self) -> Vec<HeaderName> {
        let all = self.nodes.iter().map(|node| &node.access).chain([&self.target.access]);
        all.flat_map(Access::secret_headers).collect()
    }

    /// The phase that `at` lies in; the last one for whatever comes after.
    pub fn phase_at(&self, at: Nanos) -> usize {
        self.phases.iter().position(|phase| at < phase.end()).unwrap_or(self.phases.len() - 1)
    }
}

/// What the load is sent to.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// The API it speaks.
    pub api: Api,
    /// The model to ask for.
    pub model: String,
    /// How it is reached.
    pub entry: Entry,
    /// What it takes to be let in.
    pub access: Access,
    /// The version of HTTP; by agreement over TLS, 1.1 without, where the scenario gives none.
    pub http: Option<Http>,
    /// What its tokens are counted by.
    pub tokenizer: Tokenizer,
    /// What it says of itself.
    pub promises: Promises,
}

/// What a gateway promises; what it does not promise is not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Promises {
    /// Attempts for one send of a request, at most.
    pub attempts: Option<u32>,
    /// The turns of a session go to one node as long as that is well.
    pub sticky: bool,
    /// Nothing is sent to a node until the time that its `Retry-After` gives.
    pub retry_after: bool,
    /// The names by which it asks nodes for the model.
    pub models: Vec<String>,
    /// Headers in which it says how many retries it made, in lower case; several are added up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retries_in: Vec<String>,
    /// A client whose request failed since every node asked for a wait is told to wait as well.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wait_told: bool,
}

/// What tokens are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tokenizer {
    /// A word, a number and a mark are a token each, as simulated nodes count.
    Words,
    /// One of tiktoken's encodings.
    Encoding(Encoding),
    /// A Hugging Face `tokenizer.json`.
    File(PathBuf),
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words => f.write_str("words"),
            Self::Encoding(encoding) => f.write_str(encoding.name()),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// tiktoken's encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// GPT-4o and later.
    O200kBase,
    /// GPT-4 and GPT-3.5.
    Cl100kBase,
    /// Codex.
    P50kBase,
    /// GPT-3 and GPT-2.
    R50kBase,
}

impl Encoding {
    /// All of them, the newest first.
    pub const ALL: [Self; 4] = [Self::O200kBase, Self::Cl100kBase, Self::P50kBase, Self::R50kBase];

    /// Its name, as tiktoken has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
            Self::P50kBase => "p50k_base",
            Self::R50kBase => "r50k_base",
        }
    }
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Http {
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    One,
    /// HTTP/2; without TLS by prior knowledge.
    #[serde(rename = "2")]
    Two,
}

/// What it takes to be let in somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Access {
    /// The key to send, where one is needed.
    pub key: Option<Key>,
    /// Headers to send, in the order of their names.
    pub headers: Vec<Header>,
    /// The authorities whose certificates count, as PEM; those that the system trusts without it.
    pub ca: Option<PathBuf>,
}

/// A header to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Where its value is.
    pub value: HeaderSource,
}

/// Where a header's value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderSource {
    /// In the scenario.
    Text(String),
    /// Elsewhere, since it is a secret.
    Secret {
        /// What stands before it, and a blank: `Bearer`.
        scheme: Option<String>,
        /// The secret.
        key: Key,
    },
}

/// A secret, by where it is. The value is read when it is used, and written nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// The environment variable that holds it.
    Env(String),
    /// The file that holds it, and nothing else.
    File(PathBuf),
    /// Here: it was typed on a command line.
    Given(Secret),
}

/// A text that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// What it is; for whoever sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// How the target is reached.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// The built-in router over all nodes.
    Router(RouterPolicy),
    /// Something that runs already: base URLs, up to and with `/v1`; at least one. Each send of a request
    /// goes to the next of them, from the first on.
    Url(Vec<String>),
    /// Started for the run.
    Command(Command),
    /// Straight to one node's proxy.
    Node(NodeName),
}

/// A process to start.
#[derive(Clone, Debug, Serialize)]
pub struct Command {
    /// Program and arguments. `{port}` is a free port, `{dir}` the scenario's folder, `{node.a}` the
    /// proxied base URL of node `a`.
    pub argv: Vec<String>,
    /// The URL that answers 200 when it is ready, with the same placeholders; for a target its
    /// origin is where the load goes, for a node it is what the proxy forwards to.
    pub ready: String,
    /// How long to wait for that.
    pub ready_within: Duration,
}

/// How the built-in router behaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RouterPolicy {
    /// Retry on another node, eject nodes that fail, check their health. Without it: round robin.
    pub failover: bool,
}

/// A node of the fleet; one fault proxy stands before each.
#[derive(Clone, Debug, Serialize)]
pub struct NodePlan {
    /// Its name.
    pub name: NodeName,
    /// Its zone; empty when the scenario gives none.
    pub zone: String,
    /// What it is.
    pub kind: NodeKind,
    /// What its proxy needs to be let in.
    pub access: Access,
    /// The version of HTTP that its proxy speaks to it; that of the proxy's client where there is none.
    pub http: Option<Http>,
}

/// What a node is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A simulated node, a process of its own.
    Sim(SimSpec),
    /// Any program.
    Command(Command),
    /// Something that runs already: its origin (`http://127.0.0.1:8000`, or with `https`).
    Url(String),
}

/// How a simulated node behaves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SimSpec {
    /// Prefill of an empty prompt on an idle node.
    pub ttft: Duration,
    /// Gap between tokens when the batch holds one request.
    pub itl: Duration,
    /// Prompt tokens prefilled a second.
    pub prefill: u32,
    /// Requests decoded together.
    pub slots: u32,
    /// Requests that may wait; more are answered 429.
    pub queue: u32,
    /// A full batch decodes this much slower than a batch of one: 0.5 is half as slow again.
    pub slowdown: f64,
    /// From the process's start until it is ready.
    pub cold_start: Duration,
}

/// The load.
#[derive(Clone, Debug, Serialize)]
pub struct Traffic {
    /// When requests are sent.
    pub schedule: Schedule,
    /// What is sent on top of that, in the scenario's order; none for users.
    pub spikes: Vec<Spike>,
    /// What each arrival begins; none where it is one request. Not beside [`Schedule::Users`].
    pub sessions: Option<Sessions>,
    /// How long prompts and answers are, where neither the schedule nor the corpus says.
    pub lengths: Lengths,
    /// The file that prompts are taken from; where there is none, they are written.
    pub corpus: Option<PathBuf>,
    /// The trace whose rows say what is asked, where something else says when. Beside neither a corpus nor
    /// sessions nor [`Schedule::Trace`].
    pub rows: Option<trace::Source>,
    /// Ask for streams.
    pub stream: bool,
    /// The limits a client keeps.
    pub limits: Limits,
    /// What a client does about failure, and when it leaves.
    pub client: ClientPolicy,
}

/// What a client does about failure, and when it leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientPolicy {
    /// It sends again what failed.
    pub retries: Option<Retries>,
    /// From a send; it sends the request a second time then, if no content has come.
    pub hedge_after: Option<Duration>,
    /// From the first send; it leaves then, answered or not.
    pub leave_after: Option<Duration>,
    /// It leaves once it has so many events with content.
    pub leave_at_tokens: Option<u32>,
}

impl ClientPolicy {
    /// Some requests may be sent more than once.
    pub fn sends_again(&self) -> bool {
        self.retries.is_some() || self.hedge_after.is_some()
    }
}

/// How a client sends again what failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retries {
    /// Sends of one request at most, the first included; at least two.
    pub attempts: u32,
    /// The wait before the second send; each wait after it is twice as long.
    pub base: Duration,
    /// No wait is longer.
    pub max: Duration,
    /// Waits are drawn from their half up.
    pub jitter: bool,
    /// After what.
    pub on: Vec<RetryOn>,
    /// Waits as long as `Retry-After` says.
    pub retry_after: bool,
}

/// What a client sends a request again for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// This HTTP status.
    Status(u16),
    /// No connection came about.
    Connect,
    /// The connection broke before any content.
    Broken,
    /// No content came in time.
    Timeout,
}

/// How long prompts and answers are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Lengths {
    /// Tokens of a prompt.
    pub input: Length,
    /// Tokens of an answer.
    pub output: Length,
}

/// A length in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Always the same.
    Fixed(u32),
    /// Log-normal with this mean and standard deviation, both in tokens.
    Lognormal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
    },
}

/// The limits a client keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Requests in flight at once; an arrival beyond it is counted as shed.
    pub in_flight: u32,
    /// Requests of the whole run; it ends when so many have ended. None for as many as there are.
    pub requests: Option<u64>,
    /// To connect.
    pub connect: Duration,
    /// To the first content.
    pub first_token: Duration,
    /// Between events.
    pub idle: Duration,
    /// To the end.
    pub total: Duration,
}

/// A phase.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// No SLO counts it.
    pub warmup: bool,
    /// Multiplies the rate of [`Schedule::Arrivals`] while it lasts; 1 leaves it as it is.
    pub load: f64,
    /// When it begins.
    pub start: Nanos,
    /// How long it lasts.
    pub duration: Duration,
}

impl Phase {
    /// When it ends.
    pub fn end(&self) -> Nanos {
        self.start + self.duration
    }
}

/// A fault on the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct FaultPlan {
    /// Its place in the scenario, from 0, over all phases.
    pub index: u32,
    /// The plugin.
    pub plugin: PluginRef,
    /// The phase it belongs to.
    pub phase: usize,
    /// The nodes it may touch; never empty.
    pub nodes: Vec<NodeName>,
    /// When it is switched on.
    pub on: Nanos,
    /// When it is withdrawn.
    pub off: Nanos,
    /// The share of attempts it is shown, 0 to 1.
    pub share: f64,
    /// The attempts it is shown.
    pub matching: Matching,
    /// The plugin's own parameters.
    pub with: serde_json::Value,
    /// What a trap does.
    pub on_trap: OnTrap,
}

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginRef {
    /// Embedded, by its name.
    BuiltIn(String),
    /// A component or core module.
    File(PathBuf),
}

impl PluginRef {
    /// As people call it.
    pub fn name(&self) -> String {
        match self {
            Self::BuiltIn(name) => name.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The attempts a fault is shown; what is not given matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Matching {
    /// The model that the request names.
    pub model: Option<String>,
    /// What the path begins with.
    pub path: Option<String>,
    /// A header and its value.
    pub header: Option<(String, String)>,
    /// Streams, or not.
    pub streaming: Option<bool>,
}

/// What a trap does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnTrap {
    /// The run ends, inconclusive.
    FailRun,
    /// The call counts as a pass; the report shows the trap.
    Skip,
}

/// The bounds on failover; what is not given is not checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct FailoverBounds {
    /// From death to no more work on the node.
    pub detection: Option<Duration>,
    /// From death to the service level holding again.
    pub recovery: Option<Duration>,
    /// From the node's return to its share of the work.
    pub failback: Option<Duration>,
    /// Share of the window's requests that may be lost, 0 to 1.
    pub lost: Option<f64>,
    /// Requests that may be truncated silently.
    pub silently_truncated: Option<u64>,
    /// Requests that may hold a part of the answer twice.
    pub duplicated: Option<u64>,
    /// Mean attempts a request.
    pub amplification: Option<f64>,
}
