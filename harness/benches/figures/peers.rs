//! The other load generators beside this one, on the same server and the same core: `ci/figures peers`.
//!
//! Each is run as its documentation says, with 64 streams of 32 events in closed loop, and at 100 requests a
//! second. What it says of the time to first token stands beside what the server's own log says of the same
//! requests: means and 99th percentiles, since a foreign client's requests can't be told one from another.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{CLIENT_CORE, Result, Run, SERVER_CORE, Sim, children_cpu_s, first_tokens, number, row};

const SECONDS: u64 = 10;
const STREAMS: u32 = 64;
const EVENTS: u32 = 32;
const RATE: u32 = 100;

/// What one generator did, by its own account.
pub(super) struct Account {
    requests: f64,
    pub(super) rate: f64,
    ttft_mean_ms: f64,
    ttft_p99_ms: f64,
}

#[derive(Clone, Copy)]
pub(super) enum Load {
    Closed,
    Poisson,
}

/// A generator: its name, and how it is run into a folder. None where it is not installed.
type Peer = (&'static str, fn(&Path, &Sim, Load) -> Result<Option<Account>>);

const PEERS: [Peer; 4] = [("squall", squall), ("oha", oha), ("AIPerf", aiperf), ("guidellm", guidellm)];

pub(super) fn measure(folder: &Path) -> Result<()> {
    for (name, run) in PEERS {
        throughput(folder, name, run)?;
    }
    for (name, run) in PEERS {
        accuracy(folder, name, run)?;
    }
    Ok(())
}

/// Streams a second and CPU a stream, with a write an event as model servers do.
fn throughput(
    folder: &Path,
    name: &str,
    run: fn(&Path, &Sim, Load) -> Result<Option<Account>>,
) -> Result<()> {
    let flags = ["--ttft=0ms", "--itl=1ms", "--prefill=1000000000", "--slots=64", "--slowdown=0"];
    let node = Sim::start_pinned(&flags, SERVER_CORE)?;
    let Some((account, cpu)) = with_cpu(|| run(folder, &node, Load::Closed))? else {
        row(name, "not installed", "ci/figures peers installs it");
        return Ok(());
    };
    row(&format!("{name}: {STREAMS} streams of {EVENTS} events"), &format!("{:.0}/s", account.rate), "");
    row("  CPU a stream, its start and end included", &format!("{cpu:.2} ms"), "");
    Ok(())
}

/// A generator's account, and the milliseconds of CPU that it took a request.
pub(super) fn with_cpu(run: impl FnOnce() -> Result<Option<Account>>) -> Result<Option<(Account, f64)>> {
    let before = children_cpu_s()?;
    let Some(account) = run()? else { return Ok(None) };
    let cpu = (children_cpu_s()? - before) * 1e3 / account.requests;
    Ok(Some((account, cpu)))
}

/// How far its times to first token lie above the server's own.
fn accuracy(folder: &Path, name: &str, run: fn(&Path, &Sim, Load) -> Result<Option<Account>>) -> Result<()> {
    let log = folder.join(format!("{name}-sim.jsonl"));
    let node = Sim::start(&["--ttft=20ms", "--itl=2ms", "--slots=256"], Some(&log))?;
    let account = run(folder, &node, Load::Poisson)?;
    node.end()?;
    let Some(account) = account else { return Ok(()) };
    let mut served: Vec<f64> = first_tokens(&log)?.into_iter().map(|(_, ns)| ns as f64 / 1e6).collect();
    served.sort_by(f64::total_cmp);
    let mean = served.iter().sum::<f64>() / served.len() as f64;
    let p99 = served[((served.len() - 1) as f64 * 0.99) as usize];
    let (above_mean, above_p99) = (account.ttft_mean_ms - mean, account.ttft_p99_ms - p99);
    let title = format!("{name}: ttft above the server's log, {RATE}/s, mean and p99");
    row(&title, &format!("{above_mean:.2}, {above_p99:.2} ms"), "");
    Ok(())
}

fn squall(folder: &Path, node: &Sim, load: Load) -> Result<Option<Account>> {
    let (name, traffic) = match load {
        Load::Closed => ("peer-closed", format!("users = {{ count = {STREAMS}, think = \"0s\" }}")),
        Load::Poisson => ("peer-poisson", format!("arrivals = {{ poisson = \"{RATE}/s\" }}")),
    };
    let run = Run::new(folder, name, node, &traffic, EVENTS, &format!("{SECONDS}s"), Some(CLIENT_CORE))?;
    let ttft = run.report["latency"].as_array().into_iter().flatten().find(|row| {
        row["metric"] == "ttft"
            && row["clock"] == "sent"
            && row["cohort"] == "all"
            && row["phase"] == "steady"
    });
    let ttft = ttft.ok_or("no ttft in the report")?;
    let ok = run.count("ok")? as f64;
    Ok(Some(Account {
        requests: ok,
        rate: ok / SECONDS as f64,
        ttft_mean_ms: number(&ttft["mean_ms"])?,
        ttft_p99_ms: number(&ttft["p99_ms"])?,
    }))
}

/// Does not parse the stream: its latency is of the whole answer, and says nothing of a first token.
pub(super) fn oha(_: &Path, node: &Sim, load: Load) -> Result<Option<Account>> {
    if matches!(load, Load::Poisson) {
        return Ok(None);
    }
    let body = format!(
        r#"{{"model":"sim","messages":[{{"role":"user","content":"hello"}}],"max_tokens":{EVENTS},"stream":true}}"#
    );
    let Some(mut command) = pinned("oha") else { return Ok(None) };
    command.args(["--no-tui", "--output-format", "json", "-z", &format!("{SECONDS}s")]);
    command.args(["-c", &STREAMS.to_string(), "-m", "POST", "-T", "application/json", "-d", &body]);
    command.arg(format!("{}/v1/chat/completions", node.origin)).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut text = String::new();
    child.stdout.take().ok_or("no stdout")?.read_to_string(&mut text)?;
    child.wait()?;
    let report: Value = serde_json::from_str(&text)?;
    let rate = number(&report["summary"]["requestsPerSec"])?;
    let requests = rate * number(&report["summary"]["total"])?;
    Ok(Some(Account { requests, rate, ttft_mean_ms: f64::NAN, ttft_p99_ms: f64::NAN }))
}

/// <https://github.com/ai-dynamo/aiperf>
fn aiperf(folder: &Path, node: &Sim, load: Load) -> Result<Option<Account>> {
    let out = folder.join(format!("aiperf-{}", u8::from(matches!(load, Load::Poisson))));
    let Some(mut command) = pinned("aiperf") else { return Ok(None) };
    command.args([
        "profile",
        "--model",
        "sim",
        "--url",
        &node.origin,
        "--endpoint-type",
        "chat",
        "--streaming",
    ]);
    command.args(["--tokenizer", "builtin", "--use-server-token-count", "--isl", "64", "--ui", "none"]);
    command.args(["--osl", &EVENTS.to_string(), "--benchmark-duration", &SECONDS.to_string()]);
    match load {
        Load::Closed => command.args(["--concurrency", &STREAMS.to_string()]),
        Load::Poisson => command.args(["--request-rate", &RATE.to_string(), "--arrival-pattern", "poisson"]),
    };
    command.arg("--artifact-dir").arg(&out);
    finish(command, "AIPerf")?;
    let report: Value = serde_json::from_reader(File::open(out.join("profile_export_aiperf.json"))?)?;
    Ok(Some(Account {
        requests: number(&report["request_count"]["avg"])?,
        rate: number(&report["request_throughput"]["avg"])?,
        ttft_mean_ms: number(&report["time_to_first_token"]["avg"])?,
        ttft_p99_ms: number(&report["time_to_first_token"]["p99"])?,
    }))
}

/// <https://github.com/vllm-project/guidellm>
fn guidellm(folder: &Path, node: &Sim, load: Load) -> Result<Option<Account>> {
    let data = folder.join("guidellm.jsonl");
    let prompt =
        |n| format!("{{\"prompt\":\"number {n}: tell me of the sea\",\"output_tokens_count\":{EVENTS}}}\n");
    std::fs::write(&data, (0..1_000).map(prompt).collect::<String>())?;
    let out = folder.join(format!("guidellm-{}.json", u8::from(matches!(load, Load::Poisson))));
    let Some(mut command) = pinned("guidellm") else { return Ok(None) };
    let profile = match load {
        Load::Closed => format!("kind=concurrent,streams={STREAMS}"),
        Load::Poisson => format!("kind=poisson,rate={RATE}"),
    };
    command.args(["run", "--backend", &format!("kind=openai_http,target={},model=sim", node.origin)]);
    command.args(["--profile", &profile, "--constraint", &format!("kind=max_duration,seconds={SECONDS}")]);
    command.args(["--data", &format!("kind=json_file,path={}", data.display()), "--disable-console"]);
    command.args(["--output", &format!("kind=json,path={}", out.display())]);
    finish(command, "guidellm")?;
    let report: Value = serde_json::from_reader(File::open(out)?)?;
    let metrics = &report["benchmarks"][0]["metrics"];
    let ttft = &metrics["time_to_first_token_ms"]["successful"];
    Ok(Some(Account {
        requests: number(&metrics["request_totals"]["successful"])?,
        rate: number(&metrics["requests_per_second"]["successful"]["mean"])?,
        ttft_mean_ms: number(&ttft["mean"])?,
        ttft_p99_ms: number(&ttft["percentiles"]["p99"])?,
    }))
}

/// A program on the core that drives, if it is installed.
fn pinned(program: &str) -> Option<Command> {
    let path = std::env::var_os("PATH")?;
    let path: Option<PathBuf> =
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    let mut command = Command::new("taskset");
    command.args(["-c", CLIENT_CORE]).arg(path?);
    Some(command)
}

fn finish(mut command: Command, name: &str) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{name} ended with {}; it said: {}", output.status, String::from_utf8_lossy(&said)).into())
}
