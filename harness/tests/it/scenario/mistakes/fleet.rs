//! The target, the nodes, and how both are started.

use insta::assert_snapshot;

use crate::scenario::{mistakes, with};

#[test]
fn two_targets() {
    assert_snapshot!(mistakes(&with("router = {}", "router = {}\nurl = \"http://127.0.0.1:1/v1\"")), @r#"
    error: [target] has `router` and `url`, but only one of them counts
     --> s.toml:6:10
      |
    6 | router = {}
      |          ^^ keep this one
    7 | url = "http://127.0.0.1:1/v1"
      |       ----------------------- or this one
      |
      = help: keep one of `router`, `url`, `command` and `node`

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn no_target() {
    assert_snapshot!(mistakes(&with("router = {}\n", "")), @r"
    error: [target] lacks one of `router`, `url`, `command` and `node`
     --> s.toml:4:1
      |
    4 | [target]
      | ^^^^^^^^ exactly one of `router`, `url`, `command` and `node` belongs here
      |
      = help: add, for example, `router = {}`

    s.toml: 1 mistake, nothing was run
    ");
}

#[test]
fn names_that_are_taken() {
    assert_snapshot!(mistakes(&with("name = \"beta\"", "name = \"alpha\"").replace("\"storm\"", "\"steady\"")), @r#"
    error: two nodes are called `alpha`
      --> s.toml:13:8
       |
     9 | name = "alpha"
       |        ------- first given here
    ...
    13 | name = "alpha"
       |        ^^^^^^^ taken already
       |
       = help: give each a name of its own

    error: two phases are called `steady`
      --> s.toml:24:8
       |
    20 | name = "steady"
       |        -------- first given here
    ...
    24 | name = "steady"
       |        ^^^^^^^^ taken already
       |
       = help: give each a name of its own

    s.toml: 2 mistakes, nothing was run
    "#);
}

#[test]
fn no_node_and_no_phase() {
    assert_snapshot!(mistakes("schema = 1\nname = \"x\"\n[target]\nmodel = \"m\"\nrouter = {}\n[traffic]\nusers = { count = 0 }\n"), @r#"
    error: the scenario has no phase, so it has no length
    --> s.toml:1:1
     = help: add `[[phase]]` with `name = "steady"` and `duration = "20s"`

    error: the scenario has no node
     --> s.toml:3:1
      |
    3 | [target]
      | ^^^^^^^^ this target needs at least one
      |
      = help: add `[[node]]` with `name = "a"` and `sim = {}`

    error: `count` must be 1 or more
     --> s.toml:7:19
      |
    7 | users = { count = 0 }
      |                   ^ expected 1 or more

    s.toml: 3 mistakes, nothing was run
    "#);
}

#[test]
fn an_api_that_nobody_speaks() {
    assert_snapshot!(mistakes(&with("model = \"sim\"", "model = \"sim\"\napi = \"antropic-messages\"")), @r#"
    error: no API is called `antropic-messages`
     --> s.toml:6:7
      |
    6 | api = "antropic-messages"
      |       ^^^^^^^^^^^^^^^^^^^ did you mean `anthropic-messages`?
      |
      = help: APIs: `openai-chat`, `openai-completions`, `openai-responses`, `openai-embeddings` and `anthropic-messages`

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn a_key_that_is_not_in_the_environment() {
    let text = with("model = \"sim\"", "model = \"sim\"\nkey = { env = \"SQUALL_TEST_NO_SUCH_KEY\" }");
    assert_snapshot!(mistakes(&text), @r#"
    error: the environment variable `SQUALL_TEST_NO_SUCH_KEY` holds no key
     --> s.toml:6:15
      |
    6 | key = { env = "SQUALL_TEST_NO_SUCH_KEY" }
      |               ^^^^^^^^^^^^^^^^^^^^^^^^^ it is not set
      |
      = help: set it before Squall starts, or take `key` away if the target needs none

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn a_command_without_its_readiness() {
    let text = with("router = {}", "command = [\"gw\", \"--node\", \"{node.alhpa}\"]");
    assert_snapshot!(mistakes(&text), @r#"
    error: a `command` needs `ready`: the URL that answers when it can be used
     --> s.toml:6:11
      |
    6 | command = ["gw", "--node", "{node.alhpa}"]
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ `ready` is missing beside this
      |
      = help: add, for example, `ready = "http://127.0.0.1:{port}/health"`

    error: unknown placeholder `{node.alhpa}`
     --> s.toml:6:28
      |
    6 | command = ["gw", "--node", "{node.alhpa}"]
      |                            ^^^^^^^^^^^^^^ did you mean `{node.alpha}`?
      |
      = help: placeholders: `{port}`, `{dir}`, `{node.alpha}` and `{node.beta}`

    s.toml: 2 mistakes, nothing was run
    "#);
}

#[test]
fn keys_and_headers_that_would_be_written_down_or_read_by_nobody() {
    let text = with(
        "router = {}",
        "url = \"http://127.0.0.1:1/v1\"\nhttp = \"3\"\nheaders = { authorization = \"Bearer x\", \"x y\" = \"z\" }",
    );
    let told = mistakes(&text.replace("sim = {}", "sim = {}\nkey = { file = \"s.toml\" }"));
    for part in [
        "a scenario must hold no key",
        "no header can be called `x y`",
        "no version of HTTP that Squall speaks is called so",
        "a simulated node asks for no key",
        "4 mistakes",
    ] {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
    let told =
        mistakes(&with("router = {}", "router = {}\nca = \"s.toml\"\nalso = [\"http://127.0.0.1:1/v1\"]"));
    for part in ["there is no `https` in this `url`", "`also` stands beside a `url`", "2 mistakes"] {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
}

#[test]
fn headers_that_name_no_node_and_no_header() {
    let more =
        "headers = { x-where = \"{node.gamma}, {port}\" }\npromises = { retries_in = [\"no header\"] }";
    let said = mistakes(&with("router = {}", &format!("router = {{}}\n{more}")));
    for part in ["unknown placeholder `{node.gamma}`", "no header can be called `no header`", "2 mistakes"] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
}
