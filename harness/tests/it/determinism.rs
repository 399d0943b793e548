//! The same seed decides the same, in whole runs of real processes and real plugins.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::Result;
use crate::support::scene::{Scene, rows};

/// A storm of plugins that keep no state, over a target that is still to be named. A share of `failing`
/// fails in each of two ways.
fn scenario(target: &str, failing: f64) -> String {
    let node =
        |name: &str| format!("[[node]]\nname = \"{name}\"\nsim = {{ ttft = \"5ms\", itl = \"1ms\" }}\n");
    format!(
        "schema = 1\nname = \"determinism\"\nseed = 11\n\
         [target]\napi = \"openai-chat\"\nmodel = \"sim\"\n{target}\n{}{}\
         [traffic]\ntrace = {{ path = \"trace.csv\" }}\n\
         [[phase]]\nname = \"storm\"\nduration = \"3s\"\nfault = [\n\
         {{ plugin = \"latency\", share = 0.5, with = {{ p50 = \"3ms\", p99 = \"20ms\" }} }},\n\
         {{ plugin = \"http-error\", share = {failing}, with = {{ status = 503 }} }},\n\
         {{ plugin = \"cut\", share = {failing}, with = {{ after = 0.5, how = \"reset\" }} }},\n\
         {{ plugin = \"poison\", share = 0.5, with = {{ tokens = 0.3 }} }},\n]\n\
         [[slo]]\nname = \"some\"\nobjective = \"success >= 10%\"\n",
        node("a"),
        node("b"),
    )
}

/// 100 arrivals in the first half of the storm, and one after it: neither its beginning nor its end may fall
/// together with a request, which would be met in one run and not in the other.
fn trace() -> String {
    let rows = (2..102).map(|n| n * 15).chain([4_000]).map(|ms| {
        let prompt = 20 + ms % 90;
        format!("2023-11-16 18:00:{:02}.{:03}0000,{prompt},12\n", ms / 1000, ms % 1000)
    });
    std::iter::once("TIMESTAMP,ContextTokens,GeneratedTokens\n".to_owned()).chain(rows).collect()
}

/// The decisions of a run: who decided on what, and what. Times and attempt ids are no rerun's.
fn decisions(scene: &Scene) -> Result<Vec<(String, String)>> {
    let mut decisions = Vec::new();
    for row in rows(&scene.out().join("faults.jsonl"))? {
        // A health check comes when it comes: no rerun has the same one.
        if row["request"].is_null() && !row["attempt"].is_null() {
            continue;
        }
        let key = ["fault", "request", "ordinal", "node", "hook"].map(|name| row[name].to_string()).join(" ");
        decisions.push((key, row["verdict"].to_string()));
    }
    decisions.sort();
    Ok(decisions)
}

fn run(target: &str, failing: f64) -> Result<(Scene, Value)> {
    let scene = Scene::new(&scenario(target, failing))?;
    std::fs::write(scene.folder.path().join("trace.csv"), trace())?;
    let output = scene.run()?;
    let report = scene
        .report()
        .map_err(|error| format!("{error}; it said: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((scene, report))
}

#[test]
fn straight_to_one_node_twenty_runs_have_one_fault_log() -> Result {
    // Five at a time: what else runs must not matter either.
    let mut logs = Vec::new();
    for _ in 0..4 {
        let batch: Vec<_> = (0..5)
            .map(|_| std::thread::spawn(|| run("node = \"a\"", 0.2).map_err(|error| error.to_string())))
            .collect();
        for thread in batch {
            let (scene, report) = thread.join().map_err(|_| "a run panicked")??;
            logs.push((
                decisions(&scene)?,
                report["fault_log_digest"].clone(),
                report["scenario"]["digest"].clone(),
            ));
        }
    }
    assert!(logs[0].0.len() > 60, "{} decisions", logs[0].0.len());
    for (n, log) in logs.iter().enumerate() {
        assert_eq!(log, &logs[0], "run {n}");
    }
    Ok(())
}

#[test]
fn through_a_router_a_decision_is_the_same_wherever_it_is_taken_in_both_runs() -> Result {
    // The router ejects a node that fails, for a time that no two runs share. Were failures frequent, it
    // would send few requests the same way in both.
    let (first, _) = run("router = {}", 0.01)?;
    let (second, _) = run("router = {}", 0.01)?;
    // Verdicts on events come several to a key, in order.
    let by_key = |scene: &Scene| -> Result<BTreeMap<String, Vec<String>>> {
        let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, verdict) in decisions(scene)? {
            map.entry(key).or_default().push(verdict);
        }
        Ok(map)
    };
    let (first, second) = (by_key(&first)?, by_key(&second)?);
    let both: Vec<_> = first.iter().filter_map(|(key, one)| Some((key, one, second.get(key)?))).collect();
    assert!(both.len() > 20, "{} keys in both", both.len());
    for (key, one, other) in both {
        assert_eq!(one, other, "{key}");
    }
    Ok(())
}
