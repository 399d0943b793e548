//! A line of JSON, with errors in our words.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::start;

/// Reads `T` from a line's text.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or(&said);
        match error.classify() {
            serde_json::error::Category::Eof => format!("the row is cut off: {said}"),
            serde_json::error::Category::Data => said.to_owned(),
            _ => format!("not JSON: {said} in {:?}", start(text)),
        }
    })
}

/// A value's text, for a message.
pub(super) fn raw(value: &RawValue) -> String {
    start(value.get())
}

/// Refuses what is no object.
pub(super) fn object(value: &RawValue, name: &str) -> Result<(), String> {
    if value.get().starts_with('{') { Ok(()) } else { Err(format!("{name} {} is not an object", raw(value))) }
}
