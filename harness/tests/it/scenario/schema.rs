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

/// Every way to say when requests are sent.
#[test]
fn schema_and_parser_accept_every_kind_of_load() {
    let validator = jsonschema::validator_for(schema().as_value()).expect("a schema");
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    for load_of in [
        "arrivals = { constant = \"90/m\" }",
        "arrivals = { gamma = \"40/s\", cv = 3 }",
        "arrivals = { gamma = { from = \"0/s\", to = \"40/s\", over = \"5m\" }, cv = 0.5 }",
        "arrivals = { bursts = { low = \"0/s\", high = \"80/s\", low_for = \"20s\", high_for = \"5s\" } }",
        "arrivals = { poisson = { steps = [{ rate = \"40/s\" }] } }",
        "arrivals = { poisson = { steps = [{ rate = \"40/s\", ramp = \"5s\" }, { rate = \"0/s\", for = \"5s\" }, \
         { rate = \"9/s\" }] } }",
        "arrivals = { poisson = { daily = { mean = \"40/s\", swing = \"60%\", peak_at = \"14:00\" } } }",
        "arrivals = { poisson = { daily = { mean = \"40/s\", swing = 1, peak_at = \"8:30\", \
         starts_at = \"06:00\", day = \"10m\" } } }",
        "arrivals = { poisson = \"40/s\" }\nspikes = [{ at = \"3s\", for = \"2s\", rate = \"200/s\" }]",
        "arrivals = { poisson = \"4/s\" }\nsession = { turns = 6 }",
        "arrivals = { poisson = \"4/s\" }\nsession = { turns = \"geometric(5)\", think = \"exponential(2s)\", \
         tools = { calls = 2, time = \"300ms\", result = \"lognormal(150, 90)\" }, \
         sub_requests = { count = 3, input = 800, output = 150 } }",
        "arrivals = { poisson = \"4/s\" }\nprompts = { trace = { path = \"s.toml\", format = \"squall\", \
         bad_rows = \"skip\" }, output = 20 }",
        "users = { count = 20, ramp = \"10s\", think = \"exponential(2s)\", turns = 6 }",
        "users = { steps = [{ count = 5, for = \"5s\" }, { count = 0, for = \"5s\" }, { count = 9, ramp = \"3s\" }], \
         think = \"uniform(1s, 5s)\" }",
    ] {
        let text = with("arrivals = { poisson = \"40/s\" }", load_of);
        let errors: Vec<_> = validator.iter_errors(&as_json(&text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{load_of}: {errors:?}");
        fs::write(&path, text).expect("written");
        if let Err(error) = load(&path, None) {
            panic!("{error}");
        }
    }
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
        ("arrivals = { poisson = \"40/s\" }", "users = { count = 3 }\nsession = { turns = 3 }"),
        ("arrivals = { poisson = \"40/s\" }", "arrivals = { poisson = \"40/s\" }\nsession = {}"),
        (
            "arrivals = { poisson = \"40/s\" }",
            "arrivals = { poisson = \"40/s\" }\nsession = { turns = 3, sub_requests = { input = 5 } }",
        ),
        ("poisson = \"40/s\"", "poisson = 40"),
        ("poisson = \"40/s\"", "gamma = \"40/s\""),
        ("poisson = \"40/s\"", "poisson = \"40/s\", cv = 2.0"),
        ("poisson = \"40/s\"", "poisson = {}"),
        ("poisson = \"40/s\"", "poisson = { from = \"1/s\", over = \"5s\" }"),
        (
            "poisson = \"40/s\"",
            "poisson = { from = \"1/s\", to = \"2/s\", over = \"5s\", steps = [{ rate = \"1/s\" }] }",
        ),
        ("poisson = \"40/s\"", "poisson = { steps = [{ rate = \"1/s\", fro = \"5s\" }] }"),
        (
            "poisson = \"40/s\"",
            "poisson = { daily = { mean = \"1/s\", swing = \"50%\", peak_at = \"2pm\" } }",
        ),
        ("poisson = \"40/s\"", "bursts = { low = \"1/s\", high = \"9/s\", low_for = \"5s\" }"),
        ("arrivals = { poisson = \"40/s\" }", "users = { count = 3, steps = [{ count = 3 }] }"),
        ("arrivals = { poisson = \"40/s\" }", "users = { think = \"1s\" }"),
        ("arrivals = { poisson = \"40/s\" }", "users = { count = 3, think = \"normal(1s, 2s)\" }"),
        ("duration = \"20s\"", "duration = \"20s\"\nload = \"2\""),
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
