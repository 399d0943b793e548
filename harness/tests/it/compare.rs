//! Runs held against each other: `squall compare`, the control arm, `squall search`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::Result;
use crate::support::scene::Scene;

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");

/// A node that decodes so fast and has so many slots, under users or arrivals.
fn scenario(ttft: &str, slots: u32, traffic: &str, rest: &str) -> String {
    format!(
        "schema = 1\nname = \"a pair\"\nseed = 3\n{rest}\n\
         [target]\napi = \"openai-chat\"\nmodel = \"sim\"\nnode = \"a\"\n\
         [[node]]\nname = \"a\"\nsim = {{ ttft = \"{ttft}\", itl = \"1ms\", slots = {slots}, slowdown = 0 }}\n\
         [traffic]\n{traffic}\nprompts = {{ input = 20, output = 10 }}\n\
         limits = {{ first_token = \"5s\" }}\n"
    )
}

fn steady(ttft: &str) -> String {
    scenario(ttft, 64, "arrivals = { poisson = \"100/s\" }", "")
        + "[[phase]]\nname = \"steady\"\nduration = \"4s\"\n"
}

fn squall(words: &[&str]) -> Result<Output> {
    Ok(Command::new(SQUALL).args(words).output()?)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn compare(a: &Path, b: &Path, flags: &[&str]) -> Result<Output> {
    let (a, b) = (a.to_str().ok_or("no text")?, b.to_str().ok_or("no text")?);
    squall(&[&["compare", a, b], flags].concat())
}

fn difference<'a>(comparison: &'a Value, what: &str) -> Result<&'a Value> {
    let all = comparison["differences"].as_array().ok_or("no differences")?;
    all.iter().find(|difference| difference["what"] == what).ok_or_else(|| format!("no {what}").into())
}

#[test]
fn a_slower_service_is_worse_and_the_same_one_is_not() -> Result {
    let (fast, again, slow) =
        (Scene::new(&steady("20ms"))?, Scene::new(&steady("20ms"))?, Scene::new(&steady("120ms"))?);
    for scene in [&fast, &again, &slow] {
        scene.run_in_peace()?;
    }
    let output = compare(&fast.out(), &slow.out(), &["--json"])?;
    let comparison: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((output.status.code(), &comparison["verdict"]), (Some(1), &"worse".into()), "{comparison:#}");
    let ttft = difference(&comparison, "p50(ttft)")?;
    assert_eq!((&ttft["verdict"], &ttft["unit"]), (&"worse".into(), &"ms".into()));
    // 100 ms more than about 21; the machine adds to both.
    assert!(ttft["change"].as_f64().is_some_and(|change| change > 1.0), "{ttft}");
    assert!(comparison["reasons"].to_string().contains("p50(ttft) in phase `steady`"), "{comparison:#}");
    assert!(comparison["notes"].to_string().contains("different plans"), "{comparison:#}");

    // Margins beyond what a busy machine does to the tail.
    let wide = ["--matters", "100%", "--matters-ms", "500", "--matters-success", "50%"];
    let same = compare(&fast.out(), &again.out(), &wide)?;
    assert_eq!(same.status.code(), Some(0), "{}", text(&same));
    assert!(text(&same).contains("SAME"), "{}", text(&same));

    let markdown = compare(&fast.out(), &slow.out(), &["--markdown"])?;
    assert!(text(&markdown).contains("| steady | p50(ttft) |"), "{}", text(&markdown));
    Ok(())
}

#[test]
fn what_is_no_pair_of_runs_is_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let output = compare(folder.path(), folder.path(), &[])?;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("name the folder of a finished run"), "{}", text(&output));
    let output = compare(folder.path(), folder.path(), &["--matters", "many"])?;
    assert!(text(&output).contains("such as `5%`"), "{}", text(&output));
    Ok(())
}

#[test]
fn a_control_arm_shows_what_the_faults_changed() -> Result {
    let arms = scenario("20ms", 64, "arrivals = { poisson = \"100/s\" }", "arms = [\"control\", \"storm\"]")
        + "[[phase]]\nname = \"storm\"\nduration = \"4s\"\n\
           fault = [{ plugin = \"latency\", nodes = [\"a\"], with = { fixed = \"150ms\", where = \"first-token\" } }]\n";
    let scene = Scene::new(&arms)?;
    let output = scene.run()?;
    let report = scene.report()?;
    assert_ne!(output.status.code(), Some(2), "{}", text(&output));
    let control = &report["control"];
    assert!(
        control["baseline"]["path"].as_str().is_some_and(|path| path.ends_with("control")),
        "{control:#}"
    );
    let ttft = difference(control, "p50(ttft)")?;
    assert!(ttft["change"].as_f64().is_some_and(|change| change > 1.0), "{ttft}");
    assert!(text(&output).contains("Control arm"), "{}", text(&output));
    let of_control: Value = serde_json::from_slice(&std::fs::read(scene.out().join("control/report.json"))?)?;
    assert_eq!(of_control["faults"], serde_json::json!([]));
    assert_eq!(of_control["counts"]["scheduled"], report["counts"]["scheduled"], "the same traffic");
    for file in ["report.html", "summary.md"] {
        let page = std::fs::read_to_string(scene.out().join(file))?;
        assert!(page.contains("What the faults changed"), "{file}");
    }
    Ok(())
}

