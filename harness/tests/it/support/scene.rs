//! A whole run in a folder of its own: `squall run` as a process, and what it leaves.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use serde_json::Value;

use super::Result;

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");
/// Whatever takes longer than this hangs.
const HANG: Duration = Duration::from_mins(1);

/// A scenario, and the folder of its run.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new(scenario: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("scenario.toml"), scenario)?;
        Ok(Self { folder })
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(SQUALL);
        command.arg("run").arg(self.folder.path().join("scenario.toml")).arg("--out").arg(self.out());
        command
    }

    pub(crate) fn run(&self) -> Result<Output> {
        Ok(self.command().output()?)
    }

    /// Carries the run out until its verdict is about the service: a machine that was too busy for the schedule
    /// makes it inconclusive, which says nothing. Three times at most.
    pub(crate) fn run_in_peace(&self) -> Result<Output> {
        for _ in 0..2 {
            let output = self.run()?;
            // A run without a report has said why.
            match self.report() {
                Ok(report) if report["client"]["saturated"] == true => {}
                _ => return Ok(output),
            }
            fs::remove_dir_all(self.out())?;
        }
        self.run()
    }

    /// Starts the run, and returns once it says `words`.
    pub(crate) fn started(&self, words: &str) -> Result<Child> {
        let mut child = self.command().stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no stderr")?).lines();
        for line in lines.by_ref() {
            if line?.contains(words) {
                // What follows must not fill the pipe up.
                std::thread::spawn(move || lines.count());
                return Ok(child);
            }
        }
        Err(format!("it ended before it said `{words}`").into())
    }

    pub(crate) fn report(&self) -> Result<Value> {
        let path = self.out().join("report.json");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }
}

pub(crate) fn rows(path: &Path) -> Result<Vec<Value>> {
    let lines = BufReader::new(fs::File::open(path)?).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// All processes below `parent`; one that ends meanwhile has none.
pub(crate) fn descendants(parent: u32) -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    let mut parents = vec![parent];
    while let Some(parent) = parents.pop() {
        let Some(tasks) = unless_ended(fs::read_dir(format!("/proc/{parent}/task")))? else { continue };
        for task in tasks {
            let Some(task) = unless_ended(task)? else { continue };
            let Some(children) = unless_ended(fs::read_to_string(task.path().join("children")))? else {
                continue;
            };
            for child in children.split_whitespace() {
                parents.push(child.parse()?);
                found.extend(Pid::from_raw(child.parse()?));
            }
        }
    }
    Ok(found)
}

/// What was read of a process, or nothing where it ended before it was read.
fn unless_ended<T>(read: io::Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error)
            if error.kind() == io::ErrorKind::NotFound
                || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result {
    let polls = HANG.as_millis() / 20;
    for _ in 0..polls {
        if done()? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("{what}: not within {HANG:?}").into())
}

/// A process that exists and is no zombie.
pub(crate) fn lives(pid: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    test_kill_process(pid).is_ok() && state.is_ok_and(|stat| !stat.contains(") Z "))
}

pub(crate) fn pid(child: &Child) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(child.id())?).ok_or("no pid")?)
}
