//! Every API, from the client through router and proxies to the node and back, on real sockets.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::{Value, json};
use squall::api::Api;

use crate::support::scene::{Scene, rows};
use crate::support::{Node, Result, Then};

/// Two nodes behind the router: one resets some streams in their middle, one refuses some requests.
fn storm(api: Api, stream: bool) -> String {
    let streaming = if api.streams() { format!("stream = {stream}\n") } else { String::new() };
    let cut = r#"{ plugin = "cut", nodes = ["a"], share = 0.5, with = { after = 8, how = "reset" } },"#;
    let cut = if stream { cut } else { "" };
    format!(
        r#"
schema = 1
name = "{api}"
seed = 7
[target]
api = "{api}"
model = "m"
router = {{}}
[[node]]
name = "a"
sim = {{ ttft = "5ms", itl = "1ms" }}
[[node]]
name = "b"
sim = {{ ttft = "5ms", itl = "1ms" }}
[traffic]
arrivals = {{ constant = "60/s" }}
prompts = {{ input = 20, output = 12 }}
{streaming}
[[phase]]
name = "calm"
duration = "500ms"
[[phase]]
name = "storm"
duration = "700ms"
fault = [{cut}
         {{ plugin = "http-error", nodes = ["b"], share = 0.5, when = {{ model = "m", path = "/v1{path}" }}, with = {{ status = 503 }} }}]
"#,
        path = api.path(),
    )
}

#[test]
fn every_api_is_spoken_streaming_and_not_through_router_and_proxies() -> Result {
    let shapes = Api::ALL.into_iter().flat_map(|api| [(api, true), (api, false)]);
    for (api, stream) in shapes.filter(|(api, stream)| api.streams() || !stream) {
        let scene = Scene::new(&storm(api, stream))?;
        let output = scene.run()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = scene.report().map_err(|error| format!("{api}: {error}\n{said}"))?;
        let requests = rows(&scene.out().join("requests.jsonl"))?;
        let calm: Vec<&Value> = requests.iter().filter(|row| row["phase"] == "calm").collect();
        assert_eq!(calm.len(), 30, "{api}");
        for row in calm {
            assert_eq!((&row["outcome"], &row["content"]), (&json!("ok"), &json!("whole")), "{api}: {row}");
            assert_eq!((&row["genuine_marker"], &row["attempts"]), (&json!(true), &json!(1)), "{api}: {row}");
            let tokens = if api == Api::OpenaiEmbeddings { 0 } else { 12 };
            assert_eq!(row["output_tokens"], tokens, "{api}: {row}");
            assert_eq!(row["events"], if stream { 12 } else { 1 }, "{api}: {row}");
        }
        let retried = requests.iter().filter(|row| row["attempts"] == 2 && row["outcome"] == "ok").count();
        assert!(stream || retried > 0, "{api}: the router rescued nobody");
        let broken = requests.iter().filter(|row| row["outcome"] == "in_band_error").count();
        assert_eq!(broken > 0, stream, "{api}: streams that broke, told in-band: {broken}");
        assert!(
            requests.iter().all(|row| row["outcome"] == "ok"
                || row["outcome"] == "in_band_error"
                || row["outcome"] == "http_error"),
            "{api}"
        );
        for invariant in report["invariants"].as_array().ok_or("no invariants")? {
            assert_ne!(invariant["verdict"], "fail", "{api}: {invariant}");
            assert_ne!(invariant["verdict"], "inconclusive", "{api}: {invariant}");
        }
        let attempts = rows(&scene.out().join("attempts.jsonl"))?;
        let work: Vec<&Value> = attempts.iter().filter(|row| row["probe"] == false).collect();
        assert!(work.iter().all(|row| row["request"].is_u64()), "{api}");
    }
    Ok(())
}

/// A stream of events, and how the client is to class it.
struct Case {
    events: String,
    outcome: &'static str,
    content_events: u32,
}

fn case(events: &[&str], outcome: &'static str, content_events: u32) -> Case {
    Case { events: events.concat(), outcome, content_events }
}

