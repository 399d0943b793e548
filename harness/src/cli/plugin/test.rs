//! `squall plugin test`: an exchange replayed through a plugin, beside what it should decide.

use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use squall::author::exchange::Exchange;
use squall::author::{diff, parameters, replay};

use super::{configured, note, print};
use crate::cli::exit::Exit;

const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();

/// Replay an exchange through a plugin: what it decides, line by line, beside what it should
///
/// An exchange is a request, its answer and the attempts that meet it, each with its draw, in TOML or JSON;
/// `squall plugin new` writes one with every key explained. Parameters are those of --with, of the exchange,
/// or else the plugin's own examples. The text is the same in each replay, and a golden file holds it.
///
/// Exit codes: 0 as it should be, or nothing to compare with; 1 something else, or a call that failed; 2 it
/// could not be replayed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall plugin test late/late.wasm                 with late/exchange.toml and late/late.golden
  squall plugin test late/late.wasm --update        what it decides now is what it should
  squall plugin test cut --with 'after = 2' --exchange streamed.toml

An answer from a real endpoint: record it with `curl -N … > answer.sse`, and name it in the exchange:
  [response]
  file = \"answer.sse\"")]
pub(crate) struct Args {
    /// A .wasm file, or a built-in's name
    #[arg(value_name = "FILE")]
    plugin: String,
    /// The exchange [default: exchange.toml beside FILE, or else one of our own]
    #[arg(long, value_name = "FILE")]
    exchange: Option<PathBuf>,
    /// What it should decide [default: FILE with the ending .golden, where that exists]
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
    /// Write the golden file
    #[arg(long)]
    update: bool,
    /// Parameters, as in a scenario's `with`
    #[arg(long, value_name = "NAME = VALUE")]
    with: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let typed = parameters::read(&args.with)?;
    let exchange = exchange(&args.plugin, args.exchange.as_deref())?;
    let configured = configured(&args.plugin, typed, &exchange)?;
    let with = parameters::to_toml(&configured.with);
    let transcript = replay::replay(configured.trial, configured.hooks, &exchange);
    let text = format!("with {with}\n{}", transcript.text);
    let beside = Path::new(&args.plugin).with_extension("golden");
    let golden = args.golden.clone().or_else(|| (args.update || beside.exists()).then_some(beside));
    let judged = match golden {
        Some(golden) if args.update => {
            print(&text)?;
            std::fs::write(&golden, &text).with_context(|| format!("writing {}", golden.display()))?;
            note(&format!("{} is this from now on\n", golden.display()));
            Exit::Pass
        }
        Some(golden) => compare(&text, &golden)?,
        None => {
            print(&text)?;
            note("nothing to compare with; --update writes it\n");
            Exit::Pass
        }
    };
    let Some(trap) = transcript.trap else { return Ok(judged) };
    note(&format!("error: {trap}\n"));
    Ok(Exit::Fail)
}

/// The exchange that is named, or the one beside the plugin, or the sample.
pub(super) fn exchange(plugin: &str, named: Option<&Path>) -> anyhow::Result<Exchange> {
    let beside = Path::new(plugin).with_file_name("exchange.toml");
    let path = named.or_else(|| (plugin.contains(['/', '.']) && beside.exists()).then_some(&beside));
    Ok(path.map_or_else(Exchange::sample, Exchange::load)?)
}

fn compare(text: &str, golden: &Path) -> anyhow::Result<Exit> {
    let should = std::fs::read_to_string(golden).with_context(|| format!("reading {}", golden.display()))?;
    if should == text {
        print(text)?;
        note(&format!("as in {}\n", golden.display()));
        return Ok(Exit::Pass);
    }
    let shown = diff::lines(&should, text).into_iter().map(|line| match line {
        diff::Line::Same(line) => format!("  {line}\n"),
        diff::Line::Removed(line) => format!("{REMOVED}- {line}{REMOVED:#}\n"),
        diff::Line::Added(line) => format!("{ADDED}+ {line}{ADDED:#}\n"),
    });
    print(&shown.collect::<String>())?;
    note(&format!(
        "error: it does not decide as {} says (- there, + now); --update takes what it decides now\n",
        golden.display()
    ));
    Ok(Exit::Fail)
}
