//! HTTP/2 on the path, on real sockets: what a node does to a stream its client sees, a fault on a stream ends
//! that stream and no other, and the whole path speaks it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use h2::Reason;
use http::{Request, Response, Version};
use http_body::Frame;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use squall::fault::Engine;
use squall::record::AttemptEnd;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::runtime::Runtime;

use crate::support::scene::{Scene, rows};
use crate::support::{Node, Parts, Result, Rig, STREAM_BODY};

const EVENTS: [&str; 3] = ["data: one\n\n", "data: two\n\n", "data: [DONE]\n\n"];

/// A node that speaks HTTP/2 alone. A request's header `x-end` says after how many events its stream is reset, and why.
struct Node2 {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    runtime: Runtime,
}

impl Node2 {
    fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let (address, connections) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(answer)));
            }
        });
        Ok(Self { address, connections, runtime })
    }

    /// A proxy before it, without faults.
    fn rig(&self) -> Result<Rig> {
        let parts = Parts::new();
        let nodes = vec!["a".into()];
        let correlator = Arc::clone(&parts.correlator);
        let engine = Engine::new(7, parts.clock, parts.recorder.clone(), correlator, nodes, Vec::new());
        parts.rig(self.address, engine)
    }
}

type Events = UnsyncBoxBody<Bytes, h2::Error>;

async fn answer(request: Request<Incoming>) -> std::result::Result<Response<Events>, Infallible> {
    let end = request.headers().get("x-end").and_then(|end| end.to_str().ok()?.split_once(' '));
    let end: Option<(usize, u32)> =
        end.and_then(|(after, why)| Some((after.parse().ok()?, why.parse().ok()?)));
    let events = EVENTS.iter().take(end.map_or(EVENTS.len(), |(after, _)| after));
    let mut frames: Vec<std::result::Result<Frame<Bytes>, h2::Error>> =
        events.map(|event| Ok(Frame::data(Bytes::from_static(event.as_bytes())))).collect();
    frames.extend(end.map(|(_, why)| Err(Reason::from(why).into())));
    let frames = futures_util::stream::iter(frames).then(async |frame| {
        // What has gone before has time to arrive: a reset throws away what waits to be sent.
        tokio::time::sleep(Duration::from_millis(30)).await;
        frame
    });
    let mut response = Response::new(http_body_util::BodyExt::boxed_unsync(StreamBody::new(frames)));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().http2_prior_knowledge().no_proxy().tls_certs_only([]).build()?)
}

/// What came of an answer, and with which reset it ended, if with one.
async fn ask(
    client: &reqwest::Client,
    to: SocketAddr,
    end: Option<&str>,
) -> Result<(String, Option<Reason>)> {
    let request = client.post(format!("http://{to}/v1/chat/completions")).body(STREAM_BODY);
    let request = end.into_iter().fold(request, |request, end| request.header("x-end", end));
    let mut response = request.send().await?;
    assert_eq!(response.version(), Version::HTTP_2);
    let mut text = String::new();
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => text.push_str(&String::from_utf8_lossy(&bytes)),
            Ok(None) => return Ok((text, None)),
            Err(error) => return Ok((text, Some(reason(&error).ok_or("no reset")?))),
        }
    }
}

