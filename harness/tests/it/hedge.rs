//! Hedging on real sockets: whose answer is taken, what becomes of the other, and what the ledgers say.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::scene::{Scene, rows};
use crate::support::{Node, Result, Then};

const ANSWER: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
                      data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn answer(out: &mut TcpStream) -> Then {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ";
    let _ = write!(out, "{head}{}\r\n\r\n{ANSWER}", ANSWER.len());
    Then::KeepOpen
}

fn refuse(out: &mut TcpStream) -> Then {
    let _ = write!(out, "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy");
    Then::KeepOpen
}

/// A node that waits before it does with a request what `then` says.
fn after(wait: Duration, then: fn(&mut TcpStream) -> Then) -> Result<Node> {
    Node::new(move |out, _| {
        std::thread::sleep(wait);
        then(out)
    })
}

/// Ten requests to this target, hedged after 150 ms.
fn run(target: &str, more: &str) -> Result<(Scene, Vec<Value>, Value)> {
    let scene = Scene::new(&format!(
        "schema = 1\nname = \"hedge\"\nseed = 7\n[target]\nmodel = \"m\"\n{target}\n\
         [traffic]\narrivals = {{ constant = \"50/s\" }}\nprompts = {{ input = 20, output = 5 }}\n\
         client = {{ hedge = {{ after = \"150ms\" }}{more} }}\n\
         [[phase]]\nname = \"only\"\nduration = \"200ms\"\n"
    ))?;
    let output = scene.run()?;
    let report = scene.report().map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let rows = rows(&scene.out().join("requests.jsonl"))?;
    assert_eq!(rows.len(), 10);
    Ok((scene, rows, report))
}

fn both(first: &Node, second: &Node) -> String {
    format!("url = \"http://{}/v1\"\nalso = [\"http://{}/v1\"]", first.address, second.address)
}

#[test]
fn the_answer_that_begins_first_is_taken_and_the_other_send_is_cancelled() -> Result {
    let never = Duration::from_secs(8);
    for (first, second, won) in [(never, Duration::ZERO, true), (Duration::from_millis(400), never, false)] {
        let (one, two) = (after(first, answer)?, after(second, answer)?);
        let (_, rows, report) = run(&both(&one, &two), "")?;
        for row in &rows {
            let hedge = &row["hedge"];
            let seen = (&row["outcome"], &row["sends"], &hedge["won"], &hedge["other"]);
            assert_eq!(seen, (&json!("ok"), &json!(2), &json!(won), &json!("aborted")), "{row}");
            let (sent, hedged) = (row["sent_ns"].as_u64(), hedge["sent_ns"].as_u64());
            let waited = hedged.zip(sent).map(|(hedged, sent)| hedged - sent).ok_or("no times")?;
            assert!((150_000_000..4_000_000_000).contains(&waited), "{row}");
            // Latency counts from the first send, and nobody waited for the slow node.
            let took = row["end_ns"].as_u64().zip(sent).map(|(end, sent)| end - sent).ok_or("no times")?;
            assert!(took >= waited && took < 6_000_000_000, "{row}");
        }
        let expected = json!({
            "requests": 10, "sends": 20, "attempts": 0, "left": 0, "hedged": 10,
            "hedges_won": if won { 10 } else { 0 },
        });
        assert_eq!(report["clients"], expected);
    }
    Ok(())
}

#[test]
fn a_send_that_fails_leaves_it_to_the_other() -> Result {
    let (one, two) = (after(Duration::from_millis(400), refuse)?, after(Duration::from_millis(800), answer)?);
    let (_, rows, _) = run(&both(&one, &two), "")?;
    for row in &rows {
        let seen = (&row["outcome"], &row["hedge"]["won"], &row["hedge"]["other"]);
        assert_eq!(seen, (&json!("ok"), &json!(true), &json!("http_error")), "{row}");
    }
    // Both fail: the last failure is the request's, nobody won, and the client's retries come after both.
    let (one, two) = (after(Duration::from_millis(400), refuse)?, after(Duration::from_millis(800), refuse)?);
    let (_, rows, report) =
        run(&both(&one, &two), ", retries = { attempts = 2, base = \"1ms\", on = [503] }")?;
    for row in &rows {
        let seen = (&row["outcome"], &row["sends"], &row["hedge"]["won"], &row["hedge"]["other"]);
        assert_eq!(seen, (&json!("http_error"), &json!(4), &json!(false), &json!("http_error")), "{row}");
    }
    assert_eq!(report["clients"]["hedges_won"], 0);
    Ok(())
}

#[test]
fn what_is_answered_or_refused_in_time_is_not_hedged() -> Result {
    for (then, outcome) in [(answer as fn(&mut TcpStream) -> Then, "ok"), (refuse, "http_error")] {
        let (one, two) = (after(Duration::ZERO, then)?, Node::streaming(&[])?);
        let (_, rows, report) = run(&both(&one, &two), "")?;
        // A busy machine may be late with one or another.
        let in_time = rows.iter().filter(|row| row["hedge"] == Value::Null);
        assert!(in_time.clone().count() >= 5, "{rows:?}");
        for row in in_time {
            assert_eq!((&row["outcome"], &row["sends"]), (&json!(outcome), &json!(1)), "{row}");
        }
        assert_eq!(report["clients"]["hedges_won"], 0);
    }
    Ok(())
}

#[test]
fn both_sends_are_attempts_in_the_ledger_and_the_answer_taken_is_judged_by_its_own() -> Result {
    let sim = "node = \"a\"\n[[node]]\nname = \"a\"\nsim = { ttft = \"500ms\", itl = \"20ms\" }";
    let (scene, requests, report) = run(sim, "")?;
    for row in &requests {
        let seen = (&row["outcome"], &row["attempts"], &row["genuine_marker"], &row["content"]);
        assert_eq!(seen, (&json!("ok"), &json!(2), &json!(true), &json!("whole")), "{row}");
    }
    let attempts = rows(&scene.out().join("attempts.jsonl"))?;
    let ends = |hedge: bool, end: &str| {
        attempts.iter().filter(|row| row["hedge"] == json!(hedge) && row["end"] == end).count()
    };
    let won = requests.iter().filter(|row| row["hedge"]["won"] == true).count();
    assert_eq!((ends(false, "complete"), ends(true, "complete")), (10 - won, won), "{attempts:?}");
    assert_eq!((ends(false, "client_left"), ends(true, "client_left")), (won, 10 - won), "{attempts:?}");
    assert_eq!((&report["clients"]["attempts"], &report["clients"]["hedged"]), (&json!(20), &json!(10)));
    for invariant in report["invariants"].as_array().ok_or("no invariants")? {
        assert_ne!(invariant["verdict"], "fail", "{invariant}");
    }
    Ok(())
}
