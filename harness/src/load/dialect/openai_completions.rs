//! `POST /v1/completions`: one text in, its continuation out.
//!
//! Source: <https://platform.openai.com/docs/api-reference/completions>, which calls it legacy; inference
//! servers all speak it. A stream has chunks like those of chat completions and ends with the same
//! `[DONE]`; so do errors in it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{Text, message_of, or_named_error, said};
use super::{Part, Question, Said};

const DONE: &[u8] = b"[DONE]";

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    prompt: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

pub(super) fn body(question: Question<'_>) -> serde_json::Result<Vec<u8>> {
    let prompt = question.all();
    serde_json::to_vec(&Request {
        model: question.model,
        prompt: &prompt,
        max_tokens: question.tokens,
        stream: question.stream,
        stream_options: question.stream.then_some(StreamOptions { include_usage: true }),
    })
}

/// A chunk of a stream, or a whole completion.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    usage: Option<Usage>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Usage {
    completion_tokens: Option<u32>,
}

pub(super) fn event<'a>(kind: Option<&[u8]>, data: &'a [u8]) -> Said<'a> {
    if data == DONE {
        return Said::LAST;
    }
    or_named_error(kind, data, read(data, "event"))
}

pub(super) fn whole(body: &[u8]) -> Said<'_> {
    read(body, "body")
}

fn read<'a>(json: &'a [u8], what: &str) -> Said<'a> {
    let chunk: Chunk<'a> = match serde_json::from_slice(json) {
        Ok(chunk) => chunk,
        Err(error) => return Said::Unreadable(format!("the {what} is no completion: {error}")),
    };
    if let Some(error) = chunk.error {
        return Said::Error(message_of(error));
    }
    if chunk.object.is_some_and(|object| object.0 == "error") {
        return Said::Error(chunk.message.map(message_of).unwrap_or_default());
    }
    let tokens = chunk.usage.and_then(|usage| usage.completion_tokens);
    // One choice was asked for.
    let Some(choice) = chunk.choices.into_iter().flatten().next() else {
        return Said::Part(Part { tokens, ..Part::default() });
    };
    if choice.finish_reason.as_ref().is_some_and(|reason| reason.0 == "error") {
        return Said::Error("the finish_reason is `error`".into());
    }
    Said::Part(Part {
        finished: said(choice.finish_reason.as_ref()),
        text: choice.text.map(|text| text.0).unwrap_or_default(),
        tokens,
        ..Part::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{json_of, question};
    use super::*;
    use crate::traffic::Message;

    #[test]
    fn a_request_asks_for_the_continuation_of_one_text() {
        let json = json_of(body, question(&[Message::user("once")], &[]));
        let expected = serde_json::json!({"model": "m", "prompt": "once", "max_tokens": 7, "stream": true,
            "stream_options": {"include_usage": true}});
        assert_eq!(json, expected);
        let more = [Message::system("be brief"), Message::user("once")];
        assert_eq!(json_of(body, question(&more, &[]))["prompt"], "be brief\n\nonce");
    }

    #[test]
    fn text_finish_usage_and_the_last_word_are_told() {
        let text = event(None, br#"{"object":"text_completion","choices":[{"text":" a","index":0,"logprobs":null,"finish_reason":null}]}"#);
        assert_eq!(text, Said::Part(Part { text: " a".into(), ..Part::default() }));
        let finish = event(None, br#"{"choices":[{"text":"","finish_reason":"length"}],"usage":null}"#);
        assert_eq!(finish, Said::Part(Part { finished: true, ..Part::default() }));
        let usage = event(None, br#"{"choices":[],"usage":{"completion_tokens":9}}"#);
        assert_eq!(usage, Said::Part(Part { tokens: Some(9), ..Part::default() }));
        assert_eq!(event(None, b"[DONE]"), Said::LAST);
        let all =
            whole(br#"{"choices":[{"text":"a b","finish_reason":"stop"}],"usage":{"completion_tokens":2}}"#);
        let expected = Part { text: "a b".into(), finished: true, tokens: Some(2), ..Part::default() };
        assert_eq!(all, Said::Part(expected));
    }

    #[test]
    fn errors_are_told_and_what_is_no_completion_is_unreadable() {
        assert_eq!(event(None, br#"{"error":{"message":"gone"}}"#), Said::Error("gone".into()));
        assert_eq!(event(Some(b"error"), b"{}"), Said::Error("{}".into()));
        assert!(matches!(event(None, b"<html>"), Said::Unreadable(_)));
        assert!(matches!(event(None, br#"{"choices":[{"finish_reason":"error"}]}"#), Said::Error(_)));
    }

    proptest! {
        #[test]
        fn any_bytes_say_something(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (event(None, &data), whole(&data));
        }
    }
}
