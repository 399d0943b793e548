//! Quotas, bandwidth and load: how much is let through, how fast, and what the rest is told.

use std::io::Write as _;
use std::time::Duration;

use super::{FOUR, ask_as, fault};
use crate::support::storm::Storm;
use crate::support::{Client, End, Node, Result, STREAM_BODY, Seen, Then};

/// The value of a header of an answer.
fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let head = seen.text.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The first answer that is refused, of at most ten; and how many came through before.
fn until_refused(storm: &Storm) -> Result<(u64, Seen)> {
    for id in 0..10 {
        let seen = ask_as(storm, id)?;
        if seen.status() != Some(200) {
            return Ok((id, seen));
        }
    }
    Err("nothing was refused".into())
}

#[test]
fn a_quota_of_requests_refuses_with_the_time_to_wait() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("rate-limit", "requests = 2, per = \"1h\""))?;
    let (passed, seen) = until_refused(&storm)?;
    assert_eq!((passed, seen.status(), seen.end), (2, Some(429), End::Fin));
    assert_eq!(header(&seen, "retry-after"), Some("1800"));
    assert_eq!(header(&seen, "x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(header(&seen, "x-ratelimit-remaining-requests"), Some("0"));
    assert!(matches!(header(&seen, "x-ratelimit-reset-requests"), Some("59m59s" | "60m0s")), "{seen:?}");
    assert_eq!(header(&seen, "x-ratelimit-limit-tokens"), None);
    assert_eq!(header(&seen, "content-type"), Some("application/json"));
    assert!(seen.body().contains("\"rate_limit_exceeded\"") && seen.is_whole(), "{seen:?}");
    assert!(seen.body().contains("Rate limit reached for sim on requests"), "{seen:?}");
    assert_eq!(node.requests(), 2);
    // A probe costs nothing.
    let mut client = Client::to(storm.rig.proxy.address())?;
    client.send("GET /health", "connection: close\r\n", "")?;
    assert_eq!(client.finish()?.status(), Some(200));
    Ok(())
}

#[test]
fn a_quota_fills_again_at_its_rate() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("rate-limit", "requests = 1, per = \"100ms\""))?;
    let mut passed = Vec::new();
    for id in 0..20_000 {
        if ask_as(&storm, id)?.status() == Some(200) {
            passed.push(storm.rig.attempt()?.start_ns);
        } else {
            let row = storm.rig.attempt()?;
            assert_eq!(row.status, Some(429));
        }
        if passed.len() == 4 {
            break;
        }
    }
    for pair in passed.windows(2) {
        let gap = pair[1] - pair[0];
        assert!(gap > Duration::from_millis(95), "{gap:?}");
    }
    assert_eq!(passed.len(), 4, "it never filled again");
    Ok(())
}

#[test]
fn an_answer_that_passes_says_what_is_left() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("rate-limit", "requests = 3, per = \"1h\""))?;
    for left in ["2", "1", "0"] {
        let seen = storm.rig.ask()?;
        assert_eq!((seen.status(), seen.events().len()), (Some(200), 4));
        assert_eq!(header(&seen, "x-ratelimit-limit-requests"), Some("3"));
        assert_eq!(header(&seen, "x-ratelimit-remaining-requests"), Some(left));
    }
    let silent = Storm::new(&node, &fault("rate-limit", "requests = 3, per = \"1h\", headers = \"absent\""))?;
    assert!(!silent.rig.ask()?.text.contains("x-ratelimit"));
    Ok(())
}

#[test]
fn a_quota_of_tokens_counts_the_body_and_what_the_answer_may_have() -> Result {
    let cost = STREAM_BODY.len().div_ceil(4) + 10;
    let node = Node::streaming(&FOUR)?;
    let with = format!("requests = 9, tokens = {}, per = \"1h\"", 2 * cost + 1);
    let storm = Storm::new(&node, &fault("rate-limit", &with))?;
    let (passed, seen) = until_refused(&storm)?;
    assert_eq!((passed, seen.status()), (2, Some(429)));
    assert!(seen.body().contains("\"type\":\"tokens\""), "{seen:?}");
    assert_eq!(header(&seen, "x-ratelimit-remaining-requests"), Some("7"));
    assert_eq!(header(&seen, "x-ratelimit-remaining-tokens"), Some("1"));
    let storm = Storm::new(&node, &fault("rate-limit", &format!("tokens = {}", cost - 1)))?;
    let (passed, seen) = until_refused(&storm)?;
    assert_eq!((passed, header(&seen, "retry-after")), (0, None), "it would wait for ever");
    assert!(seen.body().contains("Request too large for sim on tokens"), "{seen:?}");
    Ok(())
}

