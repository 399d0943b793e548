//! The load generator against small servers that misbehave in exactly one way each.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;
use squall::answer::Answer;
use squall::clock::{Clock, Nanos};
use squall::correlation::{Correlator, REQUEST_HEADER};
use squall::load::{self, LoadContext, LoadError, LoadSummary};
use squall::name::{NodeName, RequestId};
use squall::record::{Content, Record, Recorder, RequestRow, TimeoutKind};
use squall::scenario::{self, plan::Plan};
use squall_report::{Cohort, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Whatever takes longer than this hangs.
const HANG: Duration = Duration::from_secs(30);
/// The tokens that every request of these tests asks for.
const TOKENS: u32 = 4;

const TARGET_URL: &str = "url = \"http://127.0.0.1:1/v1\"";
/// A plan with one simulated node: the answers are known, and of markers the proxies know.
const TARGET_SIM: &str = "node = \"a\"\n[[node]]\nname = \"a\"\nsim = {}";
/// Five arrivals in the only phase.
const FEW: &str = "arrivals = { constant = \"50/s\" }";
/// Generous, so that no limit is run into by chance.
const PATIENT: &str = "first_token = \"20s\", idle = \"20s\", total = \"25s\"";

fn plan(target: &str, arrivals: &str, limits: &str, stream: bool) -> Result<Plan> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("scenario.toml");
    let text = format!(
        "schema = 1\nname = \"test\"\nseed = 7\n[target]\nmodel = \"sim\"\n{target}\n[traffic]\n{arrivals}\n\
         prompts = {{ input = 20, output = {TOKENS} }}\nlimits = {{ {limits} }}\nstream = {stream}\n\
         [[phase]]\nname = \"only\"\nduration = \"100ms\"\n\
         [[slo]]\nname = \"success\"\nobjective = \"success >= 50%\"\n"
    );
    std::fs::write(&path, text)?;
    Ok(scenario::load(&path, None)?)
}

/// What one request sent.
struct Sent {
    head: String,
    body: serde_json::Value,
}

impl Sent {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    fn prompt(&self) -> &str {
        self.body["messages"][0]["content"].as_str().unwrap_or_default()
    }
}

/// Reads one request.
async fn read(stream: &mut TcpStream) -> io::Result<Option<Sent>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let sent = Sent { head, body: serde_json::Value::Null };
            let length = sent.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            while bytes.len() < end + 4 + length {
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Ok(None);
                }
            }
            let body = serde_json::from_slice(&bytes[end + 4..])?;
            return Ok(Some(Sent { body, ..sent }));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// A server that reads one request a connection and hands both to `answer`.
async fn serve<F, G>(answer: F) -> Result<SocketAddr>
where
    F: Fn(TcpStream, Sent) -> G + Clone + Send + Sync + 'static,
    G: Future<Output = io::Result<()>> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                if let Some(sent) = read(&mut stream).await? {
                    answer(stream, sent).await?;
                }
                io::Result::Ok(())
            });
        }
    });
    Ok(address)
}

/// A server that answers every request with the same bytes, and then ends the connection.
async fn say(bytes: String) -> Result<SocketAddr> {
    serve(move |mut stream, _| {
        let bytes = bytes.clone();
        async move {
            stream.write_all(bytes.as_bytes()).await?;
            stream.shutdown().await
        }
    })
    .await
}

const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const DONE: &str = "data: [DONE]\n\n";
const LAST_CHUNK: &str = "0\r\n\r\n";

fn content(text: &str) -> String {
    let json = serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {json}\n\n")
}

fn finish() -> String {
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n".into()
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// A stream of these events, in one chunk, ended as HTTP says.
fn stream_of(events: &[String]) -> String {
    format!("{SSE}{}{LAST_CHUNK}", chunk(&events.concat()))
}

/// The events of a whole answer.
fn whole(words: &[&str]) -> Vec<String> {
    let role = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n".to_owned();
    let words = words.iter().map(|word| content(word));
    [role].into_iter().chain(words).chain([finish(), DONE.to_owned()]).collect()
}

fn body_of(status: &str, json: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    )
}

