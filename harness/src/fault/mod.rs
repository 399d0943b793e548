//! Faults: what a plugin may decide, and what it may ask of the world.
//!
//! The guest decides, the host acts. A [`Fault`] returns verdicts; the proxy carries them out and
//! the host undoes them. No WebAssembly here: `wasm.rs` alone names wasmtime.

mod ahead;
mod catalogue;
mod engine;
mod hold;
pub mod interface;
mod load;
mod timeline;
mod verdict;
mod wasm;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Nanos;
use crate::name::{AttemptId, NodeName, RequestId};

pub use catalogue::{BUILT_IN, built_in_names};
pub use engine::{AttemptFaults, Engine, Tally};
pub use hold::{Hold, Storm};
pub use load::{Loaded, PluginError, bytes_of, check_all, describe, load_all};
pub use verdict::{
    BodyVerdict, Canned, ConnectVerdict, Ending, EventRuling, EventVerdict, RequestVerdict, ResponseVerdict,
    Step, Verdict,
};
pub use wasm::{Interface, Refusal, Shape, Specimen, Trial};

/// The hooks a fault wants called. A hook not asked for costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the interface's flags, one to one")]
pub struct Hooks {
    /// Called when a connection is accepted.
    pub connect: bool,
    /// Called when a request has arrived whole.
    pub request: bool,
    /// Called when the node's response head has arrived.
    pub response: bool,
    /// Called for the SSE events of the node's response.
    pub events: bool,
    /// It is told how large the payloads of events are.
    pub sizes: bool,
    /// It is handed the payloads of events.
    pub data: bool,
    /// What it decides of an event follows from the attempt and the event's place: it may be asked of events that have
    /// not come yet.
    pub ahead: bool,
    /// Called for the body of an answer that is no stream.
    pub body: bool,
    /// Called when the attempt has ended.
    pub finish: bool,
    /// Called every 10 ms while the fault is on.
    pub tick: bool,
}

/// One attempt, as a fault sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Dense and unique within the run.
    pub id: AttemptId,
    /// The node it was sent to.
    pub node: NodeName,
    /// The load generator's request it serves, where that could be told.
    pub request: Option<RequestId>,
    /// 0 for the first attempt of that request that the harness saw, 1 for the next.
    pub ordinal: u32,
    /// When it arrived at the proxy.
    pub at: Nanos,
}

/// The head of a request, and what its body says of itself.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// `POST`.
    pub method: http::Method,
    /// The path with its query, as sent.
    pub path: String,
    /// The headers, in the order in which they came.
    pub headers: http::HeaderMap,
    /// The `model` that the body names; empty when it names none.
    pub model: String,
    /// The body asks for a stream.
    pub streaming: bool,
    /// The most tokens that the body lets the answer have.
    pub max_tokens: Option<u32>,
    /// The body's size.
    pub body_bytes: u64,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// Status code.
    pub status: http::StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
}

/// What the faults on one attempt decided together: delays added up, headers joined, and the first verdict
/// that leaves the others nothing to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling<V> {
    /// The sum of all delays, to be slept before `verdict` is carried out.
    pub delay: Duration,
    /// To be set on the answer, in place of those of the same name.
    pub headers: http::HeaderMap,
    /// Neither a delay nor headers.
    pub verdict: V,
}

impl<V: Verdict> Ruling<V> {
    /// That nothing is to be done.
    fn pass() -> Self {
        Self { delay: Duration::ZERO, headers: http::HeaderMap::new(), verdict: V::PASS }
    }
}

/// Why a plugin's call did not return: names the plugin and the hook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}` failed in `{hook}`: {kind}")]
pub struct Trap {
    /// The plugin, as the scenario names it.
    pub plugin: String,
    /// The hook that was being called.
    pub hook: &'static str,
    /// What went wrong.
    pub kind: TrapKind,
}

/// How a plugin's call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrapKind {
    /// The call's fuel was used up.
    #[error("it used up its {0} units of fuel (an endless loop?)")]
    Fuel(u64),
    /// The epoch backstop.
    #[error("it did not return within {}", humantime::format_duration(*.0))]
    Deadline(Duration),
    /// The memory cap.
    #[error("it asked for more than its {} MiB of memory", .0 / (1 << 20))]
    Memory(u64),
    /// Anything else that WebAssembly calls a trap.
    #[error("{0}")]
    Other(String),
}

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Description {
    /// One sentence: what it does to an endpoint.
    pub summary: String,
    /// What its `with` table takes, in order.
    pub parameters: Vec<Parameter>,
}

/// A parameter of a plugin, for people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Parameter {
    /// Its key.
    pub name: String,
    /// `duration`, `count`, `one of end, reset`.
    pub kind: String,
    /// As TOML writes it; none when it must be given, or when leaving it out is a choice of its own.
    pub default: Option<String>,
    /// As TOML writes it.
    pub example: String,
    /// What it does.
    pub meaning: String,
}

