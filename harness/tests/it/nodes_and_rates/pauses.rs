//! A storm that is paused by hand: what it did to nodes is undone, and done again when it goes on.

use std::time::Duration;

use squall::fault::{Hold, Storm as Standing};
use squall::record::{PauseEvent, Record};
use tokio_util::sync::CancellationToken;

use super::fault;
use crate::support::storm::{PretendedFleet, Storm, load, plan};
use crate::support::{Node, Parts, Result};

/// Polls that take longer hang.
const POLLS: usize = 2_000;

async fn until(done: impl Fn() -> bool) {
    for _ in 0..POLLS {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it hangs");
}

/// Plays these faults; pauses the storm once so many things were done to nodes, lets it go on `after` the next,
/// and withdraws it once `all` were done. All that was done, and the pauses that were recorded.
fn play(
    faults: &str,
    (first, all): (usize, usize),
    after: Duration,
) -> Result<(Vec<String>, Vec<PauseEvent>)> {
    let plan = plan(faults)?;
    let (parts, fleet) = (Parts::new(), PretendedFleet::new());
    let loaded = load(&plan, &parts, &fleet)?;
    let (withdrawn, hold) = (CancellationToken::new(), Hold::default());
    let done = || fleet.done.lock().len();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let watch = async {
            until(|| done() >= first).await;
            hold.toggle();
            until(|| done() > first).await;
            tokio::time::sleep(after).await;
            hold.toggle();
            until(|| done() >= all).await;
            withdrawn.cancel();
        };
        tokio::join!(loaded.play(&plan, parts.clock, withdrawn.clone(), &hold, &parts.recorder), watch);
    });
    assert_eq!(hold.storm(), Standing::Over);
    // What is over can't be paused.
    hold.toggle();
    assert_eq!(hold.storm(), Standing::Over);
    let pauses = parts.recorded().into_iter().filter_map(|record| match record {
        Record::Pause(event) => Some(event),
        _ => None,
    });
    let done = fleet.done.lock().clone();
    Ok((done, pauses.collect()))
}

#[test]
fn a_node_that_was_taken_comes_back_and_is_taken_again() -> Result {
    for (plugin, with, there, back) in [
        ("node-kill", "", "kill a", "restart a"),
        ("node-pause", "", "pause a", "resume a"),
        ("connect", "how = \"refuse\"", "refuse a", "accept a"),
    ] {
        let (done, pauses) = play(&fault(plugin, with), (1, 3), Duration::ZERO)?;
        assert_eq!(done, [there, back, there, back], "{plugin}");
        let paused: Vec<bool> = pauses.iter().map(|event| event.paused).collect();
        assert_eq!(paused, [true, false]);
        assert!(pauses[0].at_ns < pauses[1].at_ns);
    }
    Ok(())
}

#[test]
fn a_node_that_its_fault_would_have_brought_back_meanwhile_is_not_taken_again() -> Result {
    let with = "restart_after = \"100ms\"";
    let (done, _) = play(&fault("node-kill", with), (1, 3), Duration::from_millis(150))?;
    // By the pause, and by the plugin itself, which does not know of it.
    assert_eq!(done, ["kill a", "restart a", "restart a"]);
    Ok(())
}

#[test]
fn an_attempt_meets_no_fault_while_it_is_held_and_meets_it_again_when_it_is_resumed() -> Result {
    let node = Node::streaming(&["{}", "[DONE]"])?;
    let storm = Storm::new(&node, &fault("http-error", "status = 503"))?;
    let answered = || -> Result<Option<u16>> { Ok(storm.rig.ask()?.status()) };
    assert_eq!(answered()?, Some(503));
    storm.loaded.engine.hold(0);
    assert_eq!((answered()?, storm.loaded.engine.is_on(0)), (Some(200), false));
    storm.loaded.engine.resume(0);
    assert_eq!((answered()?, storm.loaded.engine.is_on(0)), (Some(503), true));
    Ok(())
}
