//! `POST /v1/embeddings`: one text in, a vector out; never a stream.
//!
//! Source: <https://platform.openai.com/docs/api-reference/embeddings>. The vector is asked for as numbers,
//! since the other form (base64) is not known to every server. An answer that has its vector is
//! finished: there is no reason to give for that.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{Text, failure};
use super::{Part, Question, Said};

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a str,
    encoding_format: &'static str,
}

pub(super) fn body(question: Question<'_>) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Request { model: question.model, input: question.last(), encoding_format: "float" })
}

#[derive(Deserialize)]
struct Embeddings<'a> {
    #[serde(borrow)]
    data: Option<Vec<Embedding<'a>>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Embedding<'a> {
    #[serde(borrow)]
    embedding: &'a RawValue,
}

/// The vector's JSON is the answer's text. No token is generated.
pub(super) fn whole(body: &[u8]) -> Said<'_> {
    let answer: Embeddings<'_> = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return Said::Unreadable(format!("the body has no embeddings: {error}")),
    };
    if let Some(why) = failure(answer.error, answer.object.as_ref(), answer.message) {
        return Said::Error(why);
    }
    // One text was given.
    let vector = answer.data.into_iter().flatten().next().map(|embedding| embedding.embedding.get());
    let vector = vector.filter(|json| !matches!(*json, "[]" | "null" | "\"\""));
    Said::Part(Part {
        finished: vector.is_some(),
        text: Cow::Borrowed(vector.unwrap_or_default()),
        tokens: Some(0),
        model: answer.model.map(|model| model.0),
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
    fn a_request_asks_for_the_vector_of_one_text_as_numbers() {
        let json = json_of(body, question(&[Message::user("once")], &[]));
        assert_eq!(json, serde_json::json!({"model": "m", "input": "once", "encoding_format": "float"}));
    }

    #[test]
    fn a_vector_finishes_an_answer_and_nothing_else_does() {
        let body = br#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.25]}],"usage":{"prompt_tokens":1,"total_tokens":1}}"#;
        let expected =
            Part { text: "[0.5,-0.25]".into(), finished: true, tokens: Some(0), ..Part::default() };
        assert_eq!(whole(body), Said::Part(expected));
        for empty in [&br#"{"data":[]}"#[..], br#"{"data":[{"embedding":[]}]}"#, br#"{"object":"list"}"#] {
            assert_eq!(whole(empty), Said::Part(Part { tokens: Some(0), ..Part::default() }));
        }
    }

    #[test]
    fn errors_are_told_and_what_is_no_embedding_is_unreadable() {
        assert_eq!(whole(br#"{"error":{"message":"gone"}}"#), Said::Error("gone".into()));
        assert_eq!(whole(br#"{"object":"error","message":"old"}"#), Said::Error("old".into()));
        assert!(matches!(whole(br#"{"data":[{"vector":1}]}"#), Said::Unreadable(_)));
    }

    proptest! {
        #[test]
        fn any_bytes_say_something(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = whole(&data);
        }
    }
}
