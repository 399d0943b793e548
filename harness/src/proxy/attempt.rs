//! One attempt's entry in the ledger, and what is known of its request.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use memchr::memmem;

use super::Shared;
use crate::access::hide;
use crate::clock::Nanos;
use crate::correlation::{HEDGE_HEADER, Which, identify};
use crate::fault::{Attempt, AttemptFaults, RequestHead};
use crate::name::{AttemptId, RequestId};
use crate::record::{AttemptEnd, AttemptRow, Record};
use crate::retry_after::{milliseconds, retry_after};

/// An attempt that goes on. Its row is written when this is dropped, so that nothing that ends it can
/// be forgotten; unless told otherwise, the client left.
pub(super) struct Entry {
    pub(super) shared: Arc<Shared>,
    pub(super) faults: AttemptFaults,
    row: Option<Box<AttemptRow>>,
}

impl Entry {
    /// An attempt whose request arrived at `start`. `id` is that of its connection's start, if a fault
    /// met it there.
    pub(super) fn begin(
        shared: &Arc<Shared>,
        id: Option<AttemptId>,
        start: Nanos,
        request: &Parts,
        body: &[u8],
    ) -> Self {
        let context = &shared.context;
        let probe = request.method != Method::POST;
        let known = identify(context.seed, &request.headers, body);
        // As it starts, a gateway may try its nodes on its own account.
        if known.is_none() && !probe && start > Nanos::ZERO {
            context.correlator.untold();
        }
        let (identity, known_by) = known.unzip();
        let seat = identity.map(|request| context.correlator.attempt(request));
        let id = id.unwrap_or_else(|| context.next_attempt());
        let ordinal = seat.map_or(0, |seat| seat.ordinal);
        let attempt = Attempt { id, node: shared.node.clone(), request: identity, ordinal, at: start };
        let row = AttemptRow {
            id,
            request: identity,
            known_by,
            ordinal,
            node: shared.node.clone(),
            start_ns: start,
            first_byte_ns: None,
            end_ns: start,
            status: None,
            events: 0,
            end: AttemptEnd::ClientLeft,
            probe,
            marker: false,
            after_end: seat.is_some_and(|seat| seat.after_end),
            faults: 0,
            hedge: request.headers.contains_key(HEDGE_HEADER),
            model: model(body),
            retry_after_ms: None,
            connections: shared.connections(),
        };
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(shared), faults: context.engine.meet(attempt), row: Some(Box::new(row)) }
    }

    /// A connection that a fault met before it had a request.
    pub(super) fn of_connection(shared: &Arc<Shared>, faults: AttemptFaults) -> Self {
        let attempt = faults.attempt();
        let row = AttemptRow {
            id: attempt.id,
            request: None,
            known_by: None,
            ordinal: 0,
            node: shared.node.clone(),
            start_ns: attempt.at,
            first_byte_ns: None,
            end_ns: attempt.at,
            status: None,
            events: 0,
            end: AttemptEnd::Injected,
            probe: false,
            marker: false,
            after_end: false,
            faults: 0,
            hedge: false,
            model: None,
            retry_after_ms: None,
            connections: shared.connections(),
        };
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(shared), faults, row: Some(Box::new(row)) }
    }

    pub(super) fn request(&self) -> Option<RequestId> {
        self.faults.attempt().request
    }

    /// How the attempt is to be written down, unless something else ends it first.
    pub(super) fn ends(&mut self, end: AttemptEnd) {
        if let Some(row) = &mut self.row {
            row.end = end;
        }
    }

    /// The status that is passed on, and what an error says of when to come again.
    pub(super) fn status(&mut self, status: StatusCode, headers: &HeaderMap) {
        if let Some(row) = &mut self.row {
            row.status = Some(status.as_u16());
            let wait = retry_after(headers).filter(|_| status.as_u16() >= 400);
            row.retry_after_ms = wait.map(milliseconds);
        }
    }

    pub(super) fn first_byte(&mut self) {
        let now = self.shared.context.clock.now();
        if let Some(row) = &mut self.row {
            row.first_byte_ns = Some(now);
        }
    }

    pub(super) fn events(&mut self, events: u32) {
        if let Some(row) = &mut self.row {
            row.events = events;
        }
    }

    /// The node sent its final marker. The join knows it before the client can.
    pub(super) fn marker(&mut self) {
        if let Some(row) = &mut self.row
            && !row.marker
        {
            row.marker = true;
            if let Some(request) = row.request {
                let which = which(row);
                self.shared.context.correlator.marker(request, which);
            }
        }
    }

    /// The node's response is about to be passed on. The join knows it before the client can.
    pub(super) fn answered(&self) {
        if let Some(row) = &self.row
            && let Some(request) = row.request
        {
            self.shared.context.correlator.answered(request, which(row), &self.shared.node);
        }
    }

    /// The node died, or was dead, under this attempt.
    pub(super) fn touched(&self) {
        if let Some(request) = self.request() {
            self.shared.context.correlator.touch(request);
        }
    }

    /// Writes the row now, while the attempt's last bytes are still on their way.
    pub(super) fn close(&mut self) {
        let Some(mut row) = self.row.take() else { return };
        self.faults.finish();
        row.end_ns = self.shared.context.clock.now();
        row.faults = self.faults.fired();
        if row.end == AttemptEnd::ClientLeft && self.shared.aborting.load(Ordering::Relaxed) {
            row.end = AttemptEnd::Aborted;
        }
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.shared.context.recorder.record(Record::Attempt(row));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.close();
    }
}

