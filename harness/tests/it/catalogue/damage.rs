//! Answers that are broken, or look it: `in-band-error`, `malformed`, `duplicate`.

use serde_json::{Value, json};
use squall::record::AttemptEnd;

use super::{WORDS, answering, chat, completion, fault, read, see, see_body, streaming};
use crate::support::{End, Result, Seen};

#[test]
fn in_band_error_breaks_a_good_answer_off_with_an_error_of_each_shape() -> Result {
    let payloads = chat(&WORDS);
    for (shape, status, pointer, expected, done) in [
        ("openai", 503, "/error/code", json!("overloaded"), false),
        ("anthropic", 529, "/error/type", json!("overloaded_error"), false),
        ("vllm", 500, "/error/code", json!(500), true),
    ] {
        let with = format!("after = 2, shape = \"{shape}\", status = {status}");
        let (storm, seen) = see(&streaming(&payloads)?, &fault("in-band-error", &with))?;
        assert_eq!(seen.status(), Some(200), "{shape}");
        let events = seen.events();
        assert_eq!(events[..2], payloads[..2], "{shape}");
        let error: Value = serde_json::from_str(&events[2])?;
        assert_eq!(error.pointer(pointer), Some(&expected), "{shape}: {error}");
        assert_eq!(events.get(3).map(String::as_str), done.then_some("[DONE]"), "{shape}");
        assert_eq!(seen.body().contains("event: error\n"), shape == "anthropic", "{shape}");
        assert_eq!((seen.end, seen.is_whole()), (End::Fin, true), "{shape}");
        assert_eq!(storm.rig.attempt()?.end, AttemptEnd::Injected, "{shape}");
    }
    Ok(())
}

#[test]
fn in_band_error_may_leave_the_stream_open_even_in_its_last_event() -> Result {
    let payloads = chat(&WORDS);
    for after in [2, payloads.len() - 1] {
        let with = format!("after = {after}, close = false");
        let (_, seen) = see(&streaming(&payloads)?, &fault("in-band-error", &with))?;
        assert_eq!(seen.events().len(), after + 1);
        assert!(seen.events()[after].contains("server_error"), "{seen:?}");
        assert_eq!((seen.end, seen.is_whole()), (End::Silence, false));
    }
    Ok(())
}

#[test]
fn in_band_error_takes_the_place_of_a_whole_answer() -> Result {
    let body = completion(&json!({ "content": "one" }));
    let error = see_body(&body, &fault("in-band-error", "shape = \"vllm\""))?;
    assert_eq!(error["error"]["code"], 500);
    let models = json!({ "object": "list", "data": [] });
    assert_eq!(see_body(&models, &fault("in-band-error", ""))?, models, "no answer, no error");
    Ok(())
}

#[test]
fn malformed_json_is_no_json_in_one_event_or_in_the_body() -> Result {
    let payloads = chat(&WORDS);
    let (_, seen) = see(&streaming(&payloads)?, &fault("malformed", "which = \"invalid-json\", after = 2"))?;
    let events = seen.events();
    assert_eq!(events.len(), payloads.len());
    assert!(serde_json::from_str::<Value>(&events[2]).is_err(), "{}", events[2]);
    assert_eq!((&events[..2], &events[3..]), (&payloads[..2], &payloads[3..]));

    let body = completion(&json!({ "content": "one" })).to_string();
    let (_, seen) = see(&answering(&body)?, &fault("malformed", ""))?;
    assert!(seen.is_whole() && body.starts_with(&seen.body()) && seen.body().len() < body.len(), "{seen:?}");
    Ok(())
}

/// The chunks of HTTP's framing: what the proxy wrote at once.
fn chunks(seen: &Seen) -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = seen.reads.iter().flat_map(|(_, bytes)| bytes).copied().collect();
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let mut rest = find(&bytes, b"\r\n\r\n").map_or(&[][..], |at| &bytes[at + 4..]);
    let mut chunks = Vec::new();
    while let Some(at) = find(rest, b"\r\n") {
        let size =
            std::str::from_utf8(&rest[..at]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size @ 1..) = size else { break };
        chunks.push(rest[at + 2..at + 2 + size].to_vec());
        rest = &rest[at + 4 + size..];
    }
    chunks
}

