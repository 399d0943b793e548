//! What tests of the proxy and of plugins share: a node that follows a script, a proxy before it, and a
//! client that tells how its connection ended.

pub(crate) mod scene;
pub(crate) mod storm;

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use squall::clock::Clock;
use squall::correlation::Correlator;
use squall::fault::Engine;
use squall::name::NodeName;
use squall::proxy::{NodeProxy, ProxyContext};
use squall::record::{AttemptRow, FaultRow, Record, Recorder};
use tokio::runtime::Runtime;

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The seed of every test's run.
pub(crate) const SEED: u64 = 7;
/// Silence for this long is silence.
pub(crate) const SILENCE: Duration = Duration::from_millis(400);
/// Whatever takes longer than this hangs.
const HANG: Duration = Duration::from_secs(20);

/// A node that does with each connection what its script says.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Node {
    /// `script` gets each request (head and body as text) and the connection to answer on; the
    /// connection closes when it says so.
    pub(crate) fn new(script: impl Fn(&mut TcpStream, &str) -> Then + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicUsize::new(0));
        let (script, counted) = (Arc::new(script), Arc::clone(&requests));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (script, counted) = (Arc::clone(&script), Arc::clone(&counted));
                std::thread::spawn(move || {
                    while let Some(request) = read_request(&mut stream) {
                        counted.fetch_add(1, Ordering::SeqCst);
                        match script(&mut stream, &request) {
                            Then::KeepOpen => {}
                            Then::Close => return,
                            Then::Reset => {
                                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                                return;
                            }
                        }
                    }
                });
            }
        });
        Ok(Self { address, requests })
    }

    /// Answers each request with a stream of these events, and keeps the connection.
    pub(crate) fn streaming(events: &[&str]) -> Result<Self> {
        let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self::new(move |stream, _| {
            let _ = stream.write_all(answer.as_bytes());
            Then::KeepOpen
        })
    }

    /// Answers each request with a whole chat's stream of these words, without a `usage`, and keeps the bodies
    /// that it gets.
    pub(crate) fn recording(words: &[&str]) -> Result<(Self, Arc<Mutex<Vec<String>>>)> {
        let chunk = |delta: Value, reason: Value| {
            let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
            format!("data: {}\n\n", json!({"choices": [choice]}))
        };
        let words = words.iter().map(|word| chunk(json!({"content": word}), Value::Null));
        let end = [chunk(json!({}), "stop".into()), "data: [DONE]\n\n".into()];
        let body: String = words.chain(end).collect();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        let node = Self::new(move |stream, request| {
            kept.lock().extend(request.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()));
            let _ = stream.write_all(answer.as_bytes());
            Then::KeepOpen
        })?;
        Ok((node, got))
    }

    /// Requests that reached it.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// What a node does with a connection after its answer.
pub(crate) enum Then {
    KeepOpen,
    Close,
    Reset,
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&got);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0_usize) {
                return Some(text.into_owned());
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => got.extend_from_slice(&buffer[..read]),
        }
    }
}

/// A proxy before a node, with the faults of an engine.
pub(crate) struct Rig {
    pub(crate) proxy: NodeProxy,
    pub(crate) correlator: Arc<Correlator>,
    records: crossbeam_channel::Receiver<Record>,
    runtime: Runtime,
}

/// What a run's parts share, before its engine exists.
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) recorder: Recorder,
    pub(crate) correlator: Arc<Correlator>,
    records: crossbeam_channel::Receiver<Record>,
}

impl Parts {
    pub(crate) fn new() -> Self {
        let (recorder, records) = Recorder::channel();
        Self { clock: Clock::start(), recorder, correlator: Arc::new(Correlator::new()), records }
    }

    /// What has been recorded.
    pub(crate) fn recorded(&self) -> Vec<Record> {
        self.records.try_iter().collect()
    }

    /// A proxy called `a` before the node at `upstream`.
    pub(crate) fn rig(self, upstream: SocketAddr, engine: Arc<Engine>) -> Result<Rig> {
        // The proxy has a thread of its own; this is only for its end.
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let context = ProxyContext {
            clock: self.clock,
            seed: SEED,
            engine,
            recorder: self.recorder,
            correlator: Arc::clone(&self.correlator),
            attempt_ids: Arc::new(AtomicU64::new(0)),
            secret_headers: Arc::new([]),
        };
        let proxy = NodeProxy::start(NodeName::from("a"), upstream, context)?;
        proxy.open_listener()?;
        Ok(Rig { proxy, correlator: self.correlator, records: self.records, runtime })
    }
}

