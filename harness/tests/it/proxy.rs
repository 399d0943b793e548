//! The fault proxy on real sockets: faithful without faults, and each verdict done on the wire as it says.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use squall::clock::Nanos;
use squall::correlation::{REQUEST_HEADER, Which};
use squall::fault::{
    BodyVerdict, Call, Canned, ConnectVerdict, Ending, Engine, EventBatch, EventRuling, EventVerdict, Fault,
    Hooks, RequestHead, RequestVerdict, ResponseHead, ResponseVerdict, Trap,
};
use squall::name::{AttemptId, NodeName, RequestId};
use squall::record::{AttemptEnd, Record};
use squall::scenario::plan::{FaultPlan, Matching, OnTrap, PluginRef};

use crate::support::{Client, End, Node, Parts, Result, Rig, SEED, STREAM_BODY, Then};

const FOUR: [&str; 4] = ["one", "two", "three", "[DONE]"];

/// A fault that always decides the same at one hook.
#[derive(Clone)]
enum Always {
    Connect(ConnectVerdict),
    Request(RequestVerdict),
    Response(ResponseVerdict),
    /// At the event with this index.
    Event(u32, EventVerdict),
    Body(BodyVerdict),
}

impl Fault for Always {
    fn acts(&self) -> bool {
        false
    }
    fn hooks(&self) -> Hooks {
        Hooks {
            connect: matches!(self, Self::Connect(_)),
            request: matches!(self, Self::Request(_)),
            response: matches!(self, Self::Response(_)),
            events: matches!(self, Self::Event(..)),
            body: matches!(self, Self::Body(_)),
            ..Hooks::default()
        }
    }
    fn connect(&mut self, _: &Call<'_>) -> std::result::Result<ConnectVerdict, Trap> {
        Ok(if let Self::Connect(verdict) = self { verdict.clone() } else { ConnectVerdict::Pass })
    }
    fn request(&mut self, _: &Call<'_>, _: &RequestHead) -> std::result::Result<RequestVerdict, Trap> {
        Ok(if let Self::Request(verdict) = self { verdict.clone() } else { RequestVerdict::Pass })
    }
    fn response(&mut self, _: &Call<'_>, _: &ResponseHead) -> std::result::Result<ResponseVerdict, Trap> {
        Ok(if let Self::Response(verdict) = self { verdict.clone() } else { ResponseVerdict::Pass })
    }
    fn events(
        &mut self,
        _: &Call<'_>,
        batch: EventBatch<'_>,
    ) -> std::result::Result<Option<EventRuling>, Trap> {
        let Self::Event(at, verdict) = self else { return Ok(None) };
        let place = at.checked_sub(batch.first).map(|place| place as usize);
        let place = place.filter(|place| *place < batch.count);
        Ok(place.map(|place| EventRuling { place, verdict: verdict.clone() }))
    }
    fn body(&mut self, _: &Call<'_>, _: &Bytes) -> std::result::Result<BodyVerdict, Trap> {
        Ok(if let Self::Body(verdict) = self { verdict.clone() } else { BodyVerdict::Pass })
    }
    fn finish(&mut self, _: &Call<'_>) -> std::result::Result<(), Trap> {
        Ok(())
    }
    fn tick(&mut self, _: Nanos) -> std::result::Result<(), Trap> {
        Ok(())
    }
    fn revive(&mut self) -> std::result::Result<(), Trap> {
        Ok(())
    }
}

fn fault_plan(index: u32) -> FaultPlan {
    FaultPlan {
        index,
        plugin: PluginRef::BuiltIn("always".into()),
        phase: 0,
        nodes: vec![NodeName::from("a")],
        on: Nanos::ZERO,
        off: Nanos(u64::MAX),
        share: 1.0,
        matching: Matching::default(),
        with: serde_json::Value::Null,
        on_trap: OnTrap::FailRun,
    }
}

/// A proxy before `node` whose faults, all on, always decide so.
fn rig(node: &Node, faults: Vec<Always>) -> Result<Rig> {
    let count = faults.len();
    let (rig, engine) = idle_rig(node, faults)?;
    (0..count).for_each(|index| engine.switch_on(index));
    Ok(rig)
}

