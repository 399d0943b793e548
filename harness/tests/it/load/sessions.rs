//! Sessions in the open loop: what waits for what, and that whatever is never asked is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use squall::record::{RequestRow, SessionEnd, SessionRow};
use squall::scenario::plan::Plan;
use squall_report::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::server::{Sent, body_of, serve, stream_of, whole};
use super::{Bench, PATIENT, Result, TARGET_URL, plan};

/// Requests that follow an answer ask for so many tokens, turns for more.
const SUB_TOKENS: u64 = 2;

/// A plan that lasts `lasts_ms`, whose arrivals, `per_s` of them, begin such sessions.
fn sessions(per_s: u32, session: &str, limits: &str, lasts_ms: u64) -> Result<Plan> {
    let arrivals = format!("arrivals = {{ constant = \"{per_s}/s\" }}\nsession = {{ {session} }}");
    let mut plan = plan(TARGET_URL, &arrivals, limits, true)?;
    plan.phases[0].duration = Duration::from_millis(lasts_ms);
    Ok(plan)
}

fn is_sub_request(sent: &Sent) -> bool {
    sent.body["max_completion_tokens"].as_u64().or(sent.body["max_tokens"].as_u64()) == Some(SUB_TOKENS)
}

/// A target that answers after the time that `wait` says, with 500 where it says so; and what it was asked.
async fn target(
    wait: impl Fn(&Sent) -> (u64, bool) + Clone + Send + Sync + 'static,
) -> Result<(std::net::SocketAddr, UnboundedReceiver<serde_json::Value>, Arc<AtomicUsize>)> {
    let (tell, told) = unbounded_channel();
    let most = Arc::new(AtomicUsize::new(0));
    let (open, peak) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let answer = stream_of(&whole(&["well", " then"]));
    let address = serve(move |mut stream, sent| {
        let (ms, fails) = wait(&sent);
        let _ = tell.send(sent.body);
        let (open, most, answer) = (Arc::clone(&open), Arc::clone(&peak), answer.clone());
        async move {
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            open.fetch_sub(1, Ordering::SeqCst);
            let answer = if fails { body_of("500 Oh", "{}") } else { answer };
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await
        }
    });
    Ok((address.await?, told, most))
}

fn of(rows: &[RequestRow], session: u64) -> impl Iterator<Item = &RequestRow> {
    rows.iter().filter(move |row| row.session == Some(session))
}

fn ends(sessions: &[SessionRow]) -> Vec<SessionEnd> {
    sessions.iter().map(|session| session.end).collect()
}

#[tokio::test]
async fn a_turn_is_due_when_the_answer_has_come_and_the_thinking_is_over() -> Result {
    let plan = sessions(5, "turns = 3, think = \"20ms\"", PATIENT, 580)?;
    let (target, mut told, _) = target(|_| (10, false)).await?;
    let load = Bench::new(plan).run(target).await?;
    assert_eq!(load.alike().outcome, Outcome::Ok);
    assert_eq!(ends(&load.sessions), [SessionEnd::Complete; 3]);
    for session in 0..3 {
        let rows: Vec<&RequestRow> = of(&load.rows, session).collect();
        assert_eq!(rows.iter().map(|row| row.turn).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
        assert!(rows.iter().all(|row| row.sub_request.is_none()));
        for pair in rows.windows(2) {
            assert_eq!(pair[1].intended_ns, pair[0].end_ns + Duration::from_millis(20));
        }
        // 20 tokens a question, 2 an answer.
        assert_eq!(rows.iter().map(|row| row.input_tokens).collect::<Vec<_>>(), [20, 42, 64]);
    }
    let mut lengths = Vec::new();
    while let Ok(body) = told.try_recv() {
        lengths.push(body["messages"].as_array().map_or(0, Vec::len));
    }
    lengths.sort_unstable();
    assert_eq!(lengths, [1, 1, 1, 3, 3, 3, 5, 5, 5]);
    Ok(())
}

#[tokio::test]
async fn sessions_begin_at_a_traces_times_and_go_on_as_prompts_say() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("t.jsonl");
    let rows = [(0.0, 50), (0.3, 60), (0.3, 70), (2.0, 9)];
    let rows = rows
        .map(|(at, input)| format!("{{\"at_s\": {at}, \"input_tokens\": {input}, \"output_tokens\": 6}}"));
    std::fs::write(&path, rows.join("\n"))?;
    let trace =
        format!("trace = {{ path = {path:?}, speed = 2.0 }}\nsession = {{ turns = 3, think = \"20ms\" }}");
    let mut plan = plan(TARGET_URL, &trace, PATIENT, true)?;
    plan.phases[0].duration = Duration::from_millis(900);
    let (target, mut told, _) = target(|_| (10, false)).await?;
    let load = Bench::new(plan).run(target).await?;
    assert_eq!(load.alike().outcome, Outcome::Ok);
    assert_eq!(ends(&load.sessions), [SessionEnd::Complete; 3]);
    let begun: Vec<u64> = load.sessions.iter().map(|session| session.arrival_ns.0 / 1_000_000).collect();
    assert_eq!(begun, [0, 150, 150]);
    for (session, first) in [(0, 50), (1, 60), (2, 70)] {
        let rows: Vec<&RequestRow> = of(&load.rows, session).collect();
        assert_eq!(rows[0].intended_ns, load.sessions[session as usize].arrival_ns);
        // The row's, then 20 tokens a question; of what is answered, two tokens each time.
        assert_eq!(
            rows.iter().map(|row| row.input_tokens).collect::<Vec<_>>(),
            [first, first + 22, first + 44]
        );
        assert_eq!(
            rows.iter().map(|row| row.expected_tokens).collect::<Vec<_>>(),
            [Some(6), Some(4), Some(4)]
        );
    }
    assert_eq!(std::iter::from_fn(|| told.try_recv().ok()).count(), 9);
    Ok(())
}

