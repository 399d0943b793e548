//! From TOML text to the raw types, with every error in its place.
//!
//! `toml`'s own deserializer stops at the first error and keeps only its text. This one, over the
//! same parsed document, knows the keys that a table may have: it reports every unknown key with the
//! nearest valid one and reads on, and turns the error that it can't pass into a [`Diagnostic`] that
//! names the key, the type and an example. It serves [`Placed`](super::place::Placed) and
//! [`TextOr`](super::either::TextOr) values.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, UsizeDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::either::TEXT_OR_TABLE;
use super::place::{PLACED, Span};
use super::schema::Hints;
use super::suggest::{list, nearest};

/// Reads `T` from TOML. Mistakes are those of syntax (the first only: what follows it is guesswork)
/// or of shape (all unknown keys, and the first value that can't be read).
pub(super) fn from_toml<T: DeserializeOwned>(source: &str) -> Result<T, Vec<Diagnostic>> {
    let (document, errors) = DeTable::parse_recoverable(source);
    if let Some(error) = errors.first() {
        return Err(vec![syntax(error, source)]);
    }
    let document = DeValue::Table(document.into_inner());
    let context = Context { source, hints: Hints::new(), found: RefCell::default() };
    // The document's own place is its first byte: a key that it lacks is nowhere.
    let root = Node { value: &document, span: 0..0, context: &context };
    let result = T::deserialize(root);
    let mut found = context.found.take();
    match result {
        Ok(value) if found.is_empty() => return Ok(value),
        Ok(_) => {}
        Err(error) => found.extend(error.into_diagnostic(&context.hints, &found)),
    }
    Err(found)
}

fn syntax(error: &toml::de::Error, source: &str) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    let (what, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
    let rest_of_line = source.get(span.start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    match what {
        "string values must be quoted" if rest_of_line.trim().is_empty() => {
            Diagnostic::new("a value is missing").at(&span, "expected a value here")
        }
        // What the parser says when it took a bare word for one of TOML's own.
        "string values must be quoted" | "invalid float" | "invalid boolean" => {
            let word = source.get(span.clone()).unwrap_or_default().trim();
            Diagnostic::new("this is not valid TOML: a string must be quoted")
                .at(&span, "a bare word is no value")
                .help(format!("write `\"{word}\"`"))
        }
        "duplicate key" => Diagnostic::new("this key is given twice")
            .at(&span, "given before")
            .help("give it once; a list of tables is written `[[name]]`, once for each entry"),
        _ => {
            let label = if expected.is_empty() { String::new() } else { format!("expected {expected}") };
            Diagnostic::new(format!("this is not valid TOML: {what}")).at(&span, label)
        }
    }
}

/// What all parts of one document share.
struct Context<'a> {
    source: &'a str,
    hints: Hints,
    found: RefCell<Vec<Diagnostic>>,
}

/// A value of the document.
#[derive(Clone)]
struct Node<'a> {
    value: &'a DeValue<'a>,
    span: Span,
    context: &'a Context<'a>,
}

