//! `squall load`: a load on a URL, without a scenario's file.
//!
//! The flags become a scenario's text, so that there is one place that validates, one engine, one report;
//! and whoever outgrows the flags takes the text along (`--write-scenario`).

mod address;
mod client;
mod headers;
mod sessions;
mod stages;
mod text;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use squall::scenario::{self, plan::Plan};
use squall::traffic::{self, TrafficError};

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::progress::How;
use super::run::{self, Carry};
use headers::{Typed, Values};

/// Stands for the scenario's file in messages and in the report.
const NO_FILE: &str = "squall-load";
/// The length of a phase that something else ends: the number of requests, or the trace.
const OPEN_END: &str = "24h";

/// Load a URL: the engine, the report and the exit codes of `squall run`, without a scenario's file
///
/// Say how much: `--rate` sends requests at a rate whatever becomes of those before (open loop),
/// `--users` has users who each wait for their answer (closed loop), `--trace` replays a recorded trace.
/// `--turns` makes conversations of it: what arrives begins one, a user has one after the other.
/// Flags of oha, k6 and vLLM's bench are understood where they mean the same.
///
/// There is no proxy on the way, so what only a proxy can tell (attempts, retries, genuine final
/// markers) is listed as not checked. Without `--slo` nothing is claimed of the service.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall load http://127.0.0.1:8000 --rate 20/s --for 60s --model M
  squall load http://127.0.0.1:8000 --rate 20/s --model M --slo 'p95(ttft) <= 800ms' --slo 'success >= 99%'
  squall load http://127.0.0.1:8000/v1 --users 10 --requests 200 --model M --output-tokens 'lognormal(200, 80)'
  squall load http://127.0.0.1:8000 --stage 30s:20/s --stage 2m:20/s --stage 30s:0/s --cv 3 --model M
  squall load http://127.0.0.1:8000 --rate 2/s --turns 'geometric(5)' --think 'exponential(2s)' --model M
  squall load http://127.0.0.1:8000 --rate 20/s --model M --retries 2 --hedge-after 400ms --also http://127.0.0.1:8001
  squall load http://127.0.0.1:8000 --trace azure.csv --speed 4 --for 5m --model M --json | jq .latency
  squall load https://api.example.com/v1 --key-env API_KEY --rate 1/s --model M --write-scenario load.toml
  squall load https://api.example.com/v1 -H 'authorization: Bearer $API_KEY' -H 'x-team: sre' --rate 1/s --model M")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is there or not")]
pub(crate) struct Args {
    /// The endpoint: its origin, its base URL (…/v1) or a full path (…/v1/chat/completions)
    #[arg(value_name = "URL", required_unless_present = "base_url")]
    url: Option<String>,
    /// The same, as an option
    #[arg(long, value_name = "URL", conflicts_with = "url", hide = true)]
    base_url: Option<String>,
    /// The model to ask for
    #[arg(long, short)]
    model: String,

