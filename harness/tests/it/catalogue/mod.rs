//! The built-in plugins, each by what a client sees on the wire.

mod damage;
mod distributions;
mod lies;
mod pacing;

use std::collections::BTreeSet;
use std::io::Write as _;

use serde_json::{Value, json};
use squall::fault::{PluginError, built_in_names};
use squall::record::{AttemptEnd, Record};

use crate::support::storm::{PretendedFleet, Storm, fault, load, plan};
use crate::support::{Node, Parts, Result, STREAM_BODY, Seen, Then};

/// For each plugin: parameters that it takes, parameters that it refuses, and a word of its refusal.
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("cut", "after = 2", "how = \"gently\"", "gently"),
    ("duplicate", "which = \"replay\"", "which = \"replay\", after = 0", "nothing to replay"),
    ("http-error", "status = 503", "status = 200", "400 to 599"),
    ("in-band-error", "after = 1", "status = 200", "400 to 599"),
    ("latency", "fixed = \"50ms\"", "p50 = \"1ms\"", "give both"),
    ("malformed", "which = \"invalid-json\"", "size = 5", "huge-event"),
    ("node-kill", "", "after_requests = 0", "counts from 1"),
    ("poison", "tokens = 1", "tokens = 1.5", "up to 1"),
    ("refusal", "reason = \"stop\"", "reason = \"stop\", text = \"no\"", "belongs to"),
    ("slow-stream", "tokens_per_s = 20", "tokens_per_s = 0", "above 0"),
    ("stall", "after = 1", "for = \"0s\"", "for ever"),
    ("wrong-model", "model = \"other\"", "model = \"\"", "is empty"),
    ("wrong-usage", "which = \"zero\"", "which = \"zero\", factor = 2", "inflated"),
];

/// The payloads of a streamed chat answer with these words: the role, the words, the end, the usage.
fn chat(words: &[&str]) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        json!({ "id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "sim", "usage": null,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
    };
    let mut chunks = vec![chunk(json!({ "role": "assistant", "content": "" }), Value::Null)];
    chunks.extend(words.iter().map(|word| chunk(json!({ "content": word }), Value::Null)));
    chunks.push(chunk(json!({}), json!("stop")));
    let usage =
        json!({ "prompt_tokens": 3, "completion_tokens": words.len(), "total_tokens": 3 + words.len() });
    chunks.push(json!({ "id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "sim",
        "choices": [], "usage": usage }));
    let mut payloads: Vec<String> = chunks.iter().map(ToString::to_string).collect();
    payloads.push("[DONE]".into());
    payloads
}

const WORDS: [&str; 3] = ["one", " two", " three"];

/// A node that streams these payloads.
fn streaming(payloads: &[String]) -> Result<Node> {
    Node::streaming(&payloads.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A whole chat answer with this message.
fn completion(message: &Value) -> Value {
    json!({ "id": "c1", "object": "chat.completion", "created": 5, "model": "sim",
        "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6,
            "prompt_tokens_details": { "cached_tokens": 2 } } })
}

/// A node that answers each request with this JSON.
fn answering(body: &str) -> Result<Node> {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Node::new(move |stream, _| {
        let _ = stream.write_all(answer.as_bytes());
        Then::KeepOpen
    })
}

/// What a client sees of this node under this fault. It asks for the connection's end after the answer.
fn see(node: &Node, fault: &str) -> Result<(Storm, Seen)> {
    let storm = Storm::new(node, fault)?;
    let seen = storm.rig.ask_with("connection: close\r\n", STREAM_BODY)?;
    Ok((storm, seen))
}

/// The same for a whole answer, as the JSON that it ought to be.
fn see_body(body: &Value, fault: &str) -> Result<Value> {
    let (_, seen) = see(&answering(&body.to_string())?, fault)?;
    assert!(seen.is_whole(), "{seen:?}");
    Ok(serde_json::from_str(&seen.body())?)
}

/// The text that a client puts together from a stream, and its finish reason.
fn read(seen: &Seen) -> (String, Option<String>) {
    let (mut text, mut finish) = (String::new(), None);
    for event in seen.events() {
        let chunk: Value = serde_json::from_str(&event).unwrap_or_default();
        let choice = &chunk["choices"][0];
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        finish = choice["finish_reason"].as_str().map(str::to_owned).or(finish);
    }
    (text, finish)
}

#[test]
fn every_built_in_plugin_is_in_a_table() {
    let here = TABLE.iter().map(|(plugin, ..)| *plugin);
    let there = crate::nodes_and_rates::ALL.iter().map(|(plugin, _)| *plugin);
    let listed: BTreeSet<&str> = here.chain(there).collect();
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), built_in_names());
}

