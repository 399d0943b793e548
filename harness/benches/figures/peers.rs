//! The other load generators beside this one, on the same server and the same core: `ci/figures peers`.
//!
//! Each is run as its documentation says, with 64 streams of 32 events in closed loop, and at 100 requests a
//! second. What it says of the times to first token and between tokens stands beside what the server's own log
//! says of the same requests: means and 99th percentiles, since a foreign client's requests can't be told one
//! from another. Last, its memory after a short and a long run.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::memory::Watch;
use super::{CLIENT_CORE, Result, Run, SERVER_CORE, Sim, at, children_cpu_s, number, row, served, sorted};

pub(super) const SECONDS: u64 = 10;
/// Of the run that shows what memory grows by.
const LONG_SECONDS: u64 = 40;
const STREAMS: u32 = 64;
const EVENTS: u32 = 32;
const RATE: u32 = 100;

/// What one generator did, by its own account.
pub(super) struct Account {
    requests: f64,
    pub(super) rate: f64,
    ttft_mean_ms: f64,
    ttft_p99_ms: f64,
    between_mean_ms: f64,
}

#[derive(Clone, Copy)]
pub(super) enum Load {
    Closed,
    Poisson,
}

impl Load {
    fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Poisson => "poisson",
        }
    }
}

/// How a generator is run into a folder, for so many seconds. None where it is not installed, or can't tell.
type Generator = fn(&Path, &Sim, Load, u64) -> Result<Option<Account>>;
type Peer = (&'static str, Generator);

const PEERS: [Peer; 4] = [("squall", squall), ("oha", oha), ("AIPerf", aiperf), ("guidellm", guidellm)];

pub(super) fn measure(folder: &Path) -> Result<()> {
    for (name, run) in PEERS {
        throughput(folder, name, run)?;
    }
    for (name, run) in PEERS {
        accuracy(folder, name, run)?;
    }
    for (name, run) in PEERS {
        growth(folder, name, run)?;
    }
    Ok(())
}

/// A node that writes each event by itself, as model servers do.
fn event_by_event() -> Result<Sim> {
    let flags = ["--ttft=0ms", "--itl=1ms", "--prefill=1000000000", "--slots=64", "--slowdown=0"];
    Sim::start_pinned(&flags, SERVER_CORE)
}

/// Streams a second and CPU a stream.
fn throughput(folder: &Path, name: &str, run: Generator) -> Result<()> {
    let node = event_by_event()?;
    let Some((account, cpu)) = with_cpu(|| run(folder, &node, Load::Closed, SECONDS))? else {
        row(name, "not installed", "ci/figures peers installs it");
        return Ok(());
    };
    row(&format!("{name}: {STREAMS} streams of {EVENTS} events"), &format!("{:.0}/s", account.rate), "");
    row("  CPU a stream, its start and end included", &format!("{cpu:.2} ms"), "");
    Ok(())
}

/// The most memory that it and its processes held, in a short run and in one four times as long.
fn growth(folder: &Path, name: &str, run: Generator) -> Result<()> {
    for seconds in [SECONDS, LONG_SECONDS] {
        let node = event_by_event()?;
        let watch = Watch::beside(&node);
        let Some(account) = run(folder, &node, Load::Closed, seconds)? else { return Ok(()) };
        let title = format!("{name}: memory, {:.0} streams", account.requests);
        row(&title, &format!("{:.0} MiB", watch.most_mib()), "");
    }
    Ok(())
}

/// A generator's account, and the milliseconds of CPU that it took a request.
pub(super) fn with_cpu(run: impl FnOnce() -> Result<Option<Account>>) -> Result<Option<(Account, f64)>> {
    let before = children_cpu_s()?;
    let Some(account) = run()? else { return Ok(None) };
    let cpu = (children_cpu_s()? - before) * 1e3 / account.requests;
    Ok(Some((account, cpu)))
}

/// How far its times to first token and between tokens lie off the server's own.
fn accuracy(folder: &Path, name: &str, run: Generator) -> Result<()> {
    let log = folder.join(format!("{name}-sim.jsonl"));
    let node = Sim::start(&["--ttft=20ms", "--itl=2ms", "--slots=256"], Some(&log))?;
    let account = run(folder, &node, Load::Poisson, SECONDS)?;
    node.end()?;
    let Some(account) = account else { return Ok(()) };
    let served = served(&log)?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let first = sorted(served.iter().map(|served| served.first_ms).collect());
    let between: Vec<f64> = served.iter().map(|served| served.between_ms).collect();
    let off = [account.ttft_mean_ms - mean(&first), account.ttft_p99_ms - at(&first, 0.99)];
    let title = format!("{name}: ttft above the server's log, {RATE}/s, mean and p99");
    row(&title, &format!("{:.2}, {:.2} ms", off[0], off[1]), "");
    let off = account.between_mean_ms - mean(&between);
    row("  mean gap between tokens, off the server's log", &format!("{off:.3} ms"), "");
    Ok(())
}

fn squall(folder: &Path, node: &Sim, load: Load, seconds: u64) -> Result<Option<Account>> {
    let (name, traffic) = match load {
        Load::Closed => {
            (format!("peer-closed-{seconds}"), format!("users = {{ count = {STREAMS}, think = \"0s\" }}"))
        }
        Load::Poisson => ("peer-poisson".to_owned(), format!("arrivals = {{ poisson = \"{RATE}/s\" }}")),
    };
    let run = Run::new(folder, &name, node, &traffic, EVENTS, &format!("{seconds}s"), Some(CLIENT_CORE))?;
    let latency = |metric: &str, clock: &str| {
        let rows = run.report["latency"].as_array().into_iter().flatten();
        let mut all = rows.filter(|row| row["cohort"] == "all" && row["phase"] == "steady");
        all.find(|row| row["metric"] == metric && row["clock"] == clock).ok_or(format!("no {metric}"))
    };
    let (ttft, tpot) = (latency("ttft", "sent")?, latency("tpot", "stream")?);
    let ok = run.count("ok")? as f64;
    Ok(Some(Account {
        requests: ok,
        rate: ok / seconds as f64,
        ttft_mean_ms: number(&ttft["mean_ms"])?,
        ttft_p99_ms: number(&ttft["p99_ms"])?,
        between_mean_ms: number(&tpot["mean_ms"])?,
    }))
}

/// Does not parse the stream: its latency is of the whole answer, and says nothing of a first token.
pub(super) fn oha(_: &Path, node: &Sim, load: Load, seconds: u64) -> Result<Option<Account>> {
    if matches!(load, Load::Poisson) {
        return Ok(None);
    }
    let body = format!(
        r#"{{"model":"sim","messages":[{{"role":"user","content":"hello"}}],"max_tokens":{EVENTS},"stream":true}}"#
    );
    let Some(mut command) = pinned("oha") else { return Ok(None) };
    command.args(["--no-tui", "--output-format", "json", "-z", &format!("{seconds}s")]);
    command.args(["-c", &STREAMS.to_string(), "-m", "POST", "-T", "application/json", "-d", &body]);
    command.arg(format!("{}/v1/chat/completions", node.origin)).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut text = String::new();
    child.stdout.take().ok_or("no stdout")?.read_to_string(&mut text)?;
    child.wait()?;
    let report: Value = serde_json::from_str(&text)?;
    let rate = number(&report["summary"]["requestsPerSec"])?;
    let requests = rate * number(&report["summary"]["total"])?;
    Ok(Some(Account {
        requests,
        rate,
        ttft_mean_ms: f64::NAN,
        ttft_p99_ms: f64::NAN,
        between_mean_ms: f64::NAN,
    }))
}

/// <https://github.com/ai-dynamo/aiperf>
fn aiperf(folder: &Path, node: &Sim, load: Load, seconds: u64) -> Result<Option<Account>> {
    let out = folder.join(format!("aiperf-{}-{seconds}", load.name()));
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
    command.args(["--osl", &EVENTS.to_string(), "--benchmark-duration", &seconds.to_string()]);
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
        between_mean_ms: number(&report["inter_token_latency"]["avg"])?,
    }))
}

/// <https://github.com/vllm-project/guidellm>
fn guidellm(folder: &Path, node: &Sim, load: Load, seconds: u64) -> Result<Option<Account>> {
    let data = folder.join("guidellm.jsonl");
    let prompt =
        |n| format!("{{\"prompt\":\"number {n}: tell me of the sea\",\"output_tokens_count\":{EVENTS}}}\n");
    // More than it can send: it ends its run where its prompts end.
    std::fs::write(&data, (0..20_000).map(prompt).collect::<String>())?;
    let out = folder.join(format!("guidellm-{}-{seconds}.json", load.name()));
    let Some(mut command) = pinned("guidellm") else { return Ok(None) };
    let profile = match load {
        Load::Closed => format!("kind=concurrent,streams={STREAMS}"),
        Load::Poisson => format!("kind=poisson,rate={RATE}"),
    };
    command.args(["run", "--backend", &format!("kind=openai_http,target={},model=sim", node.origin)]);
    command.args(["--profile", &profile, "--constraint", &format!("kind=max_duration,seconds={seconds}")]);
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
        between_mean_ms: number(&metrics["inter_token_latency_ms"]["successful"]["mean"])?,
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