impl Node<'_> {
    fn type_error(&self, expected: &str) -> ShapeError {
        ShapeError::new(Kind::Type { found: describe(self.value), expected: expected.into() }).at(&self.span)
    }

    /// Its text begins with `[[`: it came from the header of a list of tables.
    fn is_list_header(&self) -> bool {
        self.context.source.get(self.span.clone()).is_some_and(|text| text.starts_with("[["))
    }

    fn is_table_header(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
            && self.context.source.get(self.span.clone()).is_some_and(|text| text.starts_with('['))
    }

    fn header(&self) -> &str {
        self.context.source.get(self.span.clone()).unwrap_or_default().trim_matches(['[', ']'])
    }
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(number) => format!("the integer {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => format!("the boolean {value}"),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let span = self.span.clone();
        match self.value {
            DeValue::String(text) => visitor.visit_borrowed_str(text),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(self.type_error("a number that fits 64 bits")),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(self.type_error("a number")),
            },
            DeValue::Boolean(value) => visitor.visit_bool(*value),
            DeValue::Datetime(date) => visitor.visit_string(date.to_string()),
            DeValue::Array(_) => visitor.visit_seq(Elements { node: &self, next: 0 }),
            DeValue::Table(table) => visitor.visit_map(Entries::new(table, None, &self)),
        }
        .map_err(|error| error.of(self.value).at(&span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match (name, self.value) {
            (PLACED, _) => visitor.visit_seq(PlacedParts { node: self, next: 0 }),
            (TEXT_OR_TABLE, DeValue::String(text)) => {
                visitor.visit_borrowed_str(text).map_err(|error: ShapeError| error.at(&self.span))
            }
            (TEXT_OR_TABLE, value) if !matches!(value, DeValue::Table(_)) => {
                Err(self.type_error("a string or a table"))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self.value {
            DeValue::Array(_) => self.deserialize_any(visitor),
            _ if self.is_table_header() => {
                let header = self.header();
                let error = self.type_error("a list of tables");
                Err(error.help(format!("write `[[{header}]]`, once for each entry")))
            }
            _ => Err(self.type_error("a list")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match self.value {
            DeValue::Table(table) => visitor
                .visit_map(Entries::new(table, Some(Shape { name, fields }), &self))
                .map_err(|error| error.at(&self.span).in_table(name, table)),
            DeValue::Array(_) if self.is_list_header() => {
                let help = format!("write `[{}]`, once", self.header());
                Err(self.type_error("one table").help(help))
            }
            _ => Err(self.type_error("a table")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match self.value {
            DeValue::String(text) => visitor
                .visit_enum(BorrowedStrDeserializer::new(text.as_ref()))
                .map_err(|error: ShapeError| error.at(&self.span)),
            _ => Err(self.type_error(&list(variants.iter().copied(), "or"))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple tuple_struct map identifier ignored_any
    }
}

/// The elements of a list.
struct Elements<'a, 'de> {
    node: &'a Node<'de>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = ShapeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ShapeError> {
        let Some(element) = self.node.value.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(Node { value: element.get_ref(), span: element.span(), context: self.node.context })
            .map(Some)
    }
}

/// Start, end and value of a placed value.
struct PlacedParts<'de> {
    node: Node<'de>,
    next: u8,
}

impl<'de> SeqAccess<'de> for PlacedParts<'de> {
    type Error = ShapeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ShapeError> {
        self.next += 1;
        let place = |at: usize| -> UsizeDeserializer<ShapeError> { at.into_deserializer() };
        match self.next {
            1 => seed.deserialize(place(self.node.span.start)).map(Some),
            2 => seed.deserialize(place(self.node.span.end)).map(Some),
            3 => seed.deserialize(self.node.clone()).map(Some),
            _ => Ok(None),
        }
    }
}

/// What a struct wants of a table.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    fields: &'static [&'static str],
}

/// The entries of a table; of a struct's table, only those that it knows.
struct Entries<'de> {
    known: Vec<(&'de str, Node<'de>)>,
    next: usize,
    shape: Option<Shape>,
}

impl<'de> Entries<'de> {
    fn new(table: &'de DeTable<'de>, shape: Option<Shape>, node: &Node<'de>) -> Self {
        let mut known = Vec::with_capacity(table.len());
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match shape {
                Some(shape) if !shape.fields.contains(&name) => {
                    let diagnostic = unknown_key(name, &key.span(), shape, &node.context.hints);
                    node.context.found.borrow_mut().push(diagnostic);
                }
                _ => {
                    let node = Node { value: value.get_ref(), span: value.span(), context: node.context };
                    known.push((name, node));
                }
            }
        }
        Self { known, next: 0, shape }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = ShapeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ShapeError> {
        match self.known.get(self.next) {
            Some((key, _)) => seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ShapeError> {
        let Some((key, node)) = self.known.get(self.next) else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        self.next += 1;
        seed.deserialize(node.clone()).map_err(|error| error.for_key(self.shape.map(|shape| shape.name), key))
    }
}

fn unknown_key(key: &str, span: &Span, shape: Shape, hints: &Hints) -> Diagnostic {
    let place = hints.title(shape.name);
    let diagnostic = Diagnostic::new(format!("unknown key `{key}` in {place}"));
    if let Some(meant) = nearest(key, shape.fields.iter().copied()) {
        return diagnostic.at(span, format!("did you mean `{meant}`?"));
    }
    let diagnostic = diagnostic.at(span, format!("not a key of {place}"));
    let diagnostic = match hints.owners(key).as_slice() {
        [owner] => diagnostic.help(format!("`{key}` is a key of {owner}")),
        _ => diagnostic,
    };
    diagnostic.help(format!("keys of {place}: {}", list(shape.fields.iter().copied(), "and")))
}

/// The error that ends a reading.
#[derive(Debug)]
pub(super) struct ShapeError {
    kind: Kind,
    span: Option<Span>,
    /// The struct and key of the value that it is about.
    key: Option<(Option<&'static str>, String)>,
    help: Option<String>,
}

#[derive(Debug)]
enum Kind {
    Type {
        found: String,
        expected: String,
    },
    /// Keys that a table lacks: the one that serde named, until the table is known.
    Missing {
        table: &'static str,
        keys: Vec<String>,
        present: Vec<String>,
    },
    Other(String),
}

impl ShapeError {
    fn new(kind: Kind) -> Self {
        Self { kind, span: None, key: None, help: None }
    }

    /// The innermost place wins.
    fn at(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }

    fn help(mut self, help: String) -> Self {
        self.help.get_or_insert(help);
        self
    }

    fn for_key(mut self, table: Option<&'static str>, key: &str) -> Self {
        self.key.get_or_insert_with(|| (table, key.to_owned()));
        self
    }

    /// Names the value in TOML's words where serde named it in Rust's; what lies around it is not it.
    fn of(mut self, value: &DeValue<'_>) -> Self {
        if let Kind::Type { found, .. } = &mut self.kind
            && self.span.is_none()
        {
            *found = describe(value);
        }
        self
    }

    fn in_table(mut self, name: &'static str, table: &DeTable<'_>) -> Self {
        if let Kind::Missing { table: of, present, .. } = &mut self.kind
            && of.is_empty()
        {
            *of = name;
            present.extend(table.keys().map(|key| key.get_ref().to_string()));
        }
        self
    }

    /// `found` are the mistakes that are known already.
    fn into_diagnostic(self, hints: &Hints, found: &[Diagnostic]) -> Option<Diagnostic> {
        let span = self.span.unwrap_or(0..0);
        let diagnostic = match self.kind {
            Kind::Type { found, expected } => {
                let expected = in_words(&expected);
                let subject = self.key.as_ref().map_or("this".into(), |(_, key)| format!("`{key}`"));
                Diagnostic::new(format!("{subject} must be {expected}, not {found}"))
                    .at(&span, format!("expected {expected}"))
            }
            Kind::Missing { table, keys, present } => {
                let missing = hints.missing(table, &present, keys);
                // A key that was misspelt is not missing too.
                let misspelt = |key: &String| {
                    present
                        .iter()
                        .any(|given| nearest(given, [key.as_str()]).is_some() && !hints.knows(table, given))
                };
                let missing: Vec<String> = missing.into_iter().filter(|key| !misspelt(key)).collect();
                if missing.is_empty() && !found.is_empty() {
                    return None;
                }
                return Some(missing_keys(table, &missing, &span, hints));
            }
            Kind::Other(message) => Diagnostic::new(message).at(&span, ""),
        };
        let example = self.key.and_then(|(table, key)| hints.example(table?, &key));
        Some(match (self.help, example) {
            (Some(help), _) => diagnostic.help(help),
            (None, Some(example)) => diagnostic.help(format!("for example `{example}`")),
            (None, None) => diagnostic,
        })
    }
}

fn missing_keys(table: &'static str, keys: &[String], span: &Span, hints: &Hints) -> Diagnostic {
    let place = hints.title(table);
    let noun = if keys.len() == 1 { "key" } else { "keys" };
    let named = list(keys.iter().map(String::as_str), "and");
    let mut diagnostic = Diagnostic::new(format!("{place} lacks the {noun} {named}"));
    if !span.is_empty() {
        diagnostic = diagnostic.at(
            span,
            format!("{named} is missing here")
                .replace("` is", if keys.len() == 1 { "` is" } else { "` are" }),
        );
    }
    for key in keys {
        if let Some(example) = hints.example(table, key) {
            diagnostic = diagnostic.help(format!("add, for example, `{example}`"));
        }
    }
    diagnostic
}

/// Rust's names of types in a user's words.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other,
    }
}

impl de::Error for ShapeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }
    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Kind::Type { found: found.to_string(), expected: expected.to_string() })
    }
    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }
    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::Missing { table: "", keys: vec![field.into()], present: Vec::new() })
    }
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let error = Self::new(Kind::Type {
            found: format!("the string {variant:?}"),
            expected: list(expected.iter().copied(), "or"),
        });
        match nearest(variant, expected.iter().copied()) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None => error,
        }
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Type { found, expected } => write!(f, "expected {expected}, found {found}"),
            Kind::Missing { keys, .. } => write!(f, "missing {}", keys.join(", ")),
            Kind::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for ShapeError {}
