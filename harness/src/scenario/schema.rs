//! The scenario's JSON schema: what editors complete from, and where messages take their examples.
//!
//! It is made from [`super::raw`], so that it can't drift from the parser; the committed file is
//! tested against it. Draft 7, since that is what TOML editors read.

use std::collections::HashMap;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::raw;

/// The schema of a scenario's file.
pub fn schema() -> Schema {
    let settings = SchemaSettings::draft07().with_transform(NoNull).with_transform(AtMost64Bits);
    SchemaGenerator::new(settings).into_root_schema_for::<raw::Scenario>()
}

/// The schema as it is committed and printed: pretty, with a line end.
pub fn schema_text() -> String {
    // A JSON value with string keys always has a text.
    serde_json::to_string_pretty(&schema()).map(|text| text + "\n").unwrap_or_default()
}

/// TOML has no null: a key that may be left out is not a key that may be null.
#[derive(Clone, Debug)]
struct NoNull;

impl Transform for NoNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                schema.insert("type".into(), only);
            }
        }
        if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
            choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
            if let [only] = choices.as_slice() {
                let only = only.clone();
                schema.remove("anyOf");
                schema.insert("allOf".into(), Value::Array(vec![only]));
            }
        }
        if schema.get("default") == Some(&Value::Null) {
            schema.remove("default");
        }
    }
}

/// The largest number that TOML has is 2^63 - 1; a format such as `uint64` is no keyword of draft 7.
#[derive(Clone, Debug)]
struct AtMost64Bits;

impl Transform for AtMost64Bits {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let format = schema.remove("format");
        if format == Some(Value::from("uint32")) {
            schema.insert("maximum".into(), u32::MAX.into());
        }
    }
}

/// What the schema knows of each table, for messages.
pub(super) struct Hints {
    tables: HashMap<String, Table>,
}

struct Table {
    title: String,
    required: Vec<String>,
    /// Keys, each with its first example.
    examples: HashMap<String, Option<Value>>,
}

/// The root's name: it has no definition of its own.
const ROOT: &str = "Scenario";

impl Hints {
    pub(super) fn new() -> Self {
        let schema = schema();
        let root = schema.as_value();
        let defined = root.get("definitions").and_then(Value::as_object).into_iter().flatten();
        let tables = defined
            .map(|(name, definition)| (name.clone(), Table::of(definition)))
            .chain([(ROOT.to_owned(), Table::of(root))])
            .collect();
        Self { tables }
    }

    /// As messages call a table: `[[node]]`.
    pub(super) fn title<'a>(&'a self, table: &'a str) -> &'a str {
        self.tables.get(table).map_or(table, |table| &table.title)
    }

    /// Does the table have such a key?
    pub(super) fn knows(&self, table: &str, key: &str) -> bool {
        self.tables.get(table).is_some_and(|table| table.examples.contains_key(key))
    }

    /// The tables that have such a key, as messages call them.
    pub(super) fn owners(&self, key: &str) -> Vec<&str> {
        let mut owners: Vec<&str> = self
            .tables
            .values()
            .filter(|table| table.examples.contains_key(key))
            .map(|table| table.title.as_str())
            .collect();
        owners.sort_unstable();
        owners
    }

    /// The keys that a table must have and has not; at least those that are `known` to be missing.
    pub(super) fn missing(&self, table: &str, present: &[String], known: Vec<String>) -> Vec<String> {
        let Some(table) = self.tables.get(table) else { return known };
        let mut missing = known;
        for key in &table.required {
            if !present.contains(key) && !missing.contains(key) {
                missing.push(key.clone());
            }
        }
        missing
    }

    /// How a key may be written: `duration = "20s"`.
    pub(super) fn example(&self, table: &str, key: &str) -> Option<String> {
        let example = self.tables.get(table)?.examples.get(key)?.as_ref()?;
        match example {
            Value::Object(entries) if table == ROOT => {
                let entries: Option<Vec<_>> = entries
                    .iter()
                    .map(|(key, value)| Some(format!("{key} = {}", toml_text(value)?)))
                    .collect();
                // The caller's backticks are the outer ones.
                Some(format!("[{key}]` with `{}", entries?.join("` and `")))
            }
            Value::Array(_) if table == ROOT => Some(format!("[[{key}]]")),
            value => Some(format!("{key} = {}", toml_text(value)?)),
        }
    }
}

impl Table {
    fn of(schema: &Value) -> Self {
        let strings = |value: &Value| value.as_str().map(str::to_owned);
        let properties = schema.get("properties").and_then(Value::as_object);
        Self {
            title: schema.get("title").and_then(strings).unwrap_or_default(),
            required: schema
                .get("required")
                .and_then(Value::as_array)
                .map(|keys| keys.iter().filter_map(strings).collect())
                .unwrap_or_default(),
            examples: properties
                .into_iter()
                .flatten()
                .map(|(key, property)| {
                    let examples = property.get("examples").and_then(Value::as_array);
                    (key.clone(), examples.and_then(|examples| examples.first()).cloned())
                })
                .collect(),
        }
    }
}

/// A JSON value as TOML writes it in one line.
fn toml_text(value: &Value) -> Option<String> {
    toml::Value::try_from(value).ok().map(|value| value.to_string())
}