/// The same, with all faults off.
fn idle_rig(node: &Node, faults: Vec<Always>) -> Result<(Rig, Arc<Engine>)> {
    let parts = Parts::new();
    let faults =
        (0..).zip(faults).map(|(index, fault)| (fault_plan(index), Box::new(fault) as Box<dyn Fault>));
    let engine = Engine::new(
        SEED,
        parts.clock,
        parts.recorder.clone(),
        Arc::clone(&parts.correlator),
        vec![NodeName::from("a")],
        faults.collect(),
    );
    Ok((parts.rig(node.address, Arc::clone(&engine))?, engine))
}

#[test]
fn without_faults_the_answer_is_the_nodes_own_byte_for_byte() -> Result {
    let node = Node::new(|stream, request| {
        assert!(request.contains("X-Mixed-Case: kept"), "{request}");
        let answer = "HTTP/1.1 207 Odd Reason\r\nX-Own: 1\r\nX-Own: 2\r\nContent-Length: 5\r\n\r\nh\0llo";
        let _ = stream.write_all(answer.as_bytes());
        Then::KeepOpen
    })?;
    let rig = Rig::plain(node.address)?;
    let seen = rig.ask_with("X-Mixed-Case: kept\r\n", "{}")?;
    assert_eq!(seen.status(), Some(207));
    assert!(seen.text.contains("X-Own: 1\r\nX-Own: 2\r\n"), "{}", seen.text);
    assert_eq!(seen.body(), "h\0llo");
    assert_eq!(seen.end, End::Silence, "the connection is kept");
    let row = rig.attempt()?;
    assert_eq!((row.end, row.status, row.marker, row.faults), (AttemptEnd::Complete, Some(207), true, 0));
    Ok(())
}

#[test]
fn a_request_is_told_by_its_header_and_by_its_tag() -> Result {
    let node = Node::streaming(&FOUR)?;
    let rig = Rig::plain(node.address)?;
    rig.correlator.begin(RequestId(4));
    rig.ask_with(&format!("{REQUEST_HEADER}: 4\r\n"), STREAM_BODY)?;
    let first = rig.attempt()?;
    assert_eq!((first.request, first.ordinal, first.events, first.marker), (Some(RequestId(4)), 0, 4, true));
    let tagged = STREAM_BODY.replace("hello", &squall::correlation::tag(SEED, RequestId(4)));
    rig.ask_with("", &tagged)?;
    let second = rig.attempt()?;
    assert_eq!((second.request, second.ordinal, second.after_end), (Some(RequestId(4)), 1, false));
    let joined = rig.correlator.finish(RequestId(4), Which::First);
    assert_eq!((joined.attempts, joined.genuine_marker), (2, true));
    rig.ask_with("", &tagged)?;
    assert!(rig.attempt()?.after_end);
    Ok(())
}

/// Gateways' clients ask for gzip: the ledger would not see an event of what came then.
#[test]
fn a_node_is_asked_for_an_answer_that_the_ledger_can_read() -> Result {
    let node = Node::new(|stream, request| {
        let asked: Vec<_> = request.lines().filter(|line| line.starts_with("accept-encoding:")).collect();
        let body = format!("data: {asked:?}\n\ndata: [DONE]\n\n");
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}");
        let _ = write!(stream, "{head}\r\n\r\n{body}");
        Then::KeepOpen
    })?;
    let rig = Rig::plain(node.address)?;
    for (headers, asked) in
        [("accept-encoding: gzip, br\r\n", r#"["accept-encoding: identity"]"#), ("", "[]")]
    {
        assert_eq!(rig.ask_with(headers, STREAM_BODY)?.events(), [asked, "[DONE]"]);
        let row = rig.attempt()?;
        assert_eq!((row.events, row.marker), (2, true), "{headers:?}");
    }
    Ok(())
}

#[test]
fn a_reset_is_a_reset_and_a_cut_a_cut() -> Result {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let part = "b\r\ndata: one\n\n\r\n";
    for (how, client, row) in [(true, End::Rst, AttemptEnd::Reset), (false, End::Fin, AttemptEnd::Cut)] {
        let node = Node::new(move |stream, _| {
            let _ = stream.write_all(format!("{head}{part}").as_bytes());
            // The reset must not overtake what was written: it throws away what was not read.
            std::thread::sleep(Duration::from_millis(50));
            if how { Then::Reset } else { Then::Close }
        })?;
        let rig = Rig::plain(node.address)?;
        let seen = rig.ask()?;
        assert_eq!(seen.end, client, "{}", seen.text);
        assert_eq!(seen.events(), ["one"]);
        assert!(!seen.is_whole(), "{}", seen.text);
        let attempt = rig.attempt()?;
        assert_eq!((attempt.end, attempt.events, attempt.marker), (row, 1, false));
    }
    Ok(())
}

#[test]
fn an_answer_whose_end_is_the_connections_end_stays_whole() -> Result {
    let node = Node::new(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nall of it");
        Then::Close
    })?;
    let rig = Rig::plain(node.address)?;
    let seen = rig.ask()?;
    assert_eq!(seen.body(), "all of it");
    assert_eq!(rig.attempt()?.end, AttemptEnd::Complete);
    Ok(())
}

