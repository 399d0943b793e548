//! `POST /v1/messages`, as Anthropic documents it and as vLLM, `SGLang` and gateways speak it too.
//!
//! Sources: <https://platform.claude.com/docs/en/api/messages> and
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>. A stream is `message_start`, blocks of
//! content, `message_delta` with the `stop_reason` and the usage, `message_stop`; `ping` may come anywhere,
//! and events of kinds to come are to be passed over. An error in it is an event of the type `error`.

mod request;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{Text, joined, message_of, or_named_error, said};
use super::{Part, Said};

pub(super) use request::body;

/// The header that names the version of the API, without which it answers 400.
pub(super) const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// An event of a stream, or a whole message.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    content: Option<Vec<Block<'a>>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    usage: Option<Usage>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The message as `message_start` has it; what is an answer comes later.
#[derive(Deserialize)]
struct Begun<'a> {
    #[serde(borrow)]
    model: Option<Text<'a>>,
}

/// What is new of a block, or, in `message_delta`, of the message.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
}

/// A block of content. As a stream begins one, its text is empty and its `input` an empty object.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Usage {
    output_tokens: Option<u32>,
}

pub(super) fn event<'a>(kind: Option<&[u8]>, data: &'a [u8]) -> Said<'a> {
    let event: Event<'a> = match serde_json::from_slice(data) {
        Ok(event) => event,
        Err(error) => {
            let why = format!("the event is none of a message: {error}");
            return or_named_error(kind, data, Said::Unreadable(why));
        }
    };
    if let Some(error) = event.error {
        return Said::Error(message_of(error));
    }
    // The field and the object say the same; some servers send one of them only.
    let named = event.kind.map(|kind| kind.0);
    let named = named.as_deref().map(str::as_bytes).or(kind);
    let part = match named {
        Some(b"content_block_delta") => event.delta.map(Part::from),
        Some(b"content_block_start") => event.content_block.map(|block| Part {
            text: block.text.map(|text| text.0).unwrap_or_default(),
            other: said(block.thinking.as_ref()),
            ..Part::default()
        }),
        Some(b"message_delta") => Some(Part {
            finished: event.delta.is_some_and(|delta| said(delta.stop_reason.as_ref())),
            tokens: event.usage.and_then(|usage| usage.output_tokens),
            ..Part::default()
        }),
        // The tokens that it counts are those of the beginning.
        Some(b"message_start") => event.message.map(|message| Part {
            model: serde_json::from_str::<Begun<'a>>(message.get())
                .ok()
                .and_then(|begun| Some(begun.model?.0)),
            ..Part::default()
        }),
        Some(b"message_stop") => return Said::LAST,
        Some(b"error") => return Said::Error(String::from_utf8_lossy(data).into_owned()),
        _ => None,
    };
    Said::Part(part.unwrap_or_default())
}

impl<'a> From<Delta<'a>> for Part<'a> {
    fn from(delta: Delta<'a>) -> Self {
        Self {
            other: said(delta.thinking.as_ref()) || said(delta.partial_json.as_ref()),
            text: delta.text.map(|text| text.0).unwrap_or_default(),
            ..Self::default()
        }
    }
}