/// Whether one read of the client ended within the character.
fn read_within_the_character(seen: &Seen) -> bool {
    seen.reads.iter().any(|(_, bytes)| bytes.ends_with(b"\xc3\r\n"))
}

/// A client that is kept from reading finds two writes in one read: it asks again, a few times.
fn see_the_split(payloads: &[String]) -> Result<Seen> {
    let fault = fault("malformed", "which = \"split-utf8\", after = 1");
    let mut last = see(&streaming(payloads)?, &fault)?.1;
    for _ in 0..50 {
        if read_within_the_character(&last) {
            break;
        }
        last = see(&streaming(payloads)?, &fault)?.1;
    }
    Ok(last)
}

#[test]
fn malformed_splits_an_event_within_a_character() -> Result {
    for words in [["caf\u{e9}", " two", " three"], ["one", " two", " three"]] {
        let seen = see_the_split(&chat(&words))?;
        // The rest came in a write of its own, so that a read sees half a character.
        assert!(read_within_the_character(&seen), "{seen:?}");
        let chunks = chunks(&seen);
        let torn = chunks.iter().find(|chunk| std::str::from_utf8(chunk).is_err());
        assert!(torn.ok_or("no chunk ends within a character")?.ends_with(b"\xc3"), "{seen:?}");
        // Put together it is what the node said.
        let whole = String::from_utf8(chunks.concat())?;
        let text: String = whole
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
            .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
            .collect();
        assert_eq!(text, words.concat());
    }
    Ok(())
}

#[test]
fn malformed_mixes_line_ends_and_puts_comments_between_events() -> Result {
    let payloads = chat(&WORDS);
    let (_, seen) = see(&streaming(&payloads)?, &fault("malformed", "which = \"crlf\", after = 1"))?;
    let ends = ["\n\n", "\r\n\r\n", "\n\n", "\r\n\n"].into_iter().chain(["\r\n\r\n", "\n\n", "\r\n\n"]);
    let lines = payloads.iter().zip(ends).map(|(data, end)| format!("data: {data}{end}"));
    let expected = lines.collect::<Vec<_>>().concat();
    assert_eq!(seen.body(), expected);

    let (_, seen) = see(&streaming(&payloads)?, &fault("malformed", "which = \"comments\", after = 2"))?;
    assert_eq!(seen.events(), payloads);
    assert_eq!(seen.body().matches("\n\n: keep-alive\n\ndata: ").count(), payloads.len() - 2);
    Ok(())
}

#[test]
fn malformed_sends_an_event_without_choices_and_one_of_any_size() -> Result {
    let payloads = chat(&WORDS);
    let (_, seen) = see(&streaming(&payloads)?, &fault("malformed", "which = \"empty-choices\", after = 2"))?;
    let events = seen.events();
    assert_eq!(events.len(), payloads.len() + 1);
    assert_eq!(serde_json::from_str::<Value>(&events[2])?["choices"], json!([]));
    assert_eq!((&events[..2], &events[3..]), (&payloads[..2], &payloads[2..]));

    let with = "which = \"huge-event\", after = 2, size = 3000000";
    let (_, seen) = see(&streaming(&payloads)?, &fault("malformed", with))?;
    let events = seen.events();
    assert!(events[2].len() > 3_000_000, "{}", events[2].len());
    assert_eq!(read(&seen).0, "one two three");
    let body =
        see_body(&completion(&json!({ "content": "one" })), &fault("malformed", "which = \"huge-event\""))?;
    assert_eq!(body["padding"].as_str().map(str::len), Some(1 << 20));
    Ok(())
}

