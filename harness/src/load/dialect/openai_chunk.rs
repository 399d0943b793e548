//! What OpenAI's chat and text completions have in common: chunks of choices, and `[DONE]` at their end.
//!
//! A whole completion differs from a chunk in what a choice holds only. The hot path: each event of each
//! stream comes through here, so fields are borrowed and nothing is made of what is not looked at.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{Text, failure, or_named_error};
use super::{Part, Said};

const DONE: &[u8] = b"[DONE]";

/// What a request asks of its stream: the usage at the end.
#[derive(Serialize)]
pub(super) struct StreamOptions {
    include_usage: bool,
}

impl StreamOptions {
    /// None where no stream is asked for: servers refuse them there.
    pub(super) fn of(stream: bool) -> Option<Self> {
        stream.then_some(Self { include_usage: true })
    }
}

/// One of the answers in a chunk.
pub(super) trait Choice<'a>: Deserialize<'a> {
    /// What the API answers with, for people.
    const WHAT: &'static str;
    /// Why it has ended, if it has.
    fn finish_reason(&self) -> Option<&Text<'a>>;
    /// What it says. The tokens are the chunk's to tell.
    fn part(self) -> Part<'a>;
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "C: Deserialize<'de>"))]
struct Chunk<'a, C> {
    choices: Option<Vec<C>>,
    usage: Option<Usage>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Usage {
    completion_tokens: Option<u32>,
}

/// What an event of a stream says.
pub(super) fn event<'a, C: Choice<'a>>(kind: Option<&[u8]>, data: &'a [u8]) -> Said<'a> {
    if data == DONE {
        return Said::LAST;
    }
    or_named_error(kind, data, read::<C>(data, "event"))
}

/// What a body that is no stream says.
pub(super) fn whole<'a, C: Choice<'a>>(body: &'a [u8]) -> Said<'a> {
    read::<C>(body, "body")
}

fn read<'a, C: Choice<'a>>(json: &'a [u8], what: &str) -> Said<'a> {
    let chunk: Chunk<'a, C> = match serde_json::from_slice(json) {
        Ok(chunk) => chunk,
        Err(error) => return Said::Unreadable(format!("the {what} is no {}: {error}", C::WHAT)),
    };
    if let Some(why) = failure(chunk.error, chunk.object.as_ref(), chunk.message) {
        return Said::Error(why);
    }
    let tokens = chunk.usage.and_then(|usage| usage.completion_tokens);
    let model = chunk.model.map(|model| model.0);
    // One choice was asked for.
    let Some(choice) = chunk.choices.into_iter().flatten().next() else {
        return Said::Part(Part { tokens, model, ..Part::default() });
    };
    if choice.finish_reason().is_some_and(|reason| reason.0 == "error") {
        return Said::Error("the finish_reason is `error`".into());
    }
    Said::Part(Part { tokens, model, ..choice.part() })
}
