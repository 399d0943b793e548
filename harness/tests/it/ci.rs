//! `squall run --ci github`, against the files that a runner would name.

use std::fs;
use std::process::Output;

use crate::support::Result;
use crate::support::scene::Scene;

/// A node that is too slow for one objective of two; three seconds. The lines count.
const SCENARIO: &str = r#"schema = 1
name = "slow, and that is known"
[target]
api = "openai-chat"
model = "sim"
node = "a"
[[node]]
name = "a"
sim = { ttft = "150ms", itl = "1ms" }
[traffic]
arrivals = { constant = "40/s" }
prompts = { input = 16, output = 4 }
[[phase]]
name = "steady"
duration = "3s"
[[slo]]
name = "it answers"
objective = "success >= 90%"
[[slo]]
name = "first token"
# a comment moves what follows
objective = "p50(ttft) <= 100ms"
"#;
const SLOW_LINE: usize = 22;
const LARGEST_SUMMARY: usize = 1 << 20;

/// Runs the scenario as a step whose summary holds `before` already.
fn step(scene: &Scene, before: &[u8]) -> Result<Output> {
    let folder = scene.folder.path();
    fs::write(folder.join("summary"), before)?;
    Ok(scene
        .command()
        .args(["--ci", "github", "--quiet"])
        .env("GITHUB_WORKSPACE", folder)
        .env("GITHUB_STEP_SUMMARY", folder.join("summary"))
        .env("GITHUB_OUTPUT", folder.join("output"))
        .output()?)
}

fn output<'a>(file: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = file.lines();
    let end = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix("<<"))?;
    lines.next().filter(|_| lines.next() == Some(end))
}

#[test]
fn a_failed_objective_is_annotated_on_its_line_and_the_step_gets_summary_and_outputs() -> Result {
    let scene = Scene::new(SCENARIO)?;
    let ran = step(&scene, b"before\n")?;
    let stdout = String::from_utf8(ran.stdout)?;
    let report = scene.report()?;
    // On a machine that is too busy for the schedule nothing is proven, and nothing an error.
    let busy = report["client"]["saturated"] == true;
    let (code, verdict, level) = if busy { (3, "inconclusive", "warning") } else { (1, "fail", "error") };
    assert_eq!(ran.status.code(), Some(code), "{stdout}");
    let commands: Vec<&str> = stdout.lines().filter(|line| line.starts_with("::")).collect();
    let [stop, go, ref annotations @ ..] = commands[..] else { return Err(stdout.into()) };
    assert_eq!(annotations.len(), if busy { 2 } else { 1 }, "{stdout}");
    let annotation = annotations.last().ok_or("no annotation")?;
    assert_eq!(
        stop.strip_prefix("::stop-commands::"),
        go.strip_prefix("::").and_then(|g| g.strip_suffix("::"))
    );
    let place =
        format!("::{level} file=scenario.toml,line={SLOW_LINE},title=SLO first token%3A fail::p50(ttft)");
    assert!(annotation.starts_with(&place), "{annotation}");

    assert_eq!(report["slos"][1]["line"], SLOW_LINE);
    let folder = scene.folder.path();
    let summary = fs::read_to_string(folder.join("summary"))?;
    assert_eq!(summary.strip_prefix("before\n"), Some(&*fs::read_to_string(scene.out().join("summary.md"))?));
    let outputs = fs::read_to_string(folder.join("output"))?;
    assert_eq!(output(&outputs, "verdict"), Some(verdict), "{outputs}");
    for name in ["dir", "report", "json", "junit", "summary"] {
        let path = output(&outputs, name).ok_or_else(|| outputs.clone())?;
        assert!(fs::exists(path)?, "{name}: {path}");
    }
    Ok(())
}

#[test]
fn a_summary_that_is_almost_full_is_not_filled_beyond_what_github_takes() -> Result {
    let scene = Scene::new(&SCENARIO.replace("3s", "1s"))?;
    let before = vec![b'x'; LARGEST_SUMMARY - 300];
    step(&scene, &before)?;
    let summary = fs::read(scene.folder.path().join("summary"))?;
    assert!(summary.len() <= LARGEST_SUMMARY, "{} bytes", summary.len());
    assert!(
        summary.len() > before.len() && summary.ends_with(b"`report.html`.\n"),
        "{} bytes",
        summary.len()
    );
    Ok(())
}

#[test]
fn a_mistake_in_the_scenario_is_annotated_where_it_is() -> Result {
    let scene = Scene::new(&SCENARIO.replace("p50(ttft)", "p50(tfft)"))?;
    let ran = step(&scene, b"")?;
    assert_eq!(ran.status.code(), Some(2));
    let stdout = String::from_utf8(ran.stdout)?;
    let place = format!("::error file=scenario.toml,line={SLOW_LINE},col=13,title=");
    assert!(stdout.starts_with(&place) && stdout.lines().count() == 1, "{stdout}");
    let summary = fs::read_to_string(scene.folder.path().join("summary"))?;
    assert!(summary.contains("could not run") && summary.contains("tfft"), "{summary}");
    assert!(!fs::exists(scene.folder.path().join("output"))?, "no verdict");
    Ok(())
}
