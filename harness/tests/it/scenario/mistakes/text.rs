//! The text itself: TOML, keys, types, and what is no text.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use squall::scenario::load;

use crate::scenario::{GOOD, mistakes, with};

#[test]
fn an_unknown_key() {
    assert_snapshot!(mistakes(&with("model =", "modell =")), @r#"
    error: unknown key `modell` in [target]
     --> s.toml:5:1
      |
    5 | modell = "sim"
      | ^^^^^^ did you mean `model`?

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn a_key_of_another_table() {
    assert_snapshot!(mistakes(&with("model = \"sim\"", "model = \"sim\"\nzone = \"z1\"")), @r#"
    error: unknown key `zone` in [target]
     --> s.toml:6:1
      |
    6 | zone = "z1"
      | ^^^^ not a key of [target]
      |
      = help: `zone` is a key of [[node]]
      = help: keys of [target]: `api`, `model`, `router`, `url`, `also`, `command`, `ready`, `ready_within`, `node`, `key`, `headers`, `ca`, `http`, `tokenizer` and `promises`

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn keys_that_are_missing() {
    assert_snapshot!(mistakes(&with("name = \"steady\"\nduration = \"20s\"", "")), @r#"
    error: [[phase]] lacks the keys `name` and `duration`
      --> s.toml:19:1
       |
    19 | [[phase]]
       | ^^^^^^^^^ `name` and `duration` are missing here
       |
       = help: add, for example, `name = "steady"`
       = help: add, for example, `duration = "20s"`

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn a_value_of_the_wrong_type() {
    assert_snapshot!(mistakes(&with("duration = \"20s\"", "duration = 20")), @r#"
    error: `duration` must be a string, not the integer 20
      --> s.toml:21:12
       |
    21 | duration = 20
       |            ^^ expected a string
       |
       = help: for example `duration = "20s"`

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn toml_that_is_none() {
    assert_snapshot!(mistakes(&with("duration = \"20s\"", "duration = 20s")), @r#"
    error: this is not valid TOML: a string must be quoted
      --> s.toml:21:12
       |
    21 | duration = 20s
       |            ^^^ a bare word is no value
       |
       = help: write `"20s"`

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn another_version_of_the_format() {
    assert_snapshot!(mistakes(&with("schema = 1", "schema = 2")), @r"
    error: this Squall does not know version 2 of the format
     --> s.toml:1:10
      |
    1 | schema = 2
      |          ^ expected 1
      |
      = help: write `schema = 1`, or take a Squall that is newer

    s.toml: 1 mistake, nothing was run
    ");
}

#[test]
fn an_empty_file() {
    assert_snapshot!(mistakes(""), @r#"
    error: the scenario lacks the keys `schema`, `name`, `target` and `traffic`
    --> s.toml:1:1
     = help: add, for example, `schema = 1`
     = help: add, for example, `name = "one node of three dies under chat traffic"`
     = help: add, for example, `[target]` with `model = "sim"` and `router = {}`
     = help: add, for example, `[traffic]` with `trace = { path = "traces/azure_llm_2023_conv.csv", speed = 4.0 }`

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn what_is_no_text_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    assert!(load(&path, None).expect_err("no file").to_string().contains("No such file"));
    assert!(load(folder.path(), None).is_err());
    assert!(
        load(Path::new("/dev/zero"), None).expect_err("endless").to_string().contains("larger than 4 MiB")
    );
    fs::write(&path, b"schema = 1\nname = \"\xff\"").expect("written");
    assert!(load(&path, None).expect_err("not UTF-8").to_string().contains("line 2 is not UTF-8"));
}

/// Whatever is cut off or knocked out of a scenario, it is a plan or a mistake, never a panic.
#[test]
fn no_text_is_a_panic() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    let try_it = |text: &str| {
        fs::write(&path, text).expect("written");
        if let Err(error) = load(&path, None) {
            assert!(error.mistakes().iter().all(|mistake| mistake.line.is_some()), "{error}");
            assert!(!error.mistakes().is_empty());
        }
    };
    for at in 0..GOOD.len() {
        try_it(&GOOD[..at]);
        for with in ["", "\"", "é", "[", "\0", "9"] {
            try_it(&format!("{}{with}{}", &GOOD[..at], &GOOD[at + 1..]));
        }
    }
}