/// What came of a load.
struct Load {
    summary: std::result::Result<LoadSummary, LoadError>,
    arrivals: Vec<Nanos>,
    /// By id.
    rows: Vec<RequestRow>,
    gaps: Vec<Vec<u32>>,
}

impl Load {
    /// Every arrival has exactly one row, ids are dense, and each row comes after its arrival.
    fn collect(records: &Receiver<Record>, summary: std::result::Result<LoadSummary, LoadError>) -> Self {
        let mut arrivals = Vec::new();
        let mut ended: Vec<(RequestRow, Vec<u32>)> = Vec::new();
        for record in records.try_iter() {
            match record {
                Record::Arrival(at) => arrivals.push(at),
                Record::Request { row, gaps_ns } => {
                    assert!(arrivals.contains(&row.intended_ns), "a row before its arrival: {row:?}");
                    ended.push((*row, gaps_ns));
                }
                other => panic!("{other:?}"),
            }
        }
        ended.sort_by_key(|(row, _)| row.id);
        assert_eq!(ended.len(), arrivals.len());
        assert!(ended.iter().zip(0..).all(|((row, _), id)| row.id == RequestId(id)));
        let (rows, gaps) = ended.into_iter().unzip();
        Self { summary, arrivals, rows, gaps }
    }

    /// The row that stands for all, since all ended alike.
    fn alike(&self) -> &RequestRow {
        let first = &self.rows[0];
        for row in &self.rows {
            let same = |row: &RequestRow| (row.outcome, row.status, row.content, row.marker, row.timeout);
            assert_eq!(same(row), same(first), "{row:?}\n{first:?}");
        }
        first
    }
}

struct Bench {
    plan: Plan,
    correlator: Arc<Correlator>,
    stop: CancellationToken,
    in_flight: Arc<AtomicU64>,
}

impl Bench {
    fn new(plan: Plan) -> Self {
        let in_flight = Arc::new(AtomicU64::new(0));
        Self { plan, correlator: Arc::new(Correlator::new()), stop: CancellationToken::new(), in_flight }
    }

    async fn run(self, target: SocketAddr) -> Result<Load> {
        let (recorder, records) = Recorder::channel();
        let in_flight = Arc::clone(&self.in_flight);
        let summary = load::run(LoadContext {
            plan: Arc::new(self.plan),
            clock: Clock::start(),
            base_url: format!("http://{target}/v1"),
            recorder,
            correlator: self.correlator,
            stop: self.stop,
            in_flight: self.in_flight,
        });
        let summary = tokio::time::timeout(HANG, summary).await?;
        assert_eq!(in_flight.load(Ordering::Relaxed), 0);
        Ok(Load::collect(&records, summary))
    }
}

/// Five requests to a target of which nothing is known.
async fn load(target: SocketAddr) -> Result<Load> {
    Bench::new(plan(TARGET_URL, FEW, PATIENT, true)?).run(target).await
}

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
        assert_eq!(sent.header("accept-encoding"), None);
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
        ("an empty answer", stream_of(&whole(&[])), Outcome::Corrupt, true),
    ];
    for (name, bytes, outcome, clean_end) in cases {
        let load = load(say(bytes).await?).await?;
        let row = load.alike();
        assert_eq!((row.outcome, row.clean_end), (outcome, clean_end), "{name}: {row:?}");
        assert!(row.error.is_some() && row.timeout.is_none(), "{name}: {row:?}");
    }
    let load = load(say(stream_of(&whole(&[]))).await?).await?;
    assert_eq!(load.alike().error.as_deref(), Some("empty answer"));
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
            correlator.answered(id, &NodeName::from("a"));
            if node_sent_it {
                correlator.marker(id);
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
    plan.target.key = Some(scenario::plan::Key { env: "SQUALL_TEST_NO_SUCH_KEY".into() });
    let load = Bench::new(plan).run(([127, 0, 0, 1], 1).into()).await?;
    assert_eq!(load.rows.len(), 0);
    let error = load.summary.err().ok_or("no error")?;
    assert!(matches!(&error, LoadError::KeyMissing { env } if env == "SQUALL_TEST_NO_SUCH_KEY"), "{error}");
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
