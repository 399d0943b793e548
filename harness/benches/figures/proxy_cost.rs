//! What the fault proxy costs: against the direct path, and with the event hook of a real plugin.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use squall::clock::Clock;
use squall::correlation::Correlator;
use squall::fault::{self, Engine, NodeControl, NodeInfo};
use squall::name::NodeName;
use squall::proxy::{NodeProxy, ProxyContext};
use squall::record::Recorder;
use squall::scenario;

use super::{Result, row};

/// Events of the long stream, each of this many bytes.
const EVENTS: usize = 20_000;
const EVENT_BYTES: usize = 180;
const SMALL_ROUNDS: usize = 4_000;
const LONG_ROUNDS: usize = 40;

pub(super) fn measure(folder: &Path) -> Result<()> {
    let small = upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec())?;
    let long = upstream(long_stream())?;

    let plain_small = proxy(small, no_faults())?;
    let (direct, proxied) = alternate(small, plain_small.address(), SMALL_ROUNDS)?;
    let added = median(&proxied) - median(&direct);
    row("proxy without hooks adds, a request, median", &format!("{:.3} ms", added * 1e3), "< 0.1 ms");
    row("  direct path, median", &format!("{:.3} ms", median(&direct) * 1e3), "");

    let plain = proxy(long, no_faults())?;
    let hooked = proxy(long, event_hook(folder)?)?;
    let (without, with) = alternate(plain.address(), hooked.address(), LONG_ROUNDS)?;
    let each = (median(&with) - median(&without)) / EVENTS as f64;
    row("proxy with a plugin on every event adds, an event", &format!("{:.2} µs", each * 1e6), "< 1 µs");
    Ok(())
}

/// Answers every request with `response`, on connections that are kept.
fn upstream(response: Vec<u8>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let response: Arc<[u8]> = response.into();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let response = Arc::clone(&response);
            std::thread::spawn(move || serve(stream, &response));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream, response: &[u8]) {
    let _ = stream.set_nodelay(true);
    let mut buffer = [0; 4096];
    // The requests are small and come one at a time: each arrives in one piece.
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        if stream.write_all(response).is_err() {
            return;
        }
    }
}

fn long_stream() -> Vec<u8> {
    let data = "x".repeat(EVENT_BYTES - "data: \n\n".len());
    let body = format!("data: {data}\n\n").repeat(EVENTS);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Seconds a round on each of two paths, taken in turn, so that a slow moment hits both.
fn alternate(first: SocketAddr, second: SocketAddr, rounds: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut clients = [Client::to(first)?, Client::to(second)?];
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..rounds + 20 {
        for (client, times) in clients.iter_mut().zip(&mut times) {
            let taken = client.round()?.as_secs_f64();
            // The first ones warm everything up.
            if round >= 20 {
                times.push(taken);
            }
        }
    }
    let [first, second] = times;
    Ok((first, second))
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn to(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 1 << 16] })
    }

    #[expect(clippy::disallowed_methods, reason = "no run, so no run's clock")]
    fn round(&mut self) -> Result<Duration> {
        let body = r#"{"model":"sim","stream":true}"#;
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        let start = Instant::now();
        // In one write: the upstream takes what it reads at once for a request.
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(request.as_bytes())?;
        let mut got = Vec::new();
        let head_end = loop {
            let read = self.stream.read(&mut self.buffer)?;
            if read == 0 {
                return Err("the connection ended".into());
            }
            got.extend_from_slice(&self.buffer[..read]);
            if let Some(at) = memchr::memmem::find(&got, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = String::from_utf8_lossy(&got[..head_end]).to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        // Without a length it is in chunks, the last of which is empty.
        let end = length.map(|length| length.parse::<usize>().map(|length| head_end + length)).transpose()?;
        let mut tail = got.clone();
        let mut seen = got.len();
        while end.map_or(!tail.ends_with(b"\r\n0\r\n\r\n"), |end| seen < end) {
            let read = self.stream.read(&mut self.buffer)?;
            if read == 0 {
                return Err("the answer ended early".into());
            }
            seen += read;
            tail.drain(..tail.len().saturating_sub(8));
            tail.extend_from_slice(&self.buffer[..read]);
        }
        Ok(start.elapsed())
    }
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn proxy(upstream: SocketAddr, engine: Engines) -> Result<NodeProxy> {
    let context = ProxyContext {
        clock: engine.clock,
        seed: 1,
        engine: engine.engine,
        recorder: engine.recorder,
        correlator: Arc::new(Correlator::new()),
        attempt_ids: Arc::new(AtomicU64::new(0)),
        secret_headers: Arc::new([]),
    };
    let proxy = NodeProxy::start(NodeName::from("a"), upstream, context)?;
    proxy.open_listener()?;
    Ok(proxy)
}

struct Engines {
    clock: Clock,
    engine: Arc<Engine>,
    recorder: Recorder,
}

/// Where nobody reads, a recorder only waits: take its records away.
fn recorder() -> Recorder {
    let (recorder, records) = Recorder::channel();
    std::thread::spawn(move || records.iter().count());
    recorder
}

fn no_faults() -> Engines {
    let (clock, recorder) = (Clock::start(), recorder());
    let engine = Engine::new(1, clock, recorder.clone(), Arc::new(Correlator::new()), Vec::new(), Vec::new());
    Engines { clock, engine, recorder }
}

/// The built-in `cut`, told to cut after more events than there are: it is asked for each.
fn event_hook(folder: &Path) -> Result<Engines> {
    let path = folder.join("event-hook.toml");
    std::fs::write(
        &path,
        "schema = 1\nname = \"event hook\"\nseed = 1\n\
         [target]\napi = \"openai-chat\"\nmodel = \"sim\"\nnode = \"a\"\n\
         [[node]]\nname = \"a\"\nsim = {}\n\
         [traffic]\narrivals = { constant = \"1/s\" }\nprompts = { input = 1, output = 1 }\n\
         [[phase]]\nname = \"all\"\nduration = \"1h\"\n\
         fault = [{ plugin = \"cut\", with = { after = 1000000000, how = \"reset\" } }]\n",
    )?;
    let plan = scenario::load(&path, None)?;
    let (clock, recorder) = (Clock::start(), recorder());
    let control: Arc<dyn NodeControl> = Arc::new(NoNodes);
    let loaded = fault::load_all(&plan, clock, &recorder, &Arc::new(Correlator::new()), &control)?;
    loaded.engine.switch_on(0);
    Ok(Engines { clock, engine: Arc::clone(&loaded.engine), recorder })
}

struct NoNodes;

impl NodeControl for NoNodes {
    fn list(&self) -> Vec<NodeInfo> {
        Vec::new()
    }
    fn kill(&self, _: &NodeName) -> std::result::Result<(), String> {
        Err("there are no nodes in a bench".into())
    }
    fn pause(&self, _: &NodeName) -> std::result::Result<(), String> {
        Err("there are no nodes in a bench".into())
    }
    fn resume(&self, _: &NodeName) -> std::result::Result<(), String> {
        Err("there are no nodes in a bench".into())
    }
    fn restart(&self, _: &NodeName) -> std::result::Result<(), String> {
        Err("there are no nodes in a bench".into())
    }
    fn refuse(&self, _: &NodeName) -> std::result::Result<(), String> {
        Err("there are no nodes in a bench".into())
    }
    fn accept(&self, _: &NodeName) -> std::result::Result<(), String> {
        Err("there are no nodes in a bench".into())
    }
}
