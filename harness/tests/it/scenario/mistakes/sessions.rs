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
    titles_of(&format!("{ARRIVALS}\nsession = {{ {session} }}"))
}

fn titles_of(load: &str) -> Vec<String> {
    let shown = of(load);
    shown.lines().filter_map(|line| line.strip_prefix("error: ").map(str::to_owned)).collect()
}

#[test]
fn sessions_without_arrivals() {
    assert_snapshot!(of("users = { count = 5 }\nsession = { turns = 3 }"), @r#"
    error: a `session` is what each of the `arrivals` or each row of a `trace` begins, and [traffic] has neither
      --> s.toml:18:11
       |
    18 | session = { turns = 3 }
       |           ^^^^^^^^^^^^^ this would count for nothing
       |
       = help: users have conversations of their own: `users = { count = 20, think = "2s", turns = 6 }`
    "#);
}

#[test]
fn what_each_row_of_a_trace_begins_has_prompts_beside_it_and_what_is_one_request_has_none() {
    let trace = "trace = { path = \"s.toml\" }";
    let prompts = "prompts = { input = 5 }";
    // Nothing is wrong but the turns.
    let sessions = titles_of(&format!("{trace}\nsession = {{ turns = 0 }}\n{prompts}"));
    assert_eq!(sessions, ["`turns` can't be understood"]);
    let alone = of(&format!("{trace}\n{prompts}"));
    assert!(alone.contains("a `trace` has lengths of its own"), "{alone}");
    let and_users = titles_of(&format!("{trace}\nusers = {{ count = 5 }}\nsession = {{ turns = 3 }}"));
    assert_eq!(and_users.len(), 1, "{and_users:?}");
}

#[test]
fn rows_of_a_trace_beside_what_says_otherwise() {
    let prompts = "prompts = { trace = { path = \"s.toml\" } }";
    let sessions = of(&format!("{ARRIVALS}\nsession = {{ turns = 3 }}\n{prompts}"));
    assert!(sessions.contains("rows of a trace are requests by themselves"), "{sessions}");
    let corpus = of(&format!("{ARRIVALS}\n{}", prompts.replace("{ trace", "{ corpus = \"s.toml\", trace")));
    assert!(corpus.contains("the `corpus` says what is asked"), "{corpus}");
    let spikes = "spikes = [{ at = \"3s\", for = \"5s\", rate = \"2/s\" }]";
    let trace = of(&format!("trace = {{ path = \"s.toml\" }}\n{spikes}\n{prompts}"));
    assert!(trace.contains("the `trace` of [traffic] says what is asked"), "{trace}");
}

#[test]
fn turns_that_cant_be_understood() {
    assert_snapshot!(of(&format!("{ARRIVALS}\nsession = {{ turns = \"normal(3)\" }}")), @r#"
    error: `turns` can't be understood
      --> s.toml:18:21
       |
    18 | session = { turns = "normal(3)" }
       |                     ^^^^^^^^^^^ `normal` is not a distribution that is known here
       |
       = help: write `6`, `"uniform(2, 8)"` with the fewest and the most, or `"geometric(5)"` with the mean
    "#);
    assert!(of(&format!("{ARRIVALS}\nsession = {{}}")).contains("`turns`"));
    assert_eq!(titles("turns = 0"), ["`turns` can't be understood"]);
    assert_eq!(titles("turns = 3, think = \"often\""), ["`think` can't be understood"]);
}

#[test]
fn what_comes_between_turns() {
    assert_snapshot!(of(&format!("{ARRIVALS}\nsession = {{ turns = 1, tools = {{ calls = 2 }} }}")), @r#"
    error: tools and sub-requests come between two turns, and there is only one
      --> s.toml:18:21
       |
    18 | session = { turns = 1, tools = { calls = 2 } }
       |                     ^ expected more than one
       |
       = help: write, for example, `turns = 6`, or take them away
    "#);
    assert_eq!(titles("turns = 3, tools = { calls = 0 }"), ["`calls` must be 1 or more"]);
    assert_eq!(titles("turns = 3, tools = { time = \"2\" }"), ["`time` can't be understood"]);
    assert_eq!(titles("turns = 3, tools = { result = 0 }"), ["`result` can't be understood"]);
    assert_eq!(titles("turns = 3, sub_requests = { count = 2000 }"), ["`count` must be 1000 or less"]);
    assert_eq!(
        titles("turns = 3, sub_requests = { count = 2, output = \"x\" }"),
        ["`output` can't be understood"]
    );
}
