//! What Ctrl-C, SIGTERM and SIGHUP do: the first ends a run cleanly, the second at once.

use std::ffi::OsStr;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use squall::run::Abort;

/// As a shell says that Ctrl-C ended a program.
const INTERRUPTED: i32 = 130;

/// Listens for signals. Only one of a program can.
pub(crate) struct Interrupt {
    abort: Abort,
    /// The run that goes on in a process of its own.
    child: Arc<Mutex<Option<Pid>>>,
}

impl Interrupt {
    /// From now on a signal aborts what [`Interrupt::abort`] aborts, and reaches the run in a process of its own;
    /// the second ends this program, and the reaper then ends what is left.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let (abort, child) = (Abort::new(), Arc::new(Mutex::new(None)));
        let listening = Self { abort: abort.clone(), child: Arc::clone(&child) };
        let before = AtomicBool::new(false);
        ctrlc::set_handler(move || {
            if let Some(child) = *child.lock() {
                // It may have ended by itself meanwhile.
                let _ = kill_process(child, Signal::TERM);
            }
            if before.swap(true, Ordering::Relaxed) {
                std::process::exit(INTERRUPTED);
            }
            abort.now("interrupted by a signal");
        })
        .context("listening for Ctrl-C")?;
        Ok(listening)
    }

    /// Ends the run of this process.
    pub(crate) fn abort(&self) -> &Abort {
        &self.abort
    }

    /// A signal has come.
    pub(crate) fn has_come(&self) -> bool {
        self.abort.reason().is_some()
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
        *self.child.lock() = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if self.has_come() {
            // Between the signal and the start.
            child.kill().context("ending a run")?;
        }
        let status = child.wait().context("waiting for a run");
        *self.child.lock() = None;
        status
    }
}