    /// Requests a second, open loop: `20/s`, `90/m`, or `20`
    #[arg(long, short = 'q', help_heading = "Load", visible_aliases = ["qps", "request-rate"])]
    rate: Option<String>,
    /// How requests arrive at that rate: `poisson`, `constant` or `gamma` [default: poisson; gamma with --cv]
    #[arg(long, value_name = "KIND", help_heading = "Load")]
    arrivals: Option<String>,
    /// Of gamma arrivals: how much the gaps between them vary; 1 is Poisson, 3 comes in clusters
    #[arg(long, value_name = "CV", help_heading = "Load", allow_negative_numbers = true)]
    cv: Option<f64>,
    /// vLLM's way to say it: 1/CV²
    #[arg(long, value_name = "B", help_heading = "Load", conflicts_with = "cv", hide = true)]
    burstiness: Option<f64>,
    /// With --rate: rise to it from nothing in this time; with --users: let them come one by one
    #[arg(long, value_name = "DURATION", help_heading = "Load", visible_alias = "ramp-up")]
    ramp: Option<String>,
    /// As k6's: go evenly to this rate (`30s:20/s`) or number of users (`30s:20`); may be given more than once
    #[arg(long = "stage", value_name = "DURATION:TARGET", help_heading = "Load")]
    stages: Vec<String>,
    /// Users who each wait for their answer, closed loop
    #[arg(long, short = 'c', value_name = "N", help_heading = "Load", visible_aliases = ["vus", "concurrency"], alias = "connections", short_alias = 'u')]
    users: Option<u32>,
    /// Replay a recorded trace: its arrivals and lengths; with --turns, of first turns
    #[arg(long, value_name = "FILE", help_heading = "Load")]
    trace: Option<PathBuf>,
    /// How many times as fast as it was recorded [default: 1]
    #[arg(long, value_name = "FACTOR", help_heading = "Load", allow_negative_numbers = true)]
    speed: Option<f64>,
    /// How long [default: 30s; until the end with --requests, or the trace's with --trace]
    #[arg(
        long = "for",
        short = 'z',
        value_name = "DURATION",
        help_heading = "Load",
        visible_alias = "duration",
        short_alias = 'd'
    )]
    lasts: Option<String>,
    /// End after so many requests; each turn of a conversation is one
    #[arg(long, short = 'n', value_name = "N", help_heading = "Load", visible_aliases = ["num-prompts", "iterations"])]
    requests: Option<u32>,
    /// Before that, a warm-up which no objective counts
    #[arg(long, value_name = "DURATION", help_heading = "Load")]
    warmup: Option<String>,
    /// Requests in flight at once, at most; an arrival beyond is not sent, and counted as shed
    #[arg(long, value_name = "N", help_heading = "Load")]
    in_flight: Option<u32>,
    /// vLLM's: with --rate the same as --in-flight, without it as --users
    #[arg(long, value_name = "N", help_heading = "Load", hide = true)]
    max_concurrency: Option<u32>,

    /// Tokens of a prompt: a number, or `lognormal(MEAN, SD)` [default: lognormal(600, 400)]
    #[arg(
        long,
        value_name = "LENGTH",
        help_heading = "Prompts",
        visible_alias = "input-len",
        alias = "random-input-len"
    )]
    input_tokens: Option<String>,
    /// Tokens of an answer, the same way [default: 200]
    #[arg(long, value_name = "LENGTH", help_heading = "Prompts", visible_aliases = ["output-len", "max-tokens"], alias = "random-output-len")]
    output_tokens: Option<String>,

    /// The API that the endpoint speaks [default: by the URL's path, else openai-chat]
    #[arg(long, help_heading = "Endpoint", alias = "backend")]
    api: Option<String>,
    /// Ask for streams, the default where the API has them
    #[arg(long, help_heading = "Endpoint")]
    stream: bool,
    /// Ask for answers that come as a whole
    #[arg(long, help_heading = "Endpoint", conflicts_with = "stream")]
    no_stream: bool,
    /// The environment variable that holds the API key; its value is written nowhere
    #[arg(long, value_name = "NAME", help_heading = "Endpoint")]
    key_env: Option<String>,
    /// The file that holds the API key, and nothing else
    #[arg(long, value_name = "FILE", help_heading = "Endpoint", conflicts_with = "key_env")]
    key_file: Option<PathBuf>,
    /// Speak HTTP/2, without TLS by prior knowledge (h2c) [default: 1.1, or what the server prefers over TLS]
    #[arg(long, help_heading = "Endpoint")]
    http2: bool,
    /// The certificates of a private authority, in place of the system's: a PEM file
    #[arg(long, value_name = "FILE", help_heading = "Endpoint")]
    cacert: Option<PathBuf>,
    /// A header of every request; may be given more than once. `$NAME` in single quotes, alone or after a
    /// word (`'authorization: Bearer $API_KEY'`), is the value of that environment variable. Values are
    /// written nowhere: `***` stands for what is typed here in the command that the report shows
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", help_heading = "Endpoint")]
    headers: Vec<String>,
    /// To the end of an answer; beyond it a request counts as timed out
    #[arg(long, short, value_name = "DURATION", help_heading = "Limits", default_value = "2m")]
    timeout: String,
    /// To the first content [default: --timeout]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    first_token_timeout: Option<String>,
    /// Between two events of a stream [default: --timeout]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    idle_timeout: Option<String>,
    /// To connect [default: 2s]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    connect_timeout: Option<String>,

    #[command(flatten)]
    sessions: sessions::SessionArgs,
    #[command(flatten)]
    clients: client::ClientArgs,

    /// What must hold, as in a scenario; may be given more than once
    #[arg(long, value_name = "OBJECTIVE", help_heading = "Verdict", visible_alias = "threshold")]
    slo: Vec<String>,

    /// Fixes arrivals and prompts
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// What the report calls it [default: the URL]
    #[arg(long)]
    name: Option<String>,
    /// The run's folder [default: runs/TIME-load]
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the same as a scenario's file (`-`: to stdout), and run nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "json"])]
    write_scenario: Option<PathBuf>,
    /// Print report.json to stdout instead of tables
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
    /// How progress is shown; on a terminal it is a dashboard, whose keys are on its last line
    #[arg(long, value_name = "HOW", default_value = "auto", conflicts_with = "quiet")]
    progress: How,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let load = text::Load::of(args)?;
    let headers = Typed::all(&args.headers)?;
    let (length, plan) = understood(args, &load, &headers)?;
    if let Some(file) = &args.write_scenario {
        write(&text::scenario(args, &load, &headers, Values::ByVariable, &length)?, file)?;
        return hint(&headers);
    }
    let dir = args.out.clone().unwrap_or_else(|| run::default_folder("load"));
    let command = command_line(std::env::args());
    let progress = if args.quiet { How::None } else { args.progress };
    let carry = Carry { dir, command, json: args.json, progress, control: None, ci: None };
    run::carry_out(plan, carry, &Interrupt::listen()?)
}

/// The file that the scenario is written to, if it is one.
fn written(args: &Args) -> Option<&Path> {
    args.write_scenario.as_deref().filter(|file| *file != Path::new("-"))
}

