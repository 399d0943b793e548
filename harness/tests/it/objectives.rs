//! Objectives, budgets and guards in whole runs.

use serde_json::Value;

use crate::support::Result;
use crate::support::scene::{Scene, rows};

/// Node `a` stops, node `b` answers 503: with a router that goes round, nothing works.
const SCENARIO: &str = r#"
schema = 1
name = "nothing works"
seed = 7
[target]
model = "sim"
router = { failover = false }
[[node]]
name = "a"
sim = { ttft = "20ms", itl = "3ms" }
[[node]]
name = "b"
sim = { ttft = "20ms", itl = "3ms" }
[traffic]
arrivals = { poisson = "40/s" }
prompts = { input = 64, output = 10 }
limits = { first_token = "5s", idle = "3s", total = "20s" }
[[phase]]
name = "steady"
duration = "4s"
[[phase]]
name = "storm"
duration = "10m"
fault = [
  { plugin = "node-pause", nodes = ["a"] },
  { plugin = "http-error", nodes = ["b"], with = { status = 503 } },
]
[[slo]]
name = "availability"
objective = "success >= 90%"
[[stop]]
when = "p95(ttft) > 1h"
over = "2s"
samples = 100000
[[stop]]
when = "success < 50%"
over = "3s"
"#;

#[test]
fn a_guard_ends_the_run_and_its_faults_and_says_why() -> Result {
    let scene = Scene::new(SCENARIO)?;
    let output = scene.run()?;
    let shown =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{shown}");
    let report = scene.report()?;
    assert_eq!(report["verdict"], "inconclusive");
    let why = report["aborted"].as_str().unwrap_or_default();
    assert!(why.contains("the guard `success < 50%` was breached: of "), "{why}");
    assert!(
        report["reasons"][0].as_str().is_some_and(|reason| reason.contains(why)),
        "{}",
        report["reasons"]
    );
    assert!(shown.contains("success < 50%"), "{shown}");

    let (calm, breached) = (&report["stops"][0], &report["stops"][1]);
    assert_eq!(calm["breach"], Value::Null);
    let (samples, good) = (breached["breach"]["samples"].as_u64(), breached["breach"]["good"].as_u64());
    assert!(samples >= Some(20) && good.zip(samples).is_some_and(|(good, all)| good * 2 < all), "{breached}");
    let at = breached["breach"]["at_s"].as_f64().ok_or("no time")?;
    let duration = report["duration_s"].as_f64().ok_or("no duration")?;
    assert!(at > 4.0 && at <= duration && duration < 300.0, "{at} {duration}");

    // What was stopped goes on: the storm was withdrawn.
    let nodes = rows(&scene.out().join("nodes.jsonl"))?;
    let states =
        nodes.iter().filter(|row| row["node"] == "a").map(|row| row["state"].as_str().unwrap_or("?"));
    let states: Vec<&str> = states.collect();
    let paused = states.iter().position(|state| *state == "paused").ok_or("it never paused")?;
    assert!(states[paused..].contains(&"up"), "{states:?}");
    Ok(())
}

#[test]
fn rates_selectors_windows_and_budgets_are_in_the_report() -> Result {
    let scenario = SCENARIO.split("[[slo]]").next().unwrap_or_default();
    let scenario = scenario.replace("failover = false", "failover = true").replace("10m", "6s");
    let storm = scenario.find("fault = [").ok_or("no faults")?;
    let scenario = format!(
        "{}{}",
        &scenario[..storm],
        r#"fault = [{ plugin = "http-error", nodes = ["b"], share = 0.5, with = { status = 503 } }]
[[slo]]
name = "goodput"
objective = "goodput >= 20/s"
[[slo]]
name = "tokens"
objective = "throughput >= 150 tokens/s"
[[slo]]
name = "first token of a"
objective = "p90(ttft) <= 2s"
node = "a"
[[slo]]
name = "always"
objective = "error_rate <= 20%"
window = "3s"
model = "sim"
budget = { target = "99.9%", window = "30d" }
[[slo]]
name = "untouched"
objective = "success >= 90%"
cohort = "collateral"
"#
    );
    let scene = Scene::new(&scenario)?;
    let output = scene.run_in_peace()?;
    let report = scene.report()?;
    assert_eq!(output.status.code(), Some(0), "{}", report["reasons"]);
    let slo = |name: &str| {
        let slos = report["slos"].as_array().into_iter().flatten();
        slos.into_iter().find(|slo| slo["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(slo("goodput")["rate"], "requests");
    assert_eq!(slo("goodput")["method"], "batch_means");
    // Ten tokens an answer, about forty answers a second.
    assert!(
        slo("tokens")["observed"].as_f64().is_some_and(|rate| (200.0..600.0).contains(&rate)),
        "{}",
        slo("tokens")
    );
    let requests = rows(&scene.out().join("requests.jsonl"))?;
    let of_a = requests.iter().filter(|row| row["node"] == "a").count() as u64;
    assert_eq!(slo("first token of a")["samples"].as_u64(), Some(of_a));
    let mut answered = requests.iter().filter(|row| row["outcome"] == "ok");
    assert!(answered.all(|row| row["model"] == "sim"), "every answer names its model");
    let untouched = requests.iter().filter(|row| row["cohort"] == "collateral").count() as u64;
    assert_eq!(slo("untouched")["samples"].as_u64(), Some(untouched));
    assert!(untouched < requests.len() as u64, "the fault touched some");
    // A phase of 4 s is one window, one of 6 s two.
    assert_eq!(slo("always")["window"]["windows"], 3);
    assert_eq!(slo("always")["budget"]["window_s"], 2_592_000.0);
    assert!(slo("always")["budget"]["storm"]["burn_rate"].is_number());
    Ok(())
}
