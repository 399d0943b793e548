//! The dashboard of a run: what the report's timeline will show, while it comes about, and keys that pause the
//! storm and end the run.
//!
//! It draws and reads keys in a thread of its own, so that neither a slow terminal nor a held key holds the
//! run up: the run only hands over what is to be shown. All figures come from the recording and the
//! report's own functions; nothing is computed here but where on the screen it goes. It draws on stderr,
//! since stdout holds the result.

mod draw;
mod keys;
mod picture;
pub(crate) mod screen;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use ratatui::Frame;
use squall::fault::Hold;
use squall::run::Snapshot;
use squall::scenario::plan::Plan;

use super::interrupt::Presses;
use draw::ink::Inks;
use picture::Picture;
use screen::Screen;
use view::{Deed, View};

/// After a look for keys that found none; a terminal that is gone answers at once.
const PAUSE: Duration = Duration::from_millis(20);

/// A dashboard that is on the screen.
pub(crate) struct Dashboard {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    picture: Mutex<Picture>,
    /// There is something new in the picture.
    fresh: AtomicBool,
    over: AtomicBool,
}

impl Dashboard {
    /// Takes the screen for a run of `plan` into `dir`.
    pub(crate) fn start(plan: &Plan, dir: &Path, hold: Hold, presses: Presses) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            picture: Mutex::new(Picture::planned(plan, dir)),
            fresh: AtomicBool::new(true),
            over: AtomicBool::new(false),
        });
        let screen = Screen::enter()?;
        let keeper = Keeper { shared: Arc::clone(&shared), screen, hold, presses, view: View::default() };
        let thread = std::thread::Builder::new().name("squall-live".into()).spawn(|| keeper.keep());
        let thread = thread.inspect_err(|_| screen::leave())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Shows one snapshot.
    pub(crate) fn show(&self, snapshot: &Snapshot<'_>) {
        self.shared.picture.lock().update(snapshot);
        self.shared.fresh.store(true, Ordering::Release);
    }

    /// Gives the screen back.
    pub(crate) fn finish(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // One that panicked has given the screen back.
            let _ = thread.join();
        }
        screen::leave();
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Who draws and reads keys.
struct Keeper {
    shared: Arc<Shared>,
    screen: Screen,
    hold: Hold,
    presses: Presses,
    view: View,
}

impl Keeper {
    /// Until the run is over, or the screen is gone.
    fn keep(mut self) {
        let inks = Inks::of_terminal();
        while !self.shared.over.load(Ordering::Acquire) {
            let pressed = self.heed_keys();
            let resized = self.screen.fit();
            let fresh = self.shared.fresh.swap(false, Ordering::AcqRel);
            let ending = self.presses.reason();
            let told = self.view.ending != ending;
            self.view.ending = ending;
            if pressed || resized || fresh || told {
                let picture = self.shared.picture.lock().clone();
                self.screen.draw(|frame| draw(frame, &picture, &mut self.view, inks));
            }
        }
    }

    /// True where a key was pressed.
    fn heed_keys(&mut self) -> bool {
        let keys = screen::pressed();
        for key in &keys {
            match self.view.press(*key) {
                Some(Deed::Hold) => self.hold.toggle(),
                Some(Deed::End) => self.presses.end("interrupted by the key q"),
                Some(Deed::Interrupt) => self.presses.press("interrupted by Ctrl-C"),
                None => {}
            }
        }
        if keys.is_empty() {
            std::thread::sleep(PAUSE);
        }
        !keys.is_empty()
    }
}

fn draw(frame: &mut Frame<'_>, picture: &Picture, view: &mut View, inks: Inks) {
    draw::all(frame.buffer_mut(), picture, view, inks);
}
