//! `POST /v1/messages`. Source: <https://platform.claude.com/docs/en/api/messages>.

use std::borrow::Cow;

use serde::Deserialize;

use super::{ApiError, Asked, Content, Message, conversation, count_words, parse};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    #[serde(borrow)]
    system: Option<Content<'a>>,
    /// This API has no answer without a limit.
    max_tokens: Option<u32>,
    stream: Option<bool>,
}

pub(super) fn read(body: &[u8]) -> Result<Asked<'_>, ApiError> {
    let request: Request<'_> = parse(body, "a message request")?;
    let limit = request.max_tokens.ok_or_else(|| ApiError::invalid("`max_tokens` is missing"))?;
    let (question, words) = conversation(request.messages, "messages")?;
    Ok(Asked {
        model: request.model,
        question,
        words: words + request.system.map_or(0, |system| count_words(&system.text())),
        limit: Some(("max_tokens", limit)),
        stream: request.stream.unwrap_or(false),
        include_usage: true,
    })
}
