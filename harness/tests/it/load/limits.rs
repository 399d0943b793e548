//! How long a client waits, and for what.

use std::time::Duration;

use squall::record::TimeoutKind;
use squall_report::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::server::{SSE, chunk, content, serve, whole};
use super::{Bench, FEW, Result, TARGET_URL, load, plan};

#[tokio::test]
async fn each_limit_ends_a_request_with_its_name() -> Result {
    let head = SSE.to_owned();
    let begun = SSE.to_owned() + &chunk(&content("a"));
    let cases = [
        (String::new(), "first_token = \"100ms\", idle = \"20s\", total = \"20s\"", TimeoutKind::FirstToken),
        (head, "first_token = \"100ms\", idle = \"20s\", total = \"20s\"", TimeoutKind::FirstToken),
        (begun.clone(), "first_token = \"10s\", idle = \"100ms\", total = \"20s\"", TimeoutKind::Idle),
        (begun, "first_token = \"10s\", idle = \"10s\", total = \"300ms\"", TimeoutKind::Total),
    ];
    for (bytes, limits, kind) in cases {
        let target = serve(move |mut stream, _| {
            let bytes = bytes.clone();
            async move {
                stream.write_all(bytes.as_bytes()).await?;
                // Until the client leaves.
                stream.read_u8().await.map(drop)
            }
        });
        let load = Bench::new(plan(TARGET_URL, FEW, limits, true)?).run(target.await?).await?;
        let row = load.alike();
        assert_eq!((row.outcome, row.timeout), (Outcome::Timeout, Some(kind)), "{limits}");
        let sent = row.sent_ns.ok_or("not sent")?;
        assert!(row.end_ns.since(sent) >= Duration::from_millis(100), "{row:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_that_never_pauses_ends_by_the_total_limit() -> Result {
    let target = serve(|mut stream, _| async move {
        stream.write_all(SSE.as_bytes()).await?;
        loop {
            stream.write_all(chunk(&content("a")).as_bytes()).await?;
            tokio::task::yield_now().await;
        }
    });
    let limits = "first_token = \"10s\", idle = \"10s\", total = \"200ms\"";
    let load = Bench::new(plan(TARGET_URL, FEW, limits, true)?).run(target.await?).await?;
    assert_eq!(load.alike().timeout, Some(TimeoutKind::Total));
    Ok(())
}

#[tokio::test]
async fn a_client_with_its_marker_does_not_wait_for_a_connection_that_stays_open() -> Result {
    let answer = SSE.to_owned() + &chunk(&whole(&["a"]).concat());
    let target = serve(move |mut stream, _| {
        let answer = answer.clone();
        async move {
            stream.write_all(answer.as_bytes()).await?;
            stream.read_u8().await.map(drop)
        }
    });
    let load = load(target.await?).await?;
    let row = load.alike();
    assert_eq!((row.outcome, row.marker, row.clean_end), (Outcome::Ok, true, false));
    Ok(())
}