fn typed(json: &str) -> String {
    let kind = serde_json::from_str::<Value>(json).unwrap_or_default()["type"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    format!("event: {kind}\ndata: {json}\n\n")
}

/// What a stream of each API may be: a tool call, thoughts, broken in each way.
fn cases(api: Api) -> Vec<Case> {
    match api {
        Api::AnthropicMessages => {
            let delta = |delta: &str| {
                typed(&format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#))
            };
            let text = &delta(r#"{"type":"text_delta","text":"a"}"#);
            let think = &delta(r#"{"type":"thinking_delta","thinking":"hm"}"#);
            let sign = &delta(r#"{"type":"signature_delta","signature":"x"}"#);
            let tool = &delta(r#"{"type":"input_json_delta","partial_json":"{}"}"#);
            let start = &typed(r#"{"type":"message_start","message":{"usage":{"output_tokens":1}}}"#);
            let reason = &typed(
                r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
            );
            let stop = &typed(r#"{"type":"message_stop"}"#);
            let error =
                &typed(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#);
            vec![
                case(&[start, think, sign, text, tool, reason, stop], "ok", 3),
                case(&[start, text, reason], "cut", 1),
                case(&[start, text, stop], "cut", 1),
                case(&[start, text, error], "in_band_error", 1),
                case(&[start, reason, stop], "empty", 0),
            ]
        }
        Api::OpenaiResponses => {
            let text = &typed(r#"{"type":"response.output_text.delta","delta":"a"}"#);
            let think = &typed(r#"{"type":"response.reasoning_summary_text.delta","delta":"hm"}"#);
            let tool = &typed(r#"{"type":"response.function_call_arguments.delta","delta":"{}"}"#);
            let done = &typed(r#"{"type":"response.output_text.done","text":"a"}"#);
            let end = &typed(
                r#"{"type":"response.completed","response":{"status":"completed","usage":{"output_tokens":9}}}"#,
            );
            let failed = &typed(
                r#"{"type":"response.failed","response":{"status":"failed","error":{"message":"Overloaded"}}}"#,
            );
            let error = &typed(r#"{"type":"error","message":"Overloaded"}"#);
            vec![
                case(&[think, text, tool, done, end], "ok", 3),
                case(&[text, done], "cut", 1),
                case(&[text, failed], "in_band_error", 1),
                case(&[text, error], "in_band_error", 1),
                case(&[done, end], "empty", 0),
            ]
        }
        _ => {
            let chunk = |choice: &str| format!("data: {{\"choices\":[{choice}]}}\n\n");
            let text = &chunk(r#"{"text":"a","finish_reason":null}"#);
            let reason = &chunk(r#"{"text":"","finish_reason":"stop"}"#);
            let (done, error) = ("data: [DONE]\n\n", "data: {\"error\":{\"message\":\"Overloaded\"}}\n\n");
            vec![
                case(&[text, text, reason, done], "ok", 2),
                case(&[text, reason], "cut", 1),
                case(&[text, done], "cut", 1),
                case(&[text, error, done], "in_band_error", 1),
                case(&[reason, done], "empty", 0),
            ]
        }
    }
}

fn stream(out: &mut TcpStream, events: &str) -> Then {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ";
    let _ = write!(out, "{head}{}\r\n\r\n{events}", events.len());
    Then::KeepOpen
}

/// The number of the request that a node got.
fn id(request: &str) -> usize {
    let line = request.lines().find_map(|line| line.strip_prefix("x-squall-request: "));
    line.and_then(|id| id.parse().ok()).unwrap_or_default()
}

#[test]
fn each_way_to_break_a_stream_has_its_class_in_every_api() -> Result {
    for api in [Api::OpenaiCompletions, Api::OpenaiResponses, Api::AnthropicMessages] {
        let node = Node::new(move |out, request| {
            let cases = cases(api);
            stream(out, &cases[id(request) % cases.len()].events)
        })?;
        let scene = Scene::new(&format!(
            "schema = 1\nname = \"x\"\nseed = 7\n[target]\napi = \"{api}\"\nmodel = \"m\"\nnode = \"a\"\n\
             [[node]]\nname = \"a\"\nurl = \"http://{}\"\n\
             [traffic]\narrivals = {{ constant = \"50/s\" }}\nprompts = {{ input = 20, output = 4 }}\n\
             [[phase]]\nname = \"only\"\nduration = \"400ms\"\n",
            node.address
        ))?;
        let output = scene.run()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let requests =
            rows(&scene.out().join("requests.jsonl")).map_err(|error| format!("{error}: {said}"))?;
        assert_eq!(requests.len(), 20);
        let cases = cases(api);
        for row in &requests {
            let case = &cases[row["id"].as_u64().ok_or("no id")? as usize % cases.len()];
            assert_eq!(
                (&row["outcome"], &row["events"]),
                (&json!(case.outcome), &json!(case.content_events)),
                "{api}: {row}"
            );
            if case.outcome == "in_band_error" {
                assert_eq!(row["error"], "Overloaded");
            }
            let ended = case.outcome == "ok" || case.outcome == "empty";
            assert_eq!(
                (&row["marker"], &row["genuine_marker"]),
                (&json!(ended), &json!(case.events.contains(last(api)))),
                "{api}: {row}"
            );
        }
        for attempt in rows(&scene.out().join("attempts.jsonl"))? {
            let request = attempt["request"].as_u64().ok_or("an attempt without its request")?;
            let case = &cases[request as usize % cases.len()];
            assert_eq!(attempt["marker"], case.events.contains(last(api)), "{api}: {attempt}");
        }
    }
    Ok(())
}

fn last(api: Api) -> &'static str {
    match api {
        Api::AnthropicMessages => "message_stop",
        Api::OpenaiResponses => "response.completed",
        _ => "[DONE]",
    }
}

#[test]
fn a_marker_that_no_node_sent_is_invented_in_every_api() -> Result {
    for api in [Api::OpenaiCompletions, Api::OpenaiResponses, Api::AnthropicMessages] {
        // It ends its answers as if they were whole, and asked no node for them.
        let gateway = Node::new(move |out, _| stream(out, &cases(api)[0].events))?;
        let scene = Scene::new(&format!(
            "schema = 1\nname = \"x\"\nseed = 7\n[target]\napi = \"{api}\"\nmodel = \"m\"\nurl = \"http://{}/v1\"\n\
             [[node]]\nname = \"a\"\nsim = {{}}\n\
             [traffic]\narrivals = {{ constant = \"20/s\" }}\nprompts = {{ input = 20, output = 4 }}\n\
             [[phase]]\nname = \"only\"\nduration = \"250ms\"\n",
            gateway.address
        ))?;
        scene.run()?;
        let requests = rows(&scene.out().join("requests.jsonl"))?;
        assert_eq!(requests.len(), 5);
        for row in requests {
            assert_eq!((&row["outcome"], &row["marker"]), (&json!("invented"), &json!(true)), "{api}: {row}");
        }
    }
    Ok(())
}

#[test]
fn empty_answers_are_a_class_of_their_own_and_never_fast_successes() -> Result {
    // What llama.cpp's servers say when a model is asked in another model's chat format: a role, and the end of it.
    let said = ["{\"role\":\"assistant\",\"content\":null}", "{}"];
    let finish = ["null", "\"stop\""];
    let chunks = said.iter().zip(finish).map(|(delta, finish)| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n")
    });
    let events = chunks.chain(["data: [DONE]\n\n".to_owned()]).collect::<String>();
    let node = Node::new(move |out, _| stream(out, &events))?;
    let scene = Scene::new(&format!(
        "schema = 1\nname = \"x\"\nseed = 7\n[target]\nmodel = \"m\"\nnode = \"a\"\n\
         [[node]]\nname = \"a\"\nurl = \"http://{}\"\n\
         [traffic]\narrivals = {{ constant = \"100/s\" }}\nprompts = {{ input = 20, output = 4 }}\n\
         [[phase]]\nname = \"only\"\nduration = \"600ms\"\n\
         [[slo]]\nname = \"fast\"\nobjective = \"p90(ttft) <= 60s\"\n\
         [[slo]]\nname = \"good\"\nobjective = \"success >= 90%\"\n",
        node.address
    ))?;
    assert_eq!(scene.run()?.status.code(), Some(1));
    let report = scene.report()?;
    let counts = &report["counts"];
    assert_eq!((&counts["empty"], &counts["ok"], &counts["corrupt"]), (&json!(60), &json!(0), &json!(0)));
    for slo in report["slos"].as_array().ok_or("no objectives")? {
        assert_eq!((&slo["verdict"], &slo["good"]), (&json!("fail"), &json!(0)), "{slo}");
    }
    let advice = report["runbook"].to_string();
    assert!(advice.contains("chat format"), "{advice}");
    Ok(())
}
