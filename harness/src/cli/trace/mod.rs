//! `squall trace`: what a trace is like, and making others of it.

mod convert;
mod info;
mod synth;

use std::io::Write as _;
use std::path::PathBuf;

use squall::scenario;
use squall::traffic::trace::{BadRows, Format, Source, Spread};

use super::exit::Exit;

/// Traces of real traffic: look at them, convert them, make them up
///
/// Formats, found by a file's first line: azure (CSV of 2023, 2024, 2025), burst-gpt (CSV, both
/// versions), mooncake (JSONL), openai-batch (JSONL) and squall (JSONL, ours). Files that end in .gz or
/// .zst are read and written compressed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall trace info scenarios/traces/azure_llm_2023_conv.csv
  squall trace convert mooncake.jsonl spread.jsonl.zst --spread
  squall trace synth burst.jsonl --rate 20/s --cv 4 --for 10m

The format squall: a JSON object a line, each field optional:
  at_s                         when it is sent, in seconds; on every row, in order, or on none
  input_tokens, output_tokens  lengths; an output of 0 is a request that got no answer
  hash_ids                     a number for each block of 512 prompt tokens; equal numbers, equal blocks
  session                      the conversation it belongs to, any text
  url, body                    the request as it is to be sent; url is /v1/chat/completions by default")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Info(info::Args),
    Convert(convert::Args),
    Synth(synth::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Info(args) => info::run(args),
        Verb::Convert(args) => convert::run(args),
        Verb::Synth(args) => synth::run(args),
    }
}

/// What `--spread` without a value means.
const FOUND: &str = "true";

fn spread(text: &str) -> Result<Spread, String> {
    if text == FOUND { Ok(Spread::Found) } else { scenario::duration(text).map(Spread::By) }
}

/// Says on stderr what was done.
fn say(text: &str) {
    // Nothing is left to tell when stderr is closed.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// How a trace is read.
#[derive(Debug, clap::Args)]
struct Reading {
    /// Its format; found by its first line when it is left out
    #[arg(long = "format", value_name = "FORMAT", value_enum)]
    format: Option<FormatArg>,
    /// Spread times that were rounded, within their rounding; the rounding is found, or given
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = FOUND, value_parser = spread)]
    spread: Option<Spread>,
    /// Fixes how times are spread
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Leave out rows that are not what the format says, and count them
    #[arg(long)]
    skip_bad_rows: bool,
}

impl Reading {
    fn source(&self, path: PathBuf) -> Source {
        Source {
            path,
            format: self.format.map(Format::from),
            bad_rows: if self.skip_bad_rows { BadRows::Skip } else { BadRows::Refuse },
            spread: self.spread,
        }
    }
}

/// A trace's format, as it is typed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatArg {
    /// Azure's LLM inference traces of 2023, 2024 and 2025: CSV
    Azure,
    /// BurstGPT, with or without sessions: CSV
    BurstGpt,
    /// Mooncake: JSONL with ids of blocks
    Mooncake,
    /// OpenAI's batch API: JSONL of requests as they are
    OpenaiBatch,
    /// Squall's own: JSONL
    Squall,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Azure => Self::Azure,
            FormatArg::BurstGpt => Self::BurstGpt,
            FormatArg::Mooncake => Self::Mooncake,
            FormatArg::OpenaiBatch => Self::OpenaiBatch,
            FormatArg::Squall => Self::Squall,
        }
    }
}
