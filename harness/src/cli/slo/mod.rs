//! `squall slo`: objectives from and for other tools.

mod import;

use super::exit::Exit;

/// Service level objectives from other tools
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Import(import::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Import(args) => import::run(args),
    }
}