fn reason(error: &(dyn std::error::Error + 'static)) -> Option<Reason> {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.find_map(|cause| cause.downcast_ref::<h2::Error>()?.reason())
}

#[test]
fn what_a_node_does_to_a_stream_its_client_sees_and_other_streams_go_on() -> Result {
    let node = Node2::new()?;
    let rig = node.rig()?;
    let (client, to) = (client()?, rig.proxy.address());
    let resets = [
        (Reason::INTERNAL_ERROR, Reason::INTERNAL_ERROR, AttemptEnd::Reset),
        (Reason::REFUSED_STREAM, Reason::INTERNAL_ERROR, AttemptEnd::Reset),
        (Reason::CANCEL, Reason::CANCEL, AttemptEnd::Cut),
    ];
    for (sent, seen, ended) in resets {
        let end = format!("2 {}", u32::from(sent));
        node.runtime.block_on(async {
            let (whole, broken) = tokio::join!(ask(&client, to, None), ask(&client, to, Some(&end)));
            assert_eq!(whole?, (EVENTS.concat(), None));
            assert_eq!(broken?, (EVENTS[..2].concat(), Some(seen)));
            Result::Ok(())
        })?;
        let ends = [rig.attempt()?, rig.attempt()?].map(|row| (row.end, row.marker, row.events));
        assert!(ends.contains(&(AttemptEnd::Complete, true, 3)), "{ends:?}");
        assert!(ends.contains(&(ended, false, 2)), "{ends:?}");
    }
    // All of it went over one connection to the node, as it came over one.
    assert_eq!(node.connections.load(Ordering::SeqCst), 1);
    Ok(())
}

/// Twenty requests by HTTP/2 to this target, whose answers take a while.
fn run(target: &str, phase: &str) -> Result<(Vec<Value>, Value)> {
    let scene = Scene::new(&format!(
        "schema = 1\nname = \"h2\"\nseed = 7\n[target]\nmodel = \"m\"\nhttp = \"2\"\n{target}\n\
         [traffic]\narrivals = {{ constant = \"50/s\" }}\nprompts = {{ input = 20, output = 10 }}\n\
         [[phase]]\nname = \"only\"\nduration = \"400ms\"\n{phase}\
         [[phase]]\nname = \"after\"\nduration = \"1s\"\n"
    ))?;
    let output = scene.run()?;
    let report = scene.report().map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let rows = rows(&scene.out().join("requests.jsonl"))?;
    for invariant in report["invariants"].as_array().ok_or("no invariants")? {
        assert_ne!(invariant["verdict"], "fail", "{invariant}");
    }
    Ok((rows, report))
}

const SIMS: &str = "[[node]]\nname = \"a\"\nsim = { ttft = \"5ms\", itl = \"5ms\" }\n\
                    [[node]]\nname = \"b\"\nsim = { ttft = \"5ms\", itl = \"5ms\" }\n";

#[test]
fn a_fault_on_a_stream_means_what_it_means_on_a_connection_and_leaves_the_others_alone() -> Result {
    for (how, outcome) in [("reset", "reset"), ("end", "cut")] {
        let fault = format!(
            "fault = [{{ plugin = \"cut\", nodes = [\"a\"], share = 0.5, with = {{ after = 3, how = \"{how}\" }} }}]\n"
        );
        let (rows, _) = run(&format!("node = \"a\"\n{SIMS}"), &fault)?;
        let of = |cohort: &str, outcome: &str| {
            rows.iter().filter(|row| row["cohort"] == cohort && row["outcome"] == outcome).count()
        };
        let broken = of("faulted", outcome);
        assert!((3..20).contains(&broken), "{broken}: {rows:?}");
        assert_eq!(broken + of("collateral", "ok"), rows.len(), "{rows:?}");
        for row in rows.iter().filter(|row| row["cohort"] == "faulted") {
            // The first of the three has a role alone.
            assert_eq!((&row["events"], &row["marker"]), (&json!(2), &json!(false)), "{row}");
        }
    }
    Ok(())
}

#[test]
fn a_whole_path_speaks_it_and_fails_over() -> Result {
    let kill = "fault = [{ plugin = \"node-kill\", nodes = [\"a\"], at = \"100ms\" }]\n";
    let (rows, report) = run(&format!("router = {{}}\n{SIMS}"), kill)?;
    let ok = rows.iter().filter(|row| row["outcome"] == "ok").count();
    assert!(ok >= rows.len() - 5, "{ok} of {}: {rows:?}", rows.len());
    assert!(rows.iter().all(|row| row["genuine_marker"] == json!(row["outcome"] == "ok")), "{rows:?}");
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(2));
    Ok(())
}

#[test]
fn the_router_finds_a_node_healthy_that_speaks_nothing_else() -> Result {
    let node = Node2::new()?;
    node.runtime.block_on(async {
        let mut router = Command::new(env!("CARGO_BIN_EXE_squall"));
        router.args(["router", "--listen=127.0.0.1:0", &format!("--node=a=http://{}", node.address)]);
        let mut router = router.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(router.stdout.take().ok_or("no stdout")?).lines();
        let line = lines.next_line().await?.ok_or("it ended")?;
        let to: SocketAddr =
            line.strip_prefix("listening on http://").ok_or("not where it listens")?.parse()?;
        let client = client()?;
        let get = async |path: &str| client.get(format!("http://{to}{path}")).send().await;
        let healthy = async {
            // One connection is lost by which it was asked in vain; each check that follows makes one.
            while get("/health").await?.status() != 200 || node.connections.load(Ordering::SeqCst) < 6 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Result::Ok(())
        };
        tokio::time::timeout(Duration::from_mins(1), healthy).await??;
        let metrics = get("/metrics").await?.text().await?;
        assert!(metrics.contains("squall_router_healthy{node=\"a\"} 1"), "{metrics}");
        assert!(metrics.contains("squall_router_ejections_total{node=\"a\"} 0"), "{metrics}");
        assert_eq!(ask(&client, to, None).await?, (EVENTS.concat(), None));
        Ok(())
    })
}

#[test]
fn a_node_of_old_is_spoken_to_as_it_speaks() -> Result {
    let answer = [
        r#"{"choices":[{"delta":{"content":"a"}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ];
    let node = Node::streaming(&answer)?;
    let (rows, _) =
        run(&format!("node = \"a\"\n[[node]]\nname = \"a\"\nurl = \"http://{}\"", node.address), "")?;
    assert!(rows.iter().all(|row| row["outcome"] == "ok" && row["events"] == 1), "{rows:?}");
    assert!(node.requests() >= rows.len());
    Ok(())
}
