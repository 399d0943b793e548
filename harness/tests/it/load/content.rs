//! What an answer says, compared with what it should have said, and with what the proxies saw.

use std::io;
use std::sync::Arc;

use squall::answer::Answer;
use squall::correlation::{REQUEST_HEADER, Which};
use squall::name::{NodeName, RequestId};
use squall::record::Content;
use squall_report::{Cohort, Outcome};
use tokio::io::AsyncWriteExt as _;

use super::server::{body_of, serve, stream_of, whole};
use super::{Bench, FEW, Load, PATIENT, Result, TARGET_SIM, TOKENS, plan};

/// What a gateway makes of the right answer.
type Change = fn(Answer) -> String;

/// Serves the right answer to each prompt, changed by `change`, as the proxy of node `a` would report it.
async fn known(change: Change, node_sent_it: bool) -> Result<Load> {
    let bench = Bench::new(plan(TARGET_SIM, FEW, PATIENT, true)?);
    let correlator = Arc::clone(&bench.correlator);
    let target = serve(move |mut stream, sent| {
        let correlator = Arc::clone(&correlator);
        async move {
            let id = sent.header(REQUEST_HEADER).and_then(|id| id.parse().ok()).map(RequestId);
            let id = id.ok_or(io::ErrorKind::InvalidData)?;
            correlator.attempt(id);
            correlator.answered(id, Which::First, &NodeName::from("a"));
            if node_sent_it {
                correlator.marker(id, Which::First);
            }
            let text = change(Answer::to(sent.prompt()));
            // Split where no token ends, as gateways may.
            let (left, right) = text.split_at(text.len() / 2);
            stream.write_all(stream_of(&whole(&[left, right])).as_bytes()).await?;
            stream.shutdown().await
        }
    });
    bench.run(target.await?).await
}

#[tokio::test]
async fn a_known_answer_is_compared_word_by_word() -> Result {
    let right = known(|answer| answer.text(TOKENS), true).await?;
    let row = right.alike();
    assert_eq!((row.outcome, row.content), (Outcome::Ok, Content::Whole));
    assert_eq!((row.node.as_ref().map(NodeName::as_str), row.attempts), (Some("a"), 1));
    assert!(row.genuine_marker);
    let changes: [(Change, Content); 4] = [
        (|answer| answer.text(TOKENS - 1), Content::Truncated),
        (|answer| answer.text(TOKENS - 1) + &answer.text(TOKENS), Content::Duplicated),
        (|answer| answer.text(1) + &answer.piece(TOKENS - 1).to_string(), Content::Spliced),
        (|_| "something else".to_owned(), Content::Different),
    ];
    for (change, content) in changes {
        let wrong = known(change, true).await?;
        let row = wrong.alike();
        assert_eq!((row.outcome, row.content, row.marker), (Outcome::Corrupt, content, true), "{row:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_marker_that_no_node_sent_is_invented() -> Result {
    let load = known(|answer| answer.text(TOKENS - 1), false).await?;
    let row = load.alike();
    assert_eq!((row.outcome, row.content), (Outcome::Invented, Content::Truncated));
    assert_eq!((row.marker, row.genuine_marker), (true, false));
    Ok(())
}

#[tokio::test]
async fn what_the_proxies_and_the_gateway_say_is_in_the_row() -> Result {
    let bench = Bench::new(plan(TARGET_SIM, FEW, PATIENT, true)?);
    let correlator = Arc::clone(&bench.correlator);
    let target = serve(move |mut stream, sent| {
        let correlator = Arc::clone(&correlator);
        async move {
            let id = sent.header(REQUEST_HEADER).and_then(|id| id.parse().ok()).map(RequestId);
            let id = id.ok_or(io::ErrorKind::InvalidData)?;
            correlator.attempt(id);
            correlator.attempt(id);
            correlator.touch(id);
            let busy = body_of("503 Service Unavailable", "{}");
            stream.write_all(busy.replacen("\r\n", "\r\nx-squall-attempts: 1\r\n", 1).as_bytes()).await?;
            stream.shutdown().await
        }
    });
    let load = bench.run(target.await?).await?;
    let row = load.alike();
    assert_eq!((row.cohort, row.attempts, row.claimed_attempts), (Cohort::Faulted, 2, Some(1)));
    Ok(())
}
