//! `squall router`.

use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;
use super::limits::raise_open_files;
use squall::clock::Clock;
use squall::fleet::router::{Config, Upstream, serve};
use squall::scenario::plan::RouterPolicy;

/// Run the built-in failover router.
///
/// Its first line on stdout says where it listens. It ends on SIGTERM and on Ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A node to route to; give it once for each.
    #[arg(long = "node", value_name = "NAME=http://HOST:PORT", required = true, value_parser = upstream)]
    nodes: Vec<Upstream>,
    /// Be the bad example: round robin without health checks or retries, silent about broken streams.
    #[arg(long)]
    no_failover: bool,
}

fn upstream(text: &str) -> Result<Upstream, String> {
    let (name, origin) = text.split_once('=').ok_or("expected NAME=http://HOST:PORT")?;
    if name.is_empty() {
        return Err("the name before `=` is missing; expected NAME=http://HOST:PORT".into());
    }
    Upstream::new(name.into(), origin).map_err(|error| error.to_string())
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let policy = RouterPolicy { failover: !args.no_failover };
    let config = Config::new(args.nodes.clone(), policy)?;
    log_to_stderr();
    if let Err(error) = raise_open_files() {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = TcpListener::bind(args.listen).await;
        let listener = listener.with_context(|| format!("could not listen on {}", args.listen))?;
        let address = listener.local_addr()?;
        let mut stdout = anstream::stdout();
        writeln!(stdout, "listening on http://{address}")
            .and_then(|()| stdout.flush())
            .context("could not say on stdout where the router listens")?;
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        serve(listener, config, Clock::start(), stop).await;
        Ok(Exit::Pass)
    })
}

/// Ejections and returns, for the log of a run.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let started =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr);
    // It fails only where the program has a subscriber already, which serves as well.
    let _ = started.try_init();
}