impl Rig {
    /// A proxy without faults.
    pub(crate) fn plain(upstream: SocketAddr) -> Result<Self> {
        let parts = Parts::new();
        let engine = Engine::new(
            SEED,
            parts.clock,
            parts.recorder.clone(),
            Arc::clone(&parts.correlator),
            Vec::new(),
            Vec::new(),
        );
        parts.rig(upstream, engine)
    }

    /// Sends a request of the usual kind, and reads to the connection's end, or to silence.
    pub(crate) fn ask(&self) -> Result<Seen> {
        self.ask_with("", STREAM_BODY)
    }

    /// The same with more headers (each with its line end) and another body.
    pub(crate) fn ask_with(&self, headers: &str, body: &str) -> Result<Seen> {
        let mut client = Client::to(self.proxy.address())?;
        client.send("POST /v1/chat/completions", headers, body)?;
        client.finish()
    }

    /// The next row of an attempt that ended; faults before it are left out.
    pub(crate) fn attempt(&self) -> Result<AttemptRow> {
        loop {
            if let Record::Attempt(row) = self.records.recv_timeout(HANG)? {
                return Ok(*row);
            }
        }
    }

    /// The next row of the fault log; attempts before it are left out.
    pub(crate) fn fault(&self) -> Result<FaultRow> {
        loop {
            if let Record::Fault(row) = self.records.recv_timeout(HANG)? {
                return Ok(*row);
            }
        }
    }

    /// All that is recorded once the proxy has been shut down.
    pub(crate) fn records(self) -> Vec<Record> {
        self.runtime.block_on(self.proxy.shut_down());
        self.records.try_iter().collect()
    }
}

pub(crate) const STREAM_BODY: &str =
    r#"{"model":"sim","stream":true,"max_tokens":10,"messages":[{"role":"user","content":"hello"}]}"#;

/// A client that speaks HTTP by hand, so that it sees what is on the wire.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// When it sent its last request, or connected: times count from before that.
    since: std::time::Instant,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Closed, as a process does that ends well.
    Fin,
    /// Reset.
    Rst,
    /// Open, without a byte for [`SILENCE`].
    Silence,
}

/// What a client saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) text: String,
    pub(crate) end: End,
    /// From the request to the first byte.
    pub(crate) first_byte: Option<Duration>,
    /// What each read gave, and when, counted from the request.
    pub(crate) reads: Vec<(Duration, Vec<u8>)>,
}

impl Seen {
    /// The status line's code.
    pub(crate) fn status(&self) -> Option<u16> {
        self.text.split(' ').nth(1)?.parse().ok()
    }

    /// The body, without the frame of chunks.
    pub(crate) fn body(&self) -> String {
        let Some((head, body)) = self.text.split_once("\r\n\r\n") else { return String::new() };
        if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            return body.to_owned();
        }
        let (mut whole, mut rest) = (String::new(), body);
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).unwrap_or(0);
            if size == 0 || after.len() < size {
                break;
            }
            whole.push_str(&after[..size]);
            rest = after[size..].trim_start_matches("\r\n");
        }
        whole
    }

    /// The message ended as HTTP says that it should.
    pub(crate) fn is_whole(&self) -> bool {
        let Some((head, body)) = self.text.split_once("\r\n\r\n") else { return false };
        let head = head.to_ascii_lowercase();
        if head.contains("transfer-encoding: chunked") {
            return body.ends_with("0\r\n\r\n");
        }
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        length.is_some_and(|length: usize| body.len() == length)
    }

    /// The payloads of its events.
    pub(crate) fn events(&self) -> Vec<String> {
        let body = self.body();
        body.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
    }
}

impl Client {
    #[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
    pub(crate) fn to(address: SocketAddr) -> io::Result<Self> {
        let since = std::time::Instant::now();
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, since })
    }

    #[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
    pub(crate) fn send(&mut self, line: &str, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let text = format!(
            "{line} HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        self.since = std::time::Instant::now();
        self.stream.write_all(text.as_bytes())
    }

    /// Reads to the connection's end, or to silence.
    pub(crate) fn finish(mut self) -> Result<Seen> {
        self.stream.set_read_timeout(Some(SILENCE))?;
        let mut reads = Vec::new();
        let mut buffer = [0; 8192];
        let end = loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break End::Fin,
                Ok(read) => {
                    reads.push((self.since.elapsed(), buffer[..read].to_vec()));
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Rst,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    break End::Silence;
                }
                Err(error) => return Err(error.into()),
            }
        };
        let got: Vec<u8> = reads.iter().flat_map(|(_, bytes)| bytes).copied().collect();
        let first_byte = reads.first().map(|(at, _)| *at);
        Ok(Seen { text: String::from_utf8_lossy(&got).into_owned(), end, first_byte, reads })
    }
}