/// The fault lines in plugins/README.md, each a TOML block of its own.
fn documented() -> Result<Vec<String>> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/README.md"))?;
    let blocks = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    Ok(blocks.filter(|block| block.starts_with('{')).map(str::to_owned).collect())
}

#[test]
fn the_scenario_lines_of_the_documentation_can_be_copied() -> Result {
    let mut shown = Vec::new();
    for line in documented()? {
        let plan = plan(&line)?;
        load(&plan, &Parts::new(), &PretendedFleet::new()).map_err(|error| format!("{line}: {error}"))?;
        shown.push(plan.faults[0].plugin.name());
    }
    for name in built_in_names() {
        assert!(shown.iter().any(|shown| shown == name), "{name} has no line to copy");
    }
    Ok(())
}

#[test]
fn a_share_of_zero_touches_nothing() -> Result {
    let stream = chat(&WORDS);
    let body = completion(&json!({ "role": "assistant", "content": "one two three" })).to_string();
    let nodes = [streaming(&stream)?, answering(&body)?];
    for (plugin, with, ..) in TABLE {
        for (node, whole) in nodes.iter().zip([false, true]) {
            let fault = fault(plugin, with).replace("nodes", "share = 0.0, nodes");
            let (storm, seen) = see(node, &fault)?;
            storm.loaded.engine.tick();
            if whole {
                assert_eq!(seen.body(), body, "{plugin}");
            } else {
                assert_eq!(seen.events(), stream, "{plugin}");
            }
            assert!(seen.is_whole(), "{plugin}: {seen:?}");
            assert!(storm.fleet.done.lock().is_empty(), "{plugin}");
            assert_eq!(storm.loaded.evidence(&storm.plan)[0].fired, 0, "{plugin}");
            let records = storm.rig.records();
            assert!(!records.iter().any(|record| matches!(record, Record::Fault(_))), "{plugin}");
            let ends = records.iter().filter_map(|record| match record {
                Record::Attempt(row) => Some((row.end, row.faults)),
                _ => None,
            });
            assert_eq!(ends.collect::<Vec<_>>(), [(AttemptEnd::Complete, 0)], "{plugin}");
        }
    }
    Ok(())
}

/// The same attempts meet the same plugins with a share of one: the test above could have failed.
#[test]
fn a_share_of_one_touches_each_attempt() -> Result {
    let node = streaming(&chat(&WORDS))?;
    for (plugin, with, ..) in TABLE {
        let (storm, _) = see(&node, &fault(plugin, with))?;
        storm.loaded.engine.tick();
        assert!(storm.loaded.evidence(&storm.plan)[0].fired > 0, "{plugin}");
        assert_eq!(storm.loaded.evidence(&storm.plan)[0].traps, 0, "{plugin}");
    }
    Ok(())
}

#[test]
fn parameters_that_make_no_sense_are_refused_in_the_plugins_own_words() -> Result {
    for (plugin, _, with, words) in TABLE {
        for (with, words) in [(*with, *words), ("nonsense = 1", "nonsense")] {
            let plan = plan(&fault(plugin, with))?;
            let refused = load(&plan, &Parts::new(), &PretendedFleet::new()).err();
            let error = refused.ok_or_else(|| format!("{plugin} takes {with}"))?;
            assert!(matches!(error, PluginError::Parameters { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains(words) && text.contains(plugin), "{text}");
        }
    }
    Ok(())
}
