//! When things come: `slow-stream` and `stall`.

use std::time::Duration;

use serde_json::json;
use squall::record::{AttemptEnd, Record};

use super::{WORDS, answering, chat, completion, fault, read, see, streaming};
use crate::support::storm::Storm;
use crate::support::{End, Result, Seen};

/// When each event had come whole, as far as reads tell.
fn arrivals(seen: &Seen) -> Vec<Duration> {
    let count = |bytes: &[u8]| bytes.windows(6).filter(|window| window == b"data: ").count();
    seen.reads.iter().flat_map(|(at, bytes)| vec![*at; count(bytes)]).collect()
}

/// The verdicts of the fault log.
fn verdicts(storm: Storm) -> Vec<String> {
    let records = storm.rig.records().into_iter();
    let faults = records.filter_map(|record| match record {
        Record::Fault(row) => Some(row.verdict),
        _ => None,
    });
    faults.collect()
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn slow_stream_spaces_events_to_its_rate() -> Result {
    let payloads = chat(&WORDS);
    let (storm, seen) = see(&streaming(&payloads)?, &fault("slow-stream", "tokens_per_s = 25"))?;
    assert_eq!(seen.events(), payloads);
    let at = arrivals(&seen);
    // Seven events, six gaps of 40 ms; a client may see one late, but none early.
    for (index, at) in (0..).zip(&at) {
        assert!(*at >= ms(40) * index, "event {index} came after {at:?}");
    }
    assert!(at[0] < at[1], "the first is not held back for the second: {at:?}");
    assert_eq!(verdicts(storm), ["delay(40.000ms)"; 6], "no clock has a part in them");
    Ok(())
}

#[test]
fn slow_stream_keeps_a_rate_whose_gaps_are_shorter_than_a_timers_tick() -> Result {
    // 500 gaps of 0.4 ms: were each slept for by itself, with a timer of 1 ms, they would take a second.
    let payloads = chat(&[" w"; 498]);
    let (storm, seen) = see(&streaming(&payloads)?, &fault("slow-stream", "tokens_per_s = 2500"))?;
    assert_eq!(seen.events(), payloads);
    let row = storm.rig.attempt()?;
    let took = row.end_ns - row.start_ns;
    assert!(took >= ms(200) && took < ms(500), "{took:?}");
    Ok(())
}

#[test]
fn a_client_that_leaves_a_stalled_stream_ends_its_attempt() -> Result {
    let node = streaming(&chat(&WORDS))?;
    let storm = Storm::new(&node, &fault("stall", "after = 2, for = \"1h\""))?;
    // It gives up after a silence.
    assert_eq!(storm.rig.ask()?.events().len(), 2);
    assert_eq!(storm.rig.attempt()?.end, AttemptEnd::ClientLeft);
    Ok(())
}

#[test]
fn slow_stream_paces_bytes_of_streams_and_of_whole_answers() -> Result {
    let payloads = chat(&WORDS);
    let bytes: usize = payloads[..payloads.len() - 1].iter().map(|payload| payload.len() + 8).sum();
    let (_, seen) = see(&streaming(&payloads)?, &fault("slow-stream", "bytes_per_s = 5000"))?;
    assert_eq!(seen.events(), payloads);
    let took = arrivals(&seen).last().copied().unwrap_or_default();
    assert!(took >= Duration::from_secs_f64(bytes as f64 / 5000.0), "{bytes} bytes in {took:?}");

    let body = completion(&json!({ "content": "x".repeat(700) })).to_string();
    let (_, seen) = see(&answering(&body)?, &fault("slow-stream", "bytes_per_s = 5000"))?;
    assert_eq!(seen.body(), body);
    let took = seen.reads.last().map_or(Duration::ZERO, |(at, _)| *at);
    // The last of 20 pieces a second is not waited for.
    assert!(took + ms(50) >= Duration::from_secs_f64(body.len() as f64 / 5000.0), "{took:?}");
    Ok(())
}

#[test]
fn slow_stream_holds_a_whole_answer_as_long_as_its_tokens_take() -> Result {
    // Its usage says three tokens.
    let body = completion(&json!({ "content": "one two three" })).to_string();
    let (storm, seen) = see(&answering(&body)?, &fault("slow-stream", "tokens_per_s = 20"))?;
    assert_eq!(seen.body(), body);
    assert!(seen.first_byte >= Some(ms(150)), "{:?}", seen.first_byte);
    assert_eq!(storm.rig.fault()?.verdict, "delay(150.000ms)");
    Ok(())
}

#[test]
fn slow_stream_ramps_from_one_rate_to_another() -> Result {
    let payloads = chat(&["w"; 30]);
    // From 100 a second to 10 within 300 ms, in which 17 gaps fit. The last of 24 would end after 240 ms
    // at the first rate, after 2.4 s at the second, and does after about a second.
    let with = "tokens_per_s = 100, ramp = { to = 10, over = \"300ms\" }";
    let (_, seen) = see(&streaming(&payloads[..25])?, &fault("slow-stream", with))?;
    assert_eq!(seen.events(), payloads[..25]);
    let at = arrivals(&seen);
    let last = at.last().copied().unwrap_or_default();
    assert!(last >= ms(800) && last < ms(2_300), "{last:?}");
    Ok(())
}

#[test]
fn stall_stops_for_a_while_and_goes_on() -> Result {
    let payloads = chat(&WORDS);
    let (storm, seen) = see(&streaming(&payloads)?, &fault("stall", "after = 2, for = \"150ms\""))?;
    assert_eq!(seen.events(), payloads);
    assert!(seen.is_whole());
    let at = arrivals(&seen);
    assert!(at[2] >= ms(150) && at[1] < at[2], "{at:?}");
    let row = storm.rig.attempt()?;
    assert_eq!((row.end, row.faults), (AttemptEnd::Complete, 1));

    let body = completion(&json!({ "content": "one" })).to_string();
    let (_, seen) = see(&answering(&body)?, &fault("stall", "for = \"150ms\""))?;
    assert_eq!(seen.body(), body);
    assert!(seen.first_byte >= Some(ms(150)), "{:?}", seen.first_byte);
    Ok(())
}

#[test]
fn stall_hangs_for_ever_with_the_connection_alive() -> Result {
    let payloads = chat(&WORDS);
    let (storm, seen) = see(&streaming(&payloads)?, &fault("stall", "after = 2"))?;
    assert_eq!(seen.events(), payloads[..2]);
    assert_eq!((seen.end, seen.is_whole()), (End::Silence, false));
    assert_eq!(read(&seen), ("one".into(), None));
    assert_eq!(storm.rig.attempt()?.end, AttemptEnd::Injected);

    let body = completion(&json!({ "content": "one" })).to_string();
    let (_, seen) = see(&answering(&body)?, &fault("stall", ""))?;
    assert_eq!((seen.end, seen.text.as_str()), (End::Silence, ""));
    // A health check is no answer that could stall.
    let (_, seen) = see(&answering("{\"status\":\"ok\"}")?, &fault("stall", ""))?;
    assert_eq!(seen.body(), "{\"status\":\"ok\"}");
    Ok(())
}
