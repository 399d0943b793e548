//! `POST /v1/completions`: one text in, its continuation out.
//!
//! Source: <https://platform.openai.com/docs/api-reference/completions>, which calls it legacy; inference
//! servers all speak it. A stream has chunks like those of chat completions and ends with the same
//! `[DONE]`; so do errors in it.

use serde::{Deserialize, Serialize};

use super::json::{Text, said};
use super::openai_chunk::{self, StreamOptions};
use super::{Part, Question, Said};

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    prompt: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

pub(super) fn body(question: Question<'_>) -> serde_json::Result<Vec<u8>> {
    let prompt = question.all();
    serde_json::to_vec(&Request {
        model: question.model,
        prompt: &prompt,
        max_tokens: question.tokens,
        stream: question.stream,
        stream_options: StreamOptions::of(question.stream),
    })
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

impl<'a> openai_chunk::Choice<'a> for Choice<'a> {
    const WHAT: &'static str = "completion";

    fn finish_reason(&self) -> Option<&Text<'a>> {
        self.finish_reason.as_ref()
    }

    fn part(self) -> Part<'a> {
        Part {
            finished: said(self.finish_reason.as_ref()),
            text: self.text.map(|text| text.0).unwrap_or_default(),
            ..Part::default()
        }
    }
}

pub(super) fn event<'a>(kind: Option<&[u8]>, data: &'a [u8]) -> Said<'a> {
    openai_chunk::event::<Choice<'a>>(kind, data)
}

pub(super) fn whole(body: &[u8]) -> Said<'_> {
    openai_chunk::whole::<Choice<'_>>(body)
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
