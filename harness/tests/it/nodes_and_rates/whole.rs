//! Node faults in whole runs: real processes that are killed, stopped and refused, and come back.

use std::time::Duration;

use serde_json::Value;

use crate::support::Result;
use crate::support::scene::{Scene, rows};

/// A run of `storm` seconds between two short calms. `target` and the faults are the test's.
pub(super) fn scenario(
    model: &str,
    target: &str,
    nodes: &[(&str, &str)],
    storm: &str,
    faults: &str,
) -> String {
    let nodes: String = nodes
        .iter()
        .map(|(name, zone)| {
            let zone = if zone.is_empty() { String::new() } else { format!("zone = \"{zone}\"\n") };
            format!("[[node]]\nname = \"{name}\"\n{zone}sim = {{ ttft = \"5ms\", itl = \"1ms\" }}\n")
        })
        .collect();
    format!(
        "schema = 1\nname = \"nodes\"\nseed = 7\n\
         [target]\napi = \"openai-chat\"\nmodel = \"{model}\"\n{target}\n{nodes}\
         [traffic]\narrivals = {{ constant = \"40/s\" }}\nprompts = {{ input = 10, output = 5 }}\n\
         limits = {{ first_token = \"3s\", idle = \"3s\", total = \"5s\" }}\n\
         [[phase]]\nname = \"calm\"\nduration = \"500ms\"\n\
         [[phase]]\nname = \"storm\"\nduration = \"{storm}\"\nfault = [\n{faults}\n]\n\
         [[phase]]\nname = \"after\"\nduration = \"4s\"\n"
    )
}

/// A plugin is told of time in steps of this length.
const TICK: Duration = Duration::from_millis(10);

pub(super) const ROUTER: &str = "router = { failover = true }";

/// Carries the run out to its report, and returns what it said.
fn judged(scene: &Scene) -> Result<String> {
    let output = scene.run()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(scene.out().join("report.json").exists(), "{text}");
    Ok(text)
}

/// When something was done to a node, and what.
fn deeds(scene: &Scene, node: &str) -> Result<Vec<(Duration, String)>> {
    let rows = rows(&scene.out().join("faults.jsonl"))?;
    let deeds = rows.iter().filter(|row| row["node"] == node && row["hook"] == "tick").map(|row| {
        let at = row["at_ns"].as_u64().ok_or("at_ns")?;
        Ok((Duration::from_nanos(at), row["verdict"].as_str().ok_or("verdict")?.to_owned()))
    });
    deeds.collect()
}

fn words(deeds: &[(Duration, String)]) -> Vec<&str> {
    deeds.iter().map(|(_, deed)| deed.as_str()).collect()
}

/// The states that a node went through.
fn states(scene: &Scene, node: &str) -> Result<Vec<String>> {
    let rows = rows(&scene.out().join("nodes.jsonl"))?;
    let states = rows.iter().filter(|row| row["node"] == node);
    states.map(|row| Ok(row["state"].as_str().ok_or("state")?.to_owned())).collect()
}

/// Answers of a node that began after `from`, as its proxy saw them.
fn served_after(scene: &Scene, node: &str, from: Duration) -> Result<usize> {
    let rows = rows(&scene.out().join("attempts.jsonl"))?;
    let is_served = |row: &Value| {
        row["node"] == node
            && row["status"] == 200
            && row["probe"] == false
            && row["start_ns"].as_u64().is_some_and(|at| u128::from(at) > from.as_nanos())
    };
    Ok(rows.iter().filter(|row| is_served(row)).count())
}