fn which(row: &AttemptRow) -> Which {
    if row.hedge { Which::Hedge } else { Which::First }
}

/// The model that a body names: the text that follows the first key of that name. A body may be long, and is
/// searched rather than parsed; in a text of JSON the quotes around such a word would be escaped.
fn model(body: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\"model\"";
    let mut rest = body;
    loop {
        rest = &rest[memmem::find(rest, KEY)? + KEY.len()..];
        let value = rest.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        if let Some(name) = value.and_then(|value| value.strip_prefix(b"\"")) {
            let end = memchr::memchr(b'"', name)?;
            return std::str::from_utf8(&name[..end]).ok().map(str::to_owned);
        }
    }
}

/// What a body says of itself.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Gist {
    model: Option<String>,
    stream: Option<bool>,
    /// Of completions and of Anthropic's messages.
    max_tokens: Option<u32>,
    /// The newer name of the same, of chat completions.
    max_completion_tokens: Option<u32>,
    /// Of responses.
    max_output_tokens: Option<u32>,
}

/// The head of a request, as faults see it: without keys, nor the values of `secret` headers.
pub(crate) fn head(request: &Parts, body: &Bytes, secret: &[HeaderName]) -> RequestHead {
    // A body that is no such JSON names no model and asks for no stream.
    let gist: Gist = serde_json::from_slice(body).unwrap_or_default();
    RequestHead {
        method: request.method.clone(),
        path: request.uri.path_and_query().map_or_else(|| request.uri.path().into(), ToString::to_string),
        headers: hide(&request.headers, secret),
        model: gist.model.unwrap_or_default(),
        streaming: gist.stream.unwrap_or_default(),
        max_tokens: gist.max_completion_tokens.or(gist.max_tokens).or(gist.max_output_tokens),
        body_bytes: body.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_wherever_its_key_stands() {
        for (body, named) in [
            (r#"{"model":"m","messages":[]}"#, Some("m")),
            (r#"{"messages":[{"content":"say \"model\":\"x\""}], "model" : "m"}"#, Some("m")),
            (r#"{"tools":[{"model":{"type":"string"}}],"model":"m"}"#, Some("m")),
            (r#"{"stop":"model","model":"m"}"#, Some("m")),
            (r#"{"messages":[]}"#, None),
            (r#"{"model":"m"#, None),
            ("", None),
        ] {
            assert_eq!(model(body.as_bytes()).as_deref(), named, "{body}");
        }
    }

    #[test]
    fn the_head_of_every_api_is_read() {
        let read = |path: &str, body: &'static str| {
            let (parts, ()) = http::Request::post(path).body(()).unwrap_or_default().into_parts();
            let head = head(&parts, &Bytes::from_static(body.as_bytes()), &[]);
            (head.path, head.model, head.streaming, head.max_tokens)
        };
        for (path, limit) in [
            ("/v1/chat/completions", r#""max_tokens":9"#),
            ("/v1/chat/completions", r#""max_tokens":null,"max_completion_tokens":9"#),
            ("/v1/completions", r#""max_tokens":9"#),
            ("/v1/responses", r#""max_output_tokens":9"#),
            ("/v1/messages", r#""max_tokens":9"#),
        ] {
            let body = format!(r#"{{"model":"m","stream":true,"input":["x"],{limit}}}"#);
            assert_eq!(read(path, body.leak()), (path.into(), "m".into(), true, Some(9)));
        }
        let embeddings = read("/v1/embeddings", r#"{"input":"x","model":"m","stream":null}"#);
        assert_eq!(embeddings, ("/v1/embeddings".into(), "m".into(), false, None));
        assert_eq!(read("/v1/models", "no JSON"), ("/v1/models".into(), String::new(), false, None));
    }
}
