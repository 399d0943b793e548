//! `squall sim`.

use super::exit::Exit;

/// Run a simulated LLM node.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> anyhow::Result<Exit> {
    anyhow::bail!("squall sim is not built yet")
}
