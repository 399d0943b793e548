//! What clients do about failure, as a part of the traffic: sending again, going elsewhere, leaving.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::scene::{Scene, rows};
use crate::support::{Node, Result, Then};

const ANSWER: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
                      data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn busy(out: &mut TcpStream, retry_after: &str) -> Then {
    let _ = write!(out, "HTTP/1.1 503 Service Unavailable\r\n{retry_after}content-length: 4\r\n\r\nbusy");
    Then::KeepOpen
}

fn answer(out: &mut TcpStream) -> Then {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ";
    let _ = write!(out, "{head}{}\r\n\r\n{ANSWER}", ANSWER.len());
    Then::KeepOpen
}

/// A node that answers a request when it has refused it so many times.
fn reluctant(times: u32, retry_after: &'static str) -> Result<Node> {
    let seen = Mutex::new(HashMap::<String, u32>::new());
    Node::new(move |out, request| {
        let id = request.lines().find_map(|line| line.strip_prefix("x-squall-request: ")).unwrap_or_default();
        let refused = seen.lock().map(|mut seen| {
            let count = seen.entry(id.to_owned()).or_default();
            *count += 1;
            *count - 1
        });
        if refused.unwrap_or_default() < times { busy(out, retry_after) } else { answer(out) }
    })
}

/// Ten requests by this client to this target.
fn scenario(target: &str, client: &str) -> String {
    format!(
        "schema = 1\nname = \"client\"\nseed = 7\n[target]\nmodel = \"m\"\n{target}\n\
         [traffic]\narrivals = {{ constant = \"50/s\" }}\nprompts = {{ input = 20, output = 50 }}\nclient = {{ {client} }}\n\
         [[phase]]\nname = \"only\"\nduration = \"200ms\"\n\
         [[slo]]\nname = \"availability\"\nobjective = \"success >= 50%\"\n"
    )
}

fn before(address: SocketAddr) -> String {
    format!("node = \"a\"\n[[node]]\nname = \"a\"\nurl = \"http://{address}\"")
}

/// The rows of the run's requests, and its report.
fn run(scenario: &str) -> Result<(Vec<Value>, Value)> {
    let scene = Scene::new(scenario)?;
    let output = scene.run()?;
    let report = scene.report().map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let rows = rows(&scene.out().join("requests.jsonl"))?;
    assert_eq!(rows.len(), 10);
    Ok((rows, report))
}

fn invariant<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["invariants"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter()
        .find(|invariant| invariant["name"] == name)
        .map_or(&Value::Null, |invariant| &invariant["verdict"])
}

fn took_ms(row: &Value) -> f64 {
    let at = |name: &str| row[name].as_f64().unwrap_or_default();
    (at("end_ns") - at("sent_ns")) / 1e6
}

#[test]
fn what_was_refused_is_sent_again_and_blamed_on_nobody() -> Result {
    let node = reluctant(2, "")?;
    let client = "retries = { attempts = 4, base = \"40ms\", jitter = false }";
    let (rows, report) = run(&scenario(&before(node.address), client))?;
    for row in &rows {
        assert_eq!(
            (&row["outcome"], &row["sends"], &row["attempts"]),
            (&json!("ok"), &json!(3), &json!(3)),
            "{row}"
        );
        assert!(took_ms(row) >= 120.0, "40 ms and 80 ms were waited for: {row}");
    }
    assert_eq!(node.requests(), 30);
    assert_eq!(report["counts"]["ok"], 10);
    // Straight to a node, a request has one attempt; that it was sent three times is the client's doing.
    assert_eq!(invariant(&report, "attempts within the retry bound"), "pass");
    assert_eq!(invariant(&report, "every arrival ends exactly once"), "pass");
    Ok(())
}

#[test]
fn a_client_gives_up_after_its_last_attempt_and_sends_nothing_again_that_it_was_not_told_to() -> Result {
    let node = reluctant(u32::MAX, "")?;
    let (rows, _) = run(&scenario(&before(node.address), "retries = { attempts = 3, base = \"1ms\" }"))?;
    for row in &rows {
        let seen = (&row["outcome"], &row["status"], &row["sends"]);
        assert_eq!(seen, (&json!("http_error"), &json!(503), &json!(3)), "{row}");
    }
    let (rows, _) =
        run(&scenario(&before(node.address), "retries = { attempts = 3, base = \"1ms\", on = [429] }"))?;
    assert!(rows.iter().all(|row| row["sends"] == 1), "{rows:?}");
    Ok(())
}

