//! A request through the gateway: attempts until a node answers, then its answer event by event.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use xxhash_rust::xxh3::xxh3_64;

use super::defect::Defect;
use super::fleet::Fleet;
use super::gateway::{Body, Dropped, plain};

/// Attempts at one request.
const ATTEMPTS: u32 = 3;
/// Of a gateway without a bound, so that a test ends.
const NO_BOUND: u32 = 40;
/// The node of another model, by its place.
const ANOTHER: usize = 3;
/// A defect that needs nothing to go wrong befalls every so manieth request.
const EVERY: u64 = 6;
/// Events that a spliced answer leaves out.
const LEFT_OUT: usize = 5;
/// What no client asked for has ids beyond all of theirs.
const MADE_UP: u64 = 1 << 40;

const ERROR: &[u8] = b"data: {\"error\":{\"message\":\"the node went away\",\"type\":\"server_error\"}}\n\n";
const MARKER: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// A request as it is sent on, and what was done for it.
struct Asked {
    fleet: Arc<Fleet>,
    head: Parts,
    body: Bytes,
    conversation: u64,
    tried: Vec<usize>,
    attempts: u32,
}

pub(super) async fn serve(fleet: Arc<Fleet>, head: Parts, body: Bytes) -> Result<Response<Body>, Dropped> {
    if fleet.shaken() && fleet.wrong().is_multiple_of(2) {
        let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "not yet");
        fleet.manner.claim(&mut response, 0);
        return Ok(response);
    }
    let conversation = conversation(&body);
    let asked = Asked { fleet, head, body, conversation, tried: Vec::new(), attempts: 0 };
    if asked.fleet.is(Defect::OutlivesItsClient) {
        // A task of its own does not end with the client's connection.
        return tokio::spawn(asked.answered()).await.map_err(|_| Dropped)?;
    }
    asked.answered().await
}

/// The conversation's first message of its user stays the same in all of its turns.
fn conversation(body: &[u8]) -> u64 {
    let asked: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let mut messages = asked["messages"].as_array().into_iter().flatten();
    let first = messages.find(|message| message["role"] == "user");
    xxh3_64(first.map(|message| message["content"].to_string()).unwrap_or_default().as_bytes())
}

impl Asked {
    async fn answered(mut self) -> Result<Response<Body>, Dropped> {
        self.make_work_up();
        let Some((node, answer)) = self.attempt().await else {
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "no node could answer");
            if self.fleet.is(Defect::HidesWaits) {
                self.fleet.wrong();
            } else {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            self.claim(&mut response);
            return Ok(response);
        };
        if self.fleet.is(Defect::DropsRequests) && self.fleet.wrong().is_multiple_of(EVERY) {
            return Err(Dropped);
        }
        if self.fleet.is(Defect::AsksTwice)
            && let Some(other) = self.fleet.pick(self.conversation, &self.tried)
        {
            self.fleet.wrong();
            self.attempts += 1;
            let _ = self.fleet.send(other, &self.head, self.body.clone()).await;
        }
        let (mut head, rest) = answer.into_parts();
        head.headers.remove(header::CONTENT_LENGTH);
        head.headers.remove(header::TRANSFER_ENCODING);
        head.headers.remove(header::CONNECTION);
        let mut response = Response::new(());
        (*response.status_mut(), *response.headers_mut()) = (head.status, head.headers);
        let claimed = self.attempts;
        let (fleet, silent) = (Arc::clone(&self.fleet), self.asks_again());
        let flow = Flow { asked: self, node, rest: Some(rest), held: BytesMut::new(), events: 0, skip: 0 };
        let body =
            stream::unfold(flow, |mut flow| async move { Some((flow.next().await?.map(Frame::data), flow)) });
        let mut response = response.map(|()| StreamBody::new(body).boxed_unsync());
        if !silent {
            fleet.manner.claim(&mut response, if fleet.is(Defect::LiesOfItsAttempts) { 1 } else { claimed });
        }
        Ok(response)
    }

    /// Whether it makes attempts after its head is out, so that it can't say how many.
    fn asks_again(&self) -> bool {
        self.fleet.is(Defect::DuplicatesAfterRetry) || self.fleet.is(Defect::SplicesAnswers)
    }

    fn claim(&self, response: &mut Response<Body>) {
        self.fleet.manner.claim(response, self.attempts);
    }

