//! The figures of the README, measured on this machine: `cargo bench --bench figures`.
//!
//! Each part runs the real program (`squall run` on a scenario written here) against real simulated
//! nodes in processes of their own, and reads the figures from the report and the ledgers. oha, if it
//! is installed, is measured beside the closed loop, on the same server and the same core.
//!
//! `cargo bench --bench figures -- lag ttft` runs only the parts named; `peers` only when it is named.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

mod memory;
mod peers;
mod proxy_cost;

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");
/// The core that serves and the core that drives, where the two must not share one.
const SERVER_CORE: &str = "0";
const CLIENT_CORE: &str = "1";

type Part = (&'static str, fn(&Path) -> Result<()>);

const PARTS: [Part; 8] = [
    ("lag", dispatch_lag),
    ("ttft", accuracy),
    ("streams", closed_loop),
    ("proxy", proxy_cost::measure),
    ("plugins", five_plugins),
    ("open", open_streams),
    ("long", memory::of_long_runs),
    ("peers", peers::measure),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let folder = tempfile::tempdir()?;
    println!("{:<58} {:>14}   budget", "figure", "measured");
    for (name, part) in PARTS {
        if (wanted.is_empty() && name != "peers") || wanted.iter().any(|wanted| wanted == name) {
            part(folder.path())?;
        }
    }
    Ok(())
}

fn row(figure: &str, measured: &str, budget: &str) {
    println!("{figure:<58} {measured:>14}   {budget}");
}

/// Dispatch lag at 1,000 requests a second, Poisson.
fn dispatch_lag(folder: &Path) -> Result<()> {
    let node = Sim::start(&["--ttft=1ms", "--itl=0ms", "--prefill=100000000", "--slots=512"], None)?;
    let run = Run::new(folder, "lag", &node, r#"arrivals = { poisson = "1000/s" }"#, 8, "20s", None)?;
    let lag = &run.report["client"]["dispatch_lag_us"];
    let budget = "p99 < 500 µs";
    row("dispatch lag, 1,000 requests/s Poisson, p50", &format!("{:.0} µs", number(&lag["p50"])?), "");
    row("dispatch lag, 1,000 requests/s Poisson, p99", &format!("{:.0} µs", number(&lag["p99"])?), budget);
    row("dispatch lag, 1,000 requests/s Poisson, max", &format!("{:.0} µs", number(&lag["max"])?), "");
    row("  requests, of these ok", &format!("{} / {}", run.count("scheduled")?, run.count("ok")?), "all");
    Ok(())
}

/// Times to first token and between tokens against the simulated node's own log, on the same monotonic clock's
/// length.
fn accuracy(folder: &Path) -> Result<()> {
    let log = folder.join("sim.jsonl");
    let node = Sim::start(&["--ttft=20ms", "--itl=2ms", "--slots=256"], Some(&log))?;
    let run = Run::new(folder, "ttft", &node, r#"arrivals = { poisson = "100/s" }"#, 16, "20s", None)?;
    node.end()?;
    let mut server = HashMap::new();
    for served in served(&log)? {
        server.insert(served.request.ok_or("the server was asked by somebody else")?, served);
    }
    let (mut first, mut between) = (Vec::new(), Vec::new());
    for line in BufReader::new(File::open(run.folder.join("requests.jsonl"))?).lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let id = request["id"].as_u64().ok_or("id")?;
        let at = |name: &str| number(&request[name]);
        let server = server.get(&id).ok_or("a request is missing in the server's log")?;
        let content = at("first_content_ns")?;
        first.push((content - at("sent_ns")?) / 1e6 - server.first_ms);
        let gaps = at("events")? - 1.0;
        between.push((at("last_content_ns")? - content) / gaps / 1e6 - server.between_ms);
    }
    let count = first.len();
    let [first, between] = [first, between].map(sorted);
    row(&format!("ttft above the server's log, 100/s, {count} requests, p50"), &ms(at(&first, 0.5)), "");
    row("ttft above the server's log, 100/s, p99", &ms(at(&first, 0.99)), "< 0.5 ms");
    row("mean gap between tokens, off the server's log, p1", &ms(at(&between, 0.01)), "");
    row("mean gap between tokens, off the server's log, p99", &ms(at(&between, 0.99)), "");
    Ok(())
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The quantile of sorted values.
fn at(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q) as usize]
}

fn ms(ms: f64) -> String {
    format!("{ms:.3} ms")
}

/// What a node's log says of a request that was answered with several tokens.
struct Served {
    /// Which it was, where its client says so.
    request: Option<u64>,
    /// From its arrival to its first token.
    first_ms: f64,
    /// The mean gap between two tokens.
    between_ms: f64,
}

fn served(log: &Path) -> Result<Vec<Served>> {
    let mut served = Vec::new();
    for line in BufReader::new(File::open(log)?).lines() {
        let entry: Value = serde_json::from_str(&line?)?;
        if let (Some(first), Some(last)) = (entry["first_token_ns"].as_f64(), entry["last_token_ns"].as_f64())
        {
            let gaps = number(&entry["tokens"])? - 1.0;
            served.push(Served {
                request: entry["request"].as_u64(),
                first_ms: (first - number(&entry["received_ns"])?) / 1e6,
                between_ms: (last - first) / gaps / 1e6,
            });
        }
    }
    Ok(served)
}

/// 64 closed-loop streams of 32 events: server on one core, client on the other; oha beside it. Once as
/// fast as the server can, which writes an answer whole then, and once with a write an event, as model
/// servers do.
fn closed_loop(folder: &Path) -> Result<()> {
    closed_loop_at(folder, "as fast as can be", "0ms", ">= 5,000/s")?;
    closed_loop_at(folder, "a write an event", "1ms", "")
}

fn closed_loop_at(folder: &Path, how: &str, itl: &str, budget: &str) -> Result<()> {
    let itl_flag = format!("--itl={itl}");
    let flags = ["--ttft=0ms", &itl_flag, "--prefill=1000000000", "--slots=64", "--slowdown=0"];
    let node = Sim::start_pinned(&flags, SERVER_CORE)?;
    let users = r#"users = { count = 64, think = "0s" }"#;
    let run = Run::new(folder, &format!("streams-{itl}"), &node, users, 32, "10s", Some(CLIENT_CORE))?;
    let ok = run.count("ok")?;
    let rate = ok as f64 / 10.0;
    let cpu = number(&run.report["client"]["cpu_s"])? * 1e3 / ok as f64;
    row(&format!("64 closed-loop streams of 32 events, {how}"), &format!("{rate:.0}/s"), budget);
    row("  CPU a stream", &format!("{cpu:.3} ms"), "<= 2 x oha's");
    row("  requests, of these ok", &format!("{} / {ok}", run.count("scheduled")?), "all");
    match peers::with_cpu(|| peers::oha(folder, &node, peers::Load::Closed, peers::SECONDS))? {
        Some((account, cpu)) => {
            let rate = account.rate;
            row("  oha (does not parse the stream), same server and core", &format!("{rate:.0}/s"), "");
            row("  oha, CPU a stream", &format!("{cpu:.3} ms"), "");
        }
        None => row("  oha", "not installed", "ci/figures installs it"),
    }
    Ok(())
}

/// Faults that look at every request and every event, and decide to pass.
const PASSING: [&str; 5] = [
    r#"{ plugin = "cut", with = { after = 1000000 } }"#,
    r#"{ plugin = "stall", with = { after = 1000000 } }"#,
    r#"{ plugin = "duplicate", with = { after = 1000000 } }"#,
    r#"{ plugin = "in-band-error", with = { after = 1000000 } }"#,
    r#"{ plugin = "latency", with = { fixed = "0s", where = "event" } }"#,
];

/// Faults that read the payload of every event, and decide to pass.
const READING: [&str; 5] = [
    r#"{ plugin = "cut", with = { after = 1000000, in_tool_call = true } }"#,
    r#"{ plugin = "duplicate", with = { which = "reorder", after = 1000000 } }"#,
    r#"{ plugin = "malformed", with = { which = "comments", after = 1000000 } }"#,
    r#"{ plugin = "malformed", with = { which = "crlf", after = 1000000 } }"#,
    r#"{ plugin = "refusal", with = { after = 1000000 } }"#,
];

/// Streams a second through one proxy: without faults, and with five plugins on every event. Once with a
/// write an event, as model servers do, and once with events as fast as the node can, which writes many at
/// a time then: there the plugins' calls are nearly all of the work. And with plugins that need payloads.
fn five_plugins(folder: &Path) -> Result<()> {
    five_plugins_at(folder, "a write an event", "1ms", 512, (&PASSING, "on every event"), ">= 80 %")?;
    five_plugins_at(folder, "as fast as can be", "1us", 64, (&PASSING, "on every event"), ">= 80 %")?;
    five_plugins_at(folder, "a write an event", "1ms", 512, (&READING, "reading every payload"), "")
}

/// Pairs of runs, in turn: what else a machine does falls on both of a pair.
const PAIRS: usize = 5;

fn five_plugins_at(
    folder: &Path,
    how: &str,
    itl: &str,
    users: u32,
    (faults, what): (&[&str], &str),
    budget: &str,
) -> Result<()> {
    let (mut without, mut with, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let none = proxied(folder, "no-plugins", itl, users, &[])?;
        let five = proxied(folder, "five-plugins", itl, users, faults)?;
        without.push(none);
        with.push(five);
        kept.push(five / none * 100.0);
    }
    let [without, with, share] = [without, with, kept.clone()].map(median);
    row(&format!("streams through a proxy, no plugins, {how}"), &format!("{without:.0}/s"), "");
    row(&format!("  with five plugins {what}"), &format!("{with:.0}/s"), "");
    row("  of the throughput, median of five pairs", &format!("{share:.0} %"), budget);
    let spread =
        kept.iter().fold((f64::MAX, f64::MIN), |(low, high), kept| (low.min(*kept), high.max(*kept)));
    row("  from one pair to another", &format!("{:.0} to {:.0} %", spread.0, spread.1), "");
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Streams a second through one proxy while these faults are on.
fn proxied(folder: &Path, name: &str, itl: &str, users: u32, faults: &[&str]) -> Result<f64> {
    let scenario = format!(
        "schema = 1\nname = \"{name}\"\nseed = 1\n\
         [target]\napi = \"openai-chat\"\nmodel = \"sim\"\nnode = \"a\"\n\
         [[node]]\nname = \"a\"\n\
         sim = {{ ttft = \"1us\", itl = \"{itl}\", slots = {users}, slowdown = 0 }}\n\
         [traffic]\nusers = {{ count = {users}, think = \"0s\" }}\n\
         prompts = {{ input = 64, output = 32 }}\n\
         [[phase]]\nname = \"steady\"\nduration = \"6s\"\nfault = [{}]\n",
        faults.join(", ")
    );
    let run = Run::of(folder, &format!("{name}-{itl}"), &scenario, None)?;
    Ok(run.count("ok")? as f64 / number(&run.report["duration_s"])?)
}

/// 10,000 open streams at once: memory, and none lost.
fn open_streams(folder: &Path) -> Result<()> {
    let node = Sim::start(
        &["--ttft=1ms", "--itl=1s", "--prefill=100000000", "--slots=12000", "--slowdown=0"],
        None,
    )?;
    // 1,000 a second for 15 s, each 14 s long: 10,000 and more are open from the tenth second on.
    let run = Run::new(folder, "open", &node, r#"arrivals = { constant = "1000/s" }"#, 15, "15s", None)?;
    let mib = number(&run.report["client"]["peak_rss_bytes"])? / f64::from(1 << 20);
    let open = most_open(&run.folder)?;
    row("streams open at once", &open.to_string(), ">= 10,000");
    row("  resident in the harness at its peak", &format!("{mib:.0} MiB"), "< 600 MB");
    row("  requests, of these ok", &format!("{} / {}", run.count("scheduled")?, run.count("ok")?), "all");
    Ok(())
}

/// The most requests that were open at once, from the ledger.
fn most_open(folder: &Path) -> Result<i64> {
    let mut changes = Vec::new();
    for line in BufReader::new(File::open(folder.join("requests.jsonl"))?).lines() {
        let request: Value = serde_json::from_str(&line?)?;
        changes.push((request["sent_ns"].as_u64().ok_or("sent_ns")?, 1_i64));
        changes.push((request["end_ns"].as_u64().ok_or("end_ns")?, -1));
    }
    changes.sort_unstable();
    let mut open = 0;
    Ok(changes
        .iter()
        .map(|(_, change)| {
            open += change;
            open
        })
        .max()
        .unwrap_or(0))
}

/// A simulated node in a process of its own; killed when dropped.
struct Sim {
    child: Child,
    origin: String,
}

impl Sim {
    fn start(flags: &[&str], log: Option<&Path>) -> Result<Self> {
        let mut command = Command::new(SQUALL);
        command.arg("sim").args(flags);
        if let Some(log) = log {
            command.arg("--log").arg(log);
        }
        Self::spawn(command)
    }

    fn start_pinned(flags: &[&str], core: &str) -> Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", core, SQUALL, "sim"]).args(flags);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Self> {
        command.args(["--queue=20000", "--listen=127.0.0.1:0"]).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no stdout")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let origin =
            line.trim().strip_prefix("listening on ").ok_or(format!("the node said `{line}`"))?.to_owned();
        Ok(Self { child, origin })
    }

    /// Ends it by SIGTERM, so that its log is whole.
    fn end(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One finished run of a scenario against a node.
struct Run {
    folder: PathBuf,
    report: Value,
}

impl Run {
    fn new(
        folder: &Path,
        name: &str,
        node: &Sim,
        traffic: &str,
        output: u32,
        duration: &str,
        core: Option<&str>,
    ) -> Result<Self> {
        let origin = &node.origin;
        let scenario = format!(
            "schema = 1\nname = \"{name}\"\nseed = 1\n\
             [target]\napi = \"openai-chat\"\nmodel = \"sim\"\nurl = \"{origin}/v1\"\n\
             [traffic]\n{traffic}\nprompts = {{ input = 64, output = {output} }}\n\
             limits = {{ in_flight = 20000, first_token = \"30s\", idle = \"30s\", total = \"60s\" }}\n\
             [[phase]]\nname = \"steady\"\nduration = \"{duration}\"\n\
             [[slo]]\nname = \"success\"\nobjective = \"success >= 99%\"\n"
        );
        Self::of(folder, name, &scenario, core)
    }

    /// Of a scenario, on a core where one is named.
    fn of(folder: &Path, name: &str, scenario: &str, core: Option<&str>) -> Result<Self> {
        let file = folder.join(format!("{name}.toml"));
        std::fs::write(&file, scenario)?;
        let out = folder.join(name);
        // A run leaves a folder alone that is there; its report would be read for this one's.
        if out.exists() {
            std::fs::remove_dir_all(&out)?;
        }
        let mut command = match core {
            Some(core) => {
                let mut taskset = Command::new("taskset");
                taskset.args(["-c", core, SQUALL]);
                taskset
            }
            None => Command::new(SQUALL),
        };
        let output = command.arg("run").arg(&file).arg("--quiet").arg("--out").arg(&out).output()?;
        let report = File::open(out.join("report.json")).map_err(|error| {
            format!("{name}: {error}; squall said: {}", String::from_utf8_lossy(&output.stderr))
        })?;
        Ok(Self { folder: out, report: serde_json::from_reader(report)? })
    }

    fn count(&self, name: &str) -> Result<u64> {
        Ok(self.report["counts"][name].as_u64().ok_or(name.to_owned())?)
    }
}

/// CPU time of the children that have been waited for.
fn children_cpu_s() -> Result<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

fn number(value: &Value) -> Result<f64> {
    value.as_f64().ok_or_else(|| format!("expected a number, found {value}").into())
}
