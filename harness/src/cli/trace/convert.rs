//! `squall trace convert`: the same rows in another format.

use std::path::PathBuf;

use squall::traffic::trace::{self, Format, Writer};

use super::{FormatArg, Reading, say};
use crate::cli::exit::Exit;

/// Write a trace in another format, compressed as the new file's name says
///
/// Into our own format every trace fits. Into azure and mooncake only one that says nothing for which
/// they have no place; a row that does not fit is named, and nothing is written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall trace convert BurstGPT_1.csv burst.jsonl.zst
  squall trace convert conversation.jsonl spread.jsonl --spread --seed 7
  squall trace convert big.csv.gz plain.csv --to azure --skip-bad-rows")]
pub(crate) struct Args {
    /// The trace
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// The file to write
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// The new file's format: squall, azure or mooncake
    #[arg(long = "to", value_name = "FORMAT", value_enum, default_value = "squall")]
    written_as: FormatArg,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let source = args.reading.source(args.from.clone());
    let mut rows = trace::open(&source, args.reading.seed)?;
    let mut writer = Writer::create(&args.to, Format::from(args.written_as))?;
    let mut written = 0_u64;
    for row in rows.by_ref() {
        writer.write(&row?)?;
        written += 1;
    }
    writer.finish()?;
    let skipped = rows.skipped();
    let skipped = skipped.first.as_ref().map_or_else(String::new, |first| {
        format!("; {} bad rows left out, the first of them {first}", skipped.rows)
    });
    say(&format!("{written} rows written to {}{skipped}", args.to.display()));
    Ok(Exit::Pass)
}