    /// Attempts until one is answered, with its node; none when no more may be made.
    async fn attempt(&mut self) -> Option<(usize, Response<Incoming>)> {
        let unbounded = self.fleet.is(Defect::RetriesWithoutBound);
        while self.attempts < if unbounded { NO_BOUND } else { ATTEMPTS } {
            let node = if self.another_model() {
                ANOTHER
            } else {
                self.fleet.pick(self.conversation, &self.tried)?
            };
            self.attempts += 1;
            if !unbounded {
                self.tried.push(node);
            }
            if self.attempts > ATTEMPTS {
                self.fleet.wrong();
            }
            if self.attempts > 1 && self.fleet.is(Defect::LiesOfItsAttempts) {
                self.fleet.wrong();
            }
            let Ok(response) = self.fleet.send(node, &self.head, self.body.clone()).await else {
                if self.fleet.is(Defect::OutlivesItsClient) {
                    self.fleet.wrong();
                }
                continue;
            };
            match retry_after(&response) {
                Some(_) if self.fleet.is(Defect::IgnoresRetryAfter) => {
                    self.fleet.wrong();
                }
                Some(wait) => self.fleet.waits(node, wait),
                None => {}
            }
            let busy = response.status() == StatusCode::TOO_MANY_REQUESTS;
            if !busy && !response.status().is_server_error() {
                return Some((node, response));
            }
        }
        None
    }

    /// Whether this attempt is another model's, which is then asked for.
    fn another_model(&mut self) -> bool {
        let other = self.fleet.is(Defect::ServesAnotherModel)
            && self.attempts == 0
            && self.fleet.wrong().is_multiple_of(EVERY);
        if other {
            self.body = renamed(&self.body, "sim", "tiny");
        }
        other
    }

    fn make_work_up(&self) {
        if !self.fleet.is(Defect::MakesWorkUp) {
            return;
        }
        let made_up = self.fleet.wrong();
        if let Some(node) = self.fleet.pick(made_up, &[]).filter(|_| made_up.is_multiple_of(EVERY)) {
            let (fleet, mut head, body) = (Arc::clone(&self.fleet), self.head.clone(), self.body.clone());
            head.headers.insert("x-squall-request", (MADE_UP + made_up).into());
            tokio::spawn(async move {
                if let Ok(answer) = fleet.send(node, &head, body).await {
                    let _ = answer.into_body().collect().await;
                }
            });
        }
    }
}

/// With another name of its model.
fn renamed(text: &[u8], from: &str, to: &str) -> Bytes {
    let text = String::from_utf8_lossy(text);
    let model = |name: &str| format!("\"model\":\"{name}\"");
    text.replace(&model(from), &model(to)).into()
}

fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An answer on its way to the client.
struct Flow {
    asked: Asked,
    node: usize,
    /// None when the answer has ended.
    rest: Option<Incoming>,
    /// The beginning of an event whose end has not come.
    held: BytesMut,
    /// Whole events that were passed on.
    events: usize,
    /// Events that are not to be passed on.
    skip: usize,
}

impl Flow {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            let frame = self.rest.as_mut()?.frame().await;
            match frame {
                Some(Ok(frame)) => {
                    self.held.extend_from_slice(&frame.into_data().unwrap_or_default());
                    let whole = self.whole_events();
                    if !whole.is_empty() {
                        return Some(Ok(whole));
                    }
                }
                // An answer that is no stream may end with something that is no event.
                None => {
                    self.rest = None;
                    return (!self.held.is_empty()).then(|| Ok(self.held.split().freeze()));
                }
                Some(Err(_)) => {
                    self.asked.fleet.down(self.node);
                    self.held.clear();
                    if let Some(end) = self.broke_off().await {
                        self.rest = None;
                        return (!end.is_empty()).then(|| Ok(Bytes::from_static(end)));
                    }
                }
            }
        }
    }

    /// All events that are whole, without those that are to be skipped.
    fn whole_events(&mut self) -> Bytes {
        let mut passed = BytesMut::new();
        while let Some(end) = self.held.windows(2).position(|two| two == b"\n\n") {
            let event = self.held.split_to(end + 2);
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.events += 1;
            passed.extend_from_slice(&event);
        }
        if self.node == ANOTHER {
            return renamed(&passed, "tiny", "sim");
        }
        passed.freeze()
    }

    /// What the client is told when the node broke off; none where the answer goes on.
    async fn broke_off(&mut self) -> Option<&'static [u8]> {
        let defect = self.asked.fleet.defect;
        match defect {
            Some(Defect::InventsMarkers) => {
                self.asked.fleet.wrong();
                Some(MARKER)
            }
            Some(Defect::TruncatesSilently) => {
                self.asked.fleet.wrong();
                Some(b"")
            }
            Some(Defect::DuplicatesAfterRetry | Defect::SplicesAnswers) => {
                let Some((node, answer)) = self.asked.attempt().await else { return Some(ERROR) };
                self.asked.fleet.wrong();
                self.node = node;
                self.rest = Some(answer.into_body());
                if defect == Some(Defect::SplicesAnswers) {
                    self.skip = self.events + LEFT_OUT;
                }
                None
            }
            _ => Some(ERROR),
        }
    }
}
