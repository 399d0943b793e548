//! `squall reaper`: internal, see `fleet::reaper`.

use std::io;

use super::exit::Exit;

pub(crate) fn run() -> anyhow::Result<Exit> {
    squall::fleet::reaper::reap(io::stdin().lock())?;
    Ok(Exit::Pass)
}
