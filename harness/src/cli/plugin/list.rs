//! `squall plugin list`: what there is, and what it takes.

use anstyle::Style;
use serde::Serialize;
use squall::fault::{self, Description};

use super::{lines, plugin, print, table};
use crate::cli::exit::Exit;

const NAME: Style = Style::new().bold();

/// List plugins, each with its parameters as it documents them itself
///
/// Without names: the built-in ones, a line each. With names or paths: each with its parameters.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall plugin list
  squall plugin list latency my-plugin.wasm
  squall plugin list --json | jq '.[].name'")]
pub(crate) struct Args {
    /// Built-in names, or paths of .wasm files
    plugins: Vec<String>,
    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Described {
    name: String,
    #[serde(flatten)]
    description: Description,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
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
    print(&text)?;
    Ok(Exit::Pass)
}

fn summaries(described: &[Described]) -> String {
    let mut table = table();
    for plugin in described {
        table.add_row([&plugin.name, &plugin.description.summary]);
    }
    lines(&table)
}

fn in_full(plugin: &Described) -> String {
    let Description { summary, parameters } = &plugin.description;
    let heading = format!("{NAME}{}{NAME:#}: {summary}\n", plugin.name);
    if parameters.is_empty() {
        return heading + " it takes no parameters\n\n";
    }
    let mut table = table();
    table.set_header(["parameter", "kind", "default", "example", "meaning"]);
    for parameter in parameters {
        let default = parameter.default.as_deref().unwrap_or("–");
        table.add_row([&parameter.name, &parameter.kind, default, &parameter.example, &parameter.meaning]);
    }
    format!("{heading}{}\n", lines(&table))
}
