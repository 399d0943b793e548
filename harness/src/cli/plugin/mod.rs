//! `squall plugin`: what plugins there are, and an author's way from nothing to one of their own.

mod bench;
mod build;
mod check;
mod list;
mod new;
mod test;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use squall::author::exchange::Exchange;
use squall::author::parameters::{self, Configured};
use squall::fault::{self, PluginError, Specimen};
use squall::scenario::plan::PluginRef;

use super::exit::Exit;
use super::shown::{printed, terminal_width};

/// Fault plugins: what there is, and writing your own
#[derive(Debug, clap::Args)]
#[command(after_help = "A plugin of your own:
  squall plugin new late              a project in ./late that builds as it stands
  squall plugin build late            late/late.wasm
  squall plugin check late/late.wasm  what it imports, asks for and costs, and every mistake
  squall plugin test late/late.wasm   what it decides on a written exchange, beside what it should
  squall plugin bench late/late.wasm  nanoseconds a call")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(list::Args),
    New(new::Args),
    Build(build::Args),
    Check(check::Args),
    Test(test::Args),
    Bench(bench::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::List(args) => list::run(args),
        Verb::New(args) => new::run(args),
        Verb::Build(args) => build::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Test(args) => test::run(args),
        Verb::Bench(args) => bench::run(args),
    }
}

/// A name of a built-in, or else a path.
fn plugin(name: &str) -> PluginRef {
    if fault::built_in_names().contains(&name) || !name.contains(['/', '.']) {
        PluginRef::BuiltIn(name.into())
    } else {
        PluginRef::File(PathBuf::from(name))
    }
}

/// Compiles a plugin.
fn specimen(name: &str) -> Result<Specimen, PluginError> {
    let bytes = fault::bytes_of(&plugin(name))?;
    Specimen::new(name, &bytes).map_err(|why| PluginError::Refused { plugin: name.to_owned(), why })
}

/// A plugin with its parameters: those that were typed, the exchange's, or its own examples.
fn configured(
    name: &str,
    typed: Option<serde_json::Value>,
    exchange: &Exchange,
) -> anyhow::Result<Configured> {
    let specimen = specimen(name)?;
    let with = typed.or_else(|| exchange.with.clone());
    let configured = parameters::configure(&specimen, &exchange.nodes, &exchange.granted, with);
    configured.with_context(|| name.to_owned())
}

/// Data goes to stdout, whole or not at all.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    printed(out.write_all(text.as_bytes()).and_then(|()| out.flush()), "writing to stdout")
}

/// For people, beside the data.
fn note(text: &str) {
    // Nothing is left to tell when stderr is closed.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// A table without rules; on a terminal its text wraps to fit.
fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if let Some(columns) = terminal_width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    table
}

fn right(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A table's lines, without the blanks that fill its last column.
fn lines(table: &Table) -> String {
    table.trim_fmt() + "\n"
}

/// `84.2 KiB`.
fn size(bytes: usize) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// `1 234 567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

/// `, with = { … }` of a scenario's line, where there is something in it.
fn with_clause(with: &serde_json::Value) -> String {
    let bare = with.as_object().is_none_or(serde_json::Map::is_empty);
    if bare { String::new() } else { format!(", with = {}", parameters::to_toml(with)) }
}
