//! Passing an answer on, chunk by chunk, and being honest when it breaks.
//!
//! Bytes of an event stream go on as soon as they make whole events. So when the node breaks off in
//! the middle of one, the client has only whole events, and the error that follows is one as well.
//! Nothing is delayed by it that a client could have used.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header;
use hyper::body::{Body, Frame, Incoming};

use super::meters::Meters;
use super::pool::{Ticket, Trouble};
use super::reply::{BodyError, error_event};
use super::upstream::cause;
use crate::api::Api;
use crate::sse;

/// An event that is longer goes on in parts, and if it breaks then, the answer ends uncleanly.
const LONGEST_HELD: usize = 1 << 20;

/// Whether an answer is an event stream that can be read (one that is encoded can't).
pub(super) fn is_events(headers: &HeaderMap) -> bool {
    let value = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let kind = value(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/event-stream")
        && value(header::CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity")
        // With its length announced, nothing can be added.
        && !headers.contains_key(header::CONTENT_LENGTH)
}

/// The rest of a node's answer, on its way to the client.
pub(super) struct Relay {
    api: Api,
    first: Option<Frame<Bytes>>,
    rest: Incoming,
    /// Events that have not arrived whole; none when the answer is no event stream.
    events: Option<Events>,
    /// Gone when the answer is over.
    ticket: Option<Ticket>,
    meters: Arc<Meters>,
}

impl Relay {
    pub(super) fn new(
        api: Api,
        headers: &HeaderMap,
        first: Option<Frame<Bytes>>,
        rest: Incoming,
        ticket: Ticket,
        meters: Arc<Meters>,
    ) -> Self {
        let events = is_events(headers).then(Events::default);
        Self { api, first, rest, events, ticket: Some(ticket), meters }
    }

    /// What goes on of a frame that came; none when it only began an event.
    fn pass(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(events) = &mut self.events else { return Some(frame) };
        match frame.into_data() {
            Ok(data) => events.pass(data).map(Frame::data),
            Err(trailers) => Some(trailers),
        }
    }

    /// The node broke off: an error in-band where there is a band, an unclean end otherwise.
    fn broken(&mut self, error: &hyper::Error) -> Result<Frame<Bytes>, BodyError> {
        self.meters.broken_streams.fetch_add(1, Ordering::Relaxed);
        if let Some(mut ticket) = self.ticket.take() {
            ticket.troubled(Trouble::Failed);
        }
        let message = format!("the node broke off in the middle of its answer: {}", cause(error));
        match &self.events {
            // What is held of an event that will never be whole goes with it.
            Some(events) if !events.torn => Ok(Frame::data(error_event(self.api, "stream_broken", &message))),
            _ => Err(message.into()),
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.ticket.is_none() {
            return Poll::Ready(None);
        }
        loop {
            let next = match this.first.take() {
                Some(frame) => Some(Ok(frame)),
                None => match Pin::new(&mut this.rest).poll_frame(context) {
                    Poll::Ready(next) => next,
                    Poll::Pending => return Poll::Pending,
                },
            };
            let frame = match next {
                Some(Ok(frame)) => this.pass(frame),
                Some(Err(error)) => return Poll::Ready(Some(this.broken(&error))),
                None => {
                    this.ticket = None;
                    // A clean end is passed on as one, with whatever the node sent last.
                    let rest = this.events.as_mut().map(Events::rest).filter(|rest| !rest.is_empty());
                    return Poll::Ready(rest.map(|rest| Ok(Frame::data(rest))));
                }
            };
            if let Some(frame) = frame {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
    }
}

/// Cuts a stream where events end.
#[derive(Debug, Default)]
struct Events {
    parser: sse::Parser,
    /// A part of an event has gone on already.
    torn: bool,
}

impl Events {
    /// The whole events that are here now.
    fn pass(&mut self, data: Bytes) -> Option<Bytes> {
        if self.between_events() && (data.ends_with(b"\n\n") || data.ends_with(b"\r\n\r\n")) {
            return Some(data);
        }
        self.parser.push(data);
        let mut whole = BytesMut::new();
        while let Some(event) = self.parser.next_event() {
            whole.extend_from_slice(&event.raw);
            self.torn = false;
        }
        if self.torn || self.parser.rest().len() > LONGEST_HELD {
            self.torn = true;
            whole.extend_from_slice(&self.parser.take_rest());
        }
        (!whole.is_empty()).then(|| whole.freeze())
    }

    fn between_events(&self) -> bool {
        !self.torn && self.parser.rest().is_empty()
    }

    fn rest(&mut self) -> Bytes {
        self.parser.take_rest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(events: &mut Events, chunk: &'static str) -> String {
        let whole = events.pass(Bytes::from_static(chunk.as_bytes())).unwrap_or_default();
        String::from_utf8_lossy(&whole).into_owned()
    }

    #[test]
    fn only_whole_events_go_on() {
        let mut events = Events::default();
        assert_eq!(passed(&mut events, "data: a\n\n"), "data: a\n\n");
        assert_eq!(passed(&mut events, "data: b\n\ndata:"), "data: b\n\n");
        assert_eq!(passed(&mut events, " c\n"), "");
        assert_eq!(passed(&mut events, "\n"), "data: c\n\n");
        assert_eq!(passed(&mut events, "data: d"), "");
        assert_eq!(events.rest(), "data: d");
    }

    #[test]
    fn an_event_too_long_to_hold_goes_on_in_parts_until_it_ends() {
        let mut events = Events::default();
        let long = Bytes::from("x".repeat(LONGEST_HELD + 1));
        assert_eq!(events.pass(long.clone()), Some(long));
        assert!(events.torn);
        assert_eq!(passed(&mut events, "tail"), "tail");
        assert_eq!(passed(&mut events, "end\n\ndata: a\n\nda"), "end\n\ndata: a\n\n");
        assert!(!events.torn);
        assert_eq!(passed(&mut events, "ta: b\n\n"), "data: b\n\n");
    }

    #[test]
    fn an_encoded_or_measured_answer_is_no_stream_to_add_to() {
        let headers = |more: &[(header::HeaderName, &'static str)]| {
            let kind = (header::CONTENT_TYPE, "text/event-stream; charset=utf-8");
            let all = [kind].into_iter().chain(more.iter().cloned());
            all.map(|(name, value)| (name, header::HeaderValue::from_static(value))).collect::<HeaderMap>()
        };
        assert!(is_events(&headers(&[])));
        assert!(!is_events(&headers(&[(header::CONTENT_ENCODING, "gzip")])));
        assert!(!is_events(&headers(&[(header::CONTENT_LENGTH, "9")])));
        assert!(!is_events(&HeaderMap::new()));
    }
}
