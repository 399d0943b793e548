//! The reaper: a process that outlives the harness by a moment, to end what the harness started.
//!
//! It holds the reading end of a pipe whose only writer is the harness. The harness writes down each
//! process group that it starts (`+PGID`) and each that has ended (`-PGID`). When the harness is
//! gone, however it went, the pipe closes, and the reaper kills what is left. So not even a
//! `kill -9` of the harness leaves a node, a router or a stopped process behind.
//!
//! A harness may be killed after it has started a process and before it has written that down. So each process has a
//! mark in its environment, which its children inherit, and a reaper whose pipe closes without a last word (`.`) looks
//! for that as well. Only Linux shows the environment of others: elsewhere that moment stays open.

use std::collections::HashSet;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::FleetError;
use super::process::set_own_group;

/// The name of the mark in a process's environment.
const MARK: &str = "SQUALL_STARTED_BY";
/// Between two looks for marked processes, and how many: one that was just being started as the harness was killed has
/// its environment a moment later.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: u32 = 10;

/// The harness's end of the reaper. Clones share it; the reaper ends when the last is dropped.
#[derive(Clone)]
pub struct Reaper {
    pipe: Arc<Mutex<Pipe>>,
    mark: Arc<str>,
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
        command
            .arg("reaper")
            .env_remove(MARK)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        set_own_group(&mut command);
        let mut child = command.spawn().map_err(|source| FleetError::Spawn {
            who: "the reaper".into(),
            program: program.display().to_string(),
            source,
        })?;
        let stdin = child.stdin.take();
        // No two reapers that live at once have one number.
        let mark = format!("squall-{}-{}", std::process::id(), child.id());
        let reaper = Self { pipe: Arc::new(Mutex::new(Pipe { stdin, child })), mark: mark.into() };
        reaper.tell(&format!("={}", reaper.mark));
        Ok(reaper)
    }

    /// The variable by which the reaper knows a process, and its children, for one of this harness's.
    pub fn mark(&self) -> (&'static str, &str) {
        (MARK, &self.mark)
    }

    /// A process group was started.
    pub fn guard(&self, group: Pid) {
        self.tell(&format!("+{}", group.as_raw_nonzero()));
    }

    /// A process group has ended.
    pub fn release(&self, group: Pid) {
        self.tell(&format!("-{}", group.as_raw_nonzero()));
    }

    fn tell(&self, line: &str) {
        if let Some(stdin) = &mut self.pipe.lock().stdin
            && let Err(error) = writeln!(stdin, "{line}")
        {
            tracing::warn!(%error, "the reaper is gone: if squall is killed now, its nodes stay behind");
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.stdin.take() {
            // The last word. An error means that it has ended already.
            let _ = writeln!(stdin, ".");
        }
        // It ends as soon as its pipe closes.
        let _ = self.child.wait();
    }
}

/// The reaper's side, until `input` ends: then kills every group that is still guarded, and, where the harness was
/// cut short, every process with its mark.
pub fn reap(input: impl BufRead) -> io::Result<()> {
    let mut guarded = HashSet::new();
    let mut mark = None;
    for line in input.lines() {
        let line = line?;
        let Some((sign, rest)) = line.split_at_checked(1) else { continue };
        let group = rest.parse().ok().and_then(Pid::from_raw);
        match (sign, group) {
            ("+", Some(group)) => drop(guarded.insert(group)),
            ("-", Some(group)) => drop(guarded.remove(&group)),
            ("=", _) => mark = Some(format!("{MARK}={rest}")),
            (".", _) => mark = None,
            _ => {}
        }
    }
    for group in guarded {
        // An error means that the group has ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
    if let Some(mark) = mark {
        for _ in 0..LOOKS {
            for process in marked(&mark) {
                // An error means that it has ended by itself.
                let _ = kill_process(process, Signal::KILL);
            }
            std::thread::sleep(LOOK);
        }
    }
    Ok(())
}

/// The processes with this variable in their environment, as far as the system shows that.
fn marked(mark: &str) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
    // Of a process that has ended, or is somebody else's, nothing can be read.
    let environment =
        |id: &Pid| std::fs::read(format!("/proc/{}/environ", id.as_raw_nonzero())).unwrap_or_default();
    ids.filter(|id| environment(id).split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()))
        .collect()
}
