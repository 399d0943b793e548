//! `squall router`.

use super::exit::Exit;

/// Run the built-in failover router.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> anyhow::Result<Exit> {
    anyhow::bail!("squall router is not built yet")
}