#[test]
fn retry_after_is_a_date_by_the_nodes_own_clock() -> Result {
    let node = Node::new(|stream, _| {
        let head = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        Then::KeepOpen
    })?;
    let with = "requests = 1, per = \"1h\", retry_after = \"date\"";
    let storm = Storm::new(&node, &fault("rate-limit", with))?;
    let (_, seen) = until_refused(&storm)?;
    // An hour, and one second more, since the node's date is cut to the second.
    assert_eq!(header(&seen, "retry-after"), Some("Sun, 06 Nov 1994 09:49:38 GMT"));

    let storm = Storm::new(&Node::streaming(&FOUR)?, &fault("rate-limit", with))?;
    let (_, seen) = until_refused(&storm)?;
    assert_eq!((seen.status(), header(&seen, "retry-after")), (Some(429), None));
    let counters = &storm.loaded.evidence(&storm.plan)[0].counters;
    assert_eq!((counters[0].name.as_str(), counters[0].value), ("rate-limit: no Date from the node yet", 1));
    Ok(())
}

#[test]
fn headers_lie_or_are_left_out_as_the_scenario_says() -> Result {
    let node = Node::streaming(&FOUR)?;
    let (limit, remaining, reset) =
        ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens");
    let limited = STREAM_BODY.len().div_ceil(4) + 10 + 6;
    let told = limited.to_string();
    for (headers, expected) in [
        ("truth", [Some(told.as_str()), Some("6")]),
        ("zero", [Some(told.as_str()), Some("0")]),
        ("minus-one", [Some("-1"), Some("-1")]),
        ("absent", [None, None]),
    ] {
        let with =
            format!("tokens = {limited}, per = \"1h\", headers = \"{headers}\", retry_after = \"absent\"");
        let storm = Storm::new(&node, &fault("rate-limit", &with))?;
        let (passed, seen) = until_refused(&storm)?;
        assert_eq!((passed, header(&seen, "retry-after")), (1, None), "{headers}");
        assert_eq!([header(&seen, limit), header(&seen, remaining)], expected, "{headers}");
        assert_eq!(header(&seen, reset) == Some("0"), headers == "minus-one", "{headers}");
    }
    Ok(())
}

#[test]
fn a_spend_cap_is_final_and_says_so() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("rate-limit", "requests = 1, reason = \"spend-cap\""))?;
    let (passed, seen) = until_refused(&storm)?;
    assert_eq!((passed, seen.status()), (1, Some(429)));
    assert!(seen.body().contains("\"code\":\"insufficient_quota\""), "{seen:?}");
    assert!(!seen.text.contains("retry-after") && !seen.text.contains("x-ratelimit"), "{seen:?}");
    assert_eq!(ask_as(&storm, 20)?.status(), Some(429));
    Ok(())
}

/// A node whose stream has this many events, with payloads of 100 bytes.
fn long(events: usize) -> Result<Node> {
    let event = "x".repeat(100);
    Node::streaming(&vec![event.as_str(); events])
}

/// How long each of two answers took that were asked for at once.
fn two_at_once(storm: &Storm) -> Result<[Duration; 2]> {
    let mut clients = [Client::to(storm.rig.proxy.address())?, Client::to(storm.rig.proxy.address())?];
    for client in &mut clients {
        client.send("POST /v1/chat/completions", "connection: close\r\n", STREAM_BODY)?;
    }
    for client in clients {
        let seen = client.finish()?;
        assert!(seen.is_whole() && seen.end == End::Fin, "{seen:?}");
    }
    let took = || storm.rig.attempt().map(|row| row.end_ns - row.start_ns);
    Ok([took()?, took()?])
}

/// Far above what a rate allows for, so that only another order of things fails on a busy machine.
const BUSY: Duration = Duration::from_millis(350);

