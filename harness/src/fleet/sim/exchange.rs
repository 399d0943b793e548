//! One request that was let in: its tokens as they come, its times, its end.
//!
//! Invariant: each [`Exchange`] writes one row and counts one end. Whole when [`Exchange::complete`]
//! was called; otherwise it was dropped, and the client left. Its slot goes with it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::Node;
use super::api::{ApiError, Job};
use super::engine::Ticket;
use super::log::{Outcome, Row};
use super::metrics::Finish;
use super::wire::Writer;
use crate::clock::Nanos;

/// A request that was let in.
pub(super) struct Exchange {
    node: Arc<Node>,
    job: Job,
    request: Option<u64>,
    received: Nanos,
    /// None for an answer that takes no time.
    ticket: Option<Ticket>,
    taken: u32,
    first: Option<Nanos>,
    last: Option<Nanos>,
    completed: bool,
}

impl Exchange {
    /// Lets a request in, or refuses it when the node is full.
    pub(super) fn begin(
        node: Arc<Node>,
        job: Job,
        request: Option<u64>,
        received: Nanos,
    ) -> Result<Self, ApiError> {
        let mut ticket = None;
        if !node.engine.is_instant(job.prompt_tokens) {
            let Ok(place) = node.engine.submit(job.prompt_tokens, job.tokens) else {
                let outcome = Outcome::QueueFull;
                let (first_token_ns, last_token_ns) = (None, None);
                let received_ns = received;
                node.log(&Row { request, received_ns, first_token_ns, last_token_ns, tokens: 0, outcome });
                return Err(ApiError::queue_full());
            };
            ticket = Some(place);
        }
        Ok(Self { node, job, request, received, ticket, taken: 0, first: None, last: None, completed: false })
    }

    /// Ready with the tokens there are by now, when these are more than were taken.
    pub(super) fn poll_given(&self, context: &Context<'_>) -> Poll<u32> {
        match &self.ticket {
            Some(ticket) => ticket.poll_beyond(self.taken, context),
            None => Poll::Ready(self.job.tokens),
        }
    }

    /// The tokens up to `given` are handed over now.
    pub(super) fn take(&mut self, given: u32) {
        let now = self.node.clock.now();
        let metrics = &self.node.metrics;
        let mut more = given - self.taken;
        let mut before = self.last;
        if self.first.is_none() && more > 0 {
            self.first = Some(now);
            metrics.first_token(self.job.prompt_tokens, now - self.received);
            more -= 1;
            before = Some(now);
        }
        if let (1.., Some(before)) = (more, before) {
            metrics.more_tokens(more, now - before);
        }
        self.last = Some(now);
        self.taken = given;
    }

    /// Whether all tokens were taken.
    pub(super) fn has_all(&self) -> bool {
        self.taken == self.job.tokens
    }

    /// The whole answer is handed over now.
    pub(super) fn complete(&mut self) {
        if !self.completed {
            self.completed = true;
            self.end(self.job.finish, Outcome::Complete);
        }
    }

    fn end(&self, finish: Finish, outcome: Outcome) {
        let end = self.last.unwrap_or(self.received);
        self.node.metrics.finished(finish, end - self.received);
        self.node.log(&Row {
            request: self.request,
            received_ns: self.received,
            first_token_ns: self.first,
            last_token_ns: self.last,
            tokens: self.taken,
            outcome,
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.completed {
            self.end(Finish::Abort, Outcome::Aborted);
        }
    }
}

/// The body of a streamed answer. The tokens there are when the connection asks go into one frame: one
/// a step for a client that keeps up, all of them where tokens take no time.
pub(super) struct AnswerStream {
    exchange: Exchange,
    writer: Box<dyn Writer>,
    ended: bool,
}

impl AnswerStream {
    pub(super) fn new(exchange: Exchange, writer: Box<dyn Writer>) -> Self {
        Self { exchange, writer, ended: false }
    }
}

impl Body for AnswerStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let given = ready!(this.exchange.poll_given(context));
        let taken = this.exchange.taken;
        // Room for the beginning, the finish and the usage beside the tokens.
        let mut out = Vec::with_capacity(this.writer.size(given - taken + 3));
        if taken == 0 {
            this.writer.begin(&mut out);
        }
        for index in taken..given {
            this.writer.token(&mut out, index);
        }
        this.exchange.take(given);
        if this.exchange.has_all() {
            this.writer.end(&mut out);
            this.exchange.complete();
            this.ended = true;
        }
        Poll::Ready(Some(Ok(Frame::data(out.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
