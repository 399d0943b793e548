//! `POST /v1/chat/completions`, as `OpenAI` documents it and as its many servers speak it.
//!
//! Source: <https://platform.openai.com/docs/api-reference/chat>; `reasoning_content` and `reasoning`
//! are what vLLM, `SGLang`, `DeepSeek` and `OpenRouter` call the thinking of a model; an error inside a stream
//! is an object with `error` (`OpenAI`, vLLM, `LiteLLM`), one with `"object": "error"` (older vLLM), or an
//! event of kind `error`.

mod request;

use serde::Deserialize;

use super::json::{Text, said};
use super::{Part, Said, openai_chunk};

pub(super) use request::body;

/// A chunk's choice, or a whole completion's: they differ in the name of the message only.
#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, alias = "message")]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

impl Delta<'_> {
    fn has_other(&self) -> bool {
        said(self.reasoning_content.as_ref())
            || said(self.reasoning.as_ref())
            || said(self.refusal.as_ref())
            || self
                .tool_calls
                .iter()
                .flatten()
                .filter_map(|call| call.function.as_ref())
                .any(|f| said(f.arguments.as_ref()))
    }
}

impl<'a> openai_chunk::Choice<'a> for Choice<'a> {
    const WHAT: &'static str = "chat completion";

    fn finish_reason(&self) -> Option<&Text<'a>> {
        self.finish_reason.as_ref()
    }

    fn part(self) -> Part<'a> {
        let delta = self.delta.unwrap_or_default();
        Part {
            other: delta.has_other(),
            text: delta.content.map(|text| text.0).unwrap_or_default(),
            finished: said(self.finish_reason.as_ref()),
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
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    fn saying(data: &str) -> Said<'_> {
        event(None, data.as_bytes())
    }

    fn delta(delta: &str) -> String {
        format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}],"usage":null}}"#)
    }

    fn has_content(json: &str) -> bool {
        match saying(&delta(json)) {
            Said::Part(part) => part.has_content(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn text_thoughts_refusals_and_tool_arguments_are_content_and_nothing_else_is() {
        assert!(has_content(r#"{"content":"a"}"#));
        assert!(has_content(r#"{"content":"","reasoning_content":"hm"}"#));
        assert!(has_content(r#"{"content":null,"reasoning":"hm"}"#));
        assert!(has_content(r#"{"refusal":"no"}"#));
        assert!(has_content(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}"#));
        assert!(!has_content(r#"{"role":"assistant","content":""}"#));
        assert!(!has_content(r#"{"role":"assistant"}"#));
        assert!(!has_content(
            r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}"#
        ));
        assert!(!has_content("{}"));
    }

    #[test]
    fn escaped_text_is_read_and_plain_text_is_borrowed() {
        let plain = delta(r#"{"content":" word"}"#);
        let Said::Part(part) = saying(&plain) else { panic!("no part") };
        assert!(matches!(part.text, Cow::Borrowed(" word")));
        let escaped = delta(r#"{"content":"a\nb\u00e9"}"#);
        let Said::Part(part) = saying(&escaped) else { panic!("no part") };
        assert_eq!(part.text, "a\nbé");
    }

    #[test]
    fn finish_usage_and_the_last_word_are_told() {
        let finish = saying(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#);
        assert_eq!(finish, Said::Part(Part { finished: true, ..Part::default() }));
        let usage =
            saying(r#"{"model":"gpt","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":9}}"#);
        let model = Some("gpt".into());
        assert_eq!(usage, Said::Part(Part { tokens: Some(9), model, ..Part::default() }));
        assert_eq!(saying("[DONE]"), Said::LAST);
        let whole = whole(
            br#"{"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"length"}]}"#,
        );
        assert_eq!(whole, Said::Part(Part { text: "hi".into(), finished: true, ..Part::default() }));
    }

    #[test]
    fn every_shape_of_error_is_one() {
        let error = |data: &str| match saying(data) {
            Said::Error(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(error(r#"{"error":{"message":"no \"GPU\"","code":500}}"#), "no \"GPU\"");
        assert_eq!(error(r#"{"error":"gone"}"#), "gone");
        assert_eq!(error(r#"{"error":{"code":500}}"#), r#"{"code":500}"#);
        assert_eq!(error(r#"{"object":"error","message":"old","code":400}"#), "old");
        assert!(error(r#"{"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#).contains("error"));
        assert_eq!(event(Some(b"error"), b"plain words"), Said::Error("plain words".into()));
        assert_eq!(saying(r#"{"error":null,"choices":[]}"#), Said::Part(Part::default()));
    }

    #[test]
    fn what_is_no_chunk_is_unreadable_and_what_is_not_known_is_not_minded() {
        assert!(matches!(saying("<html>"), Said::Unreadable(_)));
        assert!(matches!(saying(r#"{"choices":[{"delta":{"content":5}}]}"#), Said::Unreadable(_)));
        assert_eq!(saying(r#"{"type":"ping","x":[1,{}]}"#), Said::Part(Part::default()));
    }

    proptest! {
        #[test]
        fn any_bytes_say_something(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = event(None, &data);
            let _ = whole(&data);
        }

        #[test]
        fn any_text_comes_through(text in "\\PC{0,80}") {
            let json = delta(&serde_json::json!({ "content": text }).to_string());
            prop_assert_eq!(saying(&json), Said::Part(Part { text: text.into(), ..Part::default() }));
        }
    }
}
