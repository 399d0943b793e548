//! `squall sim`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use squall::clock::Clock;
use squall::fleet::sim::{Config, bind, serve};
use squall::scenario::plan::SimSpec;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;
use super::limits::raise_open_files;

/// Run a simulated LLM node: a server of OpenAI's and Anthropic's APIs with slots, a queue and a fixed answer.
///
/// It prints `listening on http://ADDRESS` once it listens, and runs until SIGTERM or Ctrl-C. Answers
/// are fixed by the last user message, the same on every node; its tokenizer counts words.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  squall sim --listen 127.0.0.1:8000 --ttft 60ms --itl 8ms --slots 32
  curl -N http://127.0.0.1:8000/v1/chat/completions -d \\
    '{\"model\":\"sim\",\"stream\":true,\"max_tokens\":8,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'

It serves POST /v1/chat/completions, /v1/completions, /v1/responses, /v1/embeddings and /v1/messages, and
GET /v1/models, /health and /metrics; over HTTP/1.1 and, by prior knowledge, HTTP/2.")]
pub(crate) struct Args {
    /// Its name, which is part of the ids of its answers.
    #[arg(long, default_value = "sim")]
    name: String,
    /// The model that it serves; others are answered 404.
    #[arg(long, default_value = "sim")]
    model: String,
    /// Time to first token of an empty prompt when a slot is free.
    #[arg(long, value_name = "DURATION", default_value = "60ms", value_parser = duration)]
    ttft: Duration,
    /// Gap between tokens when it decodes one request.
    #[arg(long, value_name = "DURATION", default_value = "8ms", value_parser = duration)]
    itl: Duration,
    /// Prompt tokens prefilled a second.
    #[arg(long, value_name = "TOKENS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    prefill: u32,
    /// Requests decoded together.
    #[arg(long, value_name = "REQUESTS", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    slots: u32,
    /// Requests that may wait for a slot; more are answered 429.
    #[arg(long, value_name = "REQUESTS", default_value_t = 64)]
    queue: u32,
    /// How much slower a full batch decodes than a batch of one: 0.5 is half as slow again.
    #[arg(long, value_name = "FACTOR", default_value_t = 0.5, value_parser = slowdown)]
    slowdown: f64,
    /// How long it answers 503 before it is ready.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    cold_start: Duration,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Write a JSON line for each request that ended to this file, which is overwritten.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Threads that serve connections.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, as in `60ms` or `1s`"))
}

fn slowdown(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor >= 0.0 => Ok(factor),
        _ => Err("it must be a number that is not negative, as in `0.5`".into()),
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let clock = Clock::start();
    let Args { name, model, ttft, itl, prefill, slots, queue, slowdown, cold_start, .. } = args;
    let spec = SimSpec {
        ttft: *ttft,
        itl: *itl,
        prefill: *prefill,
        slots: *slots,
        queue: *queue,
        slowdown: *slowdown,
        cold_start: *cold_start,
    };
    let config = Config { name: name.clone(), model: model.clone(), spec, log: args.log.clone(), clock };
    // Without permission the limit stays, and connections beyond it wait.
    let _ = raise_open_files();
    let mut runtime = match args.threads {
        // One thread needs no work stealing.
        1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            runtime.worker_threads(threads.into());
            runtime
        }
    };
    let runtime = runtime.enable_all().build().context("could not start the runtime")?;
    runtime.block_on(listen_and_serve(config, args.listen))?;
    Ok(Exit::Pass)
}

async fn listen_and_serve(config: Config, address: SocketAddr) -> anyhow::Result<()> {
    // Before the first line: whoever reads it may end the node at once.
    let mut term = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not listen for SIGINT")?;
    let listener = bind(address)?;
    let address = listener.local_addr().context("could not tell where it listens")?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{address}")
        .and_then(|()| out.flush())
        .context("could not write to stdout where it listens")?;
    let shutdown = async {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(serve(config, listener, shutdown).await?)
}
