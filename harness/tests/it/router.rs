//! The built-in router: the real process before small nodes that behave as they are told.

mod node;

use std::error::Error;
use std::net::Shutdown;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use node::{Behaviour, Node, PIECES};

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

/// No wait takes longer than this, however busy the machine.
const LIMIT: Duration = Duration::from_mins(1);

/// `squall router`, killed when it goes.
struct Router {
    child: Child,
    origin: String,
    http: reqwest::Client,
}

impl Router {
    async fn start(nodes: &[&Node], more: &[&str]) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.args(["router", "--listen=127.0.0.1:0"]).args(more);
        command.args(nodes.iter().map(|node| format!("--node={}=http://{}", node.name, node.address)));
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
        let line = tokio::time::timeout(LIMIT, lines.next_line()).await??.ok_or("it ended")?;
        let origin = line.strip_prefix("listening on ").ok_or("another first line")?.to_owned();
        let http = reqwest::Client::builder().no_proxy().timeout(LIMIT).build()?;
        Ok(Self { child, origin, http })
    }

    /// Started, and every node that is up found healthy.
    async fn ready(nodes: &[&Node]) -> Result<Self> {
        let router = Self::start(nodes, &[]).await?;
        for node in nodes {
            until(async || node.checks() > 0).await;
        }
        until(async || router.get("/health").await.is_ok_and(|answer| answer.status() == 200)).await;
        Ok(router)
    }

    async fn get(&self, path: &str) -> Result<Response> {
        Ok(self.http.get(format!("{}{path}", self.origin)).send().await?)
    }

    async fn chat(&self) -> Result<Response> {
        let url = format!("{}/v1/chat/completions", self.origin);
        Ok(self.http.post(url).header("x-squall-request", "7").body("{\"stream\":true}").send().await?)
    }

    /// The value of a metric, named with its labels.
    async fn metric(&self, name: &str) -> Result<u64> {
        let text = self.get("/metrics").await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("squall_router_{name} ")));
        Ok(line.ok_or_else(|| format!("no {name} in:\n{text}"))?.parse()?)
    }

    async fn is_healthy(&self, node: &Node) -> bool {
        self.metric(&format!("healthy{{node=\"{}\"}}", node.name)).await.is_ok_and(|value| value == 1)
    }

    async fn terminate(&mut self) -> Result<ExitStatus> {
        let pid = rustix::process::Pid::from_raw(self.child.id().ok_or("it has ended")?.cast_signed());
        rustix::process::kill_process(pid.ok_or("no process")?, rustix::process::Signal::TERM)?;
        Ok(tokio::time::timeout(LIMIT, self.child.wait()).await??)
    }
}

/// Waits for a condition.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("the condition holds within the limit");
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn attempts(answer: &Response) -> &str {
    header(answer, "x-squall-attempts")
}

fn whole_stream() -> String {
    PIECES.concat()
}