#[test]
fn a_connection_has_its_own_bandwidth_and_a_nodes_answers_share_theirs() -> Result {
    // 25 events of 108 bytes: 2,700 bytes each.
    let node = long(25)?;
    let storm = Storm::new(&node, &fault("bandwidth", "rate = 5400"))?;
    for took in two_at_once(&storm)? {
        assert!(took > Duration::from_millis(450) && took < Duration::from_millis(500) + BUSY, "{took:?}");
    }
    assert_eq!(storm.rig.records().len(), 0, "one verdict for each answer was in the log before its row");

    let storm = Storm::new(&node, &fault("bandwidth", "rate = 5400, per = \"node\""))?;
    let [first, last] = two_at_once(&storm)?;
    assert!(last.max(first) > Duration::from_millis(950), "{first:?} {last:?}");
    assert!(last.max(first) < Duration::from_secs(1) + BUSY, "{first:?} {last:?}");
    Ok(())
}

#[test]
fn a_body_that_is_no_stream_takes_its_share_of_the_bandwidth() -> Result {
    let body = "x".repeat(2_000);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let node = Node::new(move |stream, _| {
        let _ = stream.write_all(answer.as_bytes());
        Then::KeepOpen
    })?;
    for per in ["connection", "node"] {
        let storm = Storm::new(&node, &fault("bandwidth", &format!("rate = 8000, per = \"{per}\"")))?;
        let seen = storm.rig.ask()?;
        assert_eq!(seen.body(), body, "{per}");
        let row = storm.rig.attempt()?;
        let took = row.end_ns - row.start_ns;
        assert!(
            took > Duration::from_millis(200) && took < Duration::from_millis(250) + BUSY,
            "{per} {took:?}"
        );
    }
    Ok(())
}

#[test]
fn a_brownout_grows_with_what_is_in_flight() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &fault("brownout", "to = 4, latency = \"1200ms\""))?;
    let mut clients = Vec::new();
    for delay in [300, 600, 900, 1200, 1200] {
        let mut client = Client::to(storm.rig.proxy.address())?;
        client.send("POST /v1/chat/completions", "connection: close\r\n", STREAM_BODY)?;
        assert_eq!(storm.rig.fault()?.verdict, format!("delay({delay}.000ms)"));
        clients.push(client);
    }
    let count = clients.len();
    drop(clients);
    for _ in 0..count {
        storm.rig.attempt()?;
    }
    // What has ended weighs nothing any more, however it ended.
    let seen = storm.rig.ask()?;
    assert!(seen.first_byte >= Some(Duration::from_millis(300)), "{seen:?}");
    assert_eq!(storm.rig.fault()?.verdict, "delay(300.000ms)");
    Ok(())
}

#[test]
fn a_brownout_fails_the_share_of_requests_that_its_severity_says() -> Result {
    let node = Node::streaming(&FOUR)?;
    // One attempt in flight is half way.
    let storm = Storm::new(&node, &fault("brownout", "to = 2, errors = 1.0, status = 500"))?;
    let failed = (0..60).map(|id| ask_as(&storm, id).map(|seen| seen.status() == Some(500)));
    let failed = failed.collect::<Result<Vec<_>>>()?.into_iter().filter(|failed| *failed).count();
    assert!((14..=46).contains(&failed), "{failed} of 60");
    assert_eq!(node.requests(), 60 - failed);
    Ok(())
}

#[test]
fn a_brownout_grows_with_time() -> Result {
    let node = Node::streaming(&FOUR)?;
    let with = "curve = \"time\", from = \"100ms\", to = \"400ms\", latency = \"40ms\"";
    let storm = Storm::new(&node, &fault("brownout", with))?;
    assert_eq!(ask_as(&storm, 0)?.status(), Some(200));
    let mut delays = vec![storm.rig.attempt()?.faults];
    assert_eq!(delays, [0], "it has not begun to grow");
    for id in 1..10_000 {
        ask_as(&storm, id)?;
        let row = storm.rig.attempt()?;
        delays.push(row.faults);
        if row.end_ns - row.start_ns >= Duration::from_millis(40) {
            assert!(row.start_ns.0 > 200_000_000, "{row:?}");
            return Ok(());
        }
    }
    Err("it never grew".into())
}
