//! `squall trace synth`: a trace made up.

use std::path::PathBuf;
use std::time::Duration;

use squall::scenario::{self, plan};
use squall::traffic::trace::{BLOCK_TOKENS, Format, SharedPrefixes, Synth, Writer};

use super::{FormatArg, say};
use crate::cli::exit::Exit;

/// Make up a trace: arrivals of a rate and burstiness, lengths of distributions
///
/// The same seed gives the same file. Gaps between requests are gamma distributed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall trace synth poisson.jsonl --rate 20/s --for 10m
  squall trace synth bursts.csv.gz --to azure --rate 5/s --cv 4 --rows 100000 --seed 7
  squall trace synth chat.jsonl --rate 20/s --rows 5000 --input 'lognormal(4000, 3000)' --prefixes 8 --prefix-tokens 2048")]
#[command(group = clap::ArgGroup::new("length").required(true).args(["rows", "lasts"]))]
pub(crate) struct Args {
    /// The file to write; compressed where its name ends in .gz or .zst
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// Its format: squall, azure or mooncake
    #[arg(long = "to", value_name = "FORMAT", value_enum, default_value = "squall")]
    format: FormatArg,
    /// How many rows
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
    /// How long it lasts
    #[arg(long = "for", value_name = "DURATION", value_parser = scenario::duration)]
    lasts: Option<Duration>,
    /// Requests a second
    #[arg(long, value_name = "RATE", default_value = "10/s", value_parser = scenario::rate)]
    rate: f64,
    /// Coefficient of variation of the gaps: 0 is a metronome, 1 is Poisson, more comes in bursts
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = cv)]
    cv: f64,
    /// Tokens of a prompt: a number, or lognormal(mean, standard deviation)
    #[arg(long, value_name = "LENGTH", default_value = "lognormal(600, 400)", value_parser = scenario::length)]
    input: plan::Length,
    /// Tokens of an answer
    #[arg(long, value_name = "LENGTH", default_value = "200", value_parser = scenario::length)]
    output: plan::Length,
    /// Prompts begin with one of so many shared prefixes; none when it is left out
    #[arg(long, value_name = "N", requires = "prefix_tokens", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    prefixes: Option<u64>,
    /// Tokens of a shared prefix, in whole blocks of 512
    #[arg(long, value_name = "N", requires = "prefixes", value_parser = clap::value_parser!(u64).range(512..=10_000_000))]
    prefix_tokens: Option<u64>,
    /// Fixes all of it
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let shared = args.prefixes.zip(args.prefix_tokens);
    let synth = Synth {
        rate: args.rate,
        cv: args.cv,
        lengths: plan::Lengths { input: args.input, output: args.output },
        prefixes: shared
            .map(|(count, tokens)| SharedPrefixes { count, blocks: tokens / u64::from(BLOCK_TOKENS) }),
        seed: args.seed,
    };
    let mut writer = Writer::create(&args.to, Format::from(args.format))?;
    let end = args.lasts.map(squall::clock::Nanos::from);
    let mut written = 0_u64;
    let within = |at| end.is_none_or(|end| at < end);
    let rows = synth.rows().take(args.rows.unwrap_or(usize::MAX));
    for row in rows.take_while(|row| row.at.is_none_or(within)) {
        // Mooncake knows whole milliseconds; a made-up time loses nothing by that.
        writer.write(&if let FormatArg::Mooncake = args.format { row.at_whole_ms() } else { row })?;
        written += 1;
    }
    writer.finish()?;
    say(&format!("{written} rows written to {}", args.to.display()));
    Ok(Exit::Pass)
}

fn cv(text: &str) -> Result<f64, String> {
    let cv = text.parse::<f64>().ok().filter(|cv| (0.0..=100.0).contains(cv));
    cv.ok_or_else(|| "expected a number from 0 to 100".into())
}
