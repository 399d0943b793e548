//! A process of the fleet: started in a group of its own, guarded by the reaper, its output in a log.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::sync::watch;

use super::FleetError;
use super::reaper::Reaper;

/// How much of a log's end an error message shows.
const LOG_TAIL: usize = 600;

/// A running process, and its whole group. Dropping it kills the group.
#[derive(Debug)]
pub(super) struct Process {
    who: String,
    log: PathBuf,
    // None once the process has been waited for: its number may belong to somebody else then.
    group: Arc<Mutex<Option<Pid>>>,
    exit: watch::Receiver<Option<ExitStatus>>,
}

/// Where a process writes: its log in the run's folder, and whether its first line is wanted.
pub(super) struct Output<'a> {
    /// The folder for logs.
    pub logs: &'a Path,
    /// The name of the log, without its ending; also what errors call the process.
    pub who: &'a str,
}

impl Process {
    /// Starts `argv` in a group of its own, with its output in `LOGS/WHO.log`.
    pub(super) fn start(argv: &[String], output: &Output<'_>, reaper: &Reaper) -> Result<Self, FleetError> {
        let (process, _) = Self::spawn(argv, output, reaper, false)?;
        Ok(process)
    }

    /// Starts one of Squall's own servers, and reads from its first line where it listens.
    pub(super) async fn start_listening(
        argv: &[String],
        output: &Output<'_>,
        reaper: &Reaper,
        within: Duration,
    ) -> Result<(Self, std::net::SocketAddr), FleetError> {
        let (process, stdout) = Self::spawn(argv, output, reaper, true)?;
        let mut line = String::new();
        let read = async {
            let Some(stdout) = stdout else { return Ok(0) };
            let mut lines = BufReader::new(stdout);
            let read = lines.read_line(&mut line).await;
            // What follows is of no interest, but the pipe must not fill up.
            tokio::spawn(async move { lines.read_to_end(&mut Vec::new()).await });
            read
        };
        let silent = |why: String| process.error(&why);
        match tokio::time::timeout(within, read).await {
            Err(_) => return Err(silent(format!("did not say where it listens within {within:?}"))),
            Ok(Err(error)) => return Err(silent(format!("could not be read: {error}"))),
            Ok(Ok(_)) => {}
        }
        let address =
            line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        match address {
            Some(address) => Ok((process, address)),
            None if line.is_empty() => Err(silent("ended before it listened".into())),
            None => Err(silent(format!("said `{}` instead of where it listens", line.trim()))),
        }
    }

    fn spawn(
        argv: &[String],
        output: &Output<'_>,
        reaper: &Reaper,
        pipe_stdout: bool,
    ) -> Result<(Self, Option<tokio::process::ChildStdout>), FleetError> {
        let log = output.logs.join(format!("{}.log", output.who));
        let open = || File::options().create(true).append(true).open(&log);
        let file = open().and_then(|file| Ok((file.try_clone()?, file)));
        let (stdout, stderr) = file.map_err(|source| FleetError::Log { path: log.clone(), source })?;
        let (program, arguments) = argv.split_first().ok_or_else(|| FleetError::Spawn {
            who: output.who.into(),
            program: String::new(),
            source: io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"),
        })?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stderr(stderr);
        command.stdout(if pipe_stdout { Stdio::piped() } else { stdout.into() });
        set_own_group(&mut command);
        let (name, mark) = reaper.mark();
        command.env(name, mark);
        let failed = |source| FleetError::Spawn { who: output.who.into(), program: program.clone(), source };
        let mut child = tokio::process::Command::from(command).spawn().map_err(failed)?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| failed(io::Error::other("it ended at once")))?;
        reaper.guard(pid);

        let pipe = child.stdout.take();
        let group = Arc::new(Mutex::new(Some(pid)));
        let (ended, exit) = watch::channel(None);
        let (waited, reaper) = (Arc::clone(&group), reaper.clone());
        tokio::spawn(async move {
            let status = child.wait().await;
            // Its children may have outlived it; the group's number is taken as long as one does.
            let _ = kill_process_group(pid, Signal::KILL);
            *waited.lock() = None;
            reaper.release(pid);
            ended.send_replace(status.ok());
        });
        Ok((Self { who: output.who.into(), log, group, exit }, pipe))
    }

    /// Sends a signal to the whole group. An error says that it has ended.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), String> {
        let group = self.group.lock();
        let pid = group.ok_or_else(|| format!("the process of `{}` has ended", self.who))?;
        kill_process_group(pid, signal).map_err(|error| format!("signalling `{}`: {error}", self.who))
    }

    /// Changes when the process has ended.
    pub(super) fn exit(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.exit.clone()
    }

    /// Ends the process and its group, and waits until it is gone.
    pub(super) async fn end(self) {
        // Which ends a stopped process too.
        let _ = self.signal(Signal::KILL);
        let mut exit = self.exit.clone();
        let _ = exit.wait_for(Option::is_some).await;
    }

    /// An error about this process, with the end of its log.
    pub(super) fn error(&self, why: &str) -> FleetError {
        let tail = std::fs::read(&self.log).map(|log| {
            let tail = &log[log.len().saturating_sub(LOG_TAIL)..];
            String::from_utf8_lossy(tail).trim().to_owned()
        });
        FleetError::NotReady {
            who: self.who.clone(),
            why: why.into(),
            log: self.log.clone(),
            tail: tail.unwrap_or_default(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.signal(Signal::KILL);
    }
}

/// Puts a command's process into a group of its own: Ctrl-C on the terminal reaches the harness only,
/// and a signal to the group reaches all that the process starts.
pub(super) fn set_own_group(command: &mut Command) {
    command.process_group(0);
}
