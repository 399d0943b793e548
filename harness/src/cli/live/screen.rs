//! The terminal: taken, drawn on, read, and given back whatever ends the run.
//!
//! Invariant: whoever leaves the program, by its end, an error, a panic or a second Ctrl-C, leaves the
//! terminal as it was: [`leave`] may be called by anyone at any time, and does it once. Nothing is drawn
//! after it. The only file that names the terminal's own words.

use std::io::{self, BufWriter, IsTerminal as _, Stderr, Write as _};
use std::sync::Once;
use std::time::Duration;

use parking_lot::Mutex;
use ratatui::backend::TermionBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use rustix::termios::{
    OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

use super::keys::{Key, keys};

/// To the alternate screen, without a cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
/// Back, with plain letters and a cursor.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?1049l\x1b[?25h";
/// Tenths of a second that a look for keys takes at most.
const LOOK: u8 = 1;
/// A drawing that takes longer hangs on the terminal, or panicked: the terminal is given back anyway.
const DRAWN_WITHIN: Duration = Duration::from_millis(500);
/// What is assumed of a terminal that does not say.
const USUAL: (u16, u16) = (80, 24);

/// How the terminal was before it was taken; none while it is not.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
/// Held while something is drawn.
static DRAWING: Mutex<()> = Mutex::new(());

/// The terminal, taken.
pub(super) struct Screen {
    terminal: Terminal<TermionBackend<BufWriter<Stderr>>>,
    size: Rect,
}

/// There is a terminal that can be drawn on and whose keys are ours to read.
pub(crate) fn is_there() -> bool {
    let named = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    named && io::stdin().is_terminal() && io::stderr().is_terminal() && is_in_front()
}

/// A job in the background is stopped when it changes the terminal. One whose terminal is not the one that
/// controls it is not.
fn is_in_front() -> bool {
    tcgetpgrp(io::stdin()).map_or(true, |front| front == rustix::process::getpgrp())
}

/// The terminal is taken.
pub(crate) fn is_taken() -> bool {
    BEFORE.lock().is_some()
}

/// Gives the terminal back, if it is taken.
pub(crate) fn leave() {
    // Not forever: a panic while something is drawn holds it.
    let _drawing = DRAWING.try_lock_for(DRAWN_WITHIN);
    let Some(before) = BEFORE.lock().take() else { return };
    // A terminal that is gone needs nothing.
    let mut out = io::stderr().lock();
    let _ = out.write_all(LEAVE).and_then(|()| out.flush());
    // What was typed for the dashboard is not for the shell.
    let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &before);
}

/// A panic's words belong on the terminal as it was.
fn leave_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            usual(panic);
        }));
    });
}

impl Screen {
    /// Takes the terminal: keys come one by one and unseen, and what is drawn is gone afterwards.
    pub(super) fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let size = size();
        let options = TerminalOptions { viewport: Viewport::Fixed(size) };
        let terminal = Terminal::with_options(TermionBackend::new(BufWriter::new(io::stderr())), options)?;
        let mut raw = before.clone();
        raw.make_raw();
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = LOOK;
        leave_on_panic();
        *BEFORE.lock() = Some(before);
        let taken = tcsetattr(io::stdin(), OptionalActions::Now, &raw).map_err(io::Error::from);
        let mut out = io::stderr().lock();
        let taken = taken.and_then(|()| out.write_all(ENTER)).and_then(|()| out.flush());
        drop(out);
        taken.inspect_err(|_| leave())?;
        Ok(Self { terminal, size })
    }

    /// Takes the terminal's size; true when it has changed.
    pub(super) fn fit(&mut self) -> bool {
        let size = size();
        if size == self.size {
            return false;
        }
        self.size = size;
        let _drawing = DRAWING.lock();
        // A terminal that can't be cleared is gone.
        is_taken() && self.terminal.resize(size).is_ok()
    }

    /// Draws a frame, unless the terminal has been given back.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) {
        let _drawing = DRAWING.lock();
        if is_taken() {
            // A terminal that is gone shows nothing; its signal ends the run.
            let _ = self.terminal.draw(draw);
        }
    }
}

/// The keys that are pressed within a tenth of a second, while the terminal is taken.
pub(super) fn pressed() -> Vec<Key> {
    let mut bytes = [0; 64];
    match rustix::io::read(io::stdin(), &mut bytes) {
        Ok(read) => keys(bytes.get(..read).unwrap_or_default()),
        Err(_) => Vec::new(),
    }
}

/// The size of the terminal that is drawn on.
fn size() -> Rect {
    let size = tcgetwinsize(io::stderr()).map(|size| (size.ws_col, size.ws_row));
    let (width, height) = size.ok().filter(|(width, height)| *width > 0 && *height > 0).unwrap_or(USUAL);
    Rect::new(0, 0, width, height)
}