pub(super) fn whole(body: &[u8]) -> Said<'_> {
    let message: Event<'_> = match serde_json::from_slice(body) {
        Ok(message) => message,
        Err(error) => return Said::Unreadable(format!("the body is no message: {error}")),
    };
    if let Some(error) = message.error {
        return Said::Error(message_of(error));
    }
    let blocks = message.content.unwrap_or_default();
    Said::Part(Part {
        other: blocks.iter().any(|block| said(block.thinking.as_ref()) || block.input.is_some()),
        text: joined(blocks.into_iter().filter_map(|block| block.text).map(|text| text.0)),
        finished: said(message.stop_reason.as_ref()),
        tokens: message.usage.and_then(|usage| usage.output_tokens),
        model: message.model.map(|model| model.0),
        last: false,
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    fn part(kind: &str, data: &str) -> Part<'static> {
        match event(Some(kind.as_bytes()), data.as_bytes()) {
            Said::Part(part) => Part {
                text: part.text.into_owned().into(),
                model: part.model.map(|model| model.into_owned().into()),
                ..part
            },
            other => panic!("{other:?}"),
        }
    }

    fn delta(delta: &str) -> Part<'static> {
        part("content_block_delta", &format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#))
    }

    #[test]
    fn text_thoughts_and_input_of_tools_are_content_and_nothing_else_is() {
        assert_eq!(delta(r#"{"type":"text_delta","text":" a\n"}"#).text, " a\n");
        assert!(delta(r#"{"type":"thinking_delta","thinking":"hm"}"#).has_content());
        assert!(delta(r#"{"type":"input_json_delta","partial_json":"{\"a\""}"#).has_content());
        assert!(!delta(r#"{"type":"input_json_delta","partial_json":""}"#).has_content());
        assert!(!delta(r#"{"type":"signature_delta","signature":"EqQ="}"#).has_content());
        let start = |block: &str| {
            let json = format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#);
            part("content_block_start", &json).has_content()
        };
        assert!(!start(r#"{"type":"text","text":""}"#));
        assert!(!start(r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#));
        assert!(start(r#"{"type":"text","text":"a"}"#));
        assert!(!part("ping", r#"{"type":"ping"}"#).has_content());
        assert!(!part("something_new", r#"{"type":"something_new","delta":{"text":"x"}}"#).has_content());
    }

    #[test]
    fn the_hot_path_borrows() {
        let data = br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word"}}"#;
        let Said::Part(part) = event(None, data) else { panic!("no part") };
        assert!(matches!(part.text, Cow::Borrowed("word")));
    }

    #[test]
    fn the_stop_reason_finishes_and_message_stop_is_last() {
        let start = part(
            "message_start",
            r#"{"type":"message_start","message":{"model":"claude","stop_reason":null,"usage":{"input_tokens":25,"output_tokens":1}}}"#,
        );
        assert_eq!(start, Part { model: Some("claude".into()), ..Part::default() });
        let end = part(
            "message_delta",
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
        );
        assert_eq!(end, Part { finished: true, tokens: Some(15), ..Part::default() });
        let usage = part(
            "message_delta",
            r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":3}}"#,
        );
        assert_eq!(usage, Part { tokens: Some(3), ..Part::default() });
        assert_eq!(event(Some(b"message_stop"), b"{}"), Said::LAST);
        assert_eq!(event(None, br#"{"type":"message_stop"}"#), Said::LAST);
    }

    #[test]
    fn a_whole_message_is_its_blocks() {
        let message = whole(br#"{"type":"message","role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"x"},{"type":"text","text":"a"},{"type":"text","text":" b"}],"stop_reason":"max_tokens","usage":{"input_tokens":1,"output_tokens":2}}"#);
        let expected =
            Part { text: "a b".into(), other: true, finished: true, tokens: Some(2), ..Part::default() };
        assert_eq!(message, Said::Part(expected));
        let tool = whole(br#"{"content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use"}"#);
        assert_eq!(tool, Said::Part(Part { other: true, finished: true, ..Part::default() }));
    }

    #[test]
    fn errors_are_told_and_what_is_no_event_is_unreadable() {
        let overloaded =
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#;
        assert_eq!(event(Some(b"error"), overloaded.as_bytes()), Said::Error("Overloaded".into()));
        assert_eq!(whole(overloaded.as_bytes()), Said::Error("Overloaded".into()));
        assert_eq!(event(Some(b"error"), b"plain words"), Said::Error("plain words".into()));
        assert!(matches!(event(None, br#"{"type":"error"}"#), Said::Error(_)));
        assert!(matches!(event(None, b"<html>"), Said::Unreadable(_)));
    }

    proptest! {
        #[test]
        fn any_bytes_say_something(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (event(None, &data), whole(&data));
        }

        #[test]
        fn any_text_comes_through(text in "\\PC{0,80}") {
            let json = serde_json::json!({ "type": "text_delta", "text": text }).to_string();
            prop_assert_eq!(delta(&json), Part { text: text.into(), ..Part::default() });
        }
    }
}
