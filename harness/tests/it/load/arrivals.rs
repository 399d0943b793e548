//! Every arrival ends in exactly one row: at the cap, at an abort, at a bad row of a trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use squall::record::RequestRow;
use squall::scenario;
use squall_report::{Cohort, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::server::{body_of, serve, stream_of, whole};
use super::{Bench, FEW, PATIENT, Result, TARGET_URL, plan};

#[tokio::test]
async fn at_the_cap_arrivals_are_shed_and_none_is_skipped() -> Result {
    let target = serve(|mut stream, _| async move { stream.read_u8().await.map(drop) });
    let limits = "in_flight = 3, first_token = \"2s\", total = \"2s\"";
    let plan = plan(TARGET_URL, "arrivals = { constant = \"200/s\" }", limits, true)?;
    let load = Bench::new(plan).run(target.await?).await?;
    assert_eq!(load.arrivals.len(), 20);
    let shed: Vec<&RequestRow> = load.rows.iter().filter(|row| row.outcome == Outcome::Shed).collect();
    assert_eq!(shed.len(), 17);
    assert!(shed.iter().all(|row| row.sent_ns.is_none() && row.cohort == Cohort::Collateral));
    Ok(())
}

#[tokio::test]
async fn an_abort_ends_all_that_is_in_flight_at_once_and_leaves_a_row_of_each() -> Result {
    for arrivals in ["arrivals = { constant = \"100/s\" }", "users = { count = 10 }"] {
        let bench = Bench::new(plan(TARGET_URL, arrivals, PATIENT, true)?);
        let stop = bench.stop.clone();
        let waiting = Arc::new(AtomicUsize::new(0));
        let target = serve(move |mut stream, _| {
            if waiting.fetch_add(1, Ordering::Relaxed) == 7 {
                stop.cancel();
            }
            async move { stream.read_u8().await.map(drop) }
        });
        let load = bench.run(target.await?).await?;
        assert!((8..50).contains(&load.rows.len()), "{arrivals}: {}", load.rows.len());
        assert!(load.rows.iter().all(|row| row.outcome == Outcome::Aborted));
        let (first, last) = (load.arrivals.iter().min(), load.rows.iter().map(|row| row.end_ns).max());
        assert!(last.ok_or("no rows")?.since(*first.ok_or("none")?) < Duration::from_secs(5));
        assert!(load.summary.is_ok());
    }
    Ok(())
}

#[tokio::test]
async fn users_ask_again_when_they_have_their_answer() -> Result {
    let open = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let answer = stream_of(&whole(&["a"]));
    let (opened, peak) = (Arc::clone(&open), Arc::clone(&most));
    let target = serve(move |mut stream, _| {
        let (open, most, answer) = (Arc::clone(&opened), Arc::clone(&peak), answer.clone());
        async move {
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            open.fetch_sub(1, Ordering::SeqCst);
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await
        }
    });
    let plan = plan(TARGET_URL, "users = { count = 3, think = \"10ms\" }", PATIENT, true)?;
    let end = plan.end();
    let load = Bench::new(plan).run(target.await?).await?;
    assert_eq!(load.alike().outcome, Outcome::Ok);
    assert!(most.load(Ordering::SeqCst) <= 3);
    // Each takes 15 ms at least.
    assert!((3..=30).contains(&load.rows.len()), "{}", load.rows.len());
    assert!(load.arrivals.iter().all(|at| *at < end));
    Ok(())
}

#[tokio::test]
async fn users_come_and_go_as_their_steps_say() -> Result {
    let answer = stream_of(&whole(&["a"]));
    let target = serve(move |mut stream, _| {
        let answer = answer.clone();
        async move {
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await
        }
    });
    // An hour to think: each asks once when it comes, and goes when its time is over.
    let users = "users = { think = \"1h\", steps = [{ count = 2, for = \"30ms\" }, { count = 0, for = \"20ms\" }, \
                 { count = 5, ramp = \"20ms\" }] }";
    let plan = plan(TARGET_URL, users, PATIENT, true)?;
    let load = Bench::new(plan).run(target.await?).await?;
    assert_eq!(load.alike().outcome, Outcome::Ok);
    let mut intended: Vec<u64> = load.rows.iter().map(|row| row.intended_ns.0 / 1_000_000).collect();
    intended.sort_unstable();
    assert_eq!(intended.len(), 2 + 5, "{intended:?}");
    // No earlier than planned; how much later, the machine decides.
    for (at, planned) in intended.iter().zip([0, 0, 50, 54, 58, 62, 66]) {
        assert!((planned..planned + 30).contains(at), "{intended:?}");
    }
    Ok(())
}

/// A target that remembers what it was sent, and answers every third with an error.
#[tokio::test]
async fn a_conversation_grows_by_each_turn_and_its_answer_until_one_fails() -> Result {
    let (seen, mut see) = tokio::sync::mpsc::unbounded_channel();
    let answer = stream_of(&whole(&["well", " then"]));
    let count = Arc::new(AtomicUsize::new(0));
    let target = serve(move |mut stream, sent| {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        let answer = if nth % 3 == 2 { body_of("500 Oh", "{}") } else { answer.clone() };
        let _ = seen.send(sent.body["messages"].clone());
        async move {
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await
        }
    });
    let plan = plan(TARGET_URL, "users = { count = 1, turns = 5 }", PATIENT, true)?;
    let seed = plan.seed;
    let load = Bench::new(plan).run(target.await?).await?;
    assert!(load.rows.len() > 6, "{}", load.rows.len());
    let mut before = Vec::new();
    for row in &load.rows {
        let messages = see.try_recv()?;
        let messages = messages.as_array().ok_or("no list")?;
        let turn = row.id.0 % 3;
        assert_eq!(messages.len() as u64, 2 * turn + 1);
        assert_eq!(messages[..before.len()], before, "what was said stays as it was");
        let question = messages.last().and_then(|last| last["content"].as_str()).ok_or("no question")?;
        assert_eq!(squall::correlation::find_tag(seed, question.as_bytes()), Some(row.id));
        // 20 tokens a question, 2 an answer.
        assert_eq!(row.input_tokens, 20 * (turn as u32 + 1) + 2 * turn as u32);
        before.clone_from(messages);
        if turn == 2 {
            assert_eq!(row.outcome, Outcome::HttpError);
            before.clear();
        } else {
            before.push(serde_json::json!({ "role": "assistant", "content": "well then" }));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_bad_row_in_the_middle_of_a_trace_ends_the_load_and_what_is_in_flight() -> Result {
    let folder = tempfile::tempdir()?;
    let trace = folder.path().join("trace.csv");
    let rows = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.0000000,20,4\n\
                2023-11-16 18:15:46.0100000,20,4\n2023-11-16 18:15:46.0200000,many,4\n";
    std::fs::write(&trace, rows)?;
    let mut plan = plan(TARGET_URL, FEW, PATIENT, true)?;
    plan.traffic.schedule =
        scenario::plan::Schedule::Trace { trace: squall::traffic::trace::Source::new(trace), speed: 1.0 };
    let target = serve(|mut stream, _| async move { stream.read_u8().await.map(drop) });
    let load = Bench::new(plan).run(target.await?).await?;
    assert_eq!(load.rows.len(), 2);
    assert_eq!(load.alike().outcome, Outcome::Aborted);
    let error = load.summary.err().ok_or("no error")?.to_string();
    assert!(error.contains("line 4"), "{error}");
    Ok(())
}
