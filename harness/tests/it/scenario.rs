//! Scenarios as their authors meet them: mistakes, the plan, the schema, and the two verbs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use insta::assert_snapshot;
use serde_json::Value;
use squall::clock::Nanos;
use squall::scenario::plan::{Entry, NodeKind, PluginRef, RouterPolicy};
use squall::scenario::{digest, load, schema, schema_text};
use squall::traffic;

/// The committed scenarios' folder.
fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// A small scenario without a mistake; the tests below make one each.
const GOOD: &str = r#"schema = 1
name = "small"

[target]
model = "sim"
router = {}

[[node]]
name = "alpha"
sim = {}

[[node]]
name = "beta"
url = "http://127.0.0.1:8000"

[traffic]
arrivals = { poisson = "40/s" }

[[phase]]
name = "steady"
duration = "20s"

[[phase]]
name = "storm"
duration = "10s"
fault = [{ plugin = "latency", nodes = ["alpha"], at = "2s", with = { fixed = "20ms" } }]

[[slo]]
name = "first token"
objective = "p95(ttft) <= 800ms"
during = "steady"
"#;

/// [`GOOD`] with `old` replaced.
fn with(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old:?} is not in the good scenario");
    GOOD.replacen(old, new, 1)
}

/// What a user sees of the mistakes in `text`; the temporary folder is left out.
fn mistakes(text: &str) -> String {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    fs::write(&path, text).expect("written");
    let error = load(&path, None).expect_err("a mistake");
    assert_eq!(error.to_string(), error.render(false).trim_end());
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_good_scenario_has_a_plan_with_defaults() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    fs::write(&path, GOOD).expect("written");
    let plan = load(&path, None).expect("no mistake");
    assert_eq!(plan.seed, 0);
    assert_eq!(load(&path, Some(9)).expect("no mistake").seed, 9);
    assert!(matches!(plan.target.entry, Entry::Router(RouterPolicy { failover: true })));
    let NodeKind::Sim(sim) = &plan.nodes[0].kind else { panic!("a simulated node") };
    assert_eq!((sim.ttft, sim.itl), (Duration::from_millis(60), Duration::from_millis(8)));
    assert_eq!((sim.prefill, sim.slots, sim.queue), (20_000, 32, 256));
    let limits = plan.traffic.limits;
    assert_eq!(limits.in_flight, 1_000);
    assert_eq!(
        [limits.connect, limits.first_token, limits.idle, limits.total].map(|limit| limit.as_secs()),
        [2, 10, 5, 120]
    );
    let fault = &plan.faults[0];
    assert_eq!((fault.on, fault.off), (Nanos(22_000_000_000), Nanos(30_000_000_000)));
    assert_eq!((fault.phase, fault.index), (1, 0));
    assert_eq!(fault.plugin, PluginRef::BuiltIn("latency".into()));
    assert!((fault.share - 1.0).abs() < f64::EPSILON);
    assert_eq!(plan.slos[0].during, [0]);
}

#[test]
fn what_is_left_out_means_all_nodes_and_all_phases_but_warmups() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    let text = with("nodes = [\"alpha\"], ", "")
        .replace("during = \"steady\"\n", "")
        .replace("duration = \"20s\"", "duration = \"20s\"\nwarmup = true");
    fs::write(&path, text).expect("written");
    let plan = load(&path, None).expect("no mistake");
    let nodes: Vec<_> = plan.faults[0].nodes.iter().map(squall::name::NodeName::as_str).collect();
    assert_eq!(nodes, ["alpha", "beta"]);
    assert_eq!(plan.slos[0].during, [1]);
}

#[test]
fn a_digest_is_of_what_is_meant_not_of_where_it_lies() {
    let plan = load(&scenarios().join("quickstart.toml"), None).expect("no mistake");
    assert_eq!(digest(&plan).len(), 64);
    let copy = tempfile::tempdir().expect("temporary folder");
    let traces = copy.path().join("traces");
    fs::create_dir(&traces).expect("made");
    for file in ["quickstart.toml", "traces/azure_llm_2023_conv.csv"] {
        fs::copy(scenarios().join(file), copy.path().join(file)).expect("copied");
    }
    let moved = load(&copy.path().join("quickstart.toml"), None).expect("no mistake");
    assert_eq!(digest(&moved), digest(&plan));
    let other = load(&copy.path().join("quickstart.toml"), Some(8)).expect("no mistake");
    assert_ne!(digest(&other), digest(&plan));
}

#[test]
fn the_quickstart_has_the_samples_that_its_objectives_need() {
    for file in ["quickstart.toml", "quickstart-broken.toml"] {
        let plan = load(&scenarios().join(file), None).expect("no mistake");
        let survey = traffic::survey(&plan).expect("the trace is long enough");
        for slo in &plan.slos {
            let needed = squall::scenario::samples_for_a_pass(slo.objective.share()).expect("below 100 %");
            let expected: u64 = slo.during.iter().map(|&phase| survey.per_phase[phase]).sum();
            assert!(expected >= needed, "{file}: {} needs {needed} of {expected}", slo.name);
        }
    }
}

