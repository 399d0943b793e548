//! How a request may end: each way to break an answer has its class.

use std::time::Duration;

use squall::record::Content;
use squall_report::{Cohort, Outcome};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::server::{DONE, SSE, body_of, chunk, content, finish, say, serve, stream_of, whole};
use super::{Bench, FEW, Result, TARGET_URL, TOKENS, load, plan};

#[tokio::test]
async fn a_whole_stream_is_ok_and_every_event_is_stamped() -> Result {
    let mut events = whole(&["a", " b", " c", " d"]);
    let usage = "data: {\"choices\":[],\"usage\":{\"completion_tokens\":9}}\n\n";
    events.insert(events.len() - 1, usage.into());
    let load = load(say(stream_of(&events)).await?).await?;
    let row = load.alike();
    assert_eq!((row.outcome, row.content, row.error.as_deref()), (Outcome::Ok, Content::Unknown, None));
    assert_eq!((row.status, row.events, row.output_tokens), (Some(200), 4, 9));
    assert_eq!((row.marker, row.genuine_marker, row.clean_end), (true, false, true));
    assert_eq!((row.phase.as_str(), row.cohort, row.attempts), ("only", Cohort::Collateral, 0));
    assert_eq!((row.input_tokens, row.expected_tokens), (20, Some(TOKENS)));
    let times =
        [Some(row.intended_ns), row.sent_ns, row.first_byte_ns, row.first_content_ns, row.last_content_ns];
    assert!(
        times.iter().all(Option::is_some) && times.is_sorted() && row.last_content_ns <= Some(row.end_ns)
    );
    // All of them came in one read.
    assert_eq!(load.gaps[0], [0, 0, 0]);
    assert_eq!(load.arrivals.len(), 5);
    let summary = load.summary?;
    assert!(summary.lag.max >= summary.lag.p50 && summary.lag.p50 > 0.0, "{summary:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_read_whole() -> Result {
    let ask = |bytes: String| async {
        let plan = plan(TARGET_URL, FEW, "first_token = \"10s\", total = \"20s\"", false)?;
        Bench::new(plan).run(say(bytes).await?).await
    };
    let json = r#"{"choices":[{"message":{"content":"a b"},"finish_reason":"stop"}],"usage":{"completion_tokens":2}}"#;
    let good = ask(body_of("200 OK", json)).await?;
    let row = good.alike();
    assert_eq!((row.outcome, row.events, row.output_tokens, row.marker), (Outcome::Ok, 1, 2, true));
    assert_eq!(row.first_content_ns, row.last_content_ns);
    let short = body_of("200 OK", json).replace("content-length: ", "content-length: 1");
    assert_eq!(ask(short).await?.alike().outcome, Outcome::Cut);
    let unfinished = ask(body_of("200 OK", r#"{"choices":[{"message":{"content":"a"}}]}"#)).await?;
    assert_eq!(unfinished.alike().outcome, Outcome::Cut);
    Ok(())
}

#[tokio::test]
async fn each_way_to_break_a_stream_has_its_class() -> Result {
    let part = [content("a"), content(" b")].concat();
    let cut_mid_chunk = format!("{SSE}{}ff\r\ndata: {{", chunk(&part));
    let cut_between_chunks = format!("{SSE}{}", chunk(&part));
    let no_marker = stream_of(std::slice::from_ref(&part));
    let no_done = stream_of(&[part.clone(), finish()]);
    let no_finish = stream_of(&[part.clone(), DONE.into()]);
    let cases = [
        ("cut in a chunk", cut_mid_chunk, Outcome::Cut, false),
        ("cut between chunks", cut_between_chunks, Outcome::Cut, false),
        ("nothing at all", String::new(), Outcome::Cut, false),
        ("a clean end without a marker", no_marker, Outcome::Cut, true),
        ("a clean end with a finish_reason only", no_done, Outcome::Cut, true),
        ("a clean end with [DONE] only", no_finish, Outcome::Cut, true),
        ("no HTTP", "who are you?\r\n\r\n".to_owned(), Outcome::Corrupt, false),
        ("no SSE", body_of("200 OK", "<html>").replace("application/json", "text/html"), Outcome::Cut, true),
        ("no JSON", body_of("200 OK", "<html>"), Outcome::Corrupt, true),
        ("no JSON in an event", stream_of(&["data: <html>\n\n".into()]), Outcome::Corrupt, true),
        ("an empty answer", stream_of(&whole(&[])), Outcome::Empty, true),
    ];
    for (name, bytes, outcome, clean_end) in cases {
        let load = load(say(bytes).await?).await?;
        let row = load.alike();
        assert_eq!((row.outcome, row.clean_end), (outcome, clean_end), "{name}: {row:?}");
        assert!(row.error.is_some() && row.timeout.is_none(), "{name}: {row:?}");
    }
    let load = load(say(stream_of(&whole(&[]))).await?).await?;
    assert_eq!(load.alike().error.as_deref(), Some("a final marker, and no content before it"));
    assert!(load.alike().marker);
    Ok(())
}

#[tokio::test]
async fn a_reset_is_told_from_a_cut_before_and_in_the_stream() -> Result {
    for begun in [false, true] {
        let target = serve(move |mut stream, _| async move {
            if begun {
                stream.write_all(format!("{SSE}{}", chunk(&content("a"))).as_bytes()).await?;
                // The client has it before the reset may overtake it.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            drop(stream);
            Ok(())
        });
        let load = load(target.await?).await?;
        let row = load.alike();
        assert_eq!((row.outcome, row.events, row.clean_end), (Outcome::Reset, u32::from(begun), false));
        assert!(row.error.as_ref().is_some_and(|error| !error.contains("127.0.0.1")), "{row:?}");
    }
    Ok(())
}

#[tokio::test]
async fn errors_of_http_and_in_the_stream_are_told_with_what_they_say() -> Result {
    let busy = body_of("429 Too Many Requests", r#"{"error":{"message":"queue is full","code":429}}"#);
    let load_of = |bytes| async { load(say(bytes).await?).await };
    let refused = load_of(busy).await?;
    let row = refused.alike();
    assert_eq!((row.outcome, row.status, row.clean_end), (Outcome::HttpError, Some(429), true));
    assert_eq!(row.error.as_deref(), Some("queue is full"));
    let long = load_of(body_of("503 Service Unavailable", &"long ".repeat(100))).await?;
    assert_eq!(long.alike().error.as_ref().map(String::len), Some(200));
    let redirect = load_of("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n".into()).await?;
    assert_eq!((redirect.alike().outcome, redirect.alike().status), (Outcome::HttpError, Some(302)));

    let error = r#"data: {"error":{"message":"the node died"}}"#.to_owned() + "\n\n";
    for events in [vec![content("a"), error.clone()], vec![content("a"), error, finish(), DONE.to_owned()]] {
        let broken = load_of(stream_of(&events)).await?;
        let row = broken.alike();
        assert_eq!((row.outcome, row.status, row.events), (Outcome::InBandError, Some(200), 1));
        assert_eq!(row.error.as_deref(), Some("the node died"));
    }
    let named = load_of(stream_of(&["event: error\ndata: overloaded\n\n".to_owned()])).await?;
    assert_eq!(named.alike().outcome, Outcome::InBandError);
    let whole = load_of(body_of("200 OK", r#"{"error":"no stream for you"}"#)).await?;
    assert_eq!(whole.alike().outcome, Outcome::InBandError);
    Ok(())
}

#[tokio::test]
async fn a_refused_connection_is_a_failed_connect_and_no_fault_of_the_client() -> Result {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let nobody = listener.local_addr()?;
    drop(listener);
    let load = load(nobody).await?;
    let row = load.alike();
    assert_eq!((row.outcome, row.status), (Outcome::ConnectFailed, None));
    assert!(row.sent_ns.is_some() && row.first_byte_ns.is_none());
    assert_eq!(load.summary?.why_saturated, None);
    Ok(())
}
