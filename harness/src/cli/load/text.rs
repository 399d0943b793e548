//! From flags to a scenario's text.
//!
//! What a flag's value means is for the scenario to say; here it is only put in its place. Each line
//! names the flag that it comes from, so that the scenario's messages point at the flag.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use squall::scenario::plan::Api;

use super::address::Address;
use super::headers::{self, Typed, Values};
use super::stages::Stages;
use super::{Args, written};

/// How long a load lasts when nothing says so.
const LENGTH: &str = "30s";

/// What kind of load the flags ask for, and how it ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Load {
    kind: Kind,
    in_flight: Option<u32>,
    end: End,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// Open loop, this rate as typed.
    Rate(String),
    /// Closed loop.
    Users(u32),
    /// Open loop or closed, from one target to the next.
    Stages(Stages),
    /// A trace.
    Trace,
}

#[derive(Clone, Debug, PartialEq)]
enum End {
    /// After a time, as typed.
    After(String),
    /// After so many requests.
    Requests,
    /// With the trace.
    Trace,
}

impl Load {
    /// Refuses flags that contradict each other, with what to do.
    pub(super) fn of(args: &Args) -> anyhow::Result<Self> {
        // vLLM's way to say that nothing paces the requests.
        let rate = args.rate.as_deref().filter(|rate| !rate.eq_ignore_ascii_case("inf"));
        let (mut users, mut in_flight) = (args.users, args.in_flight);
        if let Some(most) = args.max_concurrency {
            let same = if rate.is_some() || args.trace.is_some() { &mut in_flight } else { &mut users };
            if same.replace(most).is_some() {
                bail!("--max-concurrency says again what --users or --in-flight says; give one of them");
            }
        }
        if args.burstiness.is_some_and(|burstiness| burstiness.is_nan() || burstiness <= 0.0) {
            bail!("--burstiness must be more than 0; 1 is Poisson, less comes in clusters");
        }
        if let Some(stages) = Stages::of(&args.stages)? {
            return Self::in_stages(args, stages, rate.is_some() || users.is_some(), in_flight);
        }
        let kind = match (rate, users, &args.trace) {
            (Some(rate), None, None) => Kind::Rate(rate.to_owned()),
            (None, Some(users), None) => Kind::Users(users),
            (None, None, Some(_)) => Kind::Trace,
            (None, None, None) if args.rate.is_some() => bail!(
                "--rate inf sends without a pace, so it needs --users (or --max-concurrency): how many \
                 requests are open at once"
            ),
            (None, None, None) => bail!(
                "how much load? Give one of --rate 20/s (open loop), --users 10 (closed loop) and --trace FILE"
            ),
            (Some(_), Some(_), _) => bail!(
                "--rate and --users are two kinds of load: at a rate nobody waits, users wait for their \
                 answers. Give one; to bound what is open at a rate, give --in-flight N beside --rate"
            ),
            _ => bail!(
                "a trace has arrivals of its own: take --rate or --users away (--speed 2 replays it twice as fast)"
            ),
        };
        kind.fits(args, in_flight)?;
        let end = match (&args.lasts, args.requests, &kind) {
            (Some(lasts), _, _) => End::After(seconds(lasts)),
            (None, Some(_), _) => End::Requests,
            (None, None, Kind::Trace) => End::Trace,
            (None, None, _) => End::After(LENGTH.into()),
        };
        Ok(Self { kind, in_flight, end })
    }

    /// `more` than stages says how much load.
    fn in_stages(args: &Args, stages: Stages, more: bool, in_flight: Option<u32>) -> anyhow::Result<Self> {
        if more || args.trace.is_some() {
            bail!("--stage says how much load; take --rate, --users or --trace away");
        }
        let lasts = args.lasts.as_deref().map_or_else(|| format!("{}ms", stages.last().as_millis()), seconds);
        let kind = Kind::Stages(stages);
        kind.fits(args, in_flight)?;
        Ok(Self { kind, in_flight, end: End::After(lasts) })
    }

    /// The length of the load's phase; `open` where something else than time ends it.
    pub(super) fn length<'a>(&'a self, open: &'a str) -> &'a str {
        match &self.end {
            End::After(lasts) => lasts,
            End::Requests | End::Trace => open,
        }
    }

    /// It ends with its trace, whose length is not known yet.
    pub(super) fn lasts_as_its_trace(&self) -> bool {
        self.end == End::Trace
    }
}

impl Kind {
    /// It is users who wait for their answers.
    fn waits(&self) -> bool {
        match self {
            Self::Users(_) => true,
            Self::Stages(stages) => !stages.are_rates(),
            Self::Rate(_) | Self::Trace => false,
        }
    }