#[test]
fn a_node_that_closes_a_connection_it_promised_to_keep_is_asked_on_another() -> Result {
    // As llama.cpp's server does after each stream, whatever its `Keep-Alive` says.
    let (closed, has_closed) = std::sync::mpsc::channel();
    let node = Node::new(move |stream, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nkeep-alive: timeout=5, max=100\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        let _ = stream.write_all(format!("{head}e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n").as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Both);
        let _ = closed.send(());
        Then::Close
    })?;
    let rig = Rig::plain(node.address)?;
    let mut client = Client::to(rig.proxy.address())?;
    client.stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    for round in 1..=20 {
        client.send("POST /v1/chat/completions", "", STREAM_BODY)?;
        let mut got = Vec::new();
        while !got.ends_with(b"0\r\n\r\n") {
            let mut buffer = [0; 1024];
            let read = client.stream.read(&mut buffer).map_err(|error| format!("round {round}: {error}"))?;
            assert!(read > 0, "round {round}: the proxy ended the connection");
            got.extend_from_slice(&buffer[..read]);
        }
        let row = rig.attempt()?;
        assert_eq!((row.status, row.end, row.marker), (Some(200), AttemptEnd::Complete, true), "{row:?}");
        // A request that is under way when the node closes is lost, with a proxy as without.
        has_closed.recv_timeout(Duration::from_secs(10))?;
    }
    assert_eq!(node.requests(), 20);
    Ok(())
}

#[test]
fn a_dead_nodes_port_refuses_and_takes_connections_again_when_it_is_back() -> Result {
    let node = Node::streaming(&FOUR)?;
    let rig = Rig::plain(node.address)?;
    assert_eq!(rig.ask()?.status(), Some(200));
    rig.proxy.close_listener();
    let refused = Client::to(rig.proxy.address()).err().map(|error| error.kind());
    assert_eq!(refused, Some(std::io::ErrorKind::ConnectionRefused));
    rig.proxy.open_listener()?;
    assert_eq!(rig.ask()?.status(), Some(200));
    Ok(())
}

#[test]
fn a_node_that_is_gone_behind_an_open_port_resets() -> Result {
    let node = Node::streaming(&FOUR)?;
    let rig = Rig::plain(node.address)?;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?;
    rig.proxy.set_upstream(closed.local_addr()?);
    drop(closed);
    let seen = rig.ask()?;
    assert_eq!((seen.end, seen.text.as_str()), (End::Rst, ""));
    assert_eq!(rig.attempt()?.end, AttemptEnd::Unreachable);
    Ok(())
}

#[test]
fn a_client_that_leaves_takes_the_attempt_with_it() -> Result {
    let node = Node::new(|stream, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: one\n\n";
        let _ = stream.write_all(head.as_bytes());
        // Until the proxy hangs up.
        let _ = std::io::Read::read(stream, &mut [0; 1]);
        Then::Close
    })?;
    let rig = Rig::plain(node.address)?;
    let mut client = Client::to(rig.proxy.address())?;
    client.send("POST /v1/chat/completions", "", STREAM_BODY)?;
    let _ = std::io::Read::read(&mut client.stream, &mut [0; 512])?;
    drop(client);
    let row = rig.attempt()?;
    assert_eq!((row.end, row.events), (AttemptEnd::ClientLeft, 1));
    Ok(())
}

#[test]
fn when_the_run_ends_what_is_open_is_written_down_as_aborted() -> Result {
    let node = Node::new(|stream, _| {
        let _ = std::io::Read::read(stream, &mut [0; 1]);
        Then::Close
    })?;
    let rig = Rig::plain(node.address)?;
    let mut client = Client::to(rig.proxy.address())?;
    client.send("POST /v1/chat/completions", "", STREAM_BODY)?;
    while node.requests() == 0 {
        std::thread::yield_now();
    }
    let ends = rig.records().into_iter().filter_map(|record| match record {
        Record::Attempt(row) => Some(row.end),
        _ => None,
    });
    assert_eq!(ends.collect::<Vec<_>>(), [AttemptEnd::Aborted]);
    Ok(())
}

