//! `squall plugin bench`: what a plugin's calls cost.

use std::path::PathBuf;

use squall::author::{bench, parameters};

use super::{configured, grouped, lines, print, right, table, test};
use crate::cli::exit::Exit;

/// Measure a plugin: nanoseconds a call of each hook that it asks for
///
/// Batches of 100 attempts of an exchange; the figure is the median batch's. Where the plugin asks for no
/// ticks, an empty call stands beside: what entering and leaving it costs without doing anything.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall plugin bench late/late.wasm
  squall plugin bench latency --with 'p50 = \"20ms\", p99 = \"200ms\", where = \"event\"'")]
pub(crate) struct Args {
    /// A .wasm file, or a built-in's name
    #[arg(value_name = "FILE")]
    plugin: String,
    /// Parameters, as in a scenario's `with` [default: the exchange's, or the plugin's own examples]
    #[arg(long, value_name = "NAME = VALUE")]
    with: Vec<String>,
    /// The exchange [default: exchange.toml beside FILE, or else one of our own]
    #[arg(long, value_name = "FILE")]
    exchange: Option<PathBuf>,
    /// Batches a hook
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    batches: u32,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let typed = parameters::read(&args.with)?;
    let exchange = test::exchange(&args.plugin, args.exchange.as_deref())?;
    let configured = configured(&args.plugin, typed, &exchange)?;
    let costs = bench::run(configured, &exchange, args.batches)?;
    if args.json {
        print(&(serde_json::to_string_pretty(&costs)? + "\n"))?;
        return Ok(Exit::Pass);
    }
    let mut table = table();
    table.set_header(["call", "median", "p99 of batches", "fuel"]);
    for cost in costs {
        let name = if cost.is_baseline { "(an empty call)" } else { cost.hook };
        let nanos = |ns: f64| format!("{} ns", grouped(ns.round() as u64));
        table.add_row([name, &nanos(cost.median_ns), &nanos(cost.p99_ns), &grouped(cost.fuel)]);
    }
    right(&mut table, &[1, 2, 3]);
    print(&lines(&table))?;
    Ok(Exit::Pass)
}