    /// Refuses flags that count for nothing with this kind of load.
    fn fits(&self, args: &Args, in_flight: Option<u32>) -> anyhow::Result<()> {
        let (waits, replays) = (self.waits(), matches!(self, Self::Trace));
        let arrives = !waits && !replays;
        args.sessions.fit(waits)?;
        // What follows the first turn is in no row of a trace.
        let has_lengths = !replays || args.sessions.have_turns();
        let idle = [
            ("--arrivals", args.arrivals.is_some(), arrives, "--rate"),
            ("--cv", args.cv.is_some(), arrives, "--rate"),
            ("--burstiness", args.burstiness.is_some(), arrives, "--rate"),
            (
                "--ramp",
                args.ramp.is_some(),
                matches!(self, Self::Rate(_) | Self::Users(_)),
                "--rate or --users",
            ),
            ("--speed", args.speed.is_some(), replays, "--trace"),
            ("--in-flight", in_flight.is_some(), !waits, "--rate or --trace"),
            ("--input-tokens", args.input_tokens.is_some(), has_lengths, "--rate, --users or --turns"),
            ("--output-tokens", args.output_tokens.is_some(), has_lengths, "--rate, --users or --turns"),
        ];
        for (flag, given, counts, belongs) in idle {
            if given && !counts {
                bail!("{flag} belongs to {belongs}, and counts for nothing here; take it away");
            }
        }
        Ok(())
    }
}

/// The scenario's text. Paths in it are relative to the file that it is written to, or to the working
/// directory without one.
pub(super) fn scenario(
    args: &Args,
    load: &Load,
    headers: &[Typed],
    values: Values,
    length: &str,
) -> anyhow::Result<String> {
    let typed = args.url.as_deref().or(args.base_url.as_deref()).unwrap_or_default();
    let address = Address::of(typed);
    let mut text = Text::default();
    text.line("schema = 1", "");
    text.line(&format!("name = {}", quoted(args.name.as_deref().unwrap_or(typed))), "--name");
    text.line(&format!("seed = {}", args.seed), "--seed");
    text.head("[target]");
    text.line(&format!("api = {}", quoted(api(args, &address))), "--api");
    text.line(&format!("model = {}", quoted(&args.model)), "--model");
    text.line(&format!("url = {}", quoted(&address.base)), "URL");
    args.clients.target(&mut text);
    access(args, &address, headers, values, &mut text)?;
    text.head("[traffic]");
    schedule(args, load, &mut text)?;
    lengths(args, &mut text);
    // Without either the API decides: not each of them streams.
    if args.stream || args.no_stream {
        text.line(&format!("stream = {}", args.stream), "--stream, --no-stream");
    }
    limits(args, load, &mut text);
    args.clients.table(&mut text);
    if let Some(warmup) = &args.warmup {
        text.head("[[phase]]");
        text.line("name = \"warm-up\"", "");
        text.line(&format!("duration = {}", quoted(&seconds(warmup))), "--warmup");
        text.line("warmup = true", "");
    }
    text.head("[[phase]]");
    text.line("name = \"load\"", "");
    text.line(&format!("duration = {}", quoted(length)), "--for");
    for objective in &args.slo {
        text.head("[[slo]]");
        text.line(&format!("name = {}", quoted(objective)), "");
        text.line(&format!("objective = {}", quoted(objective)), "--slo");
    }
    Ok(text.0)
}

/// When requests are sent, and what they begin.
fn schedule(args: &Args, load: &Load, text: &mut Text) -> anyhow::Result<()> {
    let sessions = &args.sessions;
    match &load.kind {
        Kind::Rate(rate) => {
            let rate = quoted(&per_second(rate));
            let rate = match args.ramp.as_deref() {
                None => rate,
                Some(ramp) => format!("{{ from = \"0/s\", to = {rate}, over = {} }}", quoted(&seconds(ramp))),
            };
            text.line(&arrivals(args, &rate), "--rate, --arrivals, --cv, --ramp");
        }
        Kind::Users(users) => {
            let ramp = args.ramp.as_deref();
            let ramp = ramp.map_or_else(String::new, |ramp| format!(", ramp = {}", quoted(&seconds(ramp))));
            text.line(
                &format!("users = {{ count = {users}{ramp}{} }}", sessions.of_users()),
                "--users, --ramp, --think, --turns",
            );
        }
        Kind::Stages(stages) if stages.are_rates() => {
            text.line(&arrivals(args, &format!("{{ {} }}", stages.steps())), "--stage, --arrivals, --cv");
        }
        Kind::Stages(stages) => {
            let steps = stages.steps();
            text.line(&format!("users = {{ {steps}{} }}", sessions.of_users()), "--stage, --think, --turns");
        }
        Kind::Trace => text.line(&trace(args)?, "--trace, --speed"),
    }
    if !load.kind.waits() {
        sessions.of_arrivals(text);
    }
    Ok(())
}

