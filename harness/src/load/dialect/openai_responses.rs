//! `POST /v1/responses`, as `OpenAI` documents it and as vLLM, `OpenRouter` and others speak it too.
//!
//! Sources: <https://platform.openai.com/docs/api-reference/responses> and
//! <https://platform.openai.com/docs/api-reference/responses-streaming>. A stream ends with one event that says
//! both that and why: `response.completed`, or `response.incomplete` at the limit of tokens; one that failed
//! with `response.failed`, or an event of the type `error`. What comes whole again at the end (`.done`, the
//! response itself) has been counted as it came.

mod request;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{Text, joined, message_of, or_named_error, said};
use super::{Part, Said};

pub(super) use request::body;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A response: the body, or what an event says of it.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    usage: Option<Usage>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
}

/// What it holds, of which only a body is asked.
#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    output: Option<Vec<Item<'a>>>,
}

/// A message has `content`, reasoning has that or a `summary`, a call has `arguments` or `input`.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Vec<Content<'a>>>,
    #[serde(borrow)]
    summary: Option<Vec<Content<'a>>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Usage {
    output_tokens: Option<u32>,
}

pub(super) fn event<'a>(kind: Option<&[u8]>, data: &'a [u8]) -> Said<'a> {
    // Not documented, and sent by gateways all the same; it says nothing that was not said.
    if data == b"[DONE]" {
        return Said::Part(Part::default());
    }
    or_named_error(kind, data, read(kind, data))
}

fn read<'a>(kind: Option<&[u8]>, data: &'a [u8]) -> Said<'a> {
    let unreadable = |error| Said::Unreadable(format!("the event is none of a response: {error}"));
    let event: Event<'a> = match serde_json::from_slice(data) {
        Ok(event) => event,
        Err(error) => return unreadable(error),
    };
    if let Some(error) = event.error {
        return Said::Error(message_of(error));
    }
    let named = event.kind.map(|kind| kind.0);
    match named.as_deref().map(str::as_bytes).or(kind) {
        Some(b"response.output_text.delta") => {
            match event.delta.map(|delta| serde_json::from_str::<Text<'a>>(delta.get())).transpose() {
                Ok(text) => text_part(text.map(|text| text.0).unwrap_or_default()),
                Err(error) => unreadable(error),
            }
        }
        // Reasoning, a refusal, the arguments of a call.
        Some(name) if name.ends_with(b".delta") => {
            let other = event.delta.is_some_and(|delta| !matches!(delta.get(), "\"\"" | "null"));
            Said::Part(Part { other, ..Part::default() })
        }
        Some(b"response.completed" | b"response.incomplete") => last(event.response),
        Some(name @ (b"response.failed" | b"response.cancelled")) => {
            let response =
                event.response.and_then(|json| serde_json::from_str::<Response<'_>>(json.get()).ok());
            let error = response.and_then(|response| response.error).map(message_of);
            Said::Error(error.unwrap_or_else(|| String::from_utf8_lossy(name).into_owned()))
        }
        Some(b"error") => Said::Error(message_in(data)),
        _ => Said::Part(Part::default()),
    }
}

fn text_part(text: Cow<'_, str>) -> Said<'_> {
    Said::Part(Part { text, ..Part::default() })
}

/// The end of a stream, with the response as it is then.
fn last(response: Option<&RawValue>) -> Said<'_> {
    let response = response.map(|json| serde_json::from_str::<Response<'_>>(json.get())).transpose();
    match response {
        Ok(response) => {
            let (usage, model) = response.map_or((None, None), |response| (response.usage, response.model));
            let (tokens, model) = (usage.and_then(|usage| usage.output_tokens), model.map(|model| model.0));
            Said::Part(Part { finished: true, last: true, tokens, model, ..Part::default() })
        }
        Err(error) => Said::Unreadable(format!("the response at the end can't be read: {error}")),
    }
}

/// An `error` event has its message beside its type.
fn message_in(data: &[u8]) -> String {
    serde_json::from_slice::<&RawValue>(data).map(message_of).unwrap_or_default()
}

pub(super) fn whole(body: &[u8]) -> Said<'_> {
    let read =
        || Ok((serde_json::from_slice::<Response<'_>>(body)?, serde_json::from_slice::<Output<'_>>(body)?));
    let (response, output) = match read() {
        Ok(read) => read,
        Err::<_, serde_json::Error>(error) => {
            return Said::Unreadable(format!("the body is no response: {error}"));
        }
    };
    if let Some(error) = response.error {
        return Said::Error(message_of(error));
    }
    let status = response.status.map(|status| status.0).unwrap_or_default();
    if status == "failed" || status == "cancelled" {
        return Said::Error(format!("the response's status is `{status}`"));
    }
    let items = output.output.unwrap_or_default();
    Said::Part(Part {
        other: items.iter().any(Item::has_other),
        text: joined(items.into_iter().flat_map(Item::texts)),
        finished: status == "completed" || status == "incomplete",
        tokens: response.usage.and_then(|usage| usage.output_tokens),
        model: response.model.map(|model| model.0),
        last: false,
    })
}

