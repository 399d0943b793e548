//! Faults: their plugins, their nodes, and their time in a phase.

use std::fs;

use insta::assert_snapshot;
use squall::scenario::load;

use crate::scenario::{mistakes, with};

#[test]
fn a_node_and_a_phase_that_do_not_exist() {
    let text = with("nodes = [\"alpha\"]", "nodes = [\"alhpa\"]")
        .replace("during = \"steady\"", "during = [\"calm\"]");
    assert_snapshot!(mistakes(&text), @r#"
    error: no node is called `alhpa`
      --> s.toml:26:41
       |
    26 | fault = [{ plugin = "latency", nodes = ["alhpa"], at = "2s", with = { fixed = "20ms" } }]
       |                                         ^^^^^^^ did you mean `alpha`?
       |
       = help: nodes: `alpha` and `beta`

    error: no phase is called `calm`
      --> s.toml:31:11
       |
    31 | during = ["calm"]
       |           ^^^^^^ no such phase
       |
       = help: phases: `steady` and `storm`

    s.toml: 2 mistakes, nothing was run
    "#);
}

#[test]
fn a_plugin_that_does_not_exist() {
    assert_snapshot!(mistakes(&with("\"latency\"", "\"latnecy\"")), @r#"
    error: no built-in plugin is called `latnecy`
      --> s.toml:26:21
       |
    26 | fault = [{ plugin = "latnecy", nodes = ["alpha"], at = "2s", with = { fixed = "20ms" } }]
       |                     ^^^^^^^^^ did you mean `latency`?
       |
       = help: built-in plugins: `bandwidth`, `blackhole`, `brownout`, `connect`, `crash-loop`, `cut`, `duplicate`, `fail-first`, `flap`, `http-error`, `in-band-error`, `latency`, `malformed`, `node-kill`, `node-pause`, `poison`, `rate-limit`, `refusal`, `slow-stream`, `stall`, `wrong-model`, `wrong-usage`, `zombie` and `zone-outage`
       = help: a plugin of your own is given by its path, as in `"plugins/mine.wasm"`

    s.toml: 1 mistake, nothing was run
    "#);
    assert_snapshot!(mistakes(&with("\"latency\"", "\"plugins/mine.wasm\"")), @r#"
    error: the plugin plugins/mine.wasm can't be read
      --> s.toml:26:21
       |
    26 | fault = [{ plugin = "plugins/mine.wasm", nodes = ["alpha"], at = "2s", with = { fixed = "20m...
       |                     ^^^^^^^^^^^^^^^^^^^ no such file
       |
       = help: paths are relative to the scenario's file

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn faults_outside_of_their_phase() {
    assert_snapshot!(mistakes(&with("at = \"2s\"", "at = \"10s\"")), @r#"
    error: the fault would begin after its phase `storm` has ended
      --> s.toml:26:56
       |
    26 | fault = [{ plugin = "latency", nodes = ["alpha"], at = "10s", with = { fixed = "20ms" } }]
       |                                                        ^^^^^ the phase lasts 10s
       |
       = help: `at` counts from the phase's start; choose a smaller one, or lengthen the phase

    s.toml: 1 mistake, nothing was run
    "#);
    assert_snapshot!(mistakes(&with("at = \"2s\"", "at = \"2s\", for = \"9s\"")), @r#"
    error: the fault would outlast its phase `storm`
      --> s.toml:26:68
       |
    26 | ...ha"], at = "2s", for = "9s", with = { fixed = "20ms" } }]
       |                           ^^^^ 8s are left of the phase from `at` on
       |
       = help: leave `for` out to keep the fault on until the phase ends

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn a_kill_of_what_nobody_started() {
    let text = with("\"latency\", nodes = [\"alpha\"]", "\"node-kill\", nodes = [\"alpha\", \"beta\"]");
    assert_snapshot!(mistakes(&text), @r#"
    error: node `beta` can't be killed: it runs already, at a `url`
      --> s.toml:26:42
       |
    26 | ...-kill", nodes = ["alpha", "beta"], at = "2s", with = { fixed = "20ms" } }]
       |                    ^^^^^^^^^^^^^^^^^ only what Squall started can be killed
       |
       = help: start the node by `command`, or name other `nodes`

    s.toml: 1 mistake, nothing was run
    "#);
}

#[test]
fn only_own_processes_are_killed_or_paused_and_any_port_is_closed() {
    let url = |fault: &str| with("\"latency\", nodes = [\"alpha\"]", &format!("{fault}, nodes = [\"beta\"]"));
    let table = "with = { fixed = \"20ms\" }";
    for (plugin, own, word) in [
        ("crash-loop", "", "killed"),
        ("node-pause", "", "paused"),
        ("zone-outage", "", "killed"),
        ("flap", "period = \"1s\"", "killed"),
        ("flap", "period = \"1s\", how = \"pause\"", "paused"),
    ] {
        let text = url(&format!("\"{plugin}\"")).replace(table, &format!("with = {{ {own} }}"));
        let said = mistakes(&text);
        assert!(said.contains(&format!("only what Squall started can be {word}")), "{plugin}: {said}");
    }
    for (plugin, own) in [("flap", "period = \"1s\", how = \"refuse\""), ("connect", "how = \"refuse\"")] {
        let text = url(&format!("\"{plugin}\"")).replace(table, &format!("with = {{ {own} }}"));
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("s.toml");
        fs::write(&path, text).expect("written");
        assert!(load(&path, None).is_ok(), "{plugin}");
    }
}
