//! `squall check`.

use super::exit::Exit;

/// Check a scenario and print its plan.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> anyhow::Result<Exit> {
    anyhow::bail!("squall check is not built yet")
}
