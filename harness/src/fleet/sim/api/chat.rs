//! `POST /v1/chat/completions`. Source: <https://platform.openai.com/docs/api-reference/chat>.

use std::borrow::Cow;

use serde::Deserialize;

use super::{ApiError, Asked, Message, conversation, parse};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    n: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: Option<bool>,
}

pub(super) fn read(body: &[u8]) -> Result<Asked<'_>, ApiError> {
    let request: Request<'_> = parse(body, "a chat completion request")?;
    if request.n.is_some_and(|n| n != 1) {
        return Err(ApiError::invalid("`n` must be 1: this node gives one choice"));
    }
    let (question, words) = conversation(request.messages, "messages")?;
    let newer = request.max_completion_tokens.map(|tokens| ("max_completion_tokens", tokens));
    Ok(Asked {
        model: request.model,
        question,
        words,
        limit: newer.or(request.max_tokens.map(|tokens| ("max_tokens", tokens))),
        stream: request.stream.unwrap_or(false),
        include_usage: request.stream_options.and_then(|options| options.include_usage).unwrap_or(false),
    })
}