#[test]
fn malformed_tool_arguments_never_end() -> Result {
    let piece = |delta: Value, finish: Value| {
        json!({ "id": "c1", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
            .to_string()
    };
    let call = |arguments: &str| {
        let call = json!({ "index": 0, "function": { "arguments": arguments } });
        piece(json!({ "tool_calls": [call] }), Value::Null)
    };
    let named = json!({ "index": 0, "id": "t1", "function": { "name": "f", "arguments": "" } });
    let payloads = [
        piece(json!({ "tool_calls": [named] }), Value::Null),
        call("{\"city\":"),
        call("\"Paris"),
        call("\"}"),
        piece(json!({}), json!("tool_calls")),
        "[DONE]".into(),
    ];
    let with = "which = \"truncated-tool-arguments\", after = 2";
    let (_, seen) = see(&streaming(&payloads)?, &fault("malformed", with))?;
    let arguments: String = seen
        .events()
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok())
        .filter_map(|chunk| {
            let call = chunk.pointer("/choices/0/delta/tool_calls/0/function/arguments")?;
            call.as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(arguments, "{\"city\":\"Paris");
    assert_eq!(read(&seen).1.as_deref(), Some("tool_calls"));
    assert_eq!(seen.events().len(), payloads.len());

    let call = json!({ "id": "t1", "function": { "name": "f", "arguments": "{\"city\":\"Paris\"}" } });
    let body = see_body(&completion(&json!({ "tool_calls": [call] })), &fault("malformed", with))?;
    let arguments = &body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"];
    assert_eq!(arguments, "{\"city\":");
    Ok(())
}

#[test]
fn duplicate_repeats_reorders_and_replays() -> Result {
    let payloads = chat(&WORDS);
    for (with, text) in [
        ("which = \"repeat\", after = 2", "one two two three"),
        ("which = \"reorder\", after = 2", "one three two"),
        ("which = \"replay\", after = 3", "one twoone two three"),
    ] {
        let (storm, seen) = see(&streaming(&payloads)?, &fault("duplicate", with))?;
        assert_eq!(read(&seen), (text.into(), Some("stop".into())), "{with}");
        assert_eq!(seen.events().last().map(String::as_str), Some("[DONE]"), "{with}");
        assert!(seen.is_whole(), "{with}");
        assert_eq!(storm.rig.attempt()?.end, AttemptEnd::Complete, "{with}");
    }
    Ok(())
}

#[test]
fn duplicate_loses_nothing_where_there_is_no_next_event() -> Result {
    let payloads = chat(&WORDS);
    let with = format!("which = \"reorder\", after = {}", payloads.len() - 1);
    let (_, seen) = see(&streaming(&payloads)?, &fault("duplicate", &with))?;
    assert_eq!(seen.events(), payloads);
    // Events with names keep their own.
    let named =
        [json!({ "type": "ping" }), json!({ "type": "message_delta" }), json!({ "type": "message_stop" })];
    let payloads: Vec<String> = named.iter().map(ToString::to_string).collect();
    let (_, seen) = see(&streaming(&payloads)?, &fault("duplicate", "which = \"reorder\", after = 0"))?;
    let swapped =
        format!("event: message_delta\ndata: {}\n\nevent: ping\ndata: {}\n\n", payloads[1], payloads[0]);
    assert!(seen.body().starts_with(&swapped), "{}", seen.body());
    Ok(())
}

#[test]
fn streams_at_the_same_time_do_not_mix() -> Result {
    let node = streaming(&chat(&WORDS))?;
    let with = "which = \"replay\", after = 3";
    let storm = crate::support::storm::Storm::new(&node, &fault("duplicate", with))?;
    let texts = std::thread::scope(|scope| {
        let ask = || storm.rig.ask().map(|seen| read(&seen).0).map_err(|error| error.to_string());
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|one| one.join().unwrap_or(Err("panicked".into()))).collect::<Vec<_>>()
    });
    assert_eq!(texts, vec![Ok("one twoone two three".to_owned()); 8]);
    Ok(())
}
