//! Hedging: a request that has not begun to be answered in time is sent a second time, and the answer that
//! begins first is taken ("The Tail at Scale", Dean and Barroso, 2013, <https://doi.org/10.1145/2408776.2408794>).
//!
//! Invariant: of two sends, one is taken; the other has failed before, or is cancelled the moment that the
//! taken one begins.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::HeaderValue;
use http::header::HeaderName;
use reqwest::Request;
use squall_report::Outcome;

use super::exchange::{Ask, Sent};
use super::session::Session;
use crate::clock::Nanos;
use crate::correlation::HEDGE_HEADER;
use crate::record::Hedge;

/// Whether a send's answer has begun. Told within one task.
#[derive(Default)]
pub(super) struct Begun(AtomicBool);

impl Begun {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request after one round.
pub(super) struct Raced {
    /// The send that was taken.
    pub(super) sent: Sent,
    /// None where the first was in time, or failed before its time.
    pub(super) hedge: Option<Hedge>,
}

/// What a send came to, when its race is decided.
#[expect(clippy::large_enum_variant, reason = "taken apart as soon as it is returned")]
enum Progress {
    Begun,
    Ended(Sent),
}

impl Session {
    /// Sends `request`, and `second` too unless content has come `after` that.
    pub(super) async fn race(
        &self,
        ask: &Ask,
        request: Box<Request>,
        mut second: Box<Request>,
        start: Nanos,
        after: Duration,
    ) -> Raced {
        let (begun, hedge_begun) = (Begun::default(), Begun::default());
        let due = self.clock.now() + after;
        let mut first = Box::pin(self.send(ask, request, start, &begun));
        tokio::select! {
            biased;
            progress = progress(first.as_mut(), &begun) => {
                let sent = match progress {
                    Progress::Begun => first.await,
                    Progress::Ended(sent) => sent,
                };
                return Raced { sent, hedge: None };
            }
            () = self.clock.sleep_until(due) => {}
        }
        second.headers_mut().insert(HeaderName::from_static(HEDGE_HEADER), HeaderValue::from_static("1"));
        let sent_ns = self.clock.now();
        let mut hedge = Box::pin(self.send(ask, second, start, &hedge_begun));
        let (sent, won, other) = tokio::select! {
            biased;
            progress = progress(first.as_mut(), &begun) => {
                let (sent, taken, other) = settle(progress, first, hedge).await;
                (sent, !taken, other)
            }
            progress = progress(hedge.as_mut(), &hedge_begun) => settle(progress, hedge, first).await,
        };
        // Where both failed, nobody won.
        let won = won && sent.stands();
        Raced { sent, hedge: Some(Hedge { sent_ns, won, other }) }
    }
}

/// Waits until an answer has begun, or its send has ended.
async fn progress(mut send: Pin<&mut impl Future<Output = Sent>>, begun: &Begun) -> Progress {
    poll_fn(|context| match send.as_mut().poll(context) {
        Poll::Ready(sent) => Poll::Ready(Progress::Ended(sent)),
        Poll::Pending if begun.is_set() => Poll::Ready(Progress::Begun),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// The send that is taken, whether it is `this`, and what became of the other. `this` was the first of which
/// something is known.
async fn settle<F: Future<Output = Sent>>(
    progress: Progress,
    this: Pin<Box<F>>,
    that: Pin<Box<F>>,
) -> (Sent, bool, Outcome) {
    match progress {
        Progress::Begun => {
            drop(that);
            (this.await, true, Outcome::Aborted)
        }
        Progress::Ended(sent) if sent.stands() => {
            drop(that);
            (sent, true, Outcome::Aborted)
        }
        Progress::Ended(sent) => {
            let outcome = sent.failed().outcome;
            (that.await, false, outcome)
        }
    }
}

impl Sent {
    /// The client has an answer by it, or the beginning of one, or wants none any more.
    fn stands(&self) -> bool {
        let failed = self.failed();
        failed.events > 0 || matches!(failed.outcome, Outcome::Ok | Outcome::Aborted)
    }
}
