//! What Ctrl-C, SIGTERM and SIGHUP do, and keys that stand for them: the first ends a run cleanly, the second
//! at once.

use std::ffi::OsStr;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use squall::run::Abort;

use super::live::screen;

/// As a shell says that Ctrl-C ended a program.
const INTERRUPTED: i32 = 130;

/// Listens for signals. Only one of a program can.
pub(crate) struct Interrupt {
    presses: Presses,
}

/// What has been pressed, whether a signal or a key. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presses {
    abort: Abort,
    /// The run that goes on in a process of its own.
    child: Arc<Mutex<Option<Pid>>>,
    before: Arc<AtomicBool>,
}

impl Presses {
    /// The first ends the run, and the second this program; the reaper then ends what is left.
    pub(crate) fn press(&self, why: &str) {
        if let Some(child) = *self.child.lock() {
            // It may have ended by itself meanwhile.
            let _ = kill_process(child, Signal::TERM);
        }
        if self.before.swap(true, Ordering::Relaxed) {
            screen::leave();
            std::process::exit(INTERRUPTED);
        }
        self.abort.now(why);
    }

    /// Ends the run, however often it is pressed: a key that is held repeats itself.
    pub(crate) fn end(&self, why: &str) {
        self.before.store(true, Ordering::Relaxed);
        self.abort.now(why);
    }

    /// Why the run is being ended, if it is.
    pub(crate) fn reason(&self) -> Option<String> {
        self.abort.reason()
    }
}

impl Interrupt {
    /// From now on a signal aborts what [`Interrupt::abort`] aborts, and reaches the run in a process of its own;
    /// the second ends this program, and the reaper then ends what is left.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let presses = Presses::default();
        let signalled = presses.clone();
        ctrlc::set_handler(move || signalled.press("interrupted by a signal"))
            .context("listening for Ctrl-C")?;
        Ok(Self { presses })
    }

    /// Ends the run of this process.
    pub(crate) fn abort(&self) -> &Abort {
        &self.presses.abort
    }

    /// For keys that do what signals do.
    pub(crate) fn presses(&self) -> Presses {
        self.presses.clone()
    }

    /// A signal has come.
    pub(crate) fn has_come(&self) -> bool {
        self.presses.reason().is_some()
    }

    /// Runs Squall itself to its end: a run in a process of its own. Its progress and errors are shown, its result
    /// is in its folder.
    pub(crate) fn squall(&self, words: &[impl AsRef<OsStr>]) -> anyhow::Result<ExitStatus> {
        use std::os::unix::process::CommandExt as _;
        let program = std::env::current_exe().context("finding squall's own program, to start a run with")?;
        let mut command = Command::new(program);
        // In a group of its own, so that Ctrl-C reaches it once: from here.
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        let mut child = command.spawn().context("starting a run in a process of its own")?;
        *self.presses.child.lock() = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if self.has_come() {
            // Between the signal and the start.
            child.kill().context("ending a run")?;
        }
        let status = child.wait().context("waiting for a run");
        *self.presses.child.lock() = None;
        status
    }
}
