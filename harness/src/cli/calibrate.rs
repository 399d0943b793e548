//! `squall calibrate`: what this machine's client can carry.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use squall::calibration::{self, Bounds, Calibration, Effort, Step};

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::limits;

/// Descriptors that are no streams.
const RESERVE: u64 = 200;

/// Measure what this machine's load generator can carry, and keep it for later runs
///
/// Drives a simulated node on this machine, alone, with more and more requests a second, events a second
/// and open streams, until requests are sent late, the runtime stands still or times to first token differ
/// from the node's own log by more than --within at the 99th percentile. A later run that goes beyond is
/// inconclusive, with the figures. Takes some minutes; leave the machine alone meanwhile.
///
/// Kept under `$XDG_DATA_HOME` (`~/.local/share`), in `squall/calibration.json`. It holds for this machine and this
/// version of squall; after a change of either it is not used.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall calibrate
  squall calibrate --quick
  squall calibrate --show --json | jq .requests_per_s")]
pub(crate) struct Args {
    /// Fewer and shorter steps: about a minute, and rougher figures
    #[arg(long)]
    quick: bool,
    /// Show what is kept, and measure nothing
    #[arg(long, conflicts_with_all = ["quick", "within"])]
    show: bool,
    /// How late a client may be that is to be trusted
    #[arg(long, value_name = "DURATION", default_value = "5ms", value_parser = within)]
    within: Duration,
    /// Keep it in this file instead; `squall run` does not look there
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print the calibration as JSON
    #[arg(long)]
    json: bool,
}

fn within(text: &str) -> Result<Duration, String> {
    let bound = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, as in `5ms`"))?;
    // The runtime's timer ticks in milliseconds.
    if bound < Duration::from_millis(2) {
        return Err("less than 2ms can't be kept: the runtime's timer ticks in milliseconds".into());
    }
    Ok(bound)
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let path = args.file.clone().map_or_else(calibration::default_path, Ok)?;
    let known = if args.show {
        calibration::read(&path)?
    } else {
        let known = measure(args)?;
        calibration::write(&known, &path)?;
        writeln!(anstream::stderr(), "kept in {}", path.display())?;
        known
    };
    let text = if args.json { serde_json::to_string_pretty(&known)? + "\n" } else { told(&known) };
    anstream::stdout().lock().write_all(text.as_bytes()).context("could not write to stdout")?;
    Ok(Exit::Pass)
}

fn measure(args: &Args) -> anyhow::Result<Calibration> {
    // Without permission the limit stays, and the streams are fewer.
    let _ = limits::raise_open_files();
    let most_streams = limits::open_files().map_or(u64::MAX, |files| files.saturating_sub(RESERVE));
    let effort = Effort { quick: args.quick, bounds: Bounds::all(args.within), most_streams };
    let program = std::env::current_exe().context("finding squall's own program, to start nodes with")?;
    let interrupt = Interrupt::listen()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let now = Timestamp::now().to_string();
    let measured =
        runtime.block_on(calibration::measure(&program, &now, effort, interrupt.abort(), |step| {
            // Nothing is left to tell when stderr is closed.
            let _ = writeln!(anstream::stderr(), "{}", step_line(step));
        }));
    runtime.shutdown_background();
    Ok(measured?)
}

/// `  400 requests/s  lag 0.2 ms  stall 1.1 ms  ttft error 0.3 ms  held`.
fn step_line(step: &Step) -> String {
    let ms = |us: f64| us / 1e3;
    let end = if step.held() { "held".to_owned() } else { format!("broken: {}", step.broken.join("; ")) };
    format!(
        "{:>8} {:<12}  p99: lag {:.1} ms, stall {:.1} ms, ttft error {:.1} ms  {end}",
        step.asked,
        step.ladder.unit(),
        ms(step.dispatch_lag_us.p99),
        ms(step.runtime_stall_us.p99),
        ms(step.ttft_error_us.p99)
    )
}

fn told(known: &Calibration) -> String {
    let Calibration { requests_per_s, events_per_s, open_streams, host, measured_at, squall, bounds, .. } =
        known;
    format!(
        "This machine's client carries\n  {requests_per_s:.0} requests a second\n  {events_per_s:.0} events a \
         second\n  {open_streams} open streams\nwithin {:.0} ms at p99, measured {measured_at} by squall {squall} on \
         {} processors ({}), {}\n",
        bounds.dispatch_lag_us / 1e3,
        host.cpus,
        host.cpu,
        host.kernel
    )
}
