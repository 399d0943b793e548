//! A value that is a text where it is simple, and a table where it is not.
//!
//! As [`super::place`], it speaks a protocol of its own with [`super::de`]: which of the two a value
//! is, only the document knows, and a table that is known to be one has its unknown keys named.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserialize, Deserializer, Visitor};

/// By this name a deserializer knows that a text or a table is asked for.
pub(super) const TEXT_OR_TABLE: &str = "$squall::TextOr";

/// A text or a table.
#[derive(Clone, Debug)]
pub(super) enum TextOr<S, T> {
    Text(S),
    Table(T),
}

impl<'de, S: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for TextOr<S, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(TEXT_OR_TABLE, Kinds(PhantomData))
    }
}

struct Kinds<S, T>(PhantomData<(S, T)>);

impl<'de, S: Deserialize<'de>, T: Deserialize<'de>> Visitor<'de> for Kinds<S, T> {
    type Value = TextOr<S, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a table")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        S::deserialize(BorrowedStrDeserializer::new(text)).map(TextOr::Text)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, table: D) -> Result<Self::Value, D::Error> {
        T::deserialize(table).map(TextOr::Table)
    }
}

impl<S: JsonSchema, T: JsonSchema> JsonSchema for TextOr<S, T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("{}Or{}", S::schema_name(), T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (text, table) = (generator.subschema_for::<S>(), generator.subschema_for::<T>());
        json_schema!({ "anyOf": [text, table] })
    }
}
