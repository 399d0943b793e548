//! A mapping's values by their keys; what is wrong with them is kept.

use std::cell::RefCell;

use super::super::diagnostic::Diagnostic;
use super::super::place::{Placed, Span};
use super::super::suggest::{list, nearest};
use super::yaml::{Node, Value};

/// A file that is being read, and its mistakes.
pub(super) struct Reader<'a> {
    pub(super) source: &'a str,
    mistakes: RefCell<Vec<Diagnostic>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, mistakes: RefCell::default() }
    }

    pub(super) fn mistake(&self, mistake: Diagnostic) {
        self.mistakes.borrow_mut().push(mistake);
    }

    pub(super) fn into_mistakes(self) -> Vec<Diagnostic> {
        self.mistakes.into_inner()
    }

    fn wrong_kind(&self, what: &str, expected: &str, node: &Node, at: &Span) {
        let found = match &node.value {
            Value::Null => "empty",
            Value::Flag(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        };
        let title = format!("{what} must be {expected}, and is {found}");
        self.mistake(Diagnostic::new(title).at(at, format!("expected {expected}")));
    }

    /// A scalar as it was written: a name may look like a number.
    pub(super) fn scalar(&self, node: &Node) -> Option<Placed<String>> {
        let value = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Flag(_) | Value::Number(_) => self.source.get(node.span.clone())?.to_owned(),
            Value::Null | Value::List(_) | Value::Map(_) => return None,
        };
        Some(Placed { value, span: node.span.clone() })
    }
}

/// A mapping.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    reader: &'a Reader<'a>,
    /// What it is, for messages: `an objective`.
    what: &'a str,
    /// Where it is: the key that it stands under.
    at: &'a Span,
    entries: &'a [(Node, Node)],
}

impl<'a> Table<'a> {
    /// `node` as a mapping that may have these keys; none for any.
    pub(super) fn of(
        reader: &'a Reader<'a>,
        what: &'a str,
        at: &'a Span,
        node: &'a Node,
        known: &[&str],
    ) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            reader.wrong_kind(what, "a mapping", node, at);
            return None;
        };
        for (key, _) in entries.iter().filter(|_| !known.is_empty()) {
            let name = reader.scalar(key).map_or_else(String::new, |name| name.value);
            if !known.contains(&name.as_str()) {
                let label = nearest(&name, known.iter().copied()).map_or_else(
                    || format!("not a key of {what}"),
                    |meant| format!("did you mean `{meant}`?"),
                );
                reader.mistake(
                    Diagnostic::new(format!("unknown key `{name}` in {what}"))
                        .at(&key.span, label)
                        .help(format!("OpenSLO v1 has the keys {}", list(known.iter().copied(), "and"))),
                );
            }
        }
        Some(Self { reader, what, at, entries })
    }

    /// The key's place and its value, unless it is empty.
    pub(super) fn get(&self, key: &str) -> Option<(&'a Span, &'a Node)> {
        self.entries
            .iter()
            .find(|(name, value)| {
                matches!(&name.value, Value::Text(name) if name == key) && value.value != Value::Null
            })
            .map(|(name, value)| (&name.span, value))
    }

    /// All entries with a text for a key.
    pub(super) fn texts(&self) -> impl Iterator<Item = (Placed<String>, Placed<String>)> {
        let reader = self.reader;
        self.entries.iter().filter_map(|(key, value)| Some((reader.scalar(key)?, reader.scalar(value)?)))
    }

    /// The mapping under a key.
    pub(super) fn table(&self, key: &str, what: &'a str, known: &[&str]) -> Option<Self> {
        let (at, node) = self.get(key)?;
        Self::of(self.reader, what, at, node, known)
    }

    pub(super) fn text(&self, key: &str) -> Option<Placed<String>> {
        let (at, node) = self.get(key)?;
        let text = self.reader.scalar(node);
        if text.is_none() {
            self.reader.wrong_kind(&format!("`{key}`"), "a text", node, at);
        }
        text
    }

    pub(super) fn number(&self, key: &str) -> Option<Placed<f64>> {
        let (_, node) = self.get(key)?;
        let Value::Number(value) = node.value else {
            self.reader.wrong_kind(&format!("`{key}`"), "a number", node, &node.span);
            return None;
        };
        Some(Placed { value, span: node.span.clone() })
    }

    /// The elements under a key, and the key's place.
    pub(super) fn list(&self, key: &str) -> Option<(&'a Span, &'a [Node])> {
        let (at, node) = self.get(key)?;
        let Value::List(elements) = &node.value else {
            self.reader.wrong_kind(&format!("`{key}`"), "a list", node, at);
            return None;
        };
        Some((at, elements))
    }

    /// Says that a key is missing, with an example.
    pub(super) fn lacks(&self, key: &str, example: &str) {
        let title = format!("{} lacks `{key}`", self.what);
        self.reader.mistake(
            Diagnostic::new(title)
                .at(self.at, format!("`{key}` is missing here"))
                .help(format!("add, for example, `{example}`")),
        );
    }

    pub(super) fn at(&self) -> &'a Span {
        self.at
    }
}
