//! What is sent: who the request is, what it wants, and its key, which nothing else shows.

use squall::correlation::REQUEST_HEADER;
use squall::load::{AccessError, LoadError};
use squall::name::RequestId;
use squall::scenario;
use tokio::io::AsyncWriteExt as _;

use super::server::{body_of, serve, stream_of, whole};
use super::{Bench, FEW, PATIENT, Result, TARGET_URL, TOKENS, load, plan};

#[tokio::test]
async fn the_request_says_who_it_is_and_what_it_wants() -> Result {
    let (seen, see) = tokio::sync::mpsc::unbounded_channel();
    let answer = stream_of(&whole(&["a"]));
    let target = serve(move |mut stream, sent| {
        let (seen, answer) = (seen.clone(), answer.clone());
        async move {
            stream.write_all(answer.as_bytes()).await?;
            let _ = seen.send(sent);
            stream.shutdown().await
        }
    });
    let target = target.await?;
    let mut see = see;
    load(target).await?;
    let mut ids = Vec::new();
    while let Ok(sent) = see.try_recv() {
        assert!(sent.head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{}", sent.head);
        let trace = sent.header("traceparent").ok_or("no traceparent")?;
        assert_eq!((trace.len(), trace.matches('-').count()), (55, 3));
        assert_eq!(sent.header("authorization"), None);
        assert_eq!(sent.header("accept-encoding"), Some("identity"));
        let id: u64 = sent.header(REQUEST_HEADER).ok_or("no id")?.parse()?;
        assert_eq!(squall::correlation::find_tag(7, sent.prompt().as_bytes()), Some(RequestId(id)));
        assert_eq!(sent.body["max_tokens"], TOKENS);
        assert_eq!(sent.body["stream_options"]["include_usage"], true);
        ids.push(id);
    }
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3, 4]);
    Ok(())
}

#[tokio::test]
async fn a_key_is_sent_and_never_shown() -> Result {
    // A variable that every process has, and whose value is like nothing else.
    let secret = std::env::var("PATH")?;
    let target = serve(|mut stream, sent| async move {
        let said = format!("bad key: {}", sent.header("authorization").unwrap_or_default());
        let error = serde_json::json!({"error": {"message": said}}).to_string();
        stream.write_all(body_of("401 Unauthorized", &error).as_bytes()).await?;
        stream.shutdown().await
    });
    let with_key = format!("{TARGET_URL}\nkey = {{ env = \"PATH\" }}");
    let load = Bench::new(plan(&with_key, FEW, PATIENT, true)?).run(target.await?).await?;
    assert_eq!(load.alike().error.as_deref(), Some("bad key: Bearer [key]"));
    for row in &load.rows {
        assert!(!serde_json::to_string(row)?.contains(&secret));
    }
    Ok(())
}

#[tokio::test]
async fn a_missing_key_is_named_before_anything_is_sent() -> Result {
    // A scenario with such a key is refused when it is read; the variable may be gone by now.
    let mut plan = plan(TARGET_URL, FEW, PATIENT, true)?;
    plan.target.access.key = Some(scenario::plan::Key::Env("SQUALL_TEST_NO_SUCH_KEY".into()));
    let load = Bench::new(plan).run(([127, 0, 0, 1], 1).into()).await?;
    assert_eq!(load.rows.len(), 0);
    let error = load.summary.err().ok_or("no error")?;
    let missing =
        matches!(&error, LoadError::Access(AccessError::Variable(env)) if env == "SQUALL_TEST_NO_SUCH_KEY");
    assert!(missing, "{error}");
    Ok(())
}