#[test]
fn what_one_run_is_too_short_for_several_prove_together() -> Result {
    let scene = Scene::new(
        &(scenario("5ms", 64, "arrivals = { constant = \"20/s\" }", "")
            + "[[phase]]\nname = \"steady\"\nduration = \"2s\"\n\
               [[slo]]\nname = \"first token\"\nobjective = \"p95(ttft) <= 4s\"\n"),
    )?;
    let output = scene.command().args(["--repeat", "2", "--json", "--quiet"]).output()?;
    let repeats: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {}", text(&output)))?;
    let slo = &repeats["slos"][0];
    let runs = repeats["runs"].as_array().ok_or("no runs")?;
    assert_eq!(runs.len(), 2);
    // A busy machine may have saturated the client of one: then it has no samples here.
    if runs.iter().all(|run| run["trusted"] == true) {
        assert!(
            runs.iter().all(|run| run["verdict"] == "inconclusive"),
            "40 samples prove no p95: {runs:#?}"
        );
        assert_eq!((&slo["samples"], &slo["verdict"]), (&80.into(), &"pass".into()), "{repeats:#}");
        assert_eq!(output.status.code(), Some(0));
    } else {
        assert_eq!(output.status.code(), Some(3), "{repeats:#}");
    }
    assert_ne!(runs[0]["seed"], runs[1]["seed"]);
    assert!(scene.out().join("repeats.json").exists() && scene.out().join("02/report.html").exists());
    Ok(())
}

/// Four slots, each for about 30 ms: some 130 requests a second, whatever the machine.
#[test]
fn a_search_brackets_what_a_node_can_carry() -> Result {
    let scene = Scene::new(
        &(scenario("20ms", 4, "arrivals = { constant = \"40/s\" }", "")
            + "[[phase]]\nname = \"steady\"\nduration = \"3s\"\n\
               [[slo]]\nname = \"first token\"\nobjective = \"p90(ttft) <= 400ms\"\n"),
    )?;
    let folder = scene.folder.path();
    let (file, out): (PathBuf, PathBuf) = (folder.join("scenario.toml"), folder.join("search"));
    let mut command = Command::new(SQUALL);
    command.arg("search").arg(&file).arg("--out").arg(&out);
    let output = command.args(["--precision", "0.5", "--runs", "8", "--most", "16", "--json"]).output()?;
    let capacity: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {}", text(&output)))?;
    assert_eq!(output.status.code(), Some(0), "{capacity:#}");
    let arm = &capacity["arms"][0];
    assert_eq!(arm["arm"], "control", "there are no faults");
    let (low, high) = (arm["at_least"].as_f64().ok_or("no low")?, arm["below"].as_f64().ok_or("no high")?);
    assert!(low >= 1.0 && high <= 8.0 && low < high, "{capacity:#}");
    assert!(out.join("capacity.json").exists() && out.join("capacity.html").exists());
    assert!(text(&output).contains("times the load"), "progress: {}", text(&output));
    Ok(())
}

#[test]
fn repeated_runs_stand_side_by_side_in_a_table_and_a_chart() -> Result {
    let folder = tempfile::tempdir()?;
    let (mut words, mut scenes) = (vec!["spread".to_owned()], Vec::new());
    for (name, ttft) in [("Fast", "20ms"), ("Slow", "120ms")] {
        let scene = Scene::new(
            &(scenario(ttft, 64, "arrivals = { constant = \"20/s\" }", "")
                + "[[phase]]\nname = \"steady\"\nduration = \"1s\"\n"),
        )?;
        let output = scene.command().args(["--repeat", "2", "--quiet"]).output()?;
        assert!(scene.out().join("repeats.json").exists(), "{}", text(&output));
        words.push(format!("{name}={}", scene.out().display()));
        scenes.push(scene);
    }
    let chart = folder.path().join("chart.svg");
    let path = chart.display().to_string();
    let words: Vec<&str> =
        words.iter().map(String::as_str).chain(["--svg", &path, "--title", "Two"]).collect();
    let output = squall(&words)?;
    let table = text(&output);
    assert!(output.status.success(), "{table}");
    assert!(table.starts_with("| | Fast, 2 runs | Slow, 2 runs |\n|---|---|---|\n"), "{table}");
    let medians = table.lines().find(|row| row.starts_with("| p50(ttft), steady |")).ok_or("no such row")?;
    let cells: Vec<&str> = medians.split('|').map(str::trim).collect();
    assert!(cells[2].contains(" ms") && cells[3].starts_with('1'), "{medians}");
    let svg = std::fs::read_to_string(chart)?;
    for part in ["<svg", "p50(ttft), steady", "Fast", "Slow", "Two"] {
        assert!(svg.contains(part), "{part} is missing");
    }
    let nowhere = squall(&["spread", "A=/nowhere"])?;
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(text(&nowhere).contains("could not read /nowhere/repeats.json"), "{}", text(&nowhere));
    Ok(())
}
