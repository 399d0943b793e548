//! Values: durations, shares, rates, lengths, objectives, traces.

use insta::assert_snapshot;

use crate::scenario::{mistakes, with};

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
fn a_tokenizer_or_a_corpus_that_is_none() {
    let text = with("model = \"sim\"", "model = \"sim\"\ntokenizer = \"o200k\"");
    let shown = mistakes(&text);
    assert!(shown.contains("o200k_base") && shown.contains("s.toml:6:13"), "{shown}");
    let arrivals = "arrivals = { poisson = \"40/s\" }";
    let prompts = "prompts = { corpus = \"corpora/none.jsonl\", input = 5 }";
    let shown = mistakes(&with(arrivals, &format!("{arrivals}\n{prompts}")));
    assert!(shown.contains("the corpus corpora/none.jsonl can't be read"), "{shown}");
    assert!(shown.contains("`input` would count for nothing"), "{shown}");
}

#[test]
fn a_trace_that_is_not_there() {
    let text = with("arrivals = { poisson = \"40/s\" }", "trace = { path = \"traces/none.csv\", speed = 0 }");
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
fn a_client_that_does_not_know_what_it_wants() {
    let client =
        "[traffic.client]\nretries = { attempts = 1, on = [\"conect\", 200] }\nleave = {}\n[[phase]]";
    let told = mistakes(&with("[[phase]]", client));
    for part in [
        "did you mean `connect`?",
        "from 300 to 599",
        "`leave` does not say when",
        "expected 2 or more",
        "4 mistakes",
    ] {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
}
