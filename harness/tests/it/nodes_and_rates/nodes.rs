//! What faults do to nodes, and in which order, over a fleet that only pretends; and that all of it is
//! undone when the fault is withdrawn.

use std::io::Read as _;
use std::time::Duration;

use squall::clock::{Clock, Nanos};
use squall::fault::Hold;
use squall::record::Recorder;
use tokio_util::sync::CancellationToken;

use super::fault;
use crate::support::storm::{PretendedFleet, Storm, hostile, load, plan};
use crate::support::{Client, Node, Parts, Result, STREAM_BODY, Then};

/// Plays these faults until `count` things were done to nodes, then withdraws them; all that was done.
fn play(faults: &str, count: usize) -> Result<Vec<String>> {
    let plan = plan(faults)?;
    let (parts, fleet) = (Parts::new(), PretendedFleet::new());
    let loaded = load(&plan, &parts, &fleet)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (withdrawn, hold) = (CancellationToken::new(), Hold::default());
    runtime.block_on(async {
        let watch = async {
            for _ in 0..2_000 {
                if fleet.done.lock().len() >= count {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            withdrawn.cancel();
        };
        tokio::join!(loaded.play(&plan, parts.clock, withdrawn.clone(), &hold, &parts.recorder), watch);
    });
    let done = fleet.done.lock().clone();
    Ok(done)
}

/// The same on both nodes.
fn on_both(plugin: &str, with: &str) -> String {
    fault(plugin, with).replace("[\"a\"]", "[\"a\", \"b\"]")
}

#[test]
fn a_refused_port_opens_when_the_fault_is_withdrawn() -> Result {
    assert_eq!(play(&fault("connect", "how = \"refuse\""), 1)?, ["refuse a", "accept a"]);
    Ok(())
}

#[test]
fn a_node_is_paused_once_and_goes_on_after_its_time_or_with_the_faults_end() -> Result {
    assert_eq!(play(&on_both("node-pause", ""), 2)?, ["pause a", "pause b", "resume a", "resume b"]);
    assert_eq!(play(&fault("node-pause", "for = \"30ms\""), 2)?, ["pause a", "resume a"]);
    Ok(())
}

#[test]
fn a_node_that_two_faults_hold_down_comes_back_with_the_end_of_the_second() -> Result {
    let lasting = |time: &str| fault("node-kill", "").replace("with", &format!("for = \"{time}\", with"));
    let clock = Clock::start();
    let done = play(&format!("{},\n{}", lasting("60ms"), lasting("500ms")), 3)?;
    assert_eq!(done, ["kill a", "kill a", "restart a"]);
    assert!(clock.now() >= Nanos(500_000_000), "{:?}", clock.now());
    Ok(())
}

#[test]
fn a_crash_loop_kills_each_time_the_node_is_back_and_leaves_it_up() -> Result {
    let with = "backoff = \"20ms\", growth = 1";
    assert_eq!(play(&fault("crash-loop", with), 3)?, ["kill a", "restart a", "kill a", "restart a"]);
    let twice = play(&fault("crash-loop", "times = 2, backoff = \"10ms\""), 4)?;
    assert_eq!(twice, ["kill a", "restart a", "kill a", "restart a"], "and nothing to undo");
    Ok(())
}

#[test]
fn a_zone_goes_alone_and_a_rolling_outage_goes_in_order() -> Result {
    let zone = play(&on_both("zone-outage", "zone = \"z2\""), 1)?;
    assert_eq!(zone, ["kill b", "restart b"]);
    let rolling = play(&on_both("zone-outage", "stagger = \"40ms\", restart_after = \"20ms\""), 4)?;
    assert_eq!(rolling, ["kill a", "restart a", "kill b", "restart b"]);
    let at_once = play(&on_both("zone-outage", ""), 2)?;
    assert_eq!(at_once, ["kill a", "kill b", "restart a", "restart b"]);
    Ok(())
}

#[test]
fn a_node_flaps_in_each_of_its_ways() -> Result {
    for (how, down, up) in [
        ("kill", "kill a", "restart a"),
        ("refuse", "refuse a", "accept a"),
        ("pause", "pause a", "resume a"),
    ] {
        let with = format!("period = \"60ms\", how = \"{how}\"");
        assert_eq!(play(&fault("flap", &with), 3)?, [down, up, down, up], "{how}");
    }
    Ok(())
}

/// The guest that misbehaves, on node `a`.
fn mischief(with: &str) -> String {
    fault(&hostile().display().to_string(), with)
}

#[test]
fn nothing_is_done_to_a_node_before_the_fault_is_on() -> Result {
    for does in ["kill", "pause", "resume", "restart", "refuse", "accept"] {
        let with = format!("does = \"{does}\", at = \"configure\", node = 0");
        let (parts, fleet) = (Parts::new(), PretendedFleet::new());
        let plan = plan(&mischief(&with))?;
        let loaded = load(&plan, &parts, &fleet)?;
        assert_eq!(fleet.done.lock().len(), 0, "{does}");
        assert_eq!(loaded.evidence(&plan)[0].fired, 0, "{does}");
    }
    Ok(())
}

#[test]
fn nothing_is_done_to_a_node_once_the_fault_is_withdrawn() -> Result {
    let node = Node::new(|stream, _| {
        // Until the proxy hangs up.
        let _ = stream.read(&mut [0; 1]);
        Then::Close
    })?;
    let storm = Storm::new(&node, &mischief("does = \"kill\", at = \"finish\", node = 0"))?;
    let mut client = Client::to(storm.rig.proxy.address())?;
    client.send("POST /v1/chat/completions", "", STREAM_BODY)?;
    while node.requests() == 0 {
        std::thread::yield_now();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (withdrawn, hold) = (CancellationToken::new(), Hold::default());
    runtime.block_on(async {
        let end = async { withdrawn.cancel() };
        let (recorder, _) = Recorder::channel();
        tokio::join!(
            storm.loaded.play(&storm.plan, Clock::start(), withdrawn.clone(), &hold, &recorder),
            end
        );
    });
    // Its attempt ends only now, and it is told so.
    drop(client);
    storm.rig.attempt()?;
    assert_eq!(storm.fleet.done.lock().len(), 0);
    Ok(())
}