#[tokio::test]
async fn sub_requests_are_asked_at_once_and_the_next_turn_waits_for_the_last_of_them() -> Result {
    let parts = "sub_requests = { count = 3, input = 15, output = 2 }";
    for (tool_ms, slowest_ms) in [(10_u64, 60), (200, 20)] {
        let tools = format!("tools = {{ calls = 2, time = \"{tool_ms}ms\", result = 7 }}");
        let session = format!("turns = 2, think = \"5ms\", {tools}, {parts}");
        let plan = sessions(1, &session, PATIENT, 900)?;
        let nth = Arc::new(AtomicUsize::new(0));
        let (target, mut told, most) = target(move |sent| {
            let slowest = is_sub_request(sent) && nth.fetch_add(1, Ordering::SeqCst) == 1;
            (if slowest { slowest_ms } else { 10 }, false)
        })
        .await?;
        let load = Bench::new(plan).run(target).await?;
        assert_eq!(load.alike().outcome, Outcome::Ok);
        assert_eq!(ends(&load.sessions), [SessionEnd::Complete]);
        let [first, subs @ .., second] = load.rows.as_slice() else { panic!("{:?}", load.rows) };
        let places: Vec<_> = load.rows.iter().map(|row| (row.turn, row.sub_request)).collect();
        let sub = |number| (Some(0), Some(number));
        assert_eq!(places, [(Some(0), None), sub(0), sub(1), sub(2), (Some(1), None)]);
        assert!(subs.iter().all(|sub| sub.intended_ns == first.end_ns && sub.input_tokens == 15));
        let last = subs.iter().map(|sub| sub.end_ns).max().ok_or("none")?;
        let worked = first.end_ns + Duration::from_millis(tool_ms);
        assert_eq!(worked > last, tool_ms > slowest_ms, "the tool or a sub-request is waited for");
        assert_eq!(second.intended_ns, last.max(worked) + Duration::from_millis(5));
        assert_eq!(most.load(Ordering::SeqCst), 3);
        // What was said, two results of seven tokens, and three answers of two.
        assert_eq!(second.input_tokens, 20 + 2 + 2 * 7 + 3 * 2 + 20);
        let asked = std::iter::from_fn(|| told.try_recv().ok()).last().ok_or("nothing asked")?;
        let said = asked["messages"].as_array().ok_or("no messages")?;
        let roles: Vec<_> = said.iter().filter_map(|message| message["role"].as_str()).collect();
        assert_eq!(roles, ["user", "assistant", "tool", "tool", "tool", "tool", "tool", "user"]);
        assert_eq!(said[1]["tool_calls"].as_array().map(Vec::len), Some(5));
        assert!(said[4..7].iter().all(|message| message["content"] == "well then"));
        assert_eq!(asked["tools"].as_array().map(Vec::len), Some(2));
    }
    Ok(())
}

