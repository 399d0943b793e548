//! Sessions: what follows an arrival that begins one. Turns, one after the other, each with all that was
//! said before; between two of them tools that work, and requests of their own that are asked at once.
//!
//! Pure: the load asks and waits. Invariant: what is drawn of a session is fixed by (seed, its number), and
//! the ids of all its requests are known when it begins: each turn's, then those of its sub-requests, turn
//! by turn. So a turn that is never asked leaves its ids unused, and changes nothing of any other.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

use super::TrafficError;
use super::conversation::{Prompt, Tool};
use super::draw::{Purpose, stream};
use super::prompt::length;
use super::prose::{Vocabulary, write};
use super::rate::uniform;
use super::users::draw_think;
use crate::clock::Nanos;
use crate::name::RequestId;
use crate::scenario::plan::{self, Length, Plan, Sessions, Tools, Turns};
use crate::tokens::Tokenizer;

/// Longer sessions are in no context window.
pub const MOST_TURNS: u32 = 1_000;
/// As many at once after one answer are a typing error.
pub const MOST_CALLS: u32 = 1_000;

/// The tool that every call of a tool names.
const TOOL: &str = "look_up";
/// The tool that every sub-request is the work of.
const DELEGATE: &str = "delegate";

/// A session that an arrival begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Dense from 0, in the order of the schedule.
    pub number: u64,
    /// Its first turn; its other requests have the ids that follow.
    pub first: RequestId,
    /// All of its requests, at least 1: turns and what they are divided into.
    pub requests: u32,
    /// Of each turn but the last.
    sub_requests: u32,
}

impl Opening {
    /// Session `number`, whose first request is `first`, in a run that has no more than `most` requests.
    pub(super) fn draw(seed: u64, plan: &Sessions, number: u64, first: RequestId, most: u64) -> Self {
        let turns = turns(plan.turns, &mut stream(seed, Purpose::Turns, number));
        let sub_requests = plan.sub_requests.map_or(0, |sub| sub.count);
        let requests = turns + (turns - 1) * sub_requests;
        // A run of so many requests may end within a session.
        let left = u32::try_from(most.saturating_sub(first.0)).unwrap_or(u32::MAX);
        Self { number, first, requests: requests.min(left), sub_requests }
    }

    /// Its turns.
    pub fn turns(&self) -> u32 {
        self.turns_of(self.requests)
    }

    /// The turns among its first `requests`.
    pub fn turns_of(&self, requests: u32) -> u32 {
        requests.div_ceil(1 + self.sub_requests)
    }

    /// The id of turn `turn`, from 0.
    pub fn turn(&self, turn: u32) -> RequestId {
        RequestId(self.first.0 + u64::from(turn) * u64::from(1 + self.sub_requests))
    }

    /// The ids of the sub-requests that follow the answer to turn `turn`.
    pub fn sub_requests(&self, turn: u32) -> impl Iterator<Item = RequestId> + use<> {
        let end = self.first.0 + u64::from(self.requests);
        let main = self.turn(turn).0;
        (main + 1..(main + 1 + u64::from(self.sub_requests)).min(end)).map(RequestId)
    }

    /// When each of its requests would be sent if every answer took no time and it began at `at`.
    pub(super) fn earliest(&self, seed: u64, plan: &Sessions, mut at: Nanos) -> Vec<Nanos> {
        let mut times = Vec::with_capacity(self.requests as usize);
        let mut pauses = Pauses::of(seed, plan, self.number);
        for turn in 0..self.turns() {
            times.push(at);
            times.extend(self.sub_requests(turn).map(|_| at));
            let Pause { tools, think } = pauses.draw();
            at = at + tools + think;
        }
        times
    }
}

/// How many turns a session has.
fn turns(turns: Turns, random: &mut ChaCha8Rng) -> u32 {
    let drawn = match turns {
        Turns::Fixed(turns) => turns,
        Turns::Uniform { least, most } => {
            let among = f64::from(most - least) + 1.0;
            (f64::from(least) + (uniform(random) * among).floor()).min(f64::from(most)) as u32
        }
        // The inverse of its distribution: after each turn the same chance of being over.
        Turns::Geometric { mean } if mean > 1.0 => {
            let goes_on: f64 = 1.0 - 1.0 / mean;
            let one_or_less = 1.0 - uniform(random);
            1_u32.saturating_add((one_or_less.ln() / goes_on.ln()).floor() as u32)
        }
        Turns::Geometric { .. } => 1,
    };
    drawn.clamp(1, MOST_TURNS)
}

