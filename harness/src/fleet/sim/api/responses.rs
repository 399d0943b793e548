//! `POST /v1/responses`. Source: <https://platform.openai.com/docs/api-reference/responses>.

use std::borrow::Cow;

use serde::Deserialize;

use super::{ApiError, Asked, Message, conversation, count_words, parse};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    input: Input<'a>,
    #[serde(borrow)]
    instructions: Option<Cow<'a, str>>,
    stream: Option<bool>,
    max_output_tokens: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Items(#[serde(borrow)] Vec<Message<'a>>),
}

pub(super) fn read(body: &[u8]) -> Result<Asked<'_>, ApiError> {
    let request: Request<'_> = parse(body, "a response request")?;
    let (question, words) = match request.input {
        Input::Text(text) => {
            let words = count_words(&text);
            (text, words)
        }
        Input::Items(items) => conversation(items, "input")?,
    };
    Ok(Asked {
        model: request.model,
        question,
        words: words + request.instructions.as_deref().map_or(0, count_words),
        limit: request.max_output_tokens.map(|tokens| ("max_output_tokens", tokens)),
        stream: request.stream.unwrap_or(false),
        include_usage: true,
    })
}