impl<'a> Item<'a> {
    fn is_message(&self) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind.0 == "message")
    }

    fn has_other(&self) -> bool {
        let parts = || self.content.iter().chain(&self.summary).flatten();
        said(self.arguments.as_ref())
            || said(self.input.as_ref())
            || parts().any(|part| said(part.refusal.as_ref()))
            || (!self.is_message() && parts().any(|part| said(part.text.as_ref())))
    }

    /// The text that a reader sees.
    fn texts(self) -> impl Iterator<Item = Cow<'a, str>> {
        let content = if self.is_message() { self.content } else { None };
        content.into_iter().flatten().filter_map(|part| part.text).map(|text| text.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(data: &str) -> Part<'static> {
        match event(None, data.as_bytes()) {
            Said::Part(part) => Part {
                text: part.text.into_owned().into(),
                model: part.model.map(|model| model.into_owned().into()),
                ..part
            },
            other => panic!("{other:?}"),
        }
    }

    fn delta(kind: &str, delta: &str) -> Part<'static> {
        let delta = serde_json::Value::from(delta);
        part(&format!(
            r#"{{"type":"response.{kind}.delta","sequence_number":4,"item_id":"m","delta":{delta}}}"#
        ))
    }

    #[test]
    fn text_thoughts_refusals_and_arguments_are_content_once() {
        assert_eq!(delta("output_text", " a\n"), Part { text: " a\n".into(), ..Part::default() });
        for kind in ["reasoning_text", "reasoning_summary_text", "refusal", "function_call_arguments"] {
            assert_eq!(delta(kind, "x"), Part { other: true, ..Part::default() });
            assert!(!delta(kind, "").has_content());
        }
        assert!(!part(r#"{"type":"response.output_text.done","text":"all of it"}"#).has_content());
        assert!(
            !part(r#"{"type":"response.created","response":{"status":"in_progress","error":null}}"#)
                .has_content()
        );
        let data = br#"{"type":"response.output_text.delta","delta":"word"}"#;
        let Said::Part(part) = event(None, data) else { panic!("no part") };
        assert!(matches!(part.text, Cow::Borrowed("word")));
    }

    #[test]
    fn the_end_says_that_it_is_and_counts() {
        let end = Part { finished: true, last: true, tokens: Some(9), ..Part::default() };
        for kind in ["completed", "incomplete"] {
            let json = format!(
                r#"{{"type":"response.{kind}","response":{{"status":"{kind}","error":null,"output":[],"usage":{{"input_tokens":1,"output_tokens":9,"total_tokens":10}}}}}}"#
            );
            assert_eq!(part(&json), end);
        }
        // As vLLM orders it, with the type at the end or in the event's field only.
        let untyped = br#"{"response":{"usage":{"output_tokens":9}},"sequence_number":3}"#;
        assert_eq!(event(Some(b"response.completed"), untyped), Said::Part(end));
        assert_eq!(part("[DONE]"), Part::default());
    }

    #[test]
    fn every_shape_of_error_is_one() {
        let error = |data: &str| match event(None, data.as_bytes()) {
            Said::Error(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(error(r#"{"type":"error","code":"server_error","message":"gone","param":null}"#), "gone");
        assert_eq!(error(r#"{"type":"error","error":{"message":"gone"}}"#), "gone");
        let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"x","message":"gone"}}}"#;
        assert_eq!(error(failed), "gone");
        assert_eq!(error(r#"{"type":"response.failed"}"#), "response.failed");
        assert_eq!(event(Some(b"error"), b"plain words"), Said::Error("plain words".into()));
        assert_eq!(whole(br#"{"status":"failed","error":{"message":"gone"}}"#), Said::Error("gone".into()));
        assert!(matches!(whole(br#"{"status":"cancelled"}"#), Said::Error(_)));
        assert!(matches!(event(None, b"<html>"), Said::Unreadable(_)));
    }

    #[test]
    fn a_whole_response_is_the_text_of_its_messages() {
        let body = br#"{"object":"response","status":"incomplete","error":null,"output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]},{"type":"output_text","text":" b"}]}],"usage":{"output_tokens":2}}"#;
        let expected =
            Part { text: "a b".into(), other: true, finished: true, tokens: Some(2), ..Part::default() };
        assert_eq!(whole(body), Said::Part(expected));
        let call =
            br#"{"status":"completed","output":[{"type":"function_call","name":"f","arguments":"{}"}]}"#;
        assert_eq!(whole(call), Said::Part(Part { other: true, finished: true, ..Part::default() }));
        assert_eq!(whole(br#"{"status":"in_progress"}"#), Said::Part(Part::default()));
    }

    proptest! {
        #[test]
        fn any_bytes_say_something(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (event(None, &data), whole(&data));
        }

        #[test]
        fn any_text_comes_through(text in "\\PC{0,80}") {
            prop_assert_eq!(delta("output_text", &text), Part { text: text.into(), ..Part::default() });
        }
    }
}
