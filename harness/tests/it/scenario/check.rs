//! `squall check` and `squall schema`, as a user runs them.

use std::fs;

use assert_cmd::Command;
use insta::assert_snapshot;
use serde_json::Value;
use squall::scenario::{digest, load, schema_text};

use super::{scenarios, with};

fn squall() -> Command {
    let mut command = Command::cargo_bin("squall").expect("squall is built");
    command.current_dir(scenarios().join(".."));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn check_says_that_a_corpus_has_its_own_lengths() {
    let output = squall().args(["check", "scenarios/conversations.toml"]).output().expect("ran");
    let plan = text(&output.stdout);
    assert!(plan.contains("asking what scenarios/corpora/chat.jsonl says, 100 out"), "{plan}");
    assert!(!plan.contains("tokens in"), "{plan}");
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
      from   to                                on  attempts  requests    rate  peak
        0s  20s  steady                                           286  14.3/s  30/s
       20s  40s  storm                                            385  19.2/s  29/s
       24s  40s    node-kill restart_after=8s  a      100 %
       20s  40s    latency p50=20ms p99=200ms  b       30 %
       20s  40s    http-error status=503       b       10 %
       40s   1m  recovery                                         467  23.4/s  35/s

    Objectives
      name                       claim               during            needs  expects
      first token                p95(ttft) <= 800ms  steady, recovery     59      753
      availability               success >= 99%      steady, recovery    299      753
      availability in the storm  success >= 90%      storm                29      385
      bounds at 95 % each way: Clopper-Pearson, on effective samples where misses come together

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