/// From an answer to the next turn, as far as it does not depend on other answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Until the last of the tools has finished that the answer called.
    pub tools: Duration,
    /// From when all is there to the turn.
    pub think: Duration,
}

/// The pauses of one session, in order.
#[derive(Debug)]
pub struct Pauses {
    plan: Sessions,
    random: ChaCha8Rng,
}

impl Pauses {
    /// Those of session `number`.
    pub fn of(seed: u64, plan: &Sessions, number: u64) -> Self {
        Self { plan: *plan, random: stream(seed, Purpose::Pauses, number) }
    }

    /// The next.
    pub fn draw(&mut self) -> Pause {
        let random = &mut self.random;
        let tools = self.plan.tools.and_then(|tools| {
            // They work side by side: the slowest is waited for.
            (0..tools.calls).map(|_| draw_think(tools.time, random)).max()
        });
        Pause { tools: tools.unwrap_or_default(), think: draw_think(self.plan.think, random) }
    }
}

/// What a tool gave, or what was answered to a sub-request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The tool's name.
    pub tool: &'static str,
    /// What it gave.
    pub text: String,
    /// Its tokens.
    pub tokens: u32,
}

impl Given {
    /// A sub-request's answer.
    pub fn answer((text, tokens): (String, u32)) -> Self {
        Self { tool: DELEGATE, text, tokens }
    }
}

/// The tools of a run's sessions: what is offered to the model, and what they give.
#[derive(Debug)]
pub struct Toolbox {
    seed: u64,
    /// None where answers call none.
    writer: Option<Writer>,
    offered: Arc<[Tool]>,
}

/// Writes what tools give.
#[derive(Debug)]
struct Writer {
    calls: u32,
    result: Length,
    vocabulary: Arc<Vocabulary>,
    tokenizer: Arc<Tokenizer>,
}

impl Toolbox {
    /// The tools of `plan`'s sessions.
    pub fn of(plan: &Plan, sessions: &Sessions) -> Result<Self, TrafficError> {
        let tools = sessions.tools.map(|_| (TOOL, "Looks something up."));
        let delegate = sessions.sub_requests.map(|_| (DELEGATE, "Has a part of the work done by another."));
        let offered = tools.into_iter().chain(delegate).map(|(name, description)| Tool {
            name: name.into(),
            description: Some(description.into()),
            parameters: Some(serde_json::json!({ "type": "object", "properties": {} })),
        });
        Ok(Self {
            seed: plan.seed,
            offered: offered.collect(),
            writer: sessions.tools.map(|tools| Writer::of(tools, &plan.target.tokenizer)).transpose()?,
        })
    }

    /// Offers the tools with a prompt, beside those that it has.
    pub fn offer(&self, prompt: &mut Prompt) {
        if prompt.tools.is_empty() {
            prompt.tools = Arc::clone(&self.offered);
        } else if !self.offered.is_empty() {
            prompt.tools = prompt.tools.iter().chain(self.offered.iter()).cloned().collect();
        }
    }

    /// What the tools gave that the answer to `turn` called.
    pub fn results(&self, turn: RequestId) -> impl Iterator<Item = Given> {
        let item = turn.0.wrapping_mul(u64::from(MOST_CALLS));
        let calls = self.writer.iter().flat_map(|writer| (0..writer.calls).map(move |call| (writer, call)));
        calls.map(move |(writer, call)| {
            writer.write(stream(self.seed, Purpose::Results, item.wrapping_add(u64::from(call))))
        })
    }
}

impl Writer {
    fn of(tools: Tools, tokenizer: &plan::Tokenizer) -> Result<Self, TrafficError> {
        Ok(Self {
            calls: tools.calls,
            result: tools.result,
            vocabulary: Vocabulary::load(tokenizer)?,
            tokenizer: Tokenizer::load(tokenizer)?,
        })
    }

    fn write(&self, mut random: ChaCha8Rng) -> Given {
        let tokens = length(self.result, StandardNormal.sample(&mut random));
        let mut text = String::new();
        write(&mut text, self.vocabulary.prose(random, tokens as usize));
        let counted = if self.vocabulary.adds_up { tokens } else { self.tokenizer.count(&text) as u32 };
        Given { tool: TOOL, text, tokens: counted }
    }
}

#[cfg(test)]
mod tests;