#[test]
fn retry_after_is_respected_or_not() -> Result {
    for (respected, least, most) in [(true, 1000.0, 20_000.0), (false, 0.0, 1000.0)] {
        let node = reluctant(1, "retry-after: 1\r\n")?;
        let client = format!("retries = {{ attempts = 2, base = \"1ms\", retry_after = {respected} }}");
        let (rows, _) = run(&scenario(&before(node.address), &client))?;
        for row in &rows {
            assert_eq!((&row["outcome"], &row["sends"]), (&json!("ok"), &json!(2)), "{row}");
            assert!((least..most).contains(&took_ms(row)), "{row}");
        }
    }
    Ok(())
}

#[test]
fn a_date_in_retry_after_counts_from_the_answers_own() -> Result {
    let dates = "date: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 07:28:02 GMT\r\n";
    let node = reluctant(1, dates)?;
    let client = "retries = { attempts = 2, base = \"1ms\" }";
    let (rows, _) = run(&scenario(&before(node.address), client))?;
    for row in &rows {
        assert_eq!((&row["outcome"], &row["sends"]), (&json!("ok"), &json!(2)), "{row}");
        assert!((2000.0..20_000.0).contains(&took_ms(row)), "{row}");
    }
    Ok(())
}

/// A node whose answers are compressed, or say so.
fn compressing(coding: &'static str, body: Vec<u8>) -> Result<Node> {
    Node::new(move |out, request| {
        // Nothing compressed was asked for.
        let asked = request.lines().any(|line| line.eq_ignore_ascii_case("accept-encoding: identity"));
        let status = if asked { "200 OK" } else { "406 Not Acceptable" };
        let head = format!("content-type: text/event-stream\r\ncontent-encoding: {coding}");
        let _ = write!(out, "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {}\r\n\r\n", body.len());
        let _ = out.write_all(&body);
        Then::KeepOpen
    })
}

#[test]
fn an_answer_compressed_by_gzip_is_understood_and_any_other_is_named() -> Result {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(ANSWER.as_bytes())?;
    let gzip = gzip.finish()?;
    for target in
        [|node: &Node| before(node.address), |node: &Node| format!("url = \"http://{}/v1\"", node.address)]
    {
        for (coding, body, outcome, said) in [
            ("gzip", gzip.clone(), "ok", ""),
            ("identity", ANSWER.into(), "ok", ""),
            ("br", ANSWER.into(), "corrupt", "compressed by `br`; only gzip is understood"),
            ("gzip", ANSWER.into(), "corrupt", "gzip"),
            ("gzip", gzip[..gzip.len() / 2].to_vec(), "cut", ""),
        ] {
            let node = compressing(coding, body)?;
            let (rows, _) = run(&scenario(&target(&node), ""))?;
            for row in &rows {
                assert_eq!(row["outcome"], outcome, "{row}");
                assert!(row["error"].as_str().unwrap_or_default().contains(said), "{row}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_request_is_sent_again_to_the_next_target() -> Result {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let node = reluctant(0, "")?;
    let target = format!("url = \"http://{nobody}/v1\"\nalso = [\"http://{}/v1\"]", node.address);
    let (rows, _) =
        run(&scenario(&target, "retries = { attempts = 2, base = \"1ms\", on = [\"connect\"] }"))?;
    assert!(rows.iter().all(|row| row["outcome"] == "ok" && row["sends"] == 2), "{rows:?}");
    Ok(())
}

#[test]
fn a_client_that_leaves_on_purpose_is_no_failure_of_the_service() -> Result {
    let sim = "node = \"a\"\n[[node]]\nname = \"a\"\nsim = { ttft = \"5ms\", itl = \"20ms\" }";
    for (client, events) in [("leave = { tokens = 3 }", Some(3)), ("leave = { after = \"150ms\" }", None)] {
        let (rows, report) = run(&scenario(sim, client))?;
        for row in &rows {
            assert_eq!((&row["outcome"], &row["left"]), (&json!("aborted"), &json!(true)), "{row}");
            assert!(events.is_none_or(|events| row["events"] == events), "{row}");
            assert!(took_ms(row) < 900.0, "a whole answer takes a second: {row}");
        }
        assert_eq!(report["counts"]["aborted"], 10);
        assert_ne!(report["slos"][0]["verdict"], "fail", "{report}");
        assert_eq!(report["aborted"], Value::Null, "the run was not");
        assert_eq!(invariant(&report, "every arrival ends exactly once"), "pass");
    }
    Ok(())
}
