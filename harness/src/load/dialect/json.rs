//! What the JSON of all these APIs has in common.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Said;

/// A text. A `Cow` inside an `Option` is always made owned by serde; inside this it is borrowed.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// There is a text, and it says something.
pub(super) fn said(text: Option<&Text<'_>>) -> bool {
    text.is_some_and(|text| !text.0.is_empty())
}

/// What an error says: its `message`, or itself where it is a text or something else.
pub(super) fn message_of(error: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Error {
        message: String,
    }
    let json = error.get();
    serde_json::from_str::<Error>(json)
        .map(|error| error.message)
        .or_else(|_| serde_json::from_str::<String>(json))
        .unwrap_or_else(|_| json.to_owned())
}

/// Why there is no answer, where an object of one of OpenAI's APIs says so: in its `error`, or, as older vLLM
/// has it, in the `message` of an object that is an error itself.
pub(super) fn failure(
    error: Option<&RawValue>,
    object: Option<&Text<'_>>,
    message: Option<&RawValue>,
) -> Option<String> {
    let is_error = object.is_some_and(|object| object.0 == "error");
    error.map(message_of).or_else(|| is_error.then(|| message.map(message_of).unwrap_or_default()))
}

/// An event that is called an error is one, whatever its data looks like.
pub(super) fn or_named_error<'a>(kind: Option<&[u8]>, data: &[u8], said: Said<'a>) -> Said<'a> {
    if kind == Some(b"error") && !matches!(said, Said::Error(_)) {
        return Said::Error(String::from_utf8_lossy(data).into_owned());
    }
    said
}

/// Texts one after the other; borrowed where there is one.
pub(super) fn joined<'a>(texts: impl Iterator<Item = Cow<'a, str>>) -> Cow<'a, str> {
    texts.reduce(|all, text| if all.is_empty() { text } else { all + text }).unwrap_or_default()
}
