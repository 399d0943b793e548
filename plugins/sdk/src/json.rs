//! Changes JSON text in place: all but what is changed stays as the node wrote it, byte for byte.
//!
//! A path names keys and places in lists, with dots between: `choices.0.delta.content`. What is no
//! JSON, or has no such path, is `None`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;
use serde_json::value::RawValue;

/// The value at `path`, as it is written.
pub fn find<'a>(json: &'a str, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(json, |json, step| {
        let found = if let Ok(index) = step.parse::<usize>() {
            *serde_json::from_str::<Vec<&RawValue>>(json).ok()?.get(index)?
        } else {
            serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(json).ok()?.remove(step)?
        };
        Some(found.get())
    })
}

/// The text at `path`, if a string stands there.
pub fn text(json: &str, path: &str) -> Option<String> {
    serde_json::from_str(find(json, path)?).ok()
}

/// The same JSON with `value` at `path`, where something stands already.
pub fn set(json: &str, path: &str, value: &Value) -> Option<String> {
    let Range { start, end } = place(json, path)?;
    Some(format!("{}{value}{}", &json[..start], &json[end..]))
}

/// The same JSON without the key that `path` ends with.
pub fn remove(json: &str, path: &str) -> Option<String> {
    let Range { start, end } = place(json, path)?;
    let key = path.rsplit('.').next()?;
    let before = json[..start].trim_end().strip_suffix(':')?.trim_end();
    let before = before.strip_suffix(&Value::from(key).to_string())?.trim_end();
    let after = json[end..].trim_start();
    Some(match (before.strip_suffix(','), after.strip_prefix(',')) {
        (Some(before), _) => format!("{before}{after}"),
        (None, Some(after)) => format!("{before}{}", after.trim_start()),
        (None, None) => format!("{before}{after}"),
    })
}

/// The same object with one more key, which it must not have yet.
pub fn append(json: &str, key: &str, value: &Value) -> Option<String> {
    let open = json.trim_end().strip_suffix('}')?;
    let comma = if open.trim_end().ends_with('{') { "" } else { "," };
    Some(format!("{open}{comma}{}:{value}}}", Value::from(key)))
}

fn place(json: &str, path: &str) -> Option<Range<usize>> {
    let found = find(json, path)?;
    // A borrowed value is a part of the text that it was found in.
    let start = found.as_ptr() as usize - json.as_ptr() as usize;
    Some(start..start + found.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CHUNK: &str =
        r#"{ "id":"é\"1", "choices" : [ {"delta":{"content":"a b"},"p":-0.10} ], "usage" : null }"#;

    #[test]
    fn values_are_found_as_they_are_written() {
        assert_eq!(find(CHUNK, "choices.0.p"), Some("-0.10"));
        assert_eq!(text(CHUNK, "choices.0.delta.content").as_deref(), Some("a b"));
        assert_eq!(text(CHUNK, "id").as_deref(), Some("é\"1"));
        for nothing in ["choices.1", "choices.x", "x", "id.x", "choices.0.delta.content.x"] {
            assert_eq!(find(CHUNK, nothing), None, "{nothing}");
        }
        assert_eq!(find("[DONE]", "choices"), None);
    }

    #[test]
    fn all_but_what_is_changed_stays_as_it_was() {
        assert_eq!(
            set(CHUNK, "choices.0.delta.content", &json!("c")),
            Some(CHUNK.replace("\"a b\"", "\"c\""))
        );
        assert_eq!(remove(CHUNK, "usage"), Some(CHUNK.replace(r#", "usage" : null"#, "").replace(" }", "}")));
        assert_eq!(remove(CHUNK, "id"), Some(CHUNK.replace(r#" "id":"é\"1", "#, "")));
        assert_eq!(remove(r#"{"a":1}"#, "a").as_deref(), Some("{}"));
        assert_eq!(append("{}", "a", &json!(1)).as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(append(r#"{"b":[]}"#, "a", &json!(1)).as_deref(), Some(r#"{"b":[],"a":1}"#));
        assert_eq!(append("[DONE]", "a", &json!(1)), None);
    }
}
