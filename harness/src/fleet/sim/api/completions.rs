//! `POST /v1/completions`. Source: <https://platform.openai.com/docs/api-reference/completions>.

use std::borrow::Cow;

use serde::Deserialize;

use super::chat::StreamOptions;
use super::{ApiError, Asked, count_words, parse};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    prompt: OneText<'a>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    n: Option<u32>,
}

/// A text, or a list of one. Texts as token ids are not taken: the node's tokenizer counts words.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneText<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    List(#[serde(borrow)] [Cow<'a, str>; 1]),
}

impl<'a> OneText<'a> {
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) | Self::List([text]) => text,
        }
    }
}

pub(super) fn read(body: &[u8]) -> Result<Asked<'_>, ApiError> {
    let request: Request<'_> = parse(body, "a completion request of one text")?;
    if request.n.is_some_and(|n| n != 1) {
        return Err(ApiError::invalid("`n` must be 1: this node gives one choice"));
    }
    let question = request.prompt.text();
    Ok(Asked {
        model: request.model,
        words: count_words(&question),
        question,
        limit: request.max_tokens.map(|tokens| ("max_tokens", tokens)),
        stream: request.stream.unwrap_or(false),
        include_usage: request.stream_options.and_then(|options| options.include_usage).unwrap_or(false),
    })
}
