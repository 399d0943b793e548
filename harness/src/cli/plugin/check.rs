//! `squall plugin check`: what a plugin is, and whether Squall will run it.

use std::fmt::Write as _;

use anyhow::bail;
use serde::Serialize;
use squall::author::anatomy::Anatomy;
use squall::author::dry::{self, Row};
use squall::author::exchange::Exchange;
use squall::author::parameters::{self, ParametersError};
use squall::author::replay::names;
use squall::fault::{self, Description, PluginError, Trial};

use super::{grouped, lines, plugin, print, right, size, specimen, table};
use crate::cli::exit::Exit;

/// Check a plugin: what it imports and exports, its version, its hooks, and a call of each with its fuel
///
/// Names every mistake that it finds. Exit code 0: Squall runs it; 2: it does not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall plugin check late/late.wasm
  squall plugin check late/late.wasm --with 'most = \"1s\"'
  squall plugin check latency --with 'p50 = \"20ms\", p99 = \"200ms\"' --json")]
pub(crate) struct Args {
    /// A .wasm file, or a built-in's name
    #[arg(value_name = "FILE")]
    plugin: String,
    /// Parameters, as in a scenario's `with` [default: the plugin's own examples]
    #[arg(long, value_name = "NAME = VALUE")]
    with: Vec<String>,
    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Checked<'a> {
    plugin: &'a str,
    #[serde(flatten)]
    anatomy: Option<Anatomy>,
    description: Option<Description>,
    /// The parameters of the dry run.
    with: Option<serde_json::Value>,
    #[serde(skip)]
    by_example: bool,
    hooks: Vec<&'static str>,
    dry_run: Vec<Row>,
    /// Those of its anatomy are among them.
    #[serde(rename = "refused")]
    why_not: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let with = parameters::read(&args.with)?;
    let bytes = fault::bytes_of(&plugin(&args.plugin))?;
    let checked = check(&args.plugin, &bytes, with)?;
    if args.json {
        print(&(serde_json::to_string_pretty(&checked)? + "\n"))?;
    } else if checked.anatomy.is_some() {
        print(&checked.text())?;
    }
    if checked.why_not.is_empty() {
        return Ok(Exit::Pass);
    }
    bail!("Squall does not run {}:\n  - {}", args.plugin, checked.why_not.join("\n  - "))
}

fn check<'a>(name: &'a str, bytes: &[u8], with: Option<serde_json::Value>) -> anyhow::Result<Checked<'a>> {
    let mut checked = Checked {
        plugin: name,
        anatomy: None,
        description: None,
        with: None,
        by_example: false,
        hooks: Vec::new(),
        dry_run: Vec::new(),
        why_not: Vec::new(),
    };
    match Anatomy::of(bytes) {
        Ok(anatomy) => {
            checked.why_not.clone_from(&anatomy.mistakes);
            checked.anatomy = Some(anatomy);
        }
        Err(why) => checked.why_not.push(why.to_string()),
    }
    if checked.why_not.is_empty() {
        let exchange = Exchange::sample()?;
        if let Err(why) = checked.try_out(&exchange, with) {
            checked.why_not.push(why.to_string());
        }
    }
    Ok(checked)
}

/// Why a plugin that looks right is refused.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Plugin(#[from] PluginError),
    #[error("{0}")]
    Parameters(#[from] ParametersError),
}

impl Checked<'_> {
    fn try_out(&mut self, exchange: &Exchange, with: Option<serde_json::Value>) -> Result<(), Fault> {
        let specimen = specimen(self.plugin)?;
        let fresh = specimen.trial(exchange.nodes.clone(), exchange.granted.clone());
        let described = fresh.map_err(ParametersError::Instance)?.describe();
        self.description = Some(described.map_err(ParametersError::Trapped)?);
        let configured = parameters::configure(&specimen, &exchange.nodes, &exchange.granted, with)?;
        self.hooks = names(configured.hooks);
        self.with = Some(configured.with.clone());
        self.by_example = configured.by_example;
        self.dry_run = dry::run(&specimen, exchange, configured)?;
        let failed = self.dry_run.iter().filter(|row| row.failed);
        self.why_not.extend(failed.map(|row| format!("it fails in `{}`: {}", row.hook, row.outcome)));
        Ok(())
    }

    fn text(&self) -> String {
        let mut facts = table();
        let mut fact = |name: &str, value: String| {
            facts.add_row([name.to_owned(), value]);
        };
        if let Some(anatomy) = &self.anatomy {
            fact("form", format!("{}, {}", anatomy.form, size(anatomy.bytes)));
            fact(
                "interface",
                anatomy.version.as_ref().map_or("none".into(), |v| format!("squall:fault@{v}")),
            );
            fact("imports", list(&anatomy.imports));
            fact("exports", list(&anatomy.exports));
        }
        if let Some(description) = &self.description {
            fact("does", description.summary.clone());
            let takes: Vec<&str> = description.parameters.iter().map(|p| p.name.as_str()).collect();
            fact("takes", if takes.is_empty() { "nothing".into() } else { takes.join(", ") });
        }
        if let Some(with) = &self.with {
            let whose = if self.by_example { "   (its own examples; --with gives others)" } else { "" };
            fact("with", format!("{}{whose}", parameters::to_toml(with)));
            fact("hooks", if self.hooks.is_empty() { "none".into() } else { self.hooks.join(", ") });
        }
        let mut text = format!("{}\n{}", self.plugin, lines(&facts));
        if !self.dry_run.is_empty() {
            let _ = write!(text, "\n{}", lines(&self.calls()));
        }
        text
    }

    fn calls(&self) -> comfy_table::Table {
        let mut calls = table();
        calls.set_header(["call", "fuel", "of its budget", "decides"]);
        for row in &self.dry_run {
            let share = row.fuel as f64 / Trial::BUDGET as f64 * 100.0;
            let outcome = if row.outcome.is_empty() { "–" } else { &row.outcome };
            calls.add_row([row.hook, &grouped(row.fuel), &format!("{share:.3} %"), outcome]);
        }
        right(&mut calls, &[1, 2]);
        calls
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}
