//! `squall plugin`: what there is, and what it takes.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use comfy_table::{Table, presets};
use serde::Serialize;
use squall::fault::{self, Description};
use squall::scenario::plan::PluginRef;

use super::exit::Exit;

/// Fault plugins: what there is, and what it takes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(ListArgs),
}

/// List plugins, each with its parameters as it documents them itself
///
/// Without names: the built-in ones, a line each. With names or paths: each with its parameters.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall plugin list
  squall plugin list latency my-plugin.wasm
  squall plugin list --json | jq '.[].name'")]
struct ListArgs {
    /// Built-in names, or paths of .wasm files
    plugins: Vec<String>,
    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::List(args) => list(args),
    }
}

#[derive(Serialize)]
struct Described {
    name: String,
    #[serde(flatten)]
    description: Description,
}

fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let names: Vec<String> = if args.plugins.is_empty() {
        fault::built_in_names().into_iter().map(str::to_owned).collect()
    } else {
        args.plugins.clone()
    };
    let described = names.into_iter().map(|name| {
        let description = fault::describe(&plugin(&name))?;
        Ok(Described { name, description })
    });
    let described = described.collect::<anyhow::Result<Vec<_>>>()?;
    let text = if args.json {
        serde_json::to_string_pretty(&described)? + "\n"
    } else if args.plugins.is_empty() {
        summaries(&described)
    } else {
        described.iter().map(in_full).collect()
    };
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("could not write to stdout")?;
    Ok(Exit::Pass)
}

/// A name of a built-in, or else a path.
fn plugin(name: &str) -> PluginRef {
    if fault::built_in_names().contains(&name) || !name.contains(['/', '.']) {
        PluginRef::BuiltIn(name.into())
    } else {
        PluginRef::File(PathBuf::from(name))
    }
}

fn summaries(described: &[Described]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for plugin in described {
        table.add_row([&plugin.name, &plugin.description.summary]);
    }
    format!("{}\n", table.trim_fmt())
}

fn in_full(plugin: &Described) -> String {
    let Description { summary, parameters } = &plugin.description;
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header([
        "parameter",
        "kind",
        "default",
        "example",
        "meaning",
    ]);
    for parameter in parameters {
        let default = parameter.default.as_deref().unwrap_or("–");
        table.add_row([&parameter.name, &parameter.kind, default, &parameter.example, &parameter.meaning]);
    }
    format!("{}: {summary}\n{}\n\n", plugin.name, table.trim_fmt())
}
