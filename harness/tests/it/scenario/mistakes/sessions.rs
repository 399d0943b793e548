//! What an arrival begins: sessions.

use insta::assert_snapshot;

use crate::scenario::{mistakes, with};

const ARRIVALS: &str = "arrivals = { poisson = \"40/s\" }";

/// The mistakes of a scenario with this load, without its last line.
fn of(load: &str) -> String {
    let shown = mistakes(&with(ARRIVALS, load));
    shown.rsplit_once("\n\n").map_or(shown.clone(), |(mistakes, _)| mistakes.to_owned())
}

/// The titles alone.
fn titles(session: &str) -> Vec<String> {
    let shown = of(&format!("{ARRIVALS}\nsession = {{ {session} }}"));
    shown.lines().filter_map(|line| line.strip_prefix("error: ").map(str::to_owned)).collect()
}

#[test]
fn sessions_without_arrivals() {
    assert_snapshot!(of("users = { count = 5 }\nsession = { turns = 3 }"), @"");
    assert_snapshot!(of("trace = { path = \"s.toml\" }\nsession = { turns = 3 }"), @"");
}

#[test]
fn turns_that_cant_be_understood() {
    assert_snapshot!(of(&format!("{ARRIVALS}\nsession = {{ turns = \"normal(3)\" }}")), @"");
    assert_eq!(titles(""), ["`turns` is missing in session"]);
    assert_eq!(titles("turns = 0"), ["`turns` can't be understood"]);
    assert_eq!(titles("turns = 3, think = \"often\""), ["`think` can't be understood"]);
}

#[test]
fn what_comes_between_turns() {
    assert_snapshot!(of(&format!("{ARRIVALS}\nsession = {{ turns = 1, tools = {{ calls = 2 }} }}")), @"");
    assert_eq!(titles("turns = 3, tools = { calls = 0 }"), ["`calls` must be 1 or more"]);
    assert_eq!(titles("turns = 3, tools = { time = \"2\" }"), ["`time` can't be understood"]);
    assert_eq!(titles("turns = 3, tools = { result = 0 }"), ["`result` can't be understood"]);
    assert_eq!(titles("turns = 3, sub_requests = { count = 2000 }"), ["`count` must be 1000 or less"]);
    assert_eq!(
        titles("turns = 3, sub_requests = { count = 2, output = \"x\" }"),
        ["`output` can't be understood"]
    );
}
