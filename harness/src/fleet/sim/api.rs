//! What clients send: the part of `OpenAI`'s chat completions API that a simulated node understands.
//!
//! Source: <https://platform.openai.com/docs/api-reference/chat>. Fields that do not change the answer
//! (temperature, seed, …) are taken and ignored, as clients send them by default.

use std::borrow::Cow;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::metrics::Finish;
use crate::answer::Answer;

/// The longest answer, in tokens: the context length that the node claims to have.
pub(super) const MAX_TOKENS: u32 = 131_072;

/// An answer that is an error, in `OpenAI`'s shape.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) message: String,
    /// Seconds after which to try again.
    pub(super) retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid_request_error",
            code: None,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(super) fn queue_full() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "rate_limit_error",
            code: Some("rate_limit_exceeded"),
            message: "all slots are taken and the queue is full; try again later".into(),
            retry_after: Some(1),
        }
    }

    pub(super) fn starting(seconds: u64) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "service_unavailable_error",
            code: Some("model_loading"),
            message: "the model is being loaded; try again later".into(),
            retry_after: Some(seconds),
        }
    }

    pub(super) fn body(&self) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            error: Inner<'a>,
        }
        #[derive(Serialize)]
        struct Inner<'a> {
            message: &'a str,
            #[serde(rename = "type")]
            kind: &'a str,
            param: Option<&'a str>,
            code: Option<&'a str>,
        }
        let error = Inner { message: &self.message, kind: self.kind, param: None, code: self.code };
        // Strings and nothing else: this can't fail.
        serde_json::to_string(&Body { error }).unwrap_or_default()
    }
}

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
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
}

#[derive(Deserialize)]
struct Part<'a> {
    /// Parts without text (images, audio) add nothing.
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

impl Content<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Parts(parts) => {
                let mut texts = parts.iter().filter_map(|part| part.text.as_deref());
                let first = texts.next().unwrap_or_default();
                texts.fold(Cow::Borrowed(first), |all, text| Cow::Owned(format!("{all}\n{text}")))
            }
        }
    }
}

/// What to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) answer: Answer,
    /// Tokens of the answer, at least one.
    pub(super) tokens: u32,
    pub(super) finish: Finish,
    /// Words of all messages: the node's tokenizer counts words.
    pub(super) prompt_tokens: u32,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

impl Job {
    /// Reads a request for `model`.
    pub(super) fn read(body: &[u8], model: &str) -> Result<Self, ApiError> {
        let request: Request<'_> = serde_json::from_slice(body).map_err(|error| {
            ApiError::invalid(format!("the body is not a chat completion request: {error}"))
        })?;
        if request.model != model {
            return Err(ApiError {
                status: StatusCode::NOT_FOUND,
                kind: "invalid_request_error",
                code: Some("model_not_found"),
                message: format!("the model `{}` does not exist; this node serves `{model}`", request.model),
                retry_after: None,
            });
        }
        if request.n.is_some_and(|n| n != 1) {
            return Err(ApiError::invalid("`n` must be 1: this node gives one choice"));
        }
        let texts: Vec<_> =
            request.messages.iter().map(|message| message.content.as_ref().map(Content::text)).collect();
        let last = request.messages.iter().rposition(|message| message.role == "user");
        let last = last.ok_or_else(|| ApiError::invalid("`messages` has no message with the role `user`"))?;
        let answer = Answer::to(texts[last].as_deref().unwrap_or_default());
        let words = texts.iter().flatten().map(|text| text.split_whitespace().count()).sum::<usize>();
        let (tokens, finish) = match request.max_completion_tokens.or(request.max_tokens) {
            Some(tokens @ 1..=MAX_TOKENS) => (tokens, Finish::Length),
            Some(tokens) => {
                let message = format!("`max_tokens` is {tokens}; it must be 1 to {MAX_TOKENS}");
                return Err(ApiError::invalid(message));
            }
            None => (answer.free_length(), Finish::Stop),
        };
        Ok(Self {
            answer,
            tokens,
            finish,
            prompt_tokens: u32::try_from(words).unwrap_or(u32::MAX),
            stream: request.stream.unwrap_or(false),
            include_usage: request.stream_options.and_then(|options| options.include_usage).unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(messages: &str, rest: &str) -> Result<Job, ApiError> {
        Job::read(format!(r#"{{"model":"sim","messages":{messages}{rest}}}"#).as_bytes(), "sim")
    }

    #[test]
    fn the_answer_is_to_the_last_user_message_however_it_is_written() {
        let plain = r#"[{"role":"user","content":"first"},{"role":"assistant","content":null,"tool_calls":[]},
            {"role":"user","content":"say \"hi\" now"},{"role":"tool","content":"5"}]"#;
        let parts = r#"[{"role":"user","content":[{"type":"text","text":"say \"hi\" now"}]}]"#;
        let plain = read(plain, "").map(|job| (job.answer, job.prompt_tokens));
        let answer = Answer::to("say \"hi\" now");
        assert_eq!(plain, Ok((answer, 5)));
        assert_eq!(read(parts, "").map(|job| (job.answer, job.prompt_tokens)), Ok((answer, 3)));
    }

    #[test]
    fn the_limit_is_met_exactly_and_without_one_the_answer_stops_by_itself() {
        let hello = r#"[{"role":"user","content":"hello"}]"#;
        let job = |rest: &str| read(hello, rest).map(|job| (job.tokens, job.finish));
        assert_eq!(job(""), Ok((Answer::to("hello").free_length(), Finish::Stop)));
        assert_eq!(job(r#","max_tokens":7"#), Ok((7, Finish::Length)));
        assert_eq!(job(r#","max_tokens":7,"max_completion_tokens":900"#), Ok((900, Finish::Length)));
        assert!(job(r#","max_tokens":0"#).is_err());
        assert!(job(r#","max_tokens":4000000000"#).is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let message =
            |result: Result<Job, ApiError>| result.err().map(|error| (error.status.as_u16(), error.message));
        let none = message(read(r#"[{"role":"system","content":"x"}]"#, ""));
        assert_eq!(none, Some((400, "`messages` has no message with the role `user`".into())));
        let other = message(Job::read(br#"{"model":"gpt","messages":[]}"#, "sim"));
        assert_eq!(other, Some((404, "the model `gpt` does not exist; this node serves `sim`".into())));
        assert_eq!(message(Job::read(b"{", "sim")).map(|(status, _)| status), Some(400));
    }
}