fn canned() -> Canned {
    let mut headers = http::HeaderMap::new();
    headers.insert("retry-after", http::HeaderValue::from_static("3"));
    Canned {
        status: http::StatusCode::SERVICE_UNAVAILABLE,
        headers,
        body: Bytes::from_static(b"{\"error\":1}"),
    }
}

/// What a client and the ledger must show of a verdict.
struct Effect {
    fault: Always,
    /// As the fault log writes it.
    log: &'static str,
    status: Option<u16>,
    events: &'static [&'static str],
    end: End,
    row: AttemptEnd,
    /// The node saw the request.
    reached: bool,
}

#[test]
fn each_verdict_that_ends_an_exchange_is_done_on_the_wire() -> Result {
    let gone: &[&str] = &[];
    let (injected, two) = (AttemptEnd::Injected, &["one", "two"][..]);
    let two_and_last = &["one", "two", "end"][..];
    let last = |then| Always::Event(2, EventVerdict::Last(Bytes::from_static(b"data: end\n\n"), then));
    let effect = |fault, log, status, events, end, reached| Effect {
        fault,
        log,
        status,
        events,
        end,
        row: injected,
        reached,
    };
    let effects = [
        effect(Always::Connect(ConnectVerdict::Reset), "reset", None, gone, End::Rst, false),
        effect(Always::Connect(ConnectVerdict::Hang), "hang", None, gone, End::Silence, false),
        effect(
            Always::Request(RequestVerdict::Respond(canned())),
            "respond(503)",
            Some(503),
            gone,
            End::Silence,
            false,
        ),
        effect(Always::Request(RequestVerdict::Reset), "reset", None, gone, End::Rst, false),
        effect(Always::Request(RequestVerdict::Close), "close", None, gone, End::Fin, false),
        effect(Always::Request(RequestVerdict::Hang), "hang", None, gone, End::Silence, false),
        effect(
            Always::Response(ResponseVerdict::Respond(canned())),
            "respond(503)",
            Some(503),
            gone,
            End::Silence,
            true,
        ),
        effect(Always::Response(ResponseVerdict::Reset), "reset", None, gone, End::Rst, true),
        effect(Always::Response(ResponseVerdict::Close), "close", None, gone, End::Fin, true),
        effect(Always::Response(ResponseVerdict::Hang), "hang", None, gone, End::Silence, true),
        effect(Always::Event(2, EventVerdict::Close), "close", Some(200), two, End::Silence, true),
        effect(Always::Event(2, EventVerdict::Reset), "reset", Some(200), two, End::Rst, true),
        effect(Always::Event(2, EventVerdict::Hang), "hang", Some(200), two, End::Silence, true),
        effect(last(Ending::Close), "last(11B, close)", Some(200), two_and_last, End::Silence, true),
        effect(last(Ending::Reset), "last(11B, reset)", Some(200), two_and_last, End::Rst, true),
        effect(last(Ending::Hang), "last(11B, hang)", Some(200), two_and_last, End::Silence, true),
    ];
    for effect in effects {
        let node = Node::streaming(&FOUR)?;
        let rig = rig(&node, vec![effect.fault])?;
        let seen = rig.ask()?;
        let log = effect.log;
        assert_eq!(seen.end, effect.end, "{log}: {seen:?}");
        assert_eq!(seen.status(), effect.status, "{log}: {seen:?}");
        assert_eq!(seen.events(), effect.events, "{log}: {seen:?}");
        assert_eq!(node.requests() == 1, effect.reached, "{log}");
        assert_eq!(rig.fault()?.verdict, log);
        let row = rig.attempt()?;
        assert_eq!((row.end, row.faults), (effect.row, 1), "{log}");
        if effect.status == Some(503) {
            assert!(seen.text.contains("retry-after: 3\r\n") && seen.is_whole(), "{seen:?}");
        }
        if log.contains("close") && effect.status == Some(200) {
            assert!(seen.is_whole(), "a clean end is whole, as far as HTTP can tell: {seen:?}");
        }
    }
    Ok(())
}

