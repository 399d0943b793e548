//! `squall slo import` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::Result;

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn import(words: &[&str]) -> Result<Output> {
    Ok(Command::new(env!("CARGO_BIN_EXE_squall")).args(["slo", "import"]).args(words).output()?)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The example of the documentation.
fn example() -> String {
    scenarios().join("openslo/chat.yaml").display().to_string()
}

#[test]
fn the_example_is_printed_as_sections_to_paste() -> Result {
    let output = import(&[&example()])?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!(text(&output.stdout), @r#"
    # chat.yaml, line 33
    [[slo]]
    name = "First token: typical"
    objective = "p90(ttft) <= 400ms"
    budget = { window = "28d" }

    # chat.yaml, line 37
    [[slo]]
    name = "First token: slowest"
    objective = "p99(ttft) <= 2000ms"
    budget = { window = "28d" }

    # chat.yaml, line 67
    [[slo]]
    name = "Flow of tokens"
    objective = "p99(itl) <= 100ms"

    # chat.yaml, line 94
    [[slo]]
    name = "Availability"
    objective = "success >= 98%"
    "#);
    let notes = text(&output.stderr);
    for note in ["chat.yaml:3: the Service `chat` is left out", "`alertPolicies`"] {
        assert!(notes.contains(note), "{note} is missing in {notes}");
    }
    Ok(())
}

#[test]
fn a_scenario_has_them_afterwards_and_checks() -> Result {
    let folder = tempfile::tempdir()?;
    let scenario = folder.path().join("s.toml");
    let before = "schema = 1\nname = \"s\"\n[target]\nmodel = \"sim\"\nrouter = {}\n[[node]]\nname = \"a\"\nsim = {}\n\
                  [traffic]\narrivals = { poisson = \"9/s\" }\n[[phase]]\nname = \"all\"\nduration = \"60s\" # so long\n";
    fs::write(&scenario, before)?;
    let path = scenario.display().to_string();
    let output = import(&[&example(), "--into", &path, "--during", "all"])?;
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), String::new()),
        "{}",
        text(&output.stderr)
    );
    let after = fs::read_to_string(&scenario)?;
    assert!(after.starts_with(before.trim_end()), "{after}");
    let checked = Command::new(env!("CARGO_BIN_EXE_squall")).args(["check", "--json", &path]).output()?;
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stdout));
    let plan: Value = serde_json::from_slice(&checked.stdout)?;
    assert!(plan.to_string().contains("p99(itl) <= 100ms"), "{plan}");

    let again = import(&[&example(), "--into", &path])?;
    assert_eq!(again.status.code(), Some(2));
    assert!(
        text(&again.stderr).contains("two SLOs are called `First token: typical`"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(fs::read_to_string(&scenario)?, after, "nothing was written");
    assert_eq!(fs::read_dir(folder.path())?.count(), 1);
    Ok(())
}

#[test]
fn what_cannot_be_mapped_is_told_and_the_rest_is_written_where_that_was_asked_for() -> Result {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("slos.yaml");
    let source = fs::read_to_string(example())?;
    fs::write(&file, source.replacen("budgetingMethod: Occurrences", "budgetingMethod: Timeslices", 1))?;
    let path = file.display().to_string();
    let refused = import(&[&path])?;
    assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(2), String::new()));
    let error = text(&refused.stderr);
    assert!(error.contains("slos.yaml:31:20") && error.contains("write the share of requests"), "{error}");
    let partial = import(&[&path, "--partial"])?;
    assert_eq!(partial.status.code(), Some(0));
    let written = text(&partial.stdout);
    assert!(written.contains("Availability") && !written.contains("First token"), "{written}");

    let output = import(&[&path, "--json"])?;
    assert_eq!(output.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(
        (&json["mistakes"][0]["line"], &json["mistakes"][0]["column"]),
        (&31.into(), &20.into()),
        "{json}"
    );
    assert_eq!(json["slos"][1]["objective"], "success >= 98%");
    assert_eq!(json["left_out"][0]["line"], 3);
    Ok(())
}

#[test]
fn what_is_typed_wrong_says_what_would_be_right() -> Result {
    for (words, said) in [
        (&["/nowhere.yaml"][..], "the OpenSLO file can't be read"),
        (&["x.yaml", "--metric", "chat"], "NAME=METRIC"),
        (&["x.yaml", "--metric", "chat=tftt"], "did you mean `ttft`?"),
        (&["x.yaml", "--unit", "h"], "expected `s` or `ms`"),
    ] {
        let output = import(words)?;
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(text(&output.stderr).contains(said), "{words:?}: {}", text(&output.stderr));
    }
    Ok(())
}