/// Arrivals at this rate, which is TOML.
fn arrivals(args: &Args, rate: &str) -> String {
    let cv = args.cv.or(args.burstiness.map(|burstiness| burstiness.sqrt().recip()));
    let kind = args.arrivals.as_deref().unwrap_or(if cv.is_some() { "gamma" } else { "poisson" });
    let cv = cv.map_or_else(String::new, |cv| format!(", cv = {cv:?}"));
    format!("arrivals = {{ {kind} = {rate}{cv} }}")
}

fn api<'a>(args: &'a Args, address: &Address) -> &'a str {
    args.api.as_deref().or(address.api.map(Api::name)).unwrap_or(Api::OpenaiChat.name())
}

fn access(
    args: &Args,
    address: &Address,
    headers: &[Typed],
    values: Values,
    text: &mut Text,
) -> anyhow::Result<()> {
    if args.http2 {
        text.line("http = \"2\"", "--http2");
    }
    if let Some(ca) = &args.cacert {
        text.line(&format!("ca = {}", path(args, ca)?), "--cacert");
    }
    let mut key = false;
    if let Some(env) = &args.key_env {
        key = true;
        text.line(&format!("key = {{ env = {} }}", quoted(env)), "--key-env");
    }
    if let Some(file) = &args.key_file {
        key = true;
        text.line(&format!("key = {{ file = {} }}", path(args, file)?), "--key-file");
    }
    let own = if api(args, address) == Api::AnthropicMessages.name() { "x-api-key" } else { "authorization" };
    if key && let Some(twice) = headers.iter().find(|header| header.name() == own) {
        bail!("--key-env or --key-file and -H '{}: …' both give a key; give one of them", twice.name());
    }
    if let Some(line) = headers::line(headers, values) {
        text.line(&line, "-H");
    }
    Ok(())
}

/// A path in quotes. A scenario's file elsewhere must find it too.
fn path(args: &Args, path: &Path) -> anyhow::Result<String> {
    let path = match written(args) {
        Some(_) => std::path::absolute(path).context("finding the working directory")?,
        None => path.to_owned(),
    };
    Ok(quoted(&path.to_string_lossy()))
}

fn trace(args: &Args) -> anyhow::Result<String> {
    let path = path(args, args.trace.as_deref().unwrap_or(Path::new("")))?;
    let speed = args.speed.map_or_else(String::new, |speed| format!(", speed = {speed:?}"));
    Ok(format!("trace = {{ path = {path}{speed} }}"))
}

fn lengths(args: &Args, text: &mut Text) {
    let given = [("input", &args.input_tokens), ("output", &args.output_tokens)];
    let given: Vec<String> = given
        .iter()
        .filter_map(|(key, length)| Some(format!("{key} = {}", number_or_quoted(length.as_deref()?))))
        .collect();
    if !given.is_empty() {
        text.line(&format!("prompts = {{ {} }}", given.join(", ")), "--input-tokens, --output-tokens");
    }
}

fn limits(args: &Args, load: &Load, text: &mut Text) {
    text.head("[traffic.limits]");
    if let Some(most) = load.in_flight {
        text.line(&format!("in_flight = {most}"), "--in-flight");
    }
    if let Some(requests) = args.requests {
        text.line(&format!("requests = {requests}"), "--requests");
    }
    let timeout = args.timeout.as_str();
    let limits = [
        ("connect", args.connect_timeout.as_deref(), "--connect-timeout"),
        ("first_token", args.first_token_timeout.as_deref().or(Some(timeout)), "--first-token-timeout"),
        ("idle", args.idle_timeout.as_deref().or(Some(timeout)), "--idle-timeout"),
        ("total", Some(timeout), "--timeout"),
    ];
    for (key, limit, flag) in limits {
        if let Some(limit) = limit {
            text.line(&format!("{key} = {}", quoted(&seconds(limit))), flag);
        }
    }
}

/// A scenario's text, line by line.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn head(&mut self, head: &str) {
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "\n{head}");
    }

    pub(super) fn line(&mut self, line: &str, flag: &str) {
        let _ =
            if flag.is_empty() { writeln!(self.0, "{line}") } else { writeln!(self.0, "{line}  # {flag}") };
    }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A whole number as it is, whatever else as a string.
pub(super) fn number_or_quoted(text: &str) -> String {
    let number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if number { text.to_owned() } else { quoted(text) }
}

/// A number alone is a rate a second.
fn per_second(rate: &str) -> String {
    if rate.parse::<f64>().is_ok() { format!("{rate}/s") } else { rate.to_owned() }
}

/// A number alone is seconds.
pub(super) fn seconds(duration: &str) -> String {
    if duration.parse::<f64>().is_ok() { format!("{duration}s") } else { duration.to_owned() }
}
