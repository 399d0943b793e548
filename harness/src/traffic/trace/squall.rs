//! Squall's own format: JSONL, an object a request.
//!
//! | field | |
//! |---|---|
//! | `at_s` | when it is sent: seconds, a decimal number, exact to the nanosecond. On every row, in order, or on none. Only differences count: the first row is sent at the start |
//! | `input_tokens` | tokens of the prompt, 1 or more |
//! | `output_tokens` | tokens of the answer; 0 says that it got none when it was recorded |
//! | `hash_ids` | a whole number for each block of 512 tokens of the prompt: equal numbers are equal blocks. Needs `input_tokens` |
//! | `session` | the conversation it belongs to, any text |
//! | `url`, `body` | the request as it is to be sent: a path and an object; `url` is `/v1/chat/completions` when it is left out |
//!
//! Every field may be left out, other fields are refused.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{blocks, input, nanos, output};
use super::json::{raw, read};
use super::openai_batch::request;
use super::row::Fields;

const URL: &str = "/v1/chat/completions";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow, default)]
    at_s: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_tokens: Option<&'a RawValue>,
    #[serde(default)]
    hash_ids: Vec<u64>,
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

pub(super) fn row(line: &str) -> Result<Fields, String> {
    let line: Line<'_> = read(line)?;
    let time = line
        .at_s
        .map(|at| nanos(at.get(), 9).ok_or_else(|| format!("at_s {} is not a number of seconds", raw(at))));
    let input_tokens =
        line.input_tokens.map(|text| input(text.get().parse().ok(), &raw(text), "input_tokens"));
    let output_tokens =
        line.output_tokens.map(|text| output(text.get().parse().ok(), &raw(text), "output_tokens"));
    let input_tokens = input_tokens.transpose()?;
    match input_tokens {
        Some(tokens) => blocks(&line.hash_ids, tokens)?,
        None if line.hash_ids.is_empty() => {}
        None => return Err("hash_ids without input_tokens: how long the prompt is, nothing says".into()),
    }
    let (request, limit) = match (line.url, line.body) {
        (url, Some(body)) => {
            let (request, limit) = request(url.unwrap_or_else(|| URL.into()), body)?;
            (Some(request), limit)
        }
        (Some(_), None) => return Err("url without a body to send to it".into()),
        (None, None) => (None, None),
    };
    Ok(Fields {
        time: time.transpose()?,
        input_tokens,
        output_tokens: output_tokens.transpose()?.unwrap_or(limit),
        hash_ids: line.hash_ids,
        session: line.session.map(Into::into),
        request,
    })
}
