//! `squall spread`: repeated runs of several scenarios side by side.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::Context as _;
use squall_report::{Named, Repeats};

use super::exit::Exit;
use super::shown::printed;

/// Put repeated runs side by side: a table in Markdown, and a chart
///
/// Each is the folder of a `squall run --repeat`, under a name: of every figure the table has the median and, in
/// brackets, the least and the most of the runs. The chart has those that are times.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  squall spread LiteLLM=runs/litellm Portkey=runs/portkey --svg failover.svg >> README.md")]
pub(crate) struct Args {
    /// The folders, each with the name that is shown
    #[arg(required = true, value_name = "NAME=FOLDER", value_parser = named)]
    of: Vec<(String, PathBuf)>,
    /// Write the times as a chart into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// What the chart is called
    #[arg(long, value_name = "TEXT", default_value = "From run to run: least, median and most")]
    title: String,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let read = |(name, folder): &(String, PathBuf)| {
        let path = folder.join(super::run::repeat::FILE);
        let text = fs::read(&path)
            .with_context(|| format!("could not read {}; `squall run --repeat` writes it", path.display()))?;
        let repeats: Repeats =
            serde_json::from_slice(&text).with_context(|| format!("{} is no such file", path.display()))?;
        anyhow::Ok((name.clone(), repeats))
    };
    let all: Vec<(String, Repeats)> = args.of.iter().map(read).collect::<Result<_, _>>()?;
    let all: Vec<Named<'_>> = all.iter().map(|(name, repeats)| (name.as_str(), repeats)).collect();
    if let Some(path) = &args.svg {
        let failed = || format!("could not write {}", path.display());
        let mut file = BufWriter::new(File::create(path).with_context(failed)?);
        squall_report::write_repeats_svg(&all, &args.title, &mut file).with_context(failed)?;
    }
    let shown = squall_report::write_repeats_table(&all, &mut std::io::stdout().lock());
    printed(shown, "printing the table")?;
    Ok(Exit::Pass)
}

/// `NAME=FOLDER`.
fn named(text: &str) -> Result<(String, PathBuf), String> {
    let (name, folder) = text.split_once('=').ok_or("expected NAME=FOLDER")?;
    if name.is_empty() || folder.is_empty() {
        Err("expected NAME=FOLDER".into())
    } else {
        Ok((name.into(), folder.into()))
    }
}
