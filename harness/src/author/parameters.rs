//! Parameters of a plugin: as typed, or, where none are given, its own examples.

use serde_json::{Map, Value};

use crate::fault::{Description, Hooks, NodeInfo, Refusal, Specimen, Trap, Trial};
use crate::name::NodeName;

/// Why a plugin could not be configured.
#[derive(Debug, thiserror::Error)]
pub enum ParametersError {
    /// What was typed is no TOML.
    #[error("`{typed}` is no TOML: {why}; write `name = value`, as in a scenario's `with`")]
    Toml {
        /// The text.
        typed: String,
        /// Why.
        why: String,
    },
    /// The plugin's words.
    #[error("it refuses `with = {with}`: {why}")]
    Refused {
        /// As a scenario writes it.
        with: String,
        /// What it says.
        why: String,
    },
    /// None of its own examples will do.
    #[error("it takes none of its own examples as parameters ({why}); give some with --with 'name = value'")]
    NoExample {
        /// What it says of the last.
        why: String,
    },
    /// It could not be instantiated.
    #[error("it was refused: {0}")]
    Instance(#[from] Refusal),
    /// It failed.
    #[error("{0}")]
    Trapped(#[from] Trap),
}

/// A plugin that is configured.
pub struct Configured {
    /// The instance.
    pub trial: Trial,
    /// What it asked for.
    pub hooks: Hooks,
    /// Its parameters.
    pub with: Value,
    /// They are its own examples.
    pub by_example: bool,
}

/// Reads `name = value` fragments, as many as there are.
pub fn read(typed: &[String]) -> Result<Option<Value>, ParametersError> {
    if typed.is_empty() {
        return Ok(None);
    }
    let typed = typed.join(", ");
    let table = toml::from_str::<Map<String, Value>>(&format!("with = {{ {typed} }}"));
    let mut table =
        table.map_err(|error| ParametersError::Toml { typed, why: error.message().to_owned() })?;
    Ok(table.remove("with"))
}

/// As a scenario writes a `with`: `{ p50 = "20ms" }`.
pub fn to_toml(with: &Value) -> String {
    let pairs = with.as_object().into_iter().flatten();
    let pairs: Vec<String> = pairs.map(|(name, item)| format!("{name} = {}", item_to_toml(item))).collect();
    if pairs.is_empty() { "{}".into() } else { format!("{{ {} }}", pairs.join(", ")) }
}

fn item_to_toml(item: &Value) -> String {
    match item {
        Value::Object(_) => to_toml(item),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(item_to_toml).collect::<Vec<_>>().join(", "))
        }
        // Texts, numbers and truths are written alike.
        plain => plain.to_string(),
    }
}

/// Configures a fresh instance with `with`, or with the plugin's own examples.
pub fn configure(
    specimen: &Specimen,
    nodes: &[NodeInfo],
    granted: &[NodeName],
    with: Option<Value>,
) -> Result<Configured, ParametersError> {
    let fresh = || specimen.trial(nodes.to_vec(), granted.to_vec());
    if let Some(with) = with {
        let mut trial = fresh()?;
        return match trial.configure(&with.to_string())? {
            Ok(hooks) => Ok(Configured { trial, hooks, with, by_example: false }),
            Err(why) => Err(ParametersError::Refused { with: to_toml(&with), why }),
        };
    }
    let description = fresh()?.describe()?;
    let mut last = String::new();
    for with in examples(&description) {
        let mut trial = fresh()?;
        match trial.configure(&with.to_string())? {
            Ok(hooks) => {
                let by_example = with.as_object().is_some_and(|with| !with.is_empty());
                return Ok(Configured { trial, hooks, with, by_example });
            }
            Err(why) => last = why,
        }
    }
    Err(ParametersError::NoExample { why: last })
}

/// Tables to try: none, those without a default, each of those alone, all.
fn examples(description: &Description) -> Vec<Value> {
    let example = |text: &str| {
        let table = toml::from_str::<Map<String, Value>>(&format!("x = {text}")).ok()?;
        table.into_iter().next().map(|(_, value)| value)
    };
    let parameters = description.parameters.iter();
    let all: Vec<(bool, String, Value)> = parameters
        .filter_map(|p| Some((p.default.is_none(), p.name.clone(), example(&p.example)?)))
        .collect();
    let table = |chosen: &mut dyn Iterator<Item = &(bool, String, Value)>| {
        Value::Object(chosen.map(|(_, name, value)| (name.clone(), value.clone())).collect())
    };
    let mut tables = vec![table(&mut std::iter::empty()), table(&mut all.iter().filter(|(bare, ..)| *bare))];
    tables.extend(all.iter().filter(|(bare, ..)| *bare).map(|one| table(&mut std::iter::once(one))));
    tables.push(table(&mut all.iter()));
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_what_a_scenario_would_say() {
        let with = read(&["p50 = \"20ms\", n = 3".into(), "burst = { on = [1, 2] }".into()]);
        let with = with.expect("TOML").expect("some");
        assert_eq!(with, serde_json::json!({ "p50": "20ms", "n": 3, "burst": { "on": [1, 2] } }));
        assert_eq!(to_toml(&with), "{ burst = { on = [1, 2] }, n = 3, p50 = \"20ms\" }");
        assert_eq!(read(&[]).expect("nothing"), None);
        let error = read(&["p50 20ms".into()]).expect_err("no TOML").to_string();
        assert!(error.contains("`p50 20ms` is no TOML"), "{error}");
    }
}
