//! What clients send: the part of each API that a simulated node understands. One file an API.
//!
//! Fields that do not change the answer (temperature, seed, …) are taken and ignored, as clients send
//! them by default.

mod chat;
mod completions;
mod embeddings;
mod error;
mod messages;
mod responses;

use std::borrow::Cow;

use http::StatusCode;
use serde::Deserialize;

pub(super) use error::ApiError;

use super::metrics::Finish;
use crate::answer::Answer;
use crate::api::Api;

/// The longest answer, in tokens: the context length that the node claims to have.
pub(super) const MAX_TOKENS: u32 = 131_072;

/// What to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) api: Api,
    pub(super) answer: Answer,
    /// Tokens of the answer, at least one; for an embedding, one step of work.
    pub(super) tokens: u32,
    pub(super) finish: Finish,
    /// Words and marks of all messages, as the node's tokenizer counts.
    pub(super) prompt_tokens: u32,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

impl Job {
    /// Reads a request for `model`.
    pub(super) fn read(api: Api, body: &[u8], model: &str) -> Result<Self, ApiError> {
        let asked = match api {
            Api::OpenaiChat => chat::read(body),
            Api::OpenaiCompletions => completions::read(body),
            Api::OpenaiResponses => responses::read(body),
            Api::OpenaiEmbeddings => embeddings::read(body),
            Api::AnthropicMessages => messages::read(body),
        }?;
        if asked.model != model {
            return Err(ApiError {
                status: StatusCode::NOT_FOUND,
                kind: "invalid_request_error",
                code: Some("model_not_found"),
                message: format!("the model `{}` does not exist; this node serves `{model}`", asked.model),
                retry_after: None,
            });
        }
        let answer = Answer::to(&asked.question);
        let (tokens, finish) = match asked.limit {
            Some((_, tokens @ 1..=MAX_TOKENS)) => (tokens, Finish::Length),
            Some((name, tokens)) => {
                let message = format!("`{name}` is {tokens}; it must be 1 to {MAX_TOKENS}");
                return Err(ApiError::invalid(message));
            }
            None => (answer.free_length(), Finish::Stop),
        };
        Ok(Self {
            api,
            answer,
            tokens,
            finish,
            prompt_tokens: u32::try_from(asked.words).unwrap_or(u32::MAX),
            stream: asked.stream,
            include_usage: asked.include_usage,
        })
    }
}

/// What a request asks, whatever its API.
struct Asked<'a> {
    model: Cow<'a, str>,
    /// The last user message.
    question: Cow<'a, str>,
    /// Words of all that is said.
    words: usize,
    /// The most tokens of an answer, and what the field is called.
    limit: Option<(&'static str, u32)>,
    stream: bool,
    include_usage: bool,
}

/// The fields of a request, or what is wrong with it.
fn parse<'a, T: Deserialize<'a>>(body: &'a [u8], what: &str) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("the body is not {what}: {error}")))
}

/// A message of a conversation.
#[derive(Deserialize)]
struct Message<'a> {
    /// An item of a response's input may be none of a conversation, and have no role.
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
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

impl<'a> Content<'a> {
    fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => {
                let texts = parts.into_iter().filter_map(|part| part.text);
                texts.reduce(|all, text| all + "\n" + text).unwrap_or_default()
            }
        }
    }
}

/// The last user message of a conversation, and the words of all of it. `field` is where it stands.
fn conversation<'a>(messages: Vec<Message<'a>>, field: &str) -> Result<(Cow<'a, str>, usize), ApiError> {
    let (mut question, mut words) = (None, 0);
    for message in messages {
        let text = message.content.map(Content::text).unwrap_or_default();
        words += count_words(&text);
        // A turn of the user may hold the results of tools and nothing to read.
        if message.role.is_some_and(|role| role == "user") && (question.is_none() || !text.is_empty()) {
            question = Some(text);
        }
    }
    let none = || ApiError::invalid(format!("`{field}` has no message with the role `user`"));
    Ok((question.ok_or_else(none)?, words))
}

