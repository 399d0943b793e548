//! Memory against the number of requests.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Result, SQUALL, Sim, row};

/// Between two looks: what a look costs is no small matter with dozens of processes.
const LOOK: Duration = Duration::from_millis(250);
/// Streams that are open at once.
const USERS: &str = "64";

/// Looks at the memory of all processes that this one has started, but a node.
pub(super) struct Watch {
    most_kib: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn beside(node: &Sim) -> Self {
        let (most_kib, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (most, done, node) = (Arc::clone(&most_kib), Arc::clone(&over), node.child.id());
        let thread = std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(below(std::process::id(), node), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        });
        Self { most_kib, over, thread: Some(thread) }
    }

    /// The most so far, MiB.
    pub(super) fn most_mib(&self) -> f64 {
        self.most_kib.load(Ordering::Relaxed) as f64 / 1024.0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// KiB of all processes below this one but `node`. What several share is counted once (`Pss`); one that ends
/// meanwhile counts nothing.
fn below(parent: u32, node: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|ids| ids.split_whitespace().map(str::parse).collect::<Vec<_>>())
        .flatten()
        .collect();
    children.into_iter().filter(|child| *child != node).map(|child| own(child) + below(child, node)).sum()
}

fn own(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// `squall load` with ever more requests: a hundred thousand, and a million.
pub(super) fn of_long_runs(folder: &Path) -> Result<()> {
    for requests in ["10000", "100000", "1000000"] {
        let flags = ["--ttft=0ms", "--itl=0ms", "--prefill=1000000000", "--slots=64", "--slowdown=0"];
        let node = Sim::start(&flags, None)?;
        let out = folder.join(format!("long-{requests}"));
        let watch = Watch::beside(&node);
        let mut command = Command::new(SQUALL);
        command.args(["load", &node.origin, "--model=sim", "--users", USERS, "--requests", requests]);
        command.args(["--input-tokens=64", "--output-tokens=8", "--quiet", "--json", "--out"]).arg(&out);
        let output = command.output()?;
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let (sent, ok) = (&report["counts"]["sent"], &report["counts"]["ok"]);
        row(
            &format!("{sent} requests, of these ok {ok}: memory"),
            &format!("{:.0} MiB", watch.most_mib()),
            "flat",
        );
    }
    Ok(())
}
