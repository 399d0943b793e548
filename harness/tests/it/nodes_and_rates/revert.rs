//! Whatever ends a run in the middle of a node fault, nothing of it stays: no process, stopped or not.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::whole::{ROUTER, scenario};
use crate::support::Result;
use crate::support::scene::{Scene, descendants, lives, pid, wait_until};

/// What shows that a fault is in the middle of what it does.
#[derive(Clone, Copy)]
enum Middle {
    /// A node's process is gone.
    Gone,
    /// A node's process is stopped.
    Stopped,
    /// A node has been started again since.
    Again,
}

const FAULTS: [(&str, &str, Middle); 7] = [
    ("node-kill", "", Middle::Gone),
    ("node-pause", "", Middle::Stopped),
    ("crash-loop", "backoff = \"50ms\", growth = 1", Middle::Again),
    ("zone-outage", "zone = \"z\"", Middle::Gone),
    ("flap", "period = \"1h\"", Middle::Gone),
    ("flap", "period = \"1h\", how = \"pause\"", Middle::Stopped),
    ("flap", "period = \"200ms\", duty = 0.5", Middle::Again),
];

/// The simulated nodes that serve `model`, which no other run serves.
fn nodes_of(model: &str) -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        // One that ended meanwhile has no command line.
        let line = fs::read(format!("/proc/{}/cmdline", id.as_raw_nonzero())).unwrap_or_default();
        let served = format!("--model={model}");
        if line.split(|byte| *byte == 0).any(|word| word == served.as_bytes()) && lives(id) {
            found.push(id);
        }
    }
    Ok(found)
}

fn is_stopped(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    stat.is_ok_and(|stat| stat.contains(") T "))
}

/// Starts a run with this fault, ends it by `signal` in the middle, and waits until nothing is left.
fn end_in_the_middle(index: usize, signal: Signal) -> Result<(Scene, Option<i32>)> {
    let (plugin, with, middle) = FAULTS[index];
    let model = format!("end-{}-{index}-{}", std::process::id(), signal.as_raw());
    let fault = format!("{{ plugin = \"{plugin}\", nodes = [\"a\"], with = {{ {with} }} }}");
    let nodes = [("a", "z"), ("b", "")];
    let scene = Scene::new(&scenario(&model, ROUTER, &nodes, "50s", &fault))?;
    let mut child = scene.started("calm begins")?;
    let before = nodes_of(&model)?;
    assert_eq!(before.len(), 2, "{plugin} {with}");
    wait_until(plugin, || {
        Ok(match middle {
            Middle::Gone => before.iter().any(|node| !lives(*node)),
            Middle::Stopped => before.iter().any(|node| is_stopped(*node)),
            Middle::Again => nodes_of(&model)?.iter().any(|node| !before.contains(node)),
        })
    })?;
    let family = descendants(child.id())?;
    kill_process(pid(&child)?, signal)?;
    let mut code = None;
    wait_until("the run's end", || {
        code = child.try_wait()?;
        Ok(code.is_some())
    })?;
    let gone = || Ok(nodes_of(&model)?.is_empty() && !family.iter().any(|process| lives(*process)));
    wait_until(&format!("{plugin} {with}: the end of its processes"), gone)?;
    Ok((scene, code.and_then(|code| code.code())))
}

#[test]
fn a_harness_that_is_killed_in_the_middle_of_a_node_fault_leaves_no_process_behind() -> Result {
    for (index, (plugin, ..)) in FAULTS.iter().enumerate() {
        let (_, code) = end_in_the_middle(index, Signal::KILL)?;
        assert_eq!(code, None, "{plugin}");
    }
    Ok(())
}

#[test]
fn ctrl_c_in_the_middle_of_a_node_fault_ends_all_of_it_with_a_report() -> Result {
    for (index, (plugin, ..)) in FAULTS.iter().enumerate() {
        let (scene, code) = end_in_the_middle(index, Signal::INT)?;
        let report = scene.report()?;
        assert_eq!((code, &report["verdict"]), (Some(3), &"inconclusive".into()), "{plugin}");
        assert_ne!(report["faults"][0]["fired"], 0, "{plugin}");
    }
    Ok(())
}

/// A harness that is killed between the start of a process and its word to the reaper: no test can kill one then, so
/// this says to a reaper what such a one would have said.
#[test]
#[cfg(target_os = "linux")]
fn a_process_that_the_reaper_was_not_told_of_is_known_by_its_mark() -> Result {
    for (last_word, stays) in [("", false), (".\n", true)] {
        let mark = format!("test-{}-{stays}", std::process::id());
        let start = || Command::new("sleep").arg("60").env("SQUALL_STARTED_BY", &mark).spawn();
        let mut child = start()?;
        squall::fleet::reaper::reap(format!("={mark}\n{last_word}").as_bytes())?;
        let ended = child.try_wait()?.is_some();
        child.kill()?;
        child.wait()?;
        assert_eq!(ended, !stays, "after the last word {last_word:?}");
    }
    Ok(())
}