/// The length of the load's phase, and the plan. A trace that is to be replayed whole is measured first.
fn understood(args: &Args, load: &text::Load, headers: &[Typed]) -> anyhow::Result<(String, Plan)> {
    let length = load.length(OPEN_END).to_owned();
    let plan = plan(args, load, headers, &length)?;
    if !load.lasts_as_its_trace() {
        return Ok((length, plan));
    }
    let covers = match traffic::survey(&plan) {
        Err(TrafficError::Short { covers, .. }) => covers,
        Err(error) => return Err(error.into()),
        // It has more than a day: the first of it is enough for a quick load.
        Ok(_) => return Ok((length, plan)),
    };
    if covers < Duration::from_millis(1) {
        bail!("the trace holds one moment only, so that it has no length; say how long: --for 30s");
    }
    let length = format!("{}ms", covers.as_millis());
    let plan = self::plan(args, load, headers, &length)?;
    Ok((length, plan))
}

/// What the flags mean.
fn plan(args: &Args, load: &text::Load, headers: &[Typed], length: &str) -> anyhow::Result<Plan> {
    let text = text::scenario(args, load, headers, Values::LeftOut, length)?;
    let mut plan = scenario::parse(&text, written(args).unwrap_or(Path::new(NO_FILE)), None)?;
    plan.target.access.headers.extend(headers.iter().filter_map(Typed::header));
    Ok(plan)
}

/// Says by which variables a written scenario takes the values that were typed.
fn hint(headers: &[Typed]) -> anyhow::Result<Exit> {
    for header in headers.iter().filter(|header| header.is_text()) {
        writeln!(
            anstream::stderr(),
            "hint: the value of `{}` is not written, since it may be a key; give it by the environment: \
             export {}=…",
            header.name(),
            header.variable()
        )?;
    }
    Ok(Exit::Pass)
}

fn write(text: &str, file: &Path) -> anyhow::Result<()> {
    if file == Path::new("-") {
        return std::io::stdout().lock().write_all(text.as_bytes()).context("could not write to stdout");
    }
    let mut made = std::fs::File::create_new(file).with_context(|| {
        format!("could not make {}; it may be there already: name a new file", file.display())
    })?;
    made.write_all(text.as_bytes()).with_context(|| format!("could not write {}", file.display()))?;
    writeln!(anstream::stderr(), "wrote {0}; run it with: squall run {0}", file.display())?;
    Ok(())
}

/// The command line that repeats the run, as a shell takes it. Headers are in it as they may be seen, and the
/// run's folder is left out: it holds this run.
fn command_line(words: impl Iterator<Item = String>) -> String {
    let mut command = "squall".to_owned();
    let mut add = |word: &str| {
        command.push(' ');
        command.push_str(&run::shell_word(word));
    };
    let mut words = words.skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--out" | "-o" => drop(words.next()),
            "--header" | "-H" => {
                add(&word);
                add(&headers::shown(&words.next().unwrap_or_default()));
            }
            _ if word.starts_with("--out=") || is_short(&word, 'o') => {}
            _ => match word.strip_prefix("--header=").or_else(|| word.strip_prefix("-H")) {
                Some(typed) => {
                    add("-H");
                    add(&headers::shown(typed.strip_prefix('=').unwrap_or(typed)));
                }
                None => add(&word),
            },
        }
    }
    command
}

/// A short flag with its value in one word.
fn is_short(word: &str, flag: char) -> bool {
    word.strip_prefix('-').is_some_and(|rest| rest.starts_with(flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_repeats_a_run_is_quoted_and_goes_to_a_new_folder() {
        for out in [&["--out", "runs/a"][..], &["-o", "runs/a"], &["--out=runs/a"]] {
            let typed = [&["/bin/squall", "load", "http://h:1"], out, &["--slo", "p95(ttft) <= 1s"]].concat();
            let command = command_line(typed.iter().map(ToString::to_string));
            assert_eq!(command, "squall load http://h:1 --slo 'p95(ttft) <= 1s'");
        }
    }

    #[test]
    fn the_command_that_repeats_a_run_holds_no_secret() {
        for (typed, shown) in [
            (&["-H", "x-api-key: sk-1"][..], "-H 'x-api-key: ***'"),
            (&["-Hx-api-key: sk-1"], "-H 'x-api-key: ***'"),
            (&["-H=x-api-key: sk-1"], "-H 'x-api-key: ***'"),
            (&["--header", "x-api-key: sk-1"], "--header 'x-api-key: ***'"),
            (&["--header=x-api-key: sk-1"], "-H 'x-api-key: ***'"),
            (&["-H", "authorization: Bearer $KEY"], "-H 'authorization: Bearer $KEY'"),
        ] {
            let typed = [&["/bin/squall", "load", "http://h:1"], typed].concat();
            let command = command_line(typed.iter().map(ToString::to_string));
            assert_eq!(command, format!("squall load http://h:1 {shown}"));
        }
    }
}