#[tokio::test]
async fn open_requests_are_spread_evenly_and_pass_through_unchanged() -> Result {
    let (a, b, c) = (Node::start("a")?, Node::start("b")?, Node::start("c")?);
    let router = Router::ready(&[&a, &b, &c]).await?;
    for node in [&a, &b, &c] {
        node.behave(Behaviour::FirstPieceThenSilence);
    }
    let answers = join_all((0..30).map(|_| router.chat())).await;
    let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!([a.open(), b.open(), c.open()], [10, 10, 10]);
    assert!(answers.iter().all(|answer| answer.status() == 200 && attempts(answer) == "1"));
    drop(answers);
    until(async || a.open() + b.open() + c.open() == 0).await;

    for node in [&a, &b, &c] {
        node.behave(Behaviour::Answer);
    }
    let answer = router.chat().await?;
    assert_eq!(header(&answer, "x-node"), header(&answer, "x-squall-node"));
    assert_eq!(header(&answer, "content-type"), "text/event-stream");
    assert_eq!(header(&answer, "x-seen-request"), "7");
    assert_eq!(answer.text().await?, whole_stream());
    let models = router.get("/v1/models?page=2").await?;
    assert_eq!(models.text().await?, "GET /v1/models?page=2");
    assert_eq!(router.metric("in_flight{node=\"a\"}").await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_fails_before_the_first_byte_is_tried_on_another_node_and_counted() -> Result {
    let failures = [
        Behaviour::Status(StatusCode::SERVICE_UNAVAILABLE),
        Behaviour::Status(StatusCode::TOO_MANY_REQUESTS),
        Behaviour::CloseBeforeHead,
        Behaviour::BreakAfter(0),
    ];
    for failure in failures {
        let (a, b, c) = (Node::start("a")?, Node::start("b")?, Node::start("c")?);
        let router = Router::ready(&[&a, &b, &c]).await?;
        a.behave(failure);
        b.behave(failure);
        let answer = router.chat().await?;
        assert_eq!((answer.status(), header(&answer, "x-squall-node")), (StatusCode::OK, "c"), "{failure:?}");
        let truth = a.requests() + b.requests() + c.requests();
        assert_eq!(attempts(&answer), truth.to_string(), "{failure:?}");
        assert_eq!(answer.text().await?, whole_stream());
        // Whichever node each begins with.
        for _ in 0..3 {
            assert_eq!(router.chat().await?.status(), 200, "{failure:?}");
        }
        let made = router.metric("requests_total").await? + router.metric("retries_total").await?;
        assert_eq!(made, a.requests() + b.requests() + c.requests());
    }
    Ok(())
}

#[tokio::test]
async fn after_the_first_byte_nothing_is_retried_and_the_break_is_told_in_band() -> Result {
    let (a, b) = (Node::start("a")?, Node::start("b")?);
    let router = Router::ready(&[&a, &b]).await?;
    // Two whole events and a torn one.
    a.behave(Behaviour::BreakAfter(3));
    b.behave(Behaviour::BreakAfter(3));
    let answer = router.chat().await?;
    assert_eq!((answer.status(), attempts(&answer)), (StatusCode::OK, "1"));
    let text = answer.text().await?;
    let error = text.strip_prefix(&PIECES[..2].concat()).ok_or_else(|| text.clone())?;
    let error = error.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n")).ok_or(error)?;
    let error: serde_json::Value = serde_json::from_str(error)?;
    assert_eq!(error["error"]["code"], "stream_broken");
    assert!(!text.contains("[DONE]"));
    assert_eq!(a.requests() + b.requests(), 1);
    assert_eq!(router.metric("broken_streams_total").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_broken_answer_that_is_no_stream_ends_uncleanly() -> Result {
    let a = Node::start("a")?;
    let router = Router::ready(&[&a]).await?;
    a.behave(Behaviour::HalfOfADocument);
    let answer = router.chat().await?;
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_dead_node_is_ejected_and_returns_when_it_is_back() -> Result {
    let (mut a, b) = (Node::start("a")?, Node::start("b")?);
    let router = Router::ready(&[&a, &b]).await?;
    a.down();
    for _ in 0..20 {
        assert_eq!(router.chat().await?.text().await?, whole_stream());
    }
    until(async || !router.is_healthy(&a).await).await;
    let answer = router.chat().await?;
    assert_eq!((attempts(&answer), header(&answer, "x-squall-node")), ("1", "b"));
    assert_eq!(router.metric("ejections_total{node=\"a\"}").await?, 1);

    let before = a.requests();
    a.up()?;
    // Requests make the trials; not one of them is lost.
    until(async || {
        let answer = router.chat().await.expect("an answer");
        assert_eq!(answer.text().await.expect("a whole body"), whole_stream());
        router.is_healthy(&a).await
    })
    .await;
    assert!(a.requests() >= before + 3, "three trials");
    Ok(())
}

#[tokio::test]
async fn requests_that_wait_on_a_silent_node_are_moved_when_checks_fail() -> Result {
    let (a, b) = (Node::start("a")?, Node::start("b")?);
    let router = Router::ready(&[&a, &b]).await?;
    a.behave(Behaviour::Silence);
    a.be_healthy(false);
    let answers = join_all((0..8).map(|_| router.chat())).await;
    for answer in answers {
        let answer = answer?;
        assert_eq!((answer.status(), header(&answer, "x-squall-node")), (StatusCode::OK, "b"));
    }
    until(async || a.open() == 0).await;
    let made = router.metric("requests_total").await? + router.metric("retries_total").await?;
    assert_eq!(made, a.requests() + b.requests());
    assert!(a.requests() > 0);
    Ok(())
}

#[tokio::test]
async fn retries_end_with_the_budget() -> Result {
    let (a, b) = (Node::start("a")?, Node::start("b")?);
    let router = Router::ready(&[&a, &b]).await?;
    for node in [&a, &b] {
        node.behave(Behaviour::Status(StatusCode::TOO_MANY_REQUESTS));
    }
    let (mut requests, mut made) = (0_u64, 0);
    until(async || {
        let answer = router.chat().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        requests += 1;
        let attempts: u64 = attempts(&answer).parse().expect("a number");
        made += attempts;
        attempts == 1
    })
    .await;
    assert_eq!(a.requests() + b.requests(), made);
    assert_eq!(router.metric("retries_denied_total").await?, 1);
    assert_eq!(router.metric("retries_total").await?, made - requests);
    assert!(requests > 100, "the floor alone allows a hundred in ten seconds");
    Ok(())
}

#[tokio::test]
async fn when_every_node_fails_the_last_answer_is_passed_on() -> Result {
    let (a, b, c, d) = (Node::start("a")?, Node::start("b")?, Node::start("c")?, Node::start("d")?);
    let router = Router::ready(&[&a, &b, &c, &d]).await?;
    for node in [&a, &b, &c, &d] {
        node.behave(Behaviour::Status(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let answer = router.chat().await?;
    assert_eq!((answer.status(), attempts(&answer)), (StatusCode::INTERNAL_SERVER_ERROR, "3"));
    let node = header(&answer, "x-squall-node").to_owned();
    assert_eq!(answer.text().await?, format!("node {node} says 500"));
    assert_eq!(a.requests() + b.requests() + c.requests() + d.requests(), 3);
    Ok(())
}

#[tokio::test]
async fn with_no_node_at_all_it_says_so() -> Result {
    let mut a = Node::start("a")?;
    a.down();
    let router = Router::start(&[&a], &[]).await?;
    until(async || !router.is_healthy(&a).await).await;
    let answer = router.chat().await?;
    assert_eq!((answer.status(), attempts(&answer)), (StatusCode::SERVICE_UNAVAILABLE, "0"));
    assert_eq!(header(&answer, "retry-after"), "1");
    assert!(answer.text().await?.contains("no_healthy_node"));
    assert_eq!(router.get("/health").await?.status(), StatusCode::SERVICE_UNAVAILABLE);
    a.up()?;
    until(async || router.get("/health").await.is_ok_and(|answer| answer.status() == 200)).await;
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_attempt_with_it() -> Result {
    let (a, b) = (Node::start("a")?, Node::start("b")?);
    let router = Router::ready(&[&a, &b]).await?;
    let address = router.origin.strip_prefix("http://").ok_or("no origin")?;
    // While the node is silent, and in the middle of a stream.
    for (behaviour, seen) in [(Behaviour::Silence, 1), (Behaviour::FirstPieceThenSilence, 2)] {
        a.behave(behaviour);
        b.behave(behaviour);
        let mut client = TcpStream::connect(address).await?;
        client
            .write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
            .await?;
        until(async || a.open() + b.open() == 1).await;
        client.into_std()?.shutdown(Shutdown::Both)?;
        until(async || a.open() + b.open() == 0).await;
        assert_eq!(a.requests() + b.requests(), seen, "and no other follows");
        until(async || {
            let busy =
                [router.metric("in_flight{node=\"a\"}").await, router.metric("in_flight{node=\"b\"}").await];
            busy.into_iter().all(|busy| busy.is_ok_and(|busy| busy == 0))
        })
        .await;
    }
    assert_eq!(router.metric("retries_total").await?, 0);
    Ok(())
}

#[tokio::test]
async fn without_failover_it_takes_turns_hides_breaks_and_does_not_retry() -> Result {
    let (mut a, b) = (Node::start("a")?, Node::start("b")?);
    let router = Router::start(&[&a, &b], &["--no-failover"]).await?;
    assert_eq!(router.get("/health").await?.status(), 200);
    for turn in ["a", "b", "a", "b"] {
        let answer = router.chat().await?;
        assert_eq!((header(&answer, "x-squall-node"), attempts(&answer)), (turn, "1"));
        assert_eq!(answer.text().await?, whole_stream());
    }
    a.behave(Behaviour::BreakAfter(2));
    b.behave(Behaviour::Status(StatusCode::SERVICE_UNAVAILABLE));
    let answer = router.chat().await?;
    assert_eq!(
        (answer.status(), answer.text().await?),
        (StatusCode::OK, PIECES[..2].concat()),
        "a clean end"
    );
    assert_eq!(router.chat().await?.status(), StatusCode::SERVICE_UNAVAILABLE);
    a.behave(Behaviour::HalfOfADocument);
    assert_eq!(router.chat().await?.text().await?, "half of");

    b.behave(Behaviour::Answer);
    assert_eq!(router.chat().await?.status(), 200);
    a.down();
    for status in [502, 200, 502, 200] {
        let answer = router.chat().await?;
        assert_eq!((answer.status().as_u16(), attempts(&answer)), (status, "1"));
    }
    assert_eq!(a.checks() + b.checks(), 0);
    Ok(())
}

#[tokio::test]
async fn it_lets_an_open_answer_end_and_ends_itself_on_sigterm() -> Result {
    let a = Node::start("a")?;
    let mut router = Router::ready(&[&a]).await?;
    a.behave(Behaviour::RestAfterSigterm);
    let answer = router.chat().await?;
    let (status, text) = tokio::join!(router.terminate(), async {
        a.go_on();
        answer.text().await
    });
    assert_eq!(text?, whole_stream());
    assert!(status?.success());
    Ok(())
}

#[test]
fn what_was_typed_wrong_is_named() {
    let refused = [
        (vec!["--node=a"], "expected NAME=http://HOST:PORT"),
        (vec!["--node==http://127.0.0.1:1"], "the name before `=` is missing"),
        (vec!["--node=a=https://127.0.0.1:1"], "only plain HTTP is spoken to nodes"),
        (vec!["--node=a=http://127.0.0.1:1/v1"], "leave it out"),
        (vec!["--node=a=http://u@127.0.0.1:1"], "a user or password has no place in it"),
        (vec!["--node=a=http://127.0.0.1:1", "--node=a=http://127.0.0.1:2"], "two nodes are named a"),
        (vec![], "--node"),
        (vec!["--node=a=http://127.0.0.1:1", "--listen=nowhere"], "--listen"),
    ];
    for (arguments, why) in refused {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_squall"));
        let output = command.arg("router").args(&arguments).timeout(LIMIT).assert().code(2);
        let stderr = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(stderr.contains(why), "{arguments:?}: {stderr}");
    }
}
