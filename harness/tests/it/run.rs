//! `squall run`, whole: real processes, real sockets, real plugins, real signals.

use std::fs;
use std::path::Path;
use std::process::Output;

use rustix::process::{Signal, kill_process};

use crate::support::Result;
use crate::support::scene::{Scene, descendants, lives, pid, rows, wait_until};

/// A node dies in the storm and comes back; ten seconds.
const SCENARIO: &str = r#"
schema = 1
name = "a node dies"
seed = 7
[target]
api = "openai-chat"
model = "sim"
router = { failover = FAILOVER }
[[node]]
name = "a"
sim = { ttft = "20ms", itl = "3ms" }
[[node]]
name = "b"
sim = { ttft = "20ms", itl = "3ms" }
[[node]]
name = "c"
sim = { ttft = "20ms", itl = "3ms" }
[traffic]
arrivals = { poisson = "60/s" }
prompts = { input = 64, output = 20 }
limits = { first_token = "5s", idle = "3s", total = "20s" }
[[phase]]
name = "steady"
duration = "3s"
[[phase]]
name = "storm"
duration = "4s"
fault = [
  { plugin = "node-kill", nodes = ["a"], at = "500ms", with = { restart_after = "1500ms" } },
  { plugin = "latency", nodes = ["b"], share = 0.3, with = { p50 = "10ms", p99 = "50ms" } },
]
[[phase]]
name = "recovery"
duration = "3s"
[[slo]]
name = "availability in the storm"
objective = "success >= 90%"
during = "storm"
[failover]
detection = "2s"
lost = "20%"
silently_truncated = 0
duplicated = 0
"#;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_service_that_fails_over_passes_and_every_arrival_has_one_row() -> Result {
    let scene = Scene::new(&SCENARIO.replace("FAILOVER", "true"))?;
    let output = scene.run_in_peace()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report = scene.report()?;
    assert_eq!(report["verdict"], "pass", "{}", report["reasons"]);

    let requests = rows(&scene.out().join("requests.jsonl"))?;
    let mut ids: Vec<u64> = requests.iter().filter_map(|row| row["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..report["counts"]["scheduled"].as_u64().ok_or("scheduled")?).collect::<Vec<_>>());
    // What a dead node refuses leaves no attempt: that there were more sends, the router says.
    assert!(requests.iter().any(|row| row["claimed_attempts"].as_u64() > Some(1)), "nothing was retried");
    let faults = rows(&scene.out().join("faults.jsonl"))?;
    assert!(faults.iter().any(|row| row["verdict"] == "kill" && row["node"] == "a"));
    assert!(faults.iter().any(|row| row["hook"] == "request" && row["node"] == "b"));

    let failover = &report["failover"][0];
    assert_eq!(failover["node"], "a");
    assert!(failover["t1_s"].as_f64() > failover["t0_s"].as_f64(), "{failover}");
    for file in ["report.html", "junit.xml", "summary.md", "latency.hlog", "faults.jsonl"] {
        assert!(fs::metadata(scene.out().join(file))?.len() > 0, "{file}");
    }
    let shown = text(&output);
    for part in
        ["PASS", "steady", "storm", "recovery", "availability in the storm", "node-kill", "report.html"]
    {
        assert!(shown.contains(part), "`{part}` is not shown:\n{shown}");
    }
    Ok(())
}

#[test]
fn without_failover_the_same_storm_fails_and_says_what_was_lost() -> Result {
    let scene = Scene::new(&SCENARIO.replace("FAILOVER", "false"))?;
    let output = scene.run_in_peace()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let report = scene.report()?;
    assert_eq!(report["verdict"], "fail");
    let reasons = report["reasons"].to_string();
    assert!(reasons.contains("lost") || reasons.contains("truncated"), "{reasons}");
    assert!(report["counts"]["http_error"].as_u64() > Some(0));
    Ok(())
}

#[test]
fn ctrl_c_ends_a_run_cleanly_with_a_report_that_says_so() -> Result {
    let scene = Scene::new(&SCENARIO.replace("FAILOVER", "true"))?;
    let mut child = scene.started("steady begins")?;
    let family = descendants(child.id())?;
    assert!(family.len() >= 5, "three nodes, the router, the reaper: {family:?}");
    kill_process(pid(&child)?, Signal::INT)?;
    let mut code = None;
    wait_until("the run's end", || {
        code = child.try_wait()?;
        Ok(code.is_some())
    })?;
    assert_eq!(code.and_then(|code| code.code()), Some(3));
    let report = scene.report()?;
    assert_eq!(report["verdict"], "inconclusive");
    assert!(
        report["aborted"].as_str().is_some_and(|why| why.contains("interrupted")),
        "{}",
        report["aborted"]
    );
    wait_until("the fleet's end", || Ok(!family.iter().any(|pid| lives(*pid))))
}

#[test]
fn a_harness_that_is_killed_leaves_no_process_behind() -> Result {
    let scene = Scene::new(&SCENARIO.replace("FAILOVER", "true"))?;
    let mut child = scene.started("steady begins")?;
    let family = descendants(child.id())?;
    assert!(family.len() >= 5, "three nodes, the router, the reaper: {family:?}");
    child.kill()?;
    child.wait()?;
    wait_until("the fleet's end", || Ok(!family.iter().any(|pid| lives(*pid))))
}

#[test]
fn the_folder_of_a_scenario_is_known_where_it_is_named_without_one() -> Result {
    let scene = Scene::new(
        "schema = 1\nname = \"x\"\nseed = 7\n[target]\nmodel = \"sim\"\nnode = \"a\"\n\
         [[node]]\nname = \"a\"\ncommand = [\"sh\", \"{dir}/node\", \"{port}\"]\n\
         ready = \"http://127.0.0.1:{port}/health\"\n\
         [traffic]\narrivals = { constant = \"20/s\" }\nprompts = { input = 20, output = 4 }\n\
         [[phase]]\nname = \"only\"\nduration = \"200ms\"\n",
    )?;
    let squall = env!("CARGO_BIN_EXE_squall");
    let node = format!("exec '{squall}' sim --model sim --listen \"127.0.0.1:$1\"\n");
    fs::write(scene.folder.path().join("node"), node)?;
    let output = std::process::Command::new(squall)
        .args(["run", "scenario.toml", "--out", "out"])
        .current_dir(scene.folder.path())
        .output()?;
    assert_ne!(output.status.code(), Some(2), "{}", text(&output));
    assert_eq!(scene.report()?["counts"]["ok"], 4, "{}", text(&output));
    Ok(())
}

#[test]
fn what_can_be_known_before_the_run_ends_it_with_2() -> Result {
    let good = SCENARIO.replace("FAILOVER", "true");
    let cases = [
        (good.replace("seed = 7", "sead = 7"), "seed"),
        (good.replace("plugin = \"latency\"", "plugin = \"./scenario.toml\""), "WebAssembly"),
        (good.replace("p50 = \"10ms\"", "p5 = \"10ms\""), "p5"),
        (
            good.replace(
                "sim = { ttft = \"20ms\", itl = \"3ms\" }",
                "command = [\"false\"]\nready = \"http://127.0.0.1:{port}/\"",
            ),
            "node",
        ),
    ];
    for (scenario, named) in cases {
        let scene = Scene::new(&scenario)?;
        let output = scene.run()?;
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(named), "`{named}` is not named:\n{}", text(&output));
        assert!(!text(&output).contains("panicked"), "{}", text(&output));
    }
    Ok(())
}

#[test]
fn a_folder_that_holds_a_run_is_kept() -> Result {
    let scene = Scene::new(&SCENARIO.replace("FAILOVER", "true"))?;
    fs::create_dir(scene.out())?;
    fs::write(scene.out().join("report.json"), "precious")?;
    let output = scene.run()?;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("holds a run already"), "{}", text(&output));
    assert_eq!(fs::read_to_string(scene.out().join("report.json"))?, "precious");
    Ok(())
}

#[test]
fn a_plugin_that_loops_for_ever_makes_the_run_inconclusive() -> Result {
    let good = SCENARIO.replace("FAILOVER", "true");
    let hostile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist-test/hostile.wasm");
    let scenario = good
        .replace("plugin = \"latency\"", &format!("plugin = \"{}\"", hostile.display()))
        .replace("{ p50 = \"10ms\", p99 = \"50ms\" }", "{ does = \"spin\", at = \"request\" }");
    let scene = Scene::new(&scenario)?;
    let output = scene.run()?;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let report = scene.report()?;
    assert!(report["reasons"].to_string().contains("hostile.wasm"), "{}", report["reasons"]);
    Ok(())
}