#[test]
fn each_verdict_that_changes_events_is_done_on_the_wire() -> Result {
    let payloads = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
    let cases: [(EventVerdict, &str, &[&str]); 4] = [
        (EventVerdict::Drop, "drop", &["one", "three", "[DONE]"]),
        (EventVerdict::Duplicate, "duplicate", &["one", "two", "two", "three", "[DONE]"]),
        (EventVerdict::Replace(payloads), "replace(2 events)", &["one", "a", "b", "three", "[DONE]"]),
        (
            EventVerdict::Raw(vec![Bytes::from_static(b"data: {"), Bytes::from_static(b"\r\n")]),
            "raw(9B)",
            &["one", "{", "three", "[DONE]"],
        ),
    ];
    for (verdict, log, events) in cases {
        let node = Node::streaming(&FOUR)?;
        let rig = rig(&node, vec![Always::Event(1, verdict)])?;
        let seen = rig.ask()?;
        assert_eq!(seen.events(), events, "{log}");
        assert!(seen.is_whole());
        assert_eq!(rig.fault()?.verdict, log);
        assert_eq!(rig.attempt()?.end, AttemptEnd::Complete, "{log}");
    }
    Ok(())
}

#[test]
fn a_replaced_event_keeps_its_name() -> Result {
    let node = Node::new(|stream, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let _ = stream.write_all(format!("{head}event: ping\ndata: one\n\n").as_bytes());
        Then::Close
    })?;
    let rig = rig(&node, vec![Always::Event(0, EventVerdict::Replace(vec![Bytes::from_static(b"two")]))])?;
    assert_eq!(rig.ask()?.body(), "event: ping\ndata: two\n\n");
    Ok(())
}

#[test]
fn each_verdict_on_a_body_is_done_on_the_wire() -> Result {
    let answer =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"ok\":1.5}";
    let node = Node::new(move |stream, _| {
        let _ = stream.write_all(answer.as_bytes());
        Then::KeepOpen
    })?;
    let (whole, injected) = (AttemptEnd::Complete, AttemptEnd::Injected);
    for (verdict, log, body, end, row) in [
        (BodyVerdict::Replace(Bytes::from_static(b"{}")), "replace(2B)", "{}", End::Silence, whole),
        (
            BodyVerdict::Delay(Duration::from_millis(50)),
            "delay(50.000ms)",
            "{\"ok\":1.5}",
            End::Silence,
            whole,
        ),
        (BodyVerdict::Cut(4), "cut(4B)", "{\"ok", End::Fin, injected),
        (BodyVerdict::Reset, "reset", "", End::Rst, injected),
        (BodyVerdict::Hang, "hang", "", End::Silence, injected),
    ] {
        let rig = rig(&node, vec![Always::Body(verdict)])?;
        let seen = rig.ask()?;
        assert_eq!((seen.body().as_str(), seen.end), (body, end), "{log}: {seen:?}");
        assert_eq!(seen.is_whole(), row == whole, "{log}: {seen:?}");
        assert_eq!(rig.fault()?.verdict, log);
        let attempt = rig.attempt()?;
        assert_eq!((attempt.end, attempt.faults), (row, 1), "{log}");
    }
    // A stream has events, not a body.
    let node = Node::streaming(&FOUR)?;
    let rig = rig(&node, vec![Always::Body(BodyVerdict::Reset)])?;
    assert_eq!(rig.ask()?.events(), FOUR);
    Ok(())
}

#[test]
fn delays_add_up_and_the_first_verdict_that_ends_it_wins() -> Result {
    let delay = Duration::from_millis(60);
    let node = Node::streaming(&FOUR)?;
    let delays = vec![
        Always::Connect(ConnectVerdict::Delay(delay)),
        Always::Request(RequestVerdict::Delay(delay)),
        Always::Request(RequestVerdict::Delay(delay)),
        Always::Response(ResponseVerdict::Delay(delay)),
    ];
    let rig_ = rig(&node, delays)?;
    let seen = rig_.ask()?;
    assert!(seen.first_byte >= Some(delay * 4), "{:?}", seen.first_byte);
    assert_eq!(seen.events(), FOUR);
    assert_eq!(rig_.attempt()?.faults, 3, "a connection's faults are not its request's");

    let both =
        vec![Always::Request(RequestVerdict::Respond(canned())), Always::Request(RequestVerdict::Reset)];
    let rig = rig(&node, both)?;
    assert_eq!(rig.ask()?.status(), Some(503));
    assert_eq!(rig.attempt()?.faults, 1);
    Ok(())
}

