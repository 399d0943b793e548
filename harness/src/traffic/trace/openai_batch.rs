//! The input of OpenAI's batch API: JSONL (<https://platform.openai.com/docs/guides/batch>).
//!
//! `{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {…}}`: requests as they
//! are, without times. How long an answer may be is said by the body, or by nobody.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::output;
use super::json::{object, read};
use super::row::{AsIs, Fields};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    method: Option<String>,
    url: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// What bodies call the most tokens of an answer, newest first.
#[derive(Deserialize)]
struct Limits {
    #[serde(default, rename = "max_completion_tokens")]
    completion: Option<u64>,
    #[serde(default, rename = "max_output_tokens")]
    output: Option<u64>,
    #[serde(default, rename = "max_tokens")]
    any: Option<u64>,
}

pub(super) fn row(line: &str) -> Result<Fields, String> {
    let Line { method, url, body } = read(line)?;
    if let Some(method) = method.filter(|method| method != "POST") {
        return Err(format!("method {method:?}; expected \"POST\""));
    }
    let (request, output_tokens) = request(url, body)?;
    Ok(Fields { request: Some(request), output_tokens, ..Fields::default() })
}

/// A request as it is, and the tokens of its answer where it limits them.
pub(super) fn request(url: String, body: &RawValue) -> Result<(AsIs, Option<u32>), String> {
    if !url.starts_with('/') {
        return Err(format!("url {url:?} is not a path; expected one like \"/v1/chat/completions\""));
    }
    object(body, "body")?;
    let limits: Limits = read(body.get()).map_err(|problem| format!("body: {problem}"))?;
    let limit = limits.completion.or(limits.output).or(limits.any);
    let output_tokens = match limit {
        Some(limit) => output(Some(limit), &limit.to_string(), "the body's limit on tokens")?,
        None => None,
    };
    Ok((AsIs { url: url.into(), body: body.get().into() }, output_tokens))
}