fn count_words(text: &str) -> usize {
    crate::tokens::words::count(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(api: Api, fields: &str) -> Result<Job, ApiError> {
        Job::read(api, format!(r#"{{"model":"sim",{fields}}}"#).as_bytes(), "sim")
    }

    #[test]
    fn the_answer_is_to_the_last_user_message_however_it_is_written() {
        let cases = [
            (
                Api::OpenaiChat,
                r#""messages":[{"role":"user","content":"first"},{"role":"assistant","content":null,"tool_calls":[]},
                {"role":"user","content":"say \"hi\" now"},{"role":"tool","content":"5"}]"#,
                7,
            ),
            (
                Api::OpenaiChat,
                r#""messages":[{"role":"user","content":[{"type":"text","text":"say \"hi\" now"}]}]"#,
                5,
            ),
            (Api::OpenaiCompletions, r#""prompt":"say \"hi\" now""#, 5),
            (Api::OpenaiCompletions, r#""prompt":["say \"hi\" now"]"#, 5),
            (Api::OpenaiResponses, r#""input":"say \"hi\" now","instructions":"be kind""#, 7),
            (
                Api::OpenaiResponses,
                r#""input":[{"role":"user","content":"first"},{"type":"function_call","name":"f"},
                {"type":"message","role":"user","content":[{"type":"input_text","text":"say \"hi\" now"}]}]"#,
                6,
            ),
            (Api::OpenaiEmbeddings, r#""input":"say \"hi\" now""#, 5),
            (Api::OpenaiEmbeddings, r#""input":["say \"hi\" now"],"encoding_format":"float""#, 5),
            (
                Api::AnthropicMessages,
                r#""max_tokens":5,"system":"be kind","messages":[{"role":"user","content":"say \"hi\" now"},
                {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"5"}]}]"#,
                7,
            ),
            (
                Api::AnthropicMessages,
                r#""max_tokens":5,"system":[{"type":"text","text":"be kind"}],
                "messages":[{"role":"user","content":[{"type":"text","text":"say \"hi\" now"}]}]"#,
                7,
            ),
        ];
        let answer = Answer::to("say \"hi\" now");
        for (api, fields, words) in cases {
            let job = read(api, fields).map(|job| (job.api, job.answer, job.prompt_tokens));
            assert_eq!(job, Ok((api, answer, words)), "{fields}");
        }
    }

    #[test]
    fn the_limit_is_met_exactly_and_without_one_the_answer_stops_by_itself() {
        let job = |api, fields: &str| read(api, fields).map(|job| (job.tokens, job.finish));
        let free = Ok((Answer::to("hello").free_length(), Finish::Stop));
        let cases = [
            (Api::OpenaiChat, r#""messages":[{"role":"user","content":"hello"}]"#, "max_tokens"),
            (Api::OpenaiChat, r#""messages":[{"role":"user","content":"hello"}]"#, "max_completion_tokens"),
            (Api::OpenaiCompletions, r#""prompt":"hello""#, "max_tokens"),
            (Api::OpenaiResponses, r#""input":"hello""#, "max_output_tokens"),
            (Api::AnthropicMessages, r#""messages":[{"role":"user","content":"hello"}]"#, "max_tokens"),
        ];
        for (api, fields, limit) in cases {
            assert_eq!(job(api, &format!("{fields},\"{limit}\":7")), Ok((7, Finish::Length)));
            assert!(job(api, &format!("{fields},\"{limit}\":0")).is_err());
            assert!(job(api, &format!("{fields},\"{limit}\":4000000000")).is_err());
            if api != Api::AnthropicMessages {
                assert_eq!(job(api, fields), free);
            }
        }
        let both = r#""messages":[{"role":"user","content":"x"}],"max_tokens":7,"max_completion_tokens":900"#;
        assert_eq!(job(Api::OpenaiChat, both), Ok((900, Finish::Length)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let message = |result: Result<Job, ApiError>| {
            result.err().map(|error| (error.status.as_u16(), error.message)).unwrap_or_default()
        };
        let none = message(read(Api::OpenaiChat, r#""messages":[{"role":"system","content":"x"}]"#));
        assert_eq!(none, (400, "`messages` has no message with the role `user`".into()));
        for api in Api::ALL {
            let field = match api {
                Api::OpenaiChat | Api::AnthropicMessages => r#""messages":[{"role":"user","content":"x"}]"#,
                Api::OpenaiCompletions => r#""prompt":"x""#,
                Api::OpenaiResponses | Api::OpenaiEmbeddings => r#""input":"x""#,
            };
            let body = format!(r#"{{"model":"gpt","max_tokens":4,{field}}}"#);
            let other = message(Job::read(api, body.as_bytes(), "sim"));
            assert_eq!(other, (404, "the model `gpt` does not exist; this node serves `sim`".into()));
            assert_eq!(message(Job::read(api, b"{", "sim")).0, 400);
        }
        let no_limit = read(Api::AnthropicMessages, r#""messages":[{"role":"user","content":"x"}]"#);
        assert_eq!(message(no_limit), (400, "`max_tokens` is missing".into()));
        assert_eq!(message(read(Api::OpenaiCompletions, r#""prompt":["a","b"]"#)).0, 400);
        assert_eq!(message(read(Api::OpenaiEmbeddings, r#""input":"a","encoding_format":"base64""#)).0, 400);
    }
}