#[tokio::test]
async fn the_first_failure_ends_a_session_when_all_that_is_under_way_has_ended() -> Result {
    let fails_at_turn = sessions(10, "turns = 4", PATIENT, 250)?;
    let (address, ..) = target(|sent| (5, sent.body["messages"].as_array().map_or(0, Vec::len) == 3)).await?;
    let load = Bench::new(fails_at_turn).run(address).await?;
    assert_eq!(ends(&load.sessions), [SessionEnd::Failed; 3]);
    for session in &load.sessions {
        assert_eq!((session.turns, session.turns_asked, session.requests_asked), (4, 2, 2));
    }
    let session = "turns = 3, sub_requests = { count = 4, output = 2 }";
    let nth = Arc::new(AtomicUsize::new(0));
    let (address, ..) = target(move |sent| {
        let fails = is_sub_request(sent) && nth.fetch_add(1, Ordering::SeqCst) == 0;
        (if fails { 1 } else { 30 }, fails)
    })
    .await?;
    let load = Bench::new(sessions(1, session, PATIENT, 400)?).run(address).await?;
    assert_eq!(ends(&load.sessions), [SessionEnd::Failed]);
    let failed = load.rows.iter().filter(|row| row.outcome == Outcome::HttpError).count();
    assert_eq!((load.rows.len(), failed), (5, 1));
    let session = &load.sessions[0];
    assert_eq!((session.turns, session.turns_asked), (3, 1));
    assert_eq!((session.requests, session.requests_asked), (11, 5));
    assert!(load.rows.iter().all(|row| row.end_ns <= session.end_ns));
    Ok(())
}

#[tokio::test]
async fn what_would_be_due_after_the_run_is_not_asked_and_told() -> Result {
    let (target, ..) = target(|_| (1, false)).await?;
    let load = Bench::new(sessions(20, "turns = 7, think = \"1h\"", PATIENT, 200)?).run(target).await?;
    assert_eq!(ends(&load.sessions), [SessionEnd::RunOver; 4]);
    assert!(load.sessions.iter().all(|session| (session.turns, session.turns_asked) == (7, 1)));
    assert!(load.rows.iter().zip(0..).all(|(row, session)| row.id.0 == 7 * session));
    assert!(load.summary.is_ok());
    Ok(())
}

#[tokio::test]
async fn the_cap_holds_for_every_request_of_a_session() -> Result {
    let session = "turns = 2, sub_requests = { count = 5, output = 2 }";
    let limits = format!("in_flight = 3, {PATIENT}");
    let (address, _, most) = target(|_| (30, false)).await?;
    let load = Bench::new(sessions(1, session, &limits, 300)?).run(address).await?;
    assert_eq!(ends(&load.sessions), [SessionEnd::Shed]);
    let shed = load.rows.iter().filter(|row| row.outcome == Outcome::Shed).count();
    assert_eq!((load.rows.len(), shed, most.load(Ordering::SeqCst)), (6, 2, 3));
    // A first turn without a place ends its session, too.
    let (address, ..) = target(|_| (500, false)).await?;
    let load = Bench::new(sessions(20, "turns = 2", "in_flight = 1", 200)?).run(address).await?;
    assert_eq!(ends(&load.sessions)[1..], [SessionEnd::Shed; 3]);
    assert!(load.sessions[1..].iter().all(|session| session.requests_asked == 1));
    Ok(())
}

#[tokio::test]
async fn an_abort_ends_sessions_that_think_and_sessions_that_wait() -> Result {
    let bench = Bench::new(sessions(20, "turns = 9, think = \"10s\"", PATIENT, 60_000)?);
    let stop = bench.stop.clone();
    let nth = Arc::new(AtomicUsize::new(0));
    let target = serve(move |mut stream, _| {
        let nth = nth.fetch_add(1, Ordering::SeqCst);
        if nth == 3 {
            stop.cancel();
        }
        async move {
            if nth % 2 == 1 {
                return stream.read_u8().await.map(drop);
            }
            stream.write_all(stream_of(&whole(&["a"])).as_bytes()).await?;
            stream.shutdown().await
        }
    });
    let load = bench.run(target.await?).await?;
    assert!(load.sessions.len() >= 4, "{:?}", load.sessions);
    assert!(load.sessions.iter().all(|session| session.end == SessionEnd::Aborted));
    assert!(load.rows.iter().any(|row| row.outcome == Outcome::Ok));
    assert!(load.rows.iter().any(|row| row.outcome == Outcome::Aborted));
    assert!(load.summary.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_run_of_so_many_requests_ends_within_a_session() -> Result {
    let limits = format!("requests = 7, {PATIENT}");
    let (target, ..) = target(|_| (1, false)).await?;
    let plan = sessions(100, "turns = 2, sub_requests = { count = 2, output = 2 }", &limits, 60_000)?;
    let load = Bench::new(plan).run(target).await?;
    assert_eq!(ends(&load.sessions), [SessionEnd::Complete; 2]);
    let requests: Vec<_> = load.sessions.iter().map(|session| (session.requests, session.turns)).collect();
    assert_eq!(requests, [(4, 2), (3, 1)]);
    assert_eq!(load.rows.len(), 7);
    Ok(())
}
