//! Values that several tables take: texts of a kind, and values that may be of two types.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::super::place::Placed;
use super::super::units::{CLOCK_PATTERN, DURATION_PATTERN, RATE_PATTERN, THINK_PATTERN};

/// A flag that is on where it is left out.
pub(super) fn yes() -> bool {
    true
}

/// A string that the schema describes more closely.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(transparent)]
        pub(in crate::scenario) struct $name(pub(in crate::scenario) String);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text!(
    /// A duration: `20s`, `60ms`, `1m30s`.
    DurationText, { "type": "string", "pattern": DURATION_PATTERN });
text!(
    /// A rate: `40/s`.
    RateText, { "type": "string", "pattern": RATE_PATTERN });
text!(
    /// A time of day: `14:30`.
    ClockText, { "type": "string", "pattern": CLOCK_PATTERN });
text!(
    /// A time to think: `2s`, `exponential(2s)`.
    ThinkText, { "type": "string", "pattern": THINK_PATTERN });
text!(
    /// A plugin: a built-in's name, or a path.
    PluginText, { "type": "string", "anyOf": [{ "enum": crate::fault::built_in_names() }, { "pattern": "\\.wasm$|/" }] });

/// Is this the path of a plugin, rather than a built-in's name?
pub(in crate::scenario) fn is_plugin_path(text: &str) -> bool {
    text.contains('/') || Path::new(text).extension().is_some_and(|extension| extension == "wasm")
}

/// A number, or a string that says more than a number.
#[derive(Clone, Debug)]
pub(in crate::scenario) enum NumberOrText {
    Integer(i64),
    Float(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for NumberOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl Visitor<'_> for Kinds {
            type Value = NumberOrText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a string")
            }
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(NumberOrText::Integer(value))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(NumberOrText::Float(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(NumberOrText::Text(value.into()))
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl JsonSchema for NumberOrText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "NumberOrText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"] })
    }
}

/// A boolean, or a string that says more than `true`.
#[derive(Clone, Debug)]
pub(in crate::scenario) enum FlagOrText {
    Flag(bool),
    Text(String),
}

impl<'de> Deserialize<'de> for FlagOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl Visitor<'_> for Kinds {
            type Value = FlagOrText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false` or a duration")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(FlagOrText::Flag(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(FlagOrText::Text(value.into()))
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl JsonSchema for FlagOrText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "FlagOrText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": DURATION_PATTERN }] })
    }
}

/// A name, or a list of names.
#[derive(Clone, Debug)]
pub(in crate::scenario) enum OneOrMany {
    One(String),
    Many(Vec<Placed<String>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl<'de> Visitor<'de> for Kinds {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(value.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(OneOrMany::Many)
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

impl Placed<OneOrMany> {
    /// The names, each with its place.
    pub(in crate::scenario) fn names(&self) -> Vec<Placed<String>> {
        match &self.value {
            OneOrMany::One(name) => vec![Placed { value: name.clone(), span: self.span.clone() }],
            OneOrMany::Many(names) => names.clone(),
        }
    }
}