#[test]
fn headers_of_several_faults_are_set_on_the_answer_that_passes() -> Result {
    let node = Node::streaming(&FOUR)?;
    let set = |pairs: &[(&'static str, &'static str)]| {
        let pairs = pairs.iter();
        let named = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        };
        Always::Response(ResponseVerdict::Headers(pairs.map(named).collect()))
    };
    let faults = vec![
        set(&[("x-first", "1"), ("x-both", "first")]),
        set(&[("x-both", "second"), ("content-type", "text/event-stream; charset=utf-8")]),
        Always::Response(ResponseVerdict::Pace(100_000)),
    ];
    let rig = rig(&node, faults)?;
    let seen = rig.ask()?;
    for header in
        ["x-first: 1\r\n", "x-both: second\r\n", "content-type: text/event-stream; charset=utf-8\r\n"]
    {
        assert!(seen.text.contains(header), "{header}: {}", seen.text);
    }
    assert_eq!(seen.text.matches("x-both").count() + seen.text.matches("content-type").count(), 2);
    assert_eq!(seen.events(), FOUR);
    assert_eq!(rig.attempt()?.faults, 3);
    Ok(())
}

#[test]
fn a_fault_that_begins_meets_the_streams_that_are_under_way() -> Result {
    let (go, wait) = crossbeam_channel::bounded::<()>(1);
    let node = Node::new(move |stream, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(format!("{head}data: one\n\ndata: tw").as_bytes());
        // The rest of an event that has begun is not the fault's.
        wait.recv().ok();
        let _ = stream.write_all(b"o\n\n");
        std::thread::sleep(Duration::from_millis(30));
        let _ = stream.write_all(b"data: three\n\ndata: four\n\n");
        Then::Close
    })?;
    // The fault is asked for event 2, counted from the stream's start.
    let (rig, engine) = idle_rig(&node, vec![Always::Event(2, EventVerdict::Duplicate)])?;
    let seen = std::thread::scope(|scope| {
        let asking = scope.spawn(|| rig.ask().map_err(|error| error.to_string()));
        while node.requests() == 0 || rig.proxy.in_flight() == 0 {
            std::thread::yield_now();
        }
        // Time for the first bytes to pass.
        std::thread::sleep(Duration::from_millis(60));
        engine.switch_on(0);
        let _ = go.send(());
        asking.join()
    });
    let seen = seen.map_err(|_| "the client panicked")??;
    assert_eq!(seen.events(), ["one", "two", "three", "three", "four"]);
    let row = rig.attempt()?;
    assert_eq!((row.end, row.events, row.faults), (AttemptEnd::Complete, 4, 1));
    Ok(())
}

#[test]
fn a_delayed_event_holds_what_follows_and_a_pace_holds_the_whole_body() -> Result {
    let node = Node::streaming(&FOUR)?;
    let rig_ = rig(&node, vec![Always::Event(1, EventVerdict::Delay(Duration::from_millis(80)))])?;
    let seen = rig_.ask()?;
    assert_eq!(seen.events(), FOUR);
    let row = rig_.attempt()?;
    let taken = row.end_ns - row.start_ns;
    assert!(taken >= Duration::from_millis(80), "{taken:?}");

    // 48 bytes at 400 a second.
    let rig = rig(&node, vec![Always::Response(ResponseVerdict::Pace(400))])?;
    let seen = rig.ask()?;
    assert_eq!(seen.events(), FOUR);
    let row = rig.attempt()?;
    let taken = row.end_ns - row.start_ns;
    assert!(taken >= Duration::from_millis(90) && taken < Duration::from_secs(2), "{taken:?}");
    Ok(())
}

#[test]
fn what_is_recorded_is_numbered_and_names_its_node() -> Result {
    let node = Node::streaming(&FOUR)?;
    let rig = rig(&node, vec![Always::Request(RequestVerdict::Delay(Duration::from_millis(1)))])?;
    rig.correlator.begin(RequestId(9));
    rig.ask_with(&format!("{REQUEST_HEADER}: 9\r\n"), STREAM_BODY)?;
    let fault = rig.fault()?;
    assert_eq!(
        (fault.attempt, fault.request, fault.ordinal, fault.hook.as_str(), fault.node),
        (Some(AttemptId(0)), Some(RequestId(9)), Some(0), "request", Some(NodeName::from("a")))
    );
    assert_eq!(rig.attempt()?.id, AttemptId(0));
    assert!(rig.correlator.finish(RequestId(9), Which::First).touched);
    Ok(())
}
