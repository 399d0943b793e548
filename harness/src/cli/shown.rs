//! What a verb prints at its end: JSON or tables, to stdout.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use serde::Serialize;

/// The width of tables where stdout is no terminal.
const PLAIN_WIDTH: u16 = 100;

/// The columns of the terminal that stdout is, if it is one.
pub(super) fn terminal_width() -> Option<u16> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    rustix::termios::tcgetwinsize(stdout).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// The width of tables.
pub(super) fn width() -> u16 {
    terminal_width().unwrap_or(PLAIN_WIDTH)
}

/// Prints a value as JSON.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    squall_report::write_json(value, &mut io::stdout().lock())
}

/// An error of printing is one, unless the reader went away (`| head`): it has seen what it wanted.
pub(super) fn printed(result: io::Result<()>, doing: &'static str) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context(doing),
        _ => Ok(()),
    }
}
