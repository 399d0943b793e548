//! YAML as a tree of values with their places. The only file that names `serde_saphyr`.
//!
//! A tree, and not types that mirror the format: what a data source's `spec` holds is anybody's, and every
//! mistake is to be told, not the first of them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::super::diagnostic::Diagnostic;
use super::super::place::Span;

/// A value and its bytes in the file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What a value is. Numbers of YAML 1.1 and 1.2 are read alike; a date is a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// The documents of a file; those without content are left out. Aliases are followed within the library's
/// bounds, so that no file grows without end.
pub(super) fn documents(source: &str) -> Result<Vec<Node>, Diagnostic> {
    serde_saphyr::from_multiple(source).map_err(|error| {
        let span = error.location().map_or(0..0, |location| span_of(location, source));
        Diagnostic::new("this is not valid YAML").at(&span, said(&error))
    })
}

/// What the library says, without the place that is shown anyway.
fn said(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let after_place = text.strip_prefix("line ").and_then(|rest| Some(rest.split_once(": ")?.1));
    after_place.unwrap_or(text).to_owned()
}

/// The bytes of a place that may be known in characters only.
fn span_of(location: Location, source: &str) -> Span {
    let span = location.span();
    let byte = |at: u64| {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        source.char_indices().nth(at).map_or(source.len(), |(byte, _)| byte)
    };
    match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(length)) => start as usize..(start + length) as usize,
        _ => byte(span.offset())..byte(span.offset() + span.len()),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Value>::deserialize(deserializer)?;
        let span = referenced.span();
        let start = span.byte_offset().unwrap_or(0) as usize;
        let length = span.byte_len().unwrap_or(0) as usize;
        Ok(Self { span: start..start + length, value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Kinds)
    }
}

struct Kinds;

impl<'de> Visitor<'de> for Kinds {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Flag(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::super::diagnostic::ScenarioError;
    use super::*;

    fn shown(source: &str) -> String {
        let mistake = documents(source).expect_err(source);
        ScenarioError::new(Path::new("x.yaml"), Some(source), vec![mistake]).to_string()
    }

    #[test]
    fn values_have_the_bytes_that_they_were_written_in() {
        let source = "é: [0.99, '5', yes, ~]\n---\nk: >\n  long\n  text\n";
        let documents = documents(source).expect("good");
        let Value::Map(first) = &documents[0].value else { panic!("{documents:?}") };
        assert_eq!(first[0].0.value, Value::Text("é".into()));
        let Value::List(values) = &first[0].1.value else { panic!("{first:?}") };
        assert_eq!(&source[values[0].span.clone()], "0.99");
        let values: Vec<&Value> = values.iter().map(|node| &node.value).collect();
        let five = Value::Text("5".into());
        assert_eq!(values, [&Value::Number(0.99), &five, &Value::Flag(true), &Value::Null]);
        let Value::Map(second) = &documents[1].value else { panic!("{documents:?}") };
        assert_eq!(second[0].1.value, Value::Text("long text\n".into()));
    }

    #[test]
    fn what_is_no_yaml_has_its_place() {
        assert!(shown("é: 1\nb: [1\n").contains("--> x.yaml:2:4"), "{}", shown("é: 1\nb: [1\n"));
        let twice = shown("a: 1\na: 2\n");
        assert!(twice.contains("x.yaml:2:1") && twice.contains("duplicate mapping key: a"), "{twice}");
        assert!(!twice.contains("line 2 column"), "{twice}");
    }

    #[test]
    fn aliases_do_not_grow_without_end() {
        let mut source = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12_usize {
            let before = vec![format!("*a{}", level - 1); 10].join(", ");
            source.extend(["a", &level.to_string(), ": &a", &level.to_string(), " [", &before, "]\n"]);
        }
        assert!(documents(&source).is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "[-a-z0-9:{}\\[\\]&*!|>'\"%@#?, \n\té]{0,120}") {
            if let Err(mistake) = documents(&text) {
                ScenarioError::new(Path::new("x.yaml"), Some(&text), vec![mistake]).render(false);
            }
        }
    }
}
