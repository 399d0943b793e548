//! `squall load`, whole: the flags, a simulated node, and what it leaves.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use squall::calibration::{self, Bounds, Calibration, Host};

use crate::support::Result;
use crate::support::scene::rows;

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");

/// A simulated node, and a folder for runs against it.
struct Bench {
    node: Child,
    /// `127.0.0.1:PORT`.
    address: String,
    folder: tempfile::TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

impl Bench {
    fn new() -> Result<Self> {
        let mut node = Command::new(SQUALL)
            .args(["sim", "--ttft=5ms", "--itl=1ms", "--slots=64"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(node.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").ok_or("not where it listens")?;
        Ok(Self { node, address: address.to_owned(), folder: tempfile::tempdir()? })
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Loads the node; `flags` are split at blanks.
    fn load(&self, path: &str, flags: &str) -> Result<Output> {
        let mut command = Command::new(SQUALL);
        // No calibration of whoever runs the tests.
        command.env("XDG_DATA_HOME", self.folder.path());
        command.arg("load").arg(format!("{}{path}", self.address)).args(["--model", "sim"]);
        Ok(command.args(flags.split_whitespace()).arg("--out").arg(self.out()).output()?)
    }

    fn report(&self) -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(self.out().join("report.json"))?)?)
    }
}

/// The run was carried out and nothing failed. On a busy machine the client may say that it was late: then
/// the verdict is not the service's.
fn ran(bench: &Bench, output: &Output) -> Result<Value> {
    let report = bench.report()?;
    let expected = if report["client"]["saturated"] == true { 3 } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "{}", text(output));
    Ok(report)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn squall(words: &[&str]) -> Result<Output> {
    Ok(Command::new(SQUALL).args(words).output()?)
}

#[test]
fn a_rate_on_a_url_leaves_the_same_as_a_scenario() -> Result {
    let bench = Bench::new()?;
    let output =
        bench.load("", "--rate 100 --for 2 --output-tokens 5 --input-tokens 20 --slo p90(ttft)<=20s")?;
    let report = ran(&bench, &output)?;
    assert_eq!(report["slos"][0]["verdict"], "pass");
    assert_eq!(report["slos"][0]["objective"], "p90(ttft)<=20s");
    let sent = report["counts"]["sent"].as_u64().ok_or("no count")?;
    assert!((120..=280).contains(&sent), "{sent} of about 200");
    for row in rows(&bench.out().join("requests.jsonl"))? {
        assert_eq!((&row["events"], &row["input_tokens"]), (&5.into(), &20.into()), "{row}");
    }
    for file in ["report.html", "junit.xml", "summary.md", "latency.hlog"] {
        assert!(bench.out().join(file).exists(), "{file}");
    }
    Ok(())
}

#[test]
fn what_only_a_proxy_can_tell_is_not_checked() -> Result {
    let bench = Bench::new()?;
    let output = bench.load("/v1", "--users 2 --requests 10 --output-tokens 3 --json")?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(report, ran(&bench, &output)?);
    let invariants = report["invariants"].as_array().ok_or("no invariants")?;
    for invariant in invariants {
        let expected =
            if invariant["name"] == "every arrival ends exactly once" { "pass" } else { "not_checked" };
        assert_eq!(invariant["verdict"], expected, "{invariant}");
    }
    if report["verdict"] == "pass" {
        assert!(report["reasons"].to_string().contains("no objective"), "{}", report["reasons"]);
    }
    Ok(())
}

#[test]
fn so_many_requests_are_sent_and_the_run_is_over_with_them() -> Result {
    for kind in ["--rate 200/s", "--users 3", "--rate inf --max-concurrency 3"] {
        let bench = Bench::new()?;
        let output = bench.load("/v1/chat/completions", &format!("{kind} -n 40 --max-tokens 3"))?;
        let report = ran(&bench, &output)?;
        assert_eq!(report["counts"]["ok"], 40, "{kind}");
        assert_eq!(report["phases"][0]["end_s"], report["duration_s"], "{kind}");
        assert!(report["duration_s"].as_f64() < Some(60.0), "{kind}: {}", report["duration_s"]);
        assert!(report["series"].as_array().is_some_and(|slices| slices.len() < 61), "{kind}");
    }
    Ok(())
}

#[test]
fn a_run_without_one_success_is_no_pass() -> Result {
    let bench = Bench::new()?;
    let mut command = Command::new(SQUALL);
    command.args(["load", "http://127.0.0.1:1", "-m", "sim", "--rate", "20", "-z", "1s", "--quiet"]);
    let output = command.arg("--out").arg(bench.out()).output()?;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let report = bench.report()?;
    assert!(report["reasons"].to_string().contains("not one of"), "{}", report["reasons"]);
    assert_eq!(report["counts"]["connect_failed"], report["counts"]["sent"]);
    Ok(())
}

#[test]
fn a_warm_up_is_counted_by_no_objective() -> Result {
    let bench = Bench::new()?;
    let output = bench.load("", "--rate 100/s --warmup 1s --for 1s --output-tokens 2 --slo success>=90%")?;
    let report = ran(&bench, &output)?;
    assert_eq!(report["slos"][0]["samples"], report["phases"][1]["counts"]["sent"]);
    assert!(report["phases"][0]["counts"]["sent"].as_u64() > Some(0));
    Ok(())
}

#[test]
fn a_trace_is_replayed_whole_unless_a_length_is_given() -> Result {
    let bench = Bench::new()?;
    let trace = bench.folder.path().join("trace.csv");
    let rows: String = (0..10).map(|n| format!("2023-11-16 18:00:0{n}.0000000,10,3\n")).collect();
    fs::write(&trace, format!("TIMESTAMP,ContextTokens,GeneratedTokens\n{rows}"))?;
    let output = bench.load("", &format!("--trace {} --speed 10", trace.display()))?;
    let report = ran(&bench, &output)?;
    // The last row is the trace's end.
    assert_eq!(report["counts"]["ok"], 9);
    assert_eq!(report["phases"][0]["end_s"], 0.9);
    Ok(())
}

#[test]
fn conversations_begin_at_a_rate_with_a_traces_rows_and_of_users() -> Result {
    let folder = tempfile::tempdir()?;
    let trace = folder.path().join("trace.csv");
    let times: String = (0..6).map(|n| format!("2023-11-16 18:00:0{n}.0000000,50,3\n")).collect();
    fs::write(&trace, format!("TIMESTAMP,ContextTokens,GeneratedTokens\n{times}"))?;
    let of_trace = format!("--trace {} --speed 10 --for 400ms --turns 3", trace.display());
    for flags in [
        "--rate 20 --arrivals constant --for 400ms --turns 3",
        of_trace.as_str(),
        "--users 2 --turns 3 -n 12",
    ] {
        let bench = Bench::new()?;
        let output = bench.load("", &format!("{flags} --input-tokens 30 --output-tokens 2 --think 1ms"))?;
        let report = ran(&bench, &output)?;
        let mut lengths: Vec<u64> = rows(&bench.out().join("requests.jsonl"))?
            .iter()
            .filter_map(|row| row["input_tokens"].as_u64())
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        match flags {
            // Its first turns have their rows' lengths: 50 in, 3 out.
            of if of == of_trace => assert_eq!(lengths, [50, 50 + 3 + 30, 50 + 3 + 30 + 2 + 30]),
            _ => assert_eq!(lengths, [30, 30 + 2 + 30, 2 * (30 + 2) + 30]),
        }
        if !flags.contains("--users") {
            let sessions = &report["sessions"];
            let turns = sessions["begun"].as_u64().map(|begun| 3 * begun);
            assert_eq!(sessions["turns"].as_u64(), turns, "{sessions}");
            assert!(sessions["complete"].as_u64() >= Some(2), "{sessions}");
        }
    }
    Ok(())
}

#[test]
fn the_written_scenario_runs_as_the_flags_do() -> Result {
    let bench = Bench::new()?;
    let file = bench.folder.path().join("load.toml");
    let path = file.to_str().ok_or("no text")?;
    let flags = [
        "load",
        &bench.address,
        "--model=sim",
        "--rate=50",
        "--for=1s",
        "--output-tokens=2",
        "--slo=success >= 50%",
    ];
    let output = squall(&[&flags[..], &["--write-scenario", path]].concat())?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let printed = squall(&[&flags[..], &["--write-scenario", "-"]].concat())?;
    assert_eq!(String::from_utf8(printed.stdout)?, fs::read_to_string(&file)?);
    let again = squall(&[&flags[..], &["--write-scenario", path]].concat())?;
    assert_eq!(again.status.code(), Some(2), "a file is never overwritten: {}", text(&again));
    let output = Command::new(SQUALL).arg("run").arg(&file).arg("--out").arg(bench.out()).output()?;
    ran(&bench, &output)?;
    Ok(())
}

#[test]
fn clients_by_flags_turn_to_the_next_url_and_leave() -> Result {
    let bench = Bench::new()?;
    // A port that nobody listens at any more.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = Command::new(SQUALL);
    command.env("XDG_DATA_HOME", bench.folder.path()).arg("load").arg(closed.to_string());
    command.args(["--model=sim", "--rate=20", "--requests=10", "--output-tokens=30", "--retries=1"]);
    command.args(["--leave-with-tokens=3", "--also", &bench.address]).arg("--out").arg(bench.out());
    let output = command.output()?;
    ran(&bench, &output)?;
    let rows = rows(&bench.out().join("requests.jsonl"))?;
    assert_eq!(rows.len(), 10);
    for row in rows {
        assert_eq!((&row["sends"], &row["left"]), (&2.into(), &true.into()), "{row}");
        // One read may bring more than it waited for.
        assert!(row["events"].as_u64().is_some_and(|events| (3..30).contains(&events)), "{row}");
    }
    Ok(())
}

#[test]
fn a_rate_may_come_in_clusters_rise_and_go_in_stages() -> Result {
    let cases = [
        ("--rate 20 --cv 3", "arrivals = { gamma = \"20/s\", cv = 3.0 }"),
        ("--rate 20 --arrivals gamma --burstiness 0.25", "arrivals = { gamma = \"20/s\", cv = 2.0 }"),
        ("--rate 20 --ramp 10", "arrivals = { poisson = { from = \"0/s\", to = \"20/s\", over = \"10s\" } }"),
        (
            "--users 5 --ramp 10s --think exponential(1s)",
            "users = { count = 5, ramp = \"10s\", think = \"exponential(1s)\" }",
        ),
        (
            "--stage 5s:20/s --stage 10s:20/s --arrivals constant",
            "arrivals = { constant = { steps = [{ rate = \"20/s\", ramp = \"5000ms\" }, \
             { rate = \"20/s\", ramp = \"10000ms\" }] } }",
        ),
        ("--stage 5s:20", "users = { steps = [{ count = 20, ramp = \"5000ms\" }] }"),
        ("--users 5 --turns 6 --think 2", "users = { count = 5, think = \"2s\", turns = 6 }"),
        ("--stage 5s:5 --turns 3", "ramp = \"5000ms\" }], turns = 3 }"),
        ("--rate 1 --turns 6", "session = { turns = 6 }"),
        ("--rate 1 --session-turns-mean 2 --think 0.5", "session = { turns = 2, think = \"0.5s\" }"),
        (
            "--stage 5s:2/s --turns geometric(4) --think exponential(2s) --tools 2 --tool-time 1 --tool-tokens 50 \
             --sub-requests 3",
            "session = { turns = \"geometric(4)\", think = \"exponential(2s)\", tools = { calls = 2, time = \
             \"1s\", result = 50 }, sub_requests = { count = 3 } }",
        ),
        ("--rate 1 --turns 2 --tool-time 1s", "session = { turns = 2, tools = { time = \"1s\" } }"),
        ("--rate 1 --retries 2", "[traffic.client]\nretries = { attempts = 3 }"),
        ("--rate 1 --hedge-after 0.4", "hedge = { after = \"0.4s\" }"),
        ("--rate 1 --leave-after 10s --leave-with-tokens 40", "leave = { after = \"10s\", tokens = 40 }"),
        ("--rate 1 --also 127.0.0.1:2", "also = [\"http://127.0.0.1:2/v1\"]"),
    ];
    for (flags, line) in cases {
        let words: Vec<&str> = flags.split_whitespace().collect();
        let typed =
            [&["load", "http://127.0.0.1:1", "--model=sim", "--write-scenario=-"], &words[..]].concat();
        let output = squall(&typed)?;
        assert_eq!(output.status.code(), Some(0), "{flags}: {}", text(&output));
        assert!(text(&output).contains(line), "{flags}: `{line}` is not in it:\n{}", text(&output));
    }
    Ok(())
}

#[test]
fn flags_that_make_no_sense_are_refused_and_say_what_would() -> Result {
    let cases = [
        ("", "how much load? Give one of --rate"),
        ("--rate 5 --users 5", "--rate and --users are two kinds of load"),
        ("--rate inf", "needs --users"),
        ("--users 5 --max-concurrency 5", "says again"),
        ("--trace x.csv --rate 5", "a trace has arrivals of its own"),
        ("--rate 5 --think 1s", "--think belongs to --users or --turns"),
        ("--users 5 --turns uniform(2,4)", "all have the same number of turns"),
        ("--users 5 --turns 3 --tools 2", "--tools belongs to conversations that begin at a rate"),
        ("--stage 5s:5 --turns 3 --sub-requests 2", "--sub-requests belongs to conversations that begin at"),
        ("--rate 5 --tool-time 1s", "--tool-time comes between two turns: give --turns 6"),
        ("--rate 5 --turns 0", "# --turns"),
        ("--users 5 --turns 0", "# --users, --ramp, --think, --turns"),
        ("--rate 5 --turns some", "# --turns"),
        ("--rate 5 --turns 1 --tools 2", "there is only one"),
        ("--rate 5 --turns 3 --api openai-embeddings", "# --turns"),
        ("--trace x.csv --output-tokens 5", "--output-tokens belongs to --rate, --users or --turns"),
        ("--rate 5 --speed 2", "--speed belongs to --trace"),
        ("--users 5 --cv 2", "--cv belongs to --rate"),
        ("--rate 5 --cv -2", "# --rate"),
        ("--rate 5 --arrivals poisson --cv 2", "# --rate"),
        ("--stage 5s:5 --rate 5", "--stage says how much load"),
        ("--stage 5s:5 --stage 5s:5/s", "give one kind"),
        ("--stage 5s", "as in `30s:20/s`"),
        ("--stage 5s:5 --ramp 5s", "--ramp belongs to --rate or --users"),
        ("--users 5 --in-flight 9", "--in-flight belongs to --rate"),
        ("--rate fast", "# --rate"),
        ("--rate 0", "# --rate"),
        ("--rate 5 --for soon", "# --for"),
        ("--rate 5 --slo p95(ttfx)<=1s", "# --slo"),
        ("--rate 5 --output-tokens many", "# --input-tokens, --output-tokens"),
        ("--rate 5 --requests 0", "# --requests"),
        ("--rate 5 --api telepathy", "# --api"),
        ("--rate 5 --arrivals sometimes", "sometimes"),
        ("--rate 5 --key-env SQUALL_TEST_NO_SUCH_KEY", "is not set"),
        ("--rate 5 --leave-with-tokens 0", "# --leave-after, --leave-with-tokens"),
        ("--trace no-such-file.csv", "no-such-file.csv"),
    ];
    for (flags, said) in cases {
        let words: Vec<&str> = flags.split_whitespace().collect();
        let output = squall(&[&["load", "http://127.0.0.1:1", "--model=sim"], &words[..]].concat())?;
        assert_eq!(output.status.code(), Some(2), "{flags}: {}", text(&output));
        assert!(text(&output).contains(said), "{flags}: `{said}` is not said:\n{}", text(&output));
    }
    let output = squall(&["load", "http://user:secret@127.0.0.1:1", "--model=sim", "--rate=1"])?;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("must not hold a password"), "{}", text(&output));
    Ok(())
}

fn calibration(requests_per_s: f64) -> Calibration {
    Calibration {
        schema: calibration::SCHEMA,
        squall: env!("CARGO_PKG_VERSION").into(),
        measured_at: "2026-11-24T12:00:00Z".into(),
        host: Host::here(),
        bounds: Bounds::default(),
        requests_per_s,
        events_per_s: 1e6,
        open_streams: 1_000,
        steps: Vec::new(),
    }
}

#[test]
fn a_run_beyond_what_the_machine_carries_is_inconclusive_with_the_figures() -> Result {
    for (carries, code) in [(20.0, 3), (10_000.0, 0)] {
        let bench = Bench::new()?;
        calibration::write(&calibration(carries), &bench.folder.path().join("squall/calibration.json"))?;
        let output = bench.load("", "--rate 100/s --arrivals constant --for 2s --output-tokens 2")?;
        let report = if code == 0 { ran(&bench, &output)? } else { bench.report()? };
        assert!(code == 0 || output.status.code() == Some(code), "{}", text(&output));
        let known = &report["client"]["calibration"];
        assert_eq!(known["requests_per_s"], carries);
        assert_eq!(known["exceeded"].as_array().map(Vec::len), Some(usize::from(code == 3)), "{known}");
        let peak = report["client"]["peak"]["requests_per_s"].as_f64().ok_or("no peak")?;
        assert!((70.0..=110.0).contains(&peak), "{peak} of 100 a second");
        if code == 3 {
            assert!(report["reasons"].to_string().contains("it carries 20"), "{}", report["reasons"]);
        }
    }
    Ok(())
}

#[test]
fn a_calibration_of_another_machine_is_told_of_and_not_used() -> Result {
    let bench = Bench::new()?;
    let mut other = calibration(1.0);
    other.host.cpus += 1;
    calibration::write(&other, &bench.folder.path().join("squall/calibration.json"))?;
    let output = bench.load("", "--rate 50/s --for 1s --output-tokens 2")?;
    assert!(text(&output).contains("not calibrated"), "{}", text(&output));
    assert_eq!(ran(&bench, &output)?["client"]["calibration"], Value::Null);
    Ok(())
}

#[test]
fn what_is_kept_is_shown_and_what_is_not_there_is_told() -> Result {
    let folder = tempfile::tempdir()?;
    let show = |flags: &[&str]| -> Result<Output> {
        let mut command = Command::new(SQUALL);
        command.env("XDG_DATA_HOME", folder.path()).args(["calibrate", "--show"]);
        Ok(command.args(flags).output()?)
    };
    let output = show(&[])?;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("nothing was calibrated"), "{}", text(&output));
    let known = calibration(321.0);
    calibration::write(&known, &folder.path().join("squall/calibration.json"))?;
    assert!(text(&show(&[])?).contains("321 requests a second"));
    assert_eq!(serde_json::from_slice::<Calibration>(&show(&["--json"])?.stdout)?, known);
    Ok(())
}

#[test]
fn more_users_than_files_are_refused_before_the_run() -> Result {
    let bench = Bench::new()?;
    let mut command = Command::new("sh");
    let run = format!(
        "ulimit -n 256 && exec {SQUALL} load {} -m sim --users 500 --for 1s --out {}",
        bench.address,
        bench.out().display()
    );
    let output = command.args(["-c", &run]).output()?;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    for said in ["500 requests", "may open 256", "prlimit"] {
        assert!(text(&output).contains(said), "`{said}` is not said: {}", text(&output));
    }
    assert!(!bench.out().exists(), "nothing was run");
    Ok(())
}
