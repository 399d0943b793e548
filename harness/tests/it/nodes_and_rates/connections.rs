//! Connections and answers that never come, or come only the second time.

use std::time::Duration;

use squall::record::AttemptEnd;

use super::{FOUR, ask_again, ask_as, fault};
use crate::support::storm::Storm;
use crate::support::{Client, End, Node, Result, Seen};

fn get(storm: &Storm, path: &str) -> Result<Seen> {
    let mut client = Client::to(storm.rig.proxy.address())?;
    client.send(&format!("GET {path}"), "", "")?;
    client.finish()
}

#[test]
fn a_connection_is_reset_or_silent_from_its_first_byte() -> Result {
    for (how, end) in [("reset", End::Rst), ("hang", End::Silence)] {
        let node = Node::streaming(&FOUR)?;
        let storm = Storm::new(&node, &fault("connect", &format!("how = \"{how}\"")))?;
        let seen = storm.rig.ask()?;
        assert_eq!((seen.end, seen.text.as_str()), (end, ""), "{how}");
        let row = storm.rig.attempt()?;
        assert_eq!((row.end, row.request, row.faults), (AttemptEnd::Injected, None, 1), "{how}");
        assert_eq!(node.requests(), 0, "{how}");
    }
    Ok(())
}

#[test]
fn a_connection_is_read_from_only_later() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("connect", "how = \"delay\", delay = \"150ms\""))?;
    let seen = storm.rig.ask()?;
    assert!(seen.first_byte >= Some(Duration::from_millis(150)), "{:?}", seen.first_byte);
    assert_eq!(seen.events(), FOUR);
    let row = storm.rig.fault()?;
    assert_eq!((row.hook.as_str(), row.verdict.as_str()), ("connect", "delay(150.000ms)"));
    Ok(())
}

#[test]
fn a_connection_that_was_open_before_goes_on() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("connect", "how = \"reset\""))?;
    storm.loaded.engine.switch_off(0);
    let mut client = Client::to(storm.rig.proxy.address())?;
    client.send("POST /v1/chat/completions", "", crate::support::STREAM_BODY)?;
    storm.rig.attempt()?;
    storm.loaded.engine.switch_on(0);
    client.send("POST /v1/chat/completions", "connection: close\r\n", crate::support::STREAM_BODY)?;
    let seen = client.finish()?;
    assert_eq!((seen.end, seen.text.matches("200 OK").count()), (End::Fin, 2), "{}", seen.text);
    assert_eq!(storm.rig.ask()?.end, End::Rst);
    Ok(())
}

#[test]
fn a_blackhole_swallows_what_goes_its_way_and_the_connection_stays() -> Result {
    for (direction, hook, reached) in
        [("request", "request", 0), ("response", "response", 1), ("both", "connect", 0)]
    {
        let node = Node::streaming(&FOUR)?;
        let storm = Storm::new(&node, &fault("blackhole", &format!("direction = \"{direction}\"")))?;
        let seen = storm.rig.ask()?;
        assert_eq!((seen.end, seen.text.as_str()), (End::Silence, ""), "{direction}");
        assert_eq!(node.requests(), reached, "{direction}");
        let row = storm.rig.fault()?;
        assert_eq!((row.hook.as_str(), row.verdict.as_str()), (hook, "hang"), "{direction}");
        assert_eq!(storm.rig.attempt()?.end, AttemptEnd::Injected, "{direction}");
    }
    Ok(())
}

#[test]
fn a_zombie_answers_checks_and_hangs_on_work() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("zombie", ""))?;
    for path in ["/health", "/v1/models", "/metrics?format=text"] {
        assert_eq!(get(&storm, path)?.status(), Some(200), "{path}");
    }
    assert_eq!(get(&storm, "/healthy")?.text, "");
    let seen = storm.rig.ask()?;
    assert_eq!((seen.end, seen.text.as_str()), (End::Silence, ""));
    assert_eq!(node.requests(), 3);

    let storm = Storm::new(&node, &fault("zombie", "paths = [\"/ready\"]"))?;
    assert_eq!(get(&storm, "/ready")?.status(), Some(200));
    assert_eq!(get(&storm, "/health")?.text, "");
    Ok(())
}

#[test]
fn the_first_attempts_of_a_request_fail_and_the_next_does_not() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("fail-first", "n = 2, status = 500"))?;
    for id in [4, 9] {
        assert_eq!(ask_as(&storm, id)?.status(), Some(500), "request {id}");
        for status in [500, 200, 200] {
            assert_eq!(ask_again(&storm, id)?.status(), Some(status), "request {id}");
        }
    }
    let seen = ask_as(&storm, 5)?;
    assert!(seen.body().contains("server_error") && seen.is_whole(), "{seen:?}");
    // What belongs to no request has no first attempt.
    assert_eq!(storm.rig.ask()?.status(), Some(200));
    let counters = &storm.loaded.evidence(&storm.plan)[0].counters;
    assert_eq!((counters[0].name.as_str(), counters[0].value), ("fail-first: request unknown", 1));
    Ok(())
}

#[test]
fn the_first_attempts_on_a_node_fail_and_probes_do_not_count() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("fail-first", "n = 2, per = \"node\""))?;
    assert_eq!(get(&storm, "/health")?.status(), Some(200));
    let statuses: Vec<_> =
        (0..4).map(|id| ask_as(&storm, id).map(|seen| seen.status())).collect::<Result<_>>()?;
    assert_eq!(statuses, [Some(503), Some(503), Some(200), Some(200)]);
    Ok(())
}
