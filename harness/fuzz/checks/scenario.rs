//! What must hold of a scenario's text, whatever stands in it.

use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use squall::scenario::{ScenarioError, digest, parse, schema};

/// Beside the committed ones, so that their traces are there.
const SCENARIO: &str = "../scenarios/s.toml";

/// The schema that editors check with.
static SCHEMA: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(schema().as_value()).expect("a valid schema"));

/// Holds that `text` is a plan that the schema takes too, or mistakes that each name a place in it.
pub(crate) fn check(text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else { return };
    match parse(text, Path::new(SCENARIO), None) {
        Ok(plan) => {
            assert_eq!(digest(&plan).len(), 64);
            assert!(!plan.phases.is_empty() && plan.end() > squall::clock::Nanos::ZERO);
            let table: toml::Table = toml::from_str(text).expect("a plan's text is TOML");
            let json = serde_json::to_value(table).expect("TOML fits into JSON");
            let errors: Vec<String> = SCHEMA.iter_errors(&json).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "the schema refuses what the parser takes: {errors:?}");
        }
        Err(error) => mistakes(text, &error),
    }
}

fn mistakes(text: &str, error: &ScenarioError) {
    let lines = text.matches('\n').count() + 1;
    let mistakes = error.mistakes();
    assert!(!mistakes.is_empty());
    for mistake in &mistakes {
        assert!(mistake.line.is_some_and(|line| (1..=lines).contains(&line)), "{mistake:?}");
        assert!(!mistake.message.is_empty(), "{mistake:?}");
    }
    assert!(error.render(false).contains("nothing was run"));
    assert!(error.render(true).len() >= error.render(false).len());
}
