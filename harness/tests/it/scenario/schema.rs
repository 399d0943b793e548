//! The schema for editors, and the parser: both accept and refuse the same.

use std::fs;

use serde_json::Value;
use squall::scenario::{load, schema, schema_text};

use super::{GOOD, mistakes, scenarios, with};

/// Set `SQUALL_UPDATE` to write the file anew.
#[test]
fn the_committed_schema_is_the_parsers() {
    let path = scenarios().join("schema/scenario.schema.json");
    if std::env::var_os("SQUALL_UPDATE").is_some() {
        fs::write(&path, schema_text()).expect("written");
    }
    let committed = fs::read_to_string(&path).expect("scenarios/schema/scenario.schema.json");
    assert!(
        committed == schema_text(),
        "the schema has changed: run `squall schema scenario > {}`",
        path.display()
    );
}

fn as_json(text: &str) -> Value {
    let table: toml::Table = toml::from_str(text).expect("TOML");
    serde_json::to_value(table).expect("JSON")
}

#[test]
fn the_committed_schema_of_corpora_is_the_readers_and_accepts_every_committed_line() {
    let path = scenarios().join("schema/corpus.schema.json");
    let text = squall::traffic::corpus_schema_text();
    if std::env::var_os("SQUALL_UPDATE").is_some() {
        fs::write(&path, &text).expect("written");
    }
    let committed = fs::read_to_string(&path).expect("scenarios/schema/corpus.schema.json");
    assert!(committed == text, "the schema has changed: run `squall schema corpus > {}`", path.display());
    let schema = serde_json::from_str(&text).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for corpus in ["chat", "triage", "fraud-review"] {
        let lines =
            fs::read_to_string(scenarios().join(format!("corpora/{corpus}.jsonl"))).expect("committed");
        for line in lines.lines() {
            let line = serde_json::from_str(line).expect("JSON");
            assert!(validator.is_valid(&line), "{corpus}: {line}");
        }
    }
    for bad in ["{}", r#"{"turns": []}"#, r#"{"turns": [{"user": "a"}], "promt": 1}"#] {
        assert!(!validator.is_valid(&serde_json::from_str(bad).expect("JSON")), "{bad}");
    }
}

#[test]
fn schema_and_parser_accept_every_committed_scenario() {
    let validator = jsonschema::validator_for(schema().as_value()).expect("a schema");
    let mut seen = 0;
    for entry in fs::read_dir(scenarios()).expect("scenarios/") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            seen += 1;
            if let Err(error) = load(&path, None) {
                panic!("{error}");
            }
            let json = as_json(&fs::read_to_string(&path).expect("read"));
            let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        }
    }
    assert!(seen >= 2, "only {seen} scenarios found");
}

#[test]
fn schema_and_parser_refuse_the_same() {
    let validator = jsonschema::validator_for(schema().as_value()).expect("a schema");
    assert!(validator.is_valid(&as_json(GOOD)));
    for (old, new) in [
        ("schema = 1", "schema = 2"),
        ("name = \"small\"", ""),
        ("name = \"small\"", "name = \"small\"\ncolour = \"red\""),
        ("name = \"small\"", "name = \"small\"\nseed = -1"),
        ("model = \"sim\"", "model = 5"),
        ("model = \"sim\"", "model = \"sim\"\napi = \"openai-chatt\""),
        ("router = {}", ""),
        ("router = {}", "router = { failover = \"no\" }"),
        ("router = {}", "router = {}\nurl = \"http://127.0.0.1:1/v1\""),
        ("router = {}", "command = [\"gw\"]"),
        ("sim = {}", "sim = {}\nurl = \"http://127.0.0.1:1\""),
        ("sim = {}", "sim = { slots = 1.5 }"),
        ("sim = {}", "sim = { ttft = \"60\" }"),
        ("\"40/s\"", "\"40\""),
        ("\"40/s\"", "\"fast\""),
        ("poisson = \"40/s\"", "poisson = \"40/s\", constant = \"40/s\""),
        ("duration = \"20s\"", "duration = 20"),
        ("duration = \"20s\"", "duration = \"20 parsecs\""),
        ("plugin = \"latency\"", "plugin = \"latnecy\""),
        ("plugin = \"latency\", nodes = [\"alpha\"]", "nodes = [\"alpha\"]"),
        ("nodes = [\"alpha\"]", "nodes = [1]"),
        ("at = \"2s\"", "on_trap = \"ignore\""),
        ("with = { fixed = \"20ms\" }", "with = 5"),
        ("objective = \"p95(ttft) <= 800ms\"\n", ""),
    ] {
        let text = with(old, new);
        let shown = mistakes(&text);
        assert!(!validator.is_valid(&as_json(&text)), "the schema accepts what the parser refuses:\n{shown}");
    }
}
