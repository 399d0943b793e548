//! The reaper: a process that outlives the harness by a moment, to end what the harness started.
//!
//! It holds the reading end of a pipe whose only writer is the harness. The harness writes down each
//! process group that it starts (`+PGID`) and each that has ended (`-PGID`). When the harness is
//! gone, however it went, the pipe closes, and the reaper kills what is left. So not even a
//! `kill -9` of the harness leaves a node, a router or a stopped process behind.

use std::collections::HashSet;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};

use super::FleetError;
use super::process::set_own_group;

/// The harness's end of the reaper. Clones share it; the reaper ends when the last is dropped.
#[derive(Clone)]
pub struct Reaper {
    pipe: Arc<Mutex<Pipe>>,
}

struct Pipe {
    // Taken on drop, so that the reaper sees its end before we wait for it.
    stdin: Option<ChildStdin>,
    child: Child,
}

impl Reaper {
    /// Starts `squall reaper` as a process in a group of its own, so that Ctrl-C does not reach it.
    pub fn start(program: &Path) -> Result<Self, FleetError> {
        let mut command = Command::new(program);
        command.arg("reaper").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        set_own_group(&mut command);
        let mut child = command.spawn().map_err(|source| FleetError::Spawn {
            who: "the reaper".into(),
            program: program.display().to_string(),
            source,
        })?;
        let stdin = child.stdin.take();
        Ok(Self { pipe: Arc::new(Mutex::new(Pipe { stdin, child })) })
    }

    /// A process group was started.
    pub fn guard(&self, group: Pid) {
        self.tell('+', group);
    }

    /// A process group has ended.
    pub fn release(&self, group: Pid) {
        self.tell('-', group);
    }

    fn tell(&self, sign: char, group: Pid) {
        if let Some(stdin) = &mut self.pipe.lock().stdin
            && let Err(error) = writeln!(stdin, "{sign}{}", group.as_raw_nonzero())
        {
            tracing::warn!(%error, "the reaper is gone: if squall is killed now, its nodes stay behind");
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It ends as soon as its pipe closes.
        let _ = self.child.wait();
    }
}

/// The reaper's side, until `input` ends: then kills every group that is still guarded.
pub fn reap(input: impl BufRead) -> io::Result<()> {
    let mut guarded = HashSet::new();
    for line in input.lines() {
        let line = line?;
        let Some(group) = line.get(1..).and_then(|id| id.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        if line.starts_with('+') {
            guarded.insert(group);
        } else {
            guarded.remove(&group);
        }
    }
    for group in guarded {
        // An error means that the group has ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
    Ok(())
}