#[test]
fn nodes_die_and_come_back_as_each_fault_says() -> Result {
    let nodes = [("loop", "w"), ("east1", "e"), ("east2", "e"), ("flap", "w"), ("calm", "w")];
    let faults = r#"
        { plugin = "crash-loop", nodes = ["loop"], with = { times = 3, backoff = "150ms" } },
        { plugin = "zone-outage", nodes = ["loop", "east1", "east2", "calm"], with = { zone = "e", stagger = "300ms", restart_after = "500ms" } },
        { plugin = "flap", nodes = ["flap"], with = { period = "1s" } },
    "#;
    let scene = Scene::new(&scenario("m", ROUTER, &nodes, "3s", faults))?;
    let text = judged(&scene)?;

    let deaths = deeds(&scene, "loop")?;
    assert_eq!(words(&deaths), ["kill", "restart", "kill", "restart", "kill", "restart"], "{text}");
    for (kill, least) in [(0, 150), (2, 300), (4, 600)] {
        let pause = deaths[kill + 1].0.saturating_sub(deaths[kill].0);
        assert!(pause + TICK >= Duration::from_millis(least), "kill {kill}: {pause:?}");
    }
    let (first, second) = (deeds(&scene, "east1")?, deeds(&scene, "east2")?);
    assert_eq!((words(&first), words(&second)), (vec!["kill", "restart"], vec!["kill", "restart"]));
    assert!(
        second[0].0.saturating_sub(first[0].0) + TICK >= Duration::from_millis(300),
        "{first:?} {second:?}"
    );
    assert!(first[1].0.saturating_sub(first[0].0) + TICK >= Duration::from_millis(500), "{first:?}");
    let flaps = deeds(&scene, "flap")?;
    assert_eq!(words(&flaps), ["kill", "restart", "kill", "restart", "kill", "restart"]);
    assert_eq!(states(&scene, "flap")?[..5], ["up", "down", "starting", "up", "down"]);
    assert_eq!((deeds(&scene, "calm")?.len(), states(&scene, "calm")?), (0, vec!["up".to_owned()]));
    for (node, _) in nodes {
        assert!(served_after(&scene, node, Duration::from_millis(3_500))? > 0, "{node} is not back");
    }
    Ok(())
}

#[test]
fn a_paused_node_answers_what_it_was_asked_once_it_goes_on() -> Result {
    let faults = r#"{ plugin = "node-pause", at = "300ms", with = { for = "900ms" } }"#;
    let scene = Scene::new(&scenario("m", "node = \"p\"", &[("p", "")], "2s", faults))?;
    judged(&scene)?;
    let deeds = deeds(&scene, "p")?;
    assert_eq!(words(&deeds), ["pause", "resume"]);
    let (paused, resumed) = (deeds[0].0, deeds[1].0);
    assert!(resumed.saturating_sub(paused) + TICK >= Duration::from_millis(900), "{deeds:?}");
    assert_eq!(states(&scene, "p")?, ["up", "paused", "up"]);
    let attempts = rows(&scene.out().join("attempts.jsonl"))?;
    let at = |row: &Value, name: &str| row[name].as_u64().map(Duration::from_nanos);
    let margin = Duration::from_millis(100);
    let waited: Vec<&Value> = attempts
        .iter()
        .filter(|row| at(row, "start_ns").is_some_and(|at| at > paused + margin && at + margin < resumed))
        .collect();
    assert!(waited.len() > 10, "{}", waited.len());
    for row in waited {
        assert!(at(row, "first_byte_ns") >= Some(resumed), "answered while it was stopped: {row}");
        assert_eq!((&row["status"], &row["end"]), (&Value::from(200), &Value::from("complete")), "{row}");
    }
    Ok(())
}

#[test]
fn what_a_phase_did_to_nodes_ends_with_it() -> Result {
    let nodes = [
        ("kill", ""),
        ("pause", ""),
        ("loop", ""),
        ("zone", "z"),
        ("flap", ""),
        ("stop", ""),
        ("shut", ""),
        ("calm", ""),
    ];
    let faults = r#"
        { plugin = "node-kill", nodes = ["kill"] },
        { plugin = "node-pause", nodes = ["pause"] },
        { plugin = "crash-loop", nodes = ["loop"], with = { backoff = "1h", max_backoff = "1h" } },
        { plugin = "zone-outage", nodes = ["zone"], with = { zone = "z" } },
        { plugin = "flap", nodes = ["flap"], with = { period = "1h" } },
        { plugin = "flap", nodes = ["stop"], with = { period = "1h", how = "pause" } },
        { plugin = "connect", nodes = ["shut"], with = { how = "refuse" } },
    "#;
    let scene = Scene::new(&scenario("m", ROUTER, &nodes, "1s", faults))?;
    let text = judged(&scene)?;
    let killed = ["up", "down", "starting", "up"];
    for (node, through) in [
        ("kill", &killed[..]),
        ("pause", &["up", "paused", "up"]),
        ("loop", &killed),
        ("zone", &killed),
        ("flap", &killed),
        ("stop", &["up", "paused", "up"]),
        ("shut", &["up", "refusing", "up"]),
        ("calm", &["up"]),
    ] {
        assert_eq!(states(&scene, node)?, through, "{node}\n{text}");
        assert!(served_after(&scene, node, Duration::from_millis(1_500))? > 0, "{node} is not back\n{text}");
    }
    Ok(())
}