/// Events of one stream that a fault is shown in one call, in order.
#[derive(Clone, Copy, Debug)]
pub struct EventBatch<'a> {
    /// The place of the first in its stream.
    pub first: u32,
    /// One or more.
    pub count: usize,
    /// Theirs; none where they have not come yet.
    pub payloads: &'a [Bytes],
}

impl<'a> EventBatch<'a> {
    /// Events that have come, from `first` on.
    pub fn arrived(first: u32, payloads: &'a [Bytes]) -> Self {
        Self { first, count: payloads.len(), payloads }
    }

    /// Events to come, for a fault that asked for [`Hooks::ahead`].
    pub fn to_come(first: u32, count: usize) -> Self {
        Self { first, count, payloads: &[] }
    }

    /// Those from place `from` of the batch on, `most` of them at most.
    fn part(self, from: usize, most: usize) -> Self {
        let count = (self.count - from).min(most);
        let payloads =
            if self.payloads.is_empty() { self.payloads } else { &self.payloads[from..from + count] };
        Self { first: self.first + from as u32, count, payloads }
    }
}

/// A fault, whatever it is written in. One instance a fault of the scenario: it may keep state.
pub trait Fault: Send {
    /// The hooks it asked for when it was configured.
    fn hooks(&self) -> Hooks;
    /// It can act on nodes, or knows the time: an event that it is shown has effects beyond its verdict, or a verdict
    /// that depends on when.
    fn acts(&self) -> bool;
    /// A connection was accepted.
    fn connect(&mut self, call: &Call<'_>) -> Result<ConnectVerdict, Trap>;
    /// A request arrived.
    fn request(&mut self, call: &Call<'_>, head: &RequestHead) -> Result<RequestVerdict, Trap>;
    /// The node's response head arrived.
    fn response(&mut self, call: &Call<'_>, head: &ResponseHead) -> Result<ResponseVerdict, Trap>;
    /// SSE events of the response arrived together, or are to come. What it decides of the first that shall not just
    /// pass; what comes after that one is asked about again.
    fn events(&mut self, call: &Call<'_>, batch: EventBatch<'_>) -> Result<Option<EventRuling>, Trap>;
    /// SSE event `index` of the response arrived by itself.
    fn event(&mut self, call: &Call<'_>, index: u32, payload: &Bytes) -> Result<EventVerdict, Trap> {
        let ruling = self.events(call, EventBatch::arrived(index, std::slice::from_ref(payload)))?;
        Ok(ruling.map_or(EventVerdict::Pass, |ruling| ruling.verdict))
    }
    /// The body of an answer that is no stream arrived whole.
    fn body(&mut self, call: &Call<'_>, data: &Bytes) -> Result<BodyVerdict, Trap>;
    /// The attempt ended.
    fn finish(&mut self, call: &Call<'_>) -> Result<(), Trap>;
    /// Time passed.
    fn tick(&mut self, now: Nanos) -> Result<(), Trap>;
    /// Goes on after a trap, with nothing remembered. A trap here is for good.
    fn revive(&mut self) -> Result<(), Trap>;
}

/// One attempt, with what differs from fault to fault.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The attempt.
    pub attempt: &'a Attempt,
    /// Its node's place in the scenario, from 0.
    pub node: u32,
    /// Uniform random bits fixed by (run seed, fault, request, ordinal).
    pub draw: u64,
    /// Time since the fault was switched on, when the attempt arrived.
    pub since_start: Duration,
}

/// A node's state, as the harness knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Started, not ready yet.
    Starting,
    /// Ready.
    Up,
    /// Stopped by SIGSTOP.
    Paused,
    /// It runs, but its listener is closed.
    Refusing,
    /// Not running; its listener is closed.
    Down,
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Paused => "paused",
            Self::Refusing => "refusing",
            Self::Down => "down",
        })
    }
}

/// A fault while the run goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultLive {
    /// What it is, and what it did so far.
    pub fault: squall_report::Fault,
    /// It is on now.
    pub on: bool,
}

/// A node, as a plugin may list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its name.
    pub name: NodeName,
    /// Its zone; empty when the scenario gives none.
    pub zone: String,
    /// Its state now.
    pub state: NodeState,
}

/// Control over nodes. The fleet implements it; the fault engine lends it to plugins, after it has
/// checked that the scenario grants the node.
///
/// All but `restart` have happened when they return. `restart` has begun: the node's
/// state says when it is up.
pub trait NodeControl: Send + Sync {
    /// All nodes of the fleet.
    fn list(&self) -> Vec<NodeInfo>;
    /// SIGKILL, and the proxy's listener closed. An error says why it could not be done.
    fn kill(&self, node: &NodeName) -> Result<(), String>;
    /// SIGSTOP.
    fn pause(&self, node: &NodeName) -> Result<(), String>;
    /// SIGCONT.
    fn resume(&self, node: &NodeName) -> Result<(), String>;
    /// Starts the node again; nothing to do when it is up.
    fn restart(&self, node: &NodeName) -> Result<(), String>;
    /// Closes the listener of a node that goes on running.
    fn refuse(&self, node: &NodeName) -> Result<(), String>;
    /// Opens the listener again.
    fn accept(&self, node: &NodeName) -> Result<(), String>;
}
