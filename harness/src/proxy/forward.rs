//! An exchange with the node: the request out, the response back, with what faults make of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Request, Response, header};
use http_body::{Body as _, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::attempt::Entry;
use super::scan::Scanner;
use super::socket::{Ender, HowToEnd};
use super::upstream::{Broken, Upstream, how_it_broke};
use crate::fault::{Canned, EventVerdict, ResponseHead, ResponseVerdict};
use crate::record::AttemptEnd;
use crate::sse::Parser;

/// A response body; it never fails, since a broken one is ended at its socket.
pub(super) type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// Frames that may wait for the client: a slow one slows the node down, as it would without a proxy.
const WINDOW: usize = 8;
/// A paced body is passed on in this many pieces a second.
const PACE_STEPS: u64 = 20;
/// Headers of one connection that mean nothing on the next.
const HOP_BY_HOP: [header::HeaderName; 4] =
    [header::TRANSFER_ENCODING, header::TE, header::UPGRADE, header::PROXY_AUTHENTICATE];

/// A whole answer that a fault gives in the node's place.
pub(super) fn answer(canned: Canned) -> Response<Body> {
    let mut response = Response::new(Full::new(canned.body).boxed_unsync());
    *response.status_mut() = canned.status;
    *response.headers_mut() = canned.headers;
    remove_hop_by_hop(response.headers_mut());
    // The body's own length is what counts.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    // `keep-alive` is this proxy's own affair; `close` is the node's, and passed on.
    let closes =
        headers.get(header::CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    if !closes {
        headers.remove(header::CONNECTION);
    }
    headers.remove("keep-alive");
}

/// Forwards a request and returns the response that its client gets, or how its connection ends.
pub(super) async fn forward(
    mut entry: Entry,
    upstream: &mut Upstream,
    ender: &Arc<Ender>,
    parts: Parts,
    body: Bytes,
) -> Result<Response<Body>, HowToEnd> {
    let address = *entry.shared.upstream.lock();
    let response = match upstream.send(address, outgoing(parts, body)).await {
        Ok(response) => response,
        Err(broken) => {
            let how = broke(&mut entry, broken);
            return Err(how);
        }
    };
    entry.first_byte();
    let (mut head, body) = response.into_parts();
    remove_hop_by_hop(&mut head.headers);
    let mut pace = None;
    if entry.faults.hooks().response {
        let seen = ResponseHead { status: head.status, headers: head.headers.clone() };
        let ruling = entry.faults.response(&seen);
        if !ruling.delay.is_zero() {
            tokio::time::sleep(ruling.delay).await;
        }
        match ruling.verdict {
            ResponseVerdict::Pass | ResponseVerdict::Delay(_) => {}
            ResponseVerdict::Pace(rate) => pace = Some(rate),
            ResponseVerdict::Respond(canned) => {
                entry.status(canned.status.as_u16());
                entry.ends(AttemptEnd::Injected);
                return Ok(answer(canned));
            }
            ResponseVerdict::Reset => {
                entry.ends(AttemptEnd::Injected);
                return Err(HowToEnd::Rst);
            }
            ResponseVerdict::Close => {
                entry.ends(AttemptEnd::Injected);
                return Err(HowToEnd::Fin);
            }
            ResponseVerdict::Hang => {
                entry.ends(AttemptEnd::Injected);
                return std::future::pending().await;
            }
        }
    }
    entry.status(head.status.as_u16());
    let good = head.status.as_u16() < 400;
    if good && let Some(request) = entry.request() {
        entry.shared.context.correlator.answered(request, &entry.shared.node);
    }
    let streams = is_event_stream(&head.headers);
    let hooked = streams && entry.faults.hooks().event;
    if hooked {
        // Events may change, and the length with them.
        head.headers.remove(header::CONTENT_LENGTH);
    }
    let (client, frames) = mpsc::channel(WINDOW);
    let tasks = entry.shared.tasks.clone();
    let relay =
        Relay { entry, ender: Arc::clone(ender), client, streams, good, pace, scanner: Scanner::default() };
    let over = relay.entry.shared.over.clone();
    tasks.spawn(async move {
        let work = async { if hooked { relay.events(body).await } else { relay.bytes(body).await } };
        // Dropping the work writes its row.
        tokio::select! { () = work => {}, () = over.cancelled() => {} }
    });
    let frames =
        futures_util::stream::unfold(frames, |mut frames| async { Some((Ok(frames.recv().await?), frames)) });
    Ok(Response::from_parts(head, StreamBody::new(frames).boxed_unsync()))
}

fn outgoing(mut parts: Parts, body: Bytes) -> Request<Full<Bytes>> {
    remove_hop_by_hop(&mut parts.headers);
    parts.headers.remove(header::CONNECTION);
    parts.version = http::Version::HTTP_11;
    Request::from_parts(parts, Full::new(body))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
}

/// Writes down that the node broke an attempt off, and says how its client is to see that.
fn broke(entry: &mut Entry, broken: Broken) -> HowToEnd {
    entry.touched();
    match broken {
        Broken::Unreachable => {
            entry.ends(AttemptEnd::Unreachable);
            HowToEnd::Rst
        }
        Broken::Reset => {
            entry.ends(AttemptEnd::Reset);
            HowToEnd::Rst
        }
        Broken::Cut => {
            entry.ends(AttemptEnd::Cut);
            HowToEnd::Fin
        }
    }
}

/// The client left; its attempt ends as such.
struct Gone;

/// Passes a response's body on.
struct Relay {
    entry: Entry,
    ender: Arc<Ender>,
    client: mpsc::Sender<Frame<Bytes>>,
    /// The response is a stream of events.
    streams: bool,
    /// Its status is no error.
    good: bool,
    /// Bytes a second.
    pace: Option<u64>,
    scanner: Scanner,
}

impl Relay {
    /// Unparsed: bytes as they come.
    async fn bytes(mut self, mut body: Incoming) {
        loop {
            let frame = match self.next(&mut body).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return self.broken(&error).await,
                Ok(None) => return self.complete(),
                Err(Gone) => return,
            };
            if let Some(data) = frame.data_ref()
                && self.streams
            {
                self.scanner.chunk(data);
                self.entry.events(self.scanner.events);
                if self.scanner.marker {
                    self.entry.marker();
                }
            }
            if body.is_end_stream() {
                // The client may take these bytes for the end: it is on record before them.
                self.whole();
            }
            if self.send(frame).await.is_err() {
                return;
            }
        }
    }

    /// Event by event, each as the faults rule.
    async fn events(mut self, mut body: Incoming) {
        let mut parser = Parser::new();
        let (mut index, mut seen) = (0, 0);
        loop {
            let frame = match self.next(&mut body).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return self.broken(&error).await,
                Ok(None) => {
                    let rest = parser.take_rest();
                    if !rest.is_empty() && self.send(Frame::data(rest)).await.is_err() {
                        return;
                    }
                    return self.complete();
                }
                Err(Gone) => return,
            };
            let Ok(data) = frame.into_data() else { continue };
            parser.push(&data);
            // What passes is gathered, so that a chunk of many events stays one write.
            let mut passed = BytesMut::new();
            while let Some(event) = parser.next_event() {
                seen += 1;
                self.entry.events(seen);
                let Some(data) = event.data else {
                    passed.extend_from_slice(&event.raw);
                    continue;
                };
                if data.as_ref() == b"[DONE]" {
                    self.entry.marker();
                }
                let ruling = self.entry.faults.event(index, &data);
                index += 1;
                if ruling.delay.is_zero() && ruling.verdict == EventVerdict::Pass {
                    passed.extend_from_slice(&event.raw);
                    continue;
                }
                if self.flush(&mut passed).await.is_err() {
                    return;
                }
                if !ruling.delay.is_zero() {
                    tokio::time::sleep(ruling.delay).await;
                }
                match ruling.verdict {
                    EventVerdict::Pass | EventVerdict::Delay(_) => passed.extend_from_slice(&event.raw),
                    EventVerdict::Drop => {}
                    EventVerdict::Duplicate => {
                        passed.extend_from_slice(&event.raw);
                        passed.extend_from_slice(&event.raw);
                    }
                    EventVerdict::Replace(payloads) => {
                        payloads.iter().for_each(|data| write_event(&mut passed, data))
                    }
                    EventVerdict::Raw(bytes) => passed.extend_from_slice(&bytes),
                    EventVerdict::Close => {
                        self.entry.ends(AttemptEnd::Injected);
                        // The body's end is the response's: whole, as far as HTTP can tell.
                        return;
                    }
                    EventVerdict::Reset => {
                        self.entry.ends(AttemptEnd::Injected);
                        return self.end(HowToEnd::Rst).await;
                    }
                    EventVerdict::Hang => {
                        self.entry.ends(AttemptEnd::Injected);
                        self.client.closed().await;
                        return;
                    }
                }
            }
            if self.flush(&mut passed).await.is_err() {
                return;
            }
        }
    }

    /// The next frame of the node's answer, or that the client left.
    async fn next(&self, body: &mut Incoming) -> Result<Option<Result<Frame<Bytes>, hyper::Error>>, Gone> {
        tokio::select! {
            biased;
            frame = body.frame() => Ok(frame),
            () = self.client.closed() => Err(Gone),
        }
    }

    async fn flush(&self, passed: &mut BytesMut) -> Result<(), Gone> {
        if passed.is_empty() { Ok(()) } else { self.send(Frame::data(passed.split().freeze())).await }
    }

    async fn send(&self, frame: Frame<Bytes>) -> Result<(), Gone> {
        match (self.pace, frame.into_data()) {
            (Some(rate), Ok(mut data)) => {
                let step = usize::try_from(rate.div_ceil(PACE_STEPS)).unwrap_or(usize::MAX);
                while !data.is_empty() {
                    let piece = data.split_to(step.min(data.len()));
                    let takes = Duration::from_secs_f64(piece.len() as f64 / rate as f64);
                    self.client.send(Frame::data(piece)).await.map_err(|_| Gone)?;
                    tokio::time::sleep(takes).await;
                }
                Ok(())
            }
            (_, Ok(data)) => self.client.send(Frame::data(data)).await.map_err(|_| Gone),
            (_, Err(frame)) => self.client.send(frame).await.map_err(|_| Gone),
        }
    }

    /// The node's answer has come whole.
    fn whole(&mut self) {
        self.entry.ends(AttemptEnd::Complete);
        if !self.streams && self.good {
            self.entry.marker();
        }
    }

    fn complete(mut self) {
        self.whole();
        self.entry.close();
    }

    async fn broken(mut self, error: &hyper::Error) {
        let how = broke(&mut self.entry, how_it_broke(error));
        self.end(how).await;
    }

    /// Ends the client's connection, after what was passed on before.
    async fn end(mut self, how: HowToEnd) {
        self.entry.close();
        while self.client.capacity() < WINDOW && !self.client.is_closed() {
            self.ender.settled().await;
        }
        self.ender.settled().await;
        self.ender.end(how);
        // Were the body's sender gone before its connection, the body would end as if it were whole.
        self.client.closed().await;
    }
}

/// A payload as an event; each of its lines is a `data` line, as the format wants it.
fn write_event(out: &mut BytesMut, data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.extend_from_slice(b"\n");
    }
    out.extend_from_slice(b"\n");
}
