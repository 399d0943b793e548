//! `squall plugin build`: from a project to a plugin.

use std::path::PathBuf;

use squall::author::exchange::Exchange;
use squall::author::{build, parameters};
use squall::fault::interface;

use super::{note, print, size, with_clause};
use crate::cli::exit::Exit;

/// Build a plugin's project: DIR/NAME.wasm
///
/// Runs cargo for wasm32-unknown-unknown, with the toolchain on the PATH if it has that target, or else with
/// Debian's rustc-web, and wraps the module that it makes as a component. Where neither is there, it says
/// what to install.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall plugin build
  squall plugin build late")]
pub(crate) struct Args {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let built = build::build(&args.dir)?;
    let path = built.path.display();
    note(&format!("with {}\n", built.toolchain));
    let bytes = size(built.specimen.bytes().len());
    let Exchange { nodes, granted, .. } = Exchange::sample()?;
    let usage = match parameters::configure(&built.specimen, &nodes, &granted, None) {
        Ok(configured) => {
            let with = with_clause(&configured.with);
            format!(
                "in a scenario, by its path from there:\n  fault = [{{ plugin = \"{path}\", nodes = [\"a\"]{with} }}]\n"
            )
        }
        // It is built all the same; `check` judges.
        Err(why) => {
            note(&format!("warning: {why}\n"));
            String::new()
        }
    };
    print(&format!("built {path}: {bytes}, for squall:fault@{}\n{usage}", interface::version()))?;
    Ok(Exit::Pass)
}
