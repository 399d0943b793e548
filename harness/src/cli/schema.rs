//! `squall schema`.

use std::io::Write as _;

use anyhow::Context as _;

use super::exit::Exit;

/// Print a JSON schema, for editors and programs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall schema scenario > scenario.schema.json
  squall schema report > report.schema.json
  squall schema corpus > corpus.schema.json")]
pub(crate) struct Args {
    /// Which format.
    #[arg(value_enum)]
    format: Format,
}

/// The formats that have a schema.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// The scenario's TOML file.
    Scenario,
    /// A run's report.json.
    Report,
    /// A line of a corpus of prompts.
    Corpus,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let text = match args.format {
        Format::Scenario => squall::scenario::schema_text(),
        Format::Report => squall_report::schema_text(),
        Format::Corpus => squall::traffic::corpus_schema_text(),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("could not write to stdout")?;
    Ok(Exit::Pass)
}
