//! The bad example: round robin, no retries, no health checks, and silence about what breaks.
//!
//! It is here so that a run can show what Squall finds in a gateway like it. An answer that breaks
//! off is ended cleanly: to the client it looks complete.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming};

use super::meters::{InFlight, Meters};
use super::reply::{self, Body, BodyError};
use super::upstream::{Outgoing, Sender, strip};
use super::{Tuning, Upstream};

/// The policy at work.
#[derive(Debug)]
pub(super) struct Naive {
    nodes: Vec<Upstream>,
    turn: AtomicUsize,
    sender: Sender,
    meters: Arc<Meters>,
}

impl Naive {
    pub(super) fn new(nodes: Vec<Upstream>, tuning: &Tuning, meters: Arc<Meters>) -> Self {
        Self { nodes, turn: AtomicUsize::new(0), sender: Sender::new(tuning, true), meters }
    }

    /// Sends the request to the node whose turn it is, dead or alive.
    pub(super) async fn forward(&self, request: &Outgoing) -> Response<Body> {
        let index = self.turn.fetch_add(1, Ordering::Relaxed) % self.nodes.len();
        let (node, meters) = (&self.nodes[index], &self.meters.nodes[index]);
        meters.attempts.fetch_add(1, Ordering::Relaxed);
        let in_flight = meters.enter();
        match self.sender.head(node, request).await {
            Ok(response) => {
                let (mut head, rest) = response.into_parts();
                strip(&mut head.headers);
                if !rest.is_end_stream() {
                    // A length would give away what is missing.
                    head.headers.remove(header::CONTENT_LENGTH);
                }
                reply::mark(&mut head.headers, 1, Some(&node.name));
                let meters = Arc::clone(&self.meters);
                let body = Truncated { rest: Some(rest), meters, _in_flight: in_flight };
                reply::passed_on(head, body.boxed_unsync())
            }
            Err(failure) => {
                let message = format!("node {}: {failure}", node.name);
                let mut response =
                    reply::error(request.api(), StatusCode::BAD_GATEWAY, "bad_gateway", &message);
                reply::mark(response.headers_mut(), 1, None);
                response
            }
        }
    }
}

/// A node's answer that ends cleanly wherever the node broke off.
struct Truncated {
    rest: Option<Incoming>,
    meters: Arc<Meters>,
    _in_flight: InFlight,
}

impl hyper::body::Body for Truncated {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(rest) = &mut this.rest else { return Poll::Ready(None) };
        Poll::Ready(match ready!(Pin::new(rest).poll_frame(context)) {
            Some(Ok(frame)) => Some(Ok(frame)),
            end => {
                if end.is_some() {
                    this.meters.broken_streams.fetch_add(1, Ordering::Relaxed);
                }
                this.rest = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(Incoming::is_end_stream)
    }
}