mod mistakes {
    use super::{GOOD, assert_snapshot, mistakes, with};

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
          = help: keys of [target]: `api`, `model`, `router`, `url`, `command`, `ready`, `ready_within`, `node` and `key`

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
    fn durations_without_a_unit_or_a_length() {
        let text = with("duration = \"20s\"", "duration = \"20\"").replace("\"10s\"", "\"0s\"");
        assert_snapshot!(mistakes(&text), @r#"
        error: `duration` can't be understood
          --> s.toml:21:12
           |
        21 | duration = "20"
           |            ^^^^ the unit is missing
           |
           = help: write `"20s"` for seconds or `"20ms"` for milliseconds

        error: `duration` must be more than 0
          --> s.toml:25:12
           |
        25 | duration = "0s"
           |            ^^^^ this is no time at all

        s.toml: 2 mistakes, nothing was run
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
    fn shares_rates_and_lengths() {
        let text = with("at = \"2s\"", "share = 30")
            .replace("\"40/s\" }", "\"40\" }\nprompts = { input = \"normal(5, 5)\", output = 0 }");
        assert_snapshot!(mistakes(&text), @r#"
        error: `poisson` can't be understood
          --> s.toml:17:24
           |
        17 | arrivals = { poisson = "40" }
           |                        ^^^^ the unit is missing
           |
           = help: write it as `"40/s"`, or by the minute as `"90/m"`

        error: `input` can't be understood
          --> s.toml:18:21
           |
        18 | prompts = { input = "normal(5, 5)", output = 0 }
           |                     ^^^^^^^^^^^^^^ `normal` is not a distribution that is known here
           |
           = help: write `200`, or `"lognormal(600, 400)"` with mean and standard deviation in tokens

        error: `output` can't be understood
          --> s.toml:18:46
           |
        18 | prompts = { input = "normal(5, 5)", output = 0 }
           |                                              ^ a length is from 1 to 10000000 tokens
           |
           = help: write `200`, or `"lognormal(600, 400)"` with mean and standard deviation in tokens

        error: `share` can't be understood
          --> s.toml:27:59
           |
        27 | fault = [{ plugin = "latency", nodes = ["alpha"], share = 30, with = { fixed = "20ms" } }]
           |                                                           ^^ expected a share from 0 to 1, or a percentage
           |
           = help: for 30 percent write `"30%"`

        s.toml: 4 mistakes, nothing was run
        "#);
    }

    #[test]
    fn objectives() {
        for objective in ["ttft <= 800ms", "success > 99%", "success >= 100%"] {
            let text = mistakes(&with("p95(ttft) <= 800ms", objective));
            assert!(text.contains("`objective` can't be understood"), "{text}");
        }
        assert_snapshot!(mistakes(&with("p95(ttft) <= 800ms", "p95(tftt) <= 800ms")), @r#"
        error: `objective` can't be understood
          --> s.toml:30:13
           |
        30 | objective = "p95(tftt) <= 800ms"
           |             ^^^^^^^^^^^^^^^^^^^^ no metric `tftt`; did you mean `ttft`?
           |
           = help: metrics are `ttft`, `ttfb`, `itl`, `tpot` and `e2e`

        s.toml: 1 mistake, nothing was run
        "#);
    }

    #[test]
    fn a_trace_that_is_not_there() {
        let text =
            with("arrivals = { poisson = \"40/s\" }", "trace = { path = \"traces/none.csv\", speed = 0 }");
        assert_snapshot!(mistakes(&text), @r#"
        error: the trace traces/none.csv can't be read
          --> s.toml:17:18
           |
        17 | trace = { path = "traces/none.csv", speed = 0 }
           |                  ^^^^^^^^^^^^^^^^^ no such file
           |
           = help: paths are relative to the scenario's file

        error: `speed` must be more than 0
          --> s.toml:17:45
           |
        17 | trace = { path = "traces/none.csv", speed = 0 }
           |                                             ^ expected more than 0

        s.toml: 2 mistakes, nothing was run
        "#);
    }

    #[test]
    fn an_api_of_another_version() {
        assert_snapshot!(mistakes(&with("model = \"sim\"", "model = \"sim\"\napi = \"anthropic-messages\"")), @r#"
        error: the API `anthropic-messages` is not supported in this version
         --> s.toml:6:7
          |
        6 | api = "anthropic-messages"
          |       ^^^^^^^^^^^^^^^^^^^^ expected `openai-chat`
          |
          = help: this version speaks `openai-chat` only

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
        let url =
            |fault: &str| with("\"latency\", nodes = [\"alpha\"]", &format!("{fault}, nodes = [\"beta\"]"));
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
        for (plugin, own) in [("flap", "period = \"1s\", how = \"refuse\""), ("connect", "how = \"refuse\"")]
        {
            let text = url(&format!("\"{plugin}\"")).replace(table, &format!("with = {{ {own} }}"));
            let folder = tempfile::tempdir().expect("temporary folder");
            let path = folder.path().join("s.toml");
            super::fs::write(&path, text).expect("written");
            assert!(super::load(&path, None).is_ok(), "{plugin}");
        }
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

    /// Whatever is cut off or knocked out of a scenario, it is a plan or a mistake, never a panic.
    #[test]
    fn no_text_is_a_panic() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("s.toml");
        let try_it = |text: &str| {
            std::fs::write(&path, text).expect("written");
            if let Err(error) = super::load(&path, None) {
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

fn squall() -> Command {
    let mut command = Command::cargo_bin("squall").expect("squall is built");
    command.current_dir(scenarios().join(".."));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn check_prints_the_plan() {
    let output = squall().args(["check", "scenarios/quickstart.toml"]).output().expect("ran");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let digest = digest(&load(&scenarios().join("quickstart.toml"), None).expect("no mistake"));
    assert_snapshot!(text(&output.stdout).replace(&digest, "[the plan's digest]"), @r"
    one node of three dies under chat traffic
      file    scenarios/quickstart.toml
      seed    7
      digest  [the plan's digest]
      target  the built-in router over all nodes; openai-chat, model sim
      load    trace scenarios/traces/azure_llm_2023_conv.csv, 4 times as fast; streams, at most 1000 in flight

    Nodes
      a  z1  sim, ttft 60ms, itl 4ms, 32 slots, queue 256
      b  z1  sim, ttft 60ms, itl 4ms, 32 slots, queue 256
      c  z2  sim, ttft 60ms, itl 4ms, 32 slots, queue 256

    Timeline
      from   to                                on  attempts  requests    rate
        0s  20s  steady                                           286  14.3/s
       20s  40s  storm                                            385  19.2/s
       24s  40s    node-kill restart_after=8s  a      100 %
       20s  40s    latency p50=20ms p99=200ms  b       30 %
       20s  40s    http-error status=503       b       10 %
       40s   1m  recovery                                         467  23.4/s

    Objectives
      name                       claim               during            needs  expects
      first token                p95(ttft) <= 800ms  steady, recovery     59      753
      availability               success >= 99%      steady, recovery    299      753
      availability in the storm  success >= 95%      storm                59      385

    Failover
      detection           within 2s
      recovery            within 5s
      lost                at most 10 %
      silently truncated  at most 0
      duplicated          at most 0
      amplification       at most 1.5 attempts a request
    ");
}

#[test]
fn check_warns_of_objectives_that_cannot_pass() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    let scenario = with("\"40/s\"", "\"1/s\"").replace("p95(ttft) <= 800ms", "p99.9(ttft) <= 800ms");
    fs::write(&path, scenario + "[failover]\ndetection = \"2s\"\n").expect("written");
    let output = squall().arg("check").arg(&path).output().expect("ran");
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    let warnings = shown.split_once("\nwarning").expect("a warning").1.to_owned();
    assert_snapshot!(format!("warning{warnings}"), @r"
    warning: `first token` can't pass: p99.9(ttft) <= 800ms needs 2995 samples, all of them good, and 18 requests are expected; lengthen its phases, raise the load, or claim less

    warning: [failover] is judged when a node dies, and no fault is a `node-kill`, `crash-loop`, `zone-outage` or `flap`
    ");
}

#[test]
fn check_prints_json_for_programs() {
    let output =
        squall().args(["check", "--json", "--seed", "8", "scenarios/quickstart.toml"]).output().expect("ran");
    assert_eq!(output.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["plan"]["seed"], 8);
    assert_eq!(json["phases"][1]["name"], "storm");
    assert_eq!(json["objectives"][1]["samples_needed"], 299);
    assert_eq!(json["digest"].as_str().map(str::len), Some(64));
}

#[test]
fn check_shows_mistakes_on_stderr() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    fs::write(&path, with("\"latency\"", "\"latnecy\"")).expect("written");
    let output = squall().arg("check").arg(&path).output().expect("ran");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(text(&output.stderr), load(&path, None).expect_err("a mistake").render(false));
    let output = squall().args(["check", "--json"]).arg(&path).output().expect("ran");
    assert_eq!(output.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["mistakes"][0]["line"], 26);
    assert_eq!(json["mistakes"][0]["label"], "did you mean `latency`?");
}

#[test]
fn check_finds_a_trace_that_is_too_short() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    fs::write(
        folder.path().join("t.csv"),
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,3,4\n",
    )
    .expect("written");
    fs::write(&path, with("arrivals = { poisson = \"40/s\" }", "trace = { path = \"t.csv\" }"))
        .expect("written");
    let output = squall().arg("check").arg(&path).output().expect("ran");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("lasts 0s at speed 1, the run 30s"), "{}", text(&output.stderr));
}

#[test]
fn schema_prints_the_schema() {
    let output = squall().args(["schema", "scenario"]).output().expect("ran");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), schema_text());
}
