//! The command line: one file a verb. What was typed ends here; the library takes what it means.

mod calibrate;
mod check;
mod compare;
mod completions;
mod exit;
mod github;
mod interrupt;
mod limits;
mod live;
mod load;
mod plugin;
mod progress;
mod reaper;
mod router;
mod run;
mod schema;
mod search;
mod shown;
mod sim;
mod slo;
mod spread;
mod trace;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;
use squall::scenario::ScenarioError;

/// Load and chaos for LLM endpoints: replay real traffic, break the path, prove that the service held.
#[derive(Debug, Parser)]
#[command(name = "squall", version, about, propagate_version = true)]
#[command(after_help = "Begin with:
  squall run scenarios/quickstart.toml
  squall load http://127.0.0.1:8000 --rate 20/s --for 60s --model M")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Args),
    Load(Box<load::Args>),
    Calibrate(calibrate::Args),
    Check(check::Args),
    Compare(compare::Args),
    Search(search::Args),
    Spread(spread::Args),
    Plugin(plugin::Args),
    Trace(trace::Args),
    Slo(slo::Args),
    Schema(schema::Args),
    Sim(sim::Args),
    Router(router::Args),
    Completions(completions::Args),
    /// Internal: ends what a harness that was killed left behind
    #[command(hide = true)]
    Reaper,
}

/// Parses the command line, carries it out, and maps the result to an exit code.
pub(crate) fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Run(args) => run::run(&args),
        Verb::Load(args) => load::run(&args),
        Verb::Calibrate(args) => calibrate::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Search(args) => search::run(&args),
        Verb::Spread(args) => spread::run(&args),
        Verb::Plugin(args) => plugin::run(&args),
        Verb::Trace(args) => trace::run(&args),
        Verb::Slo(args) => slo::run(&args),
        Verb::Schema(args) => schema::run(&args),
        Verb::Sim(args) => sim::run(&args),
        Verb::Router(args) => router::run(&args),
        Verb::Completions(args) => Ok(completions::run(&args)),
        Verb::Reaper => reaper::run(),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            match error.downcast_ref::<ScenarioError>() {
                Some(mistakes) => check::show_mistakes(mistakes),
                // Nothing is left to tell when stderr is closed too.
                None => drop(writeln!(anstream::stderr(), "error: {}", chain(&error))),
            }
            Exit::CouldNotRun.into()
        }
    }
}

/// An error and its causes, each once: many say theirs themselves.
fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| {
        if said.is_empty() {
            cause
        } else if said.contains(&cause) {
            said
        } else {
            format!("{said}: {cause}")
        }
    })
}
