//! The requests around a death: from it to recovery, or to the node's return where that is later.
//!
//! They are those that were sent and under way at any moment of it, so that a stream which the death
//! broke counts though it began before. Not those that the run's end cut off. This is a whole
//! population, not a sample: its shares are compared with their bounds as they are.
//!
//! Attempts are those that reached a proxy, by the harness's own ledger: what a gateway says of itself
//! is for an invariant to check, and a refused connection is no load on anybody.

use squall_report::Outcome;

use super::super::view::{Down, View, ok};
use super::Figure;
use crate::clock::Nanos;
use crate::record::{Content, RequestFact};

pub(super) struct Window {
    pub(super) from: Nanos,
    pub(super) to: Nanos,
    /// The service level was not seen to hold again, or the run was ended within the window.
    pub(super) cut_off: bool,
    pub(super) requests: u64,
    pub(super) lost: u64,
    pub(super) silently_truncated: u64,
    pub(super) duplicated: u64,
    pub(super) spliced: u64,
    /// Requests whose content could be compared with what was expected.
    pub(super) comparable: u64,
    attempts: u64,
    /// Times that clients sent these requests: an attempt each would be no gateway's doing.
    sends: u64,
    /// No proxy stands anywhere: attempts are not known.
    unseen: bool,
    pub(super) most_attempts: u32,
}

impl Window {
    pub(super) fn of(view: &View<'_>, down: Down, recovery: &Figure, aborted: bool) -> Self {
        // A node that never came back is away until the end.
        let back = down.to.unwrap_or(view.until);
        let recovered = match recovery {
            Figure::Known(took) => Some(down.from + *took),
            Figure::Open { .. } => None,
        };
        let to = recovered.unwrap_or(view.until).max(back).min(view.until);
        let mut window = Self {
            from: down.from,
            to,
            cut_off: recovered.is_none() || (aborted && to >= view.until),
            requests: 0,
            lost: 0,
            silently_truncated: 0,
            duplicated: 0,
            spliced: 0,
            comparable: 0,
            attempts: 0,
            sends: 0,
            unseen: view.plan.nodes.is_empty(),
            most_attempts: 0,
        };
        for request in under_way(view, down.from, to) {
            // Those that came after the client's end too.
            window.take(&request, view.attempts_of(request.id).count.max(request.attempts));
        }
        window
    }

    /// Its requests: they are described where there are too many of a kind, and counted otherwise.
    pub(super) fn requests(&self, view: &View<'_>) -> impl Iterator<Item = RequestFact> {
        under_way(view, self.from, self.to)
    }

    fn take(&mut self, request: &RequestFact, attempts: u32) {
        self.requests += 1;
        self.lost += u64::from(!ok(request));
        self.silently_truncated += u64::from(silently_truncated(request));
        match request.content {
            Content::Duplicated => self.duplicated += 1,
            Content::Spliced => self.spliced += 1,
            Content::Unknown | Content::Whole | Content::Truncated | Content::Different => {}
        }
        self.comparable += u64::from(request.content != Content::Unknown);
        self.attempts += u64::from(attempts);
        self.sends += u64::from(request.sends.max(1));
        self.most_attempts = self.most_attempts.max(attempts.div_ceil(request.sends.max(1)));
    }

    pub(super) fn amplification_mean(&self) -> Option<f64> {
        (self.requests > 0 && !self.unseen).then(|| self.attempts as f64 / self.sends as f64)
    }

    /// Of its requests, the share that was lost; none without requests.
    pub(super) fn lost_share(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.lost as f64 / self.requests as f64)
    }
}

/// Requests that were sent and under way at any moment between two.
fn under_way(view: &View<'_>, from: Nanos, to: Nanos) -> impl Iterator<Item = RequestFact> {
    view.judged_between(from, to).filter(move |request| {
        let under_way = request.sent.is_some_and(|sent| sent < to) && request.end >= from;
        under_way && request.outcome != Outcome::Shed
    })
}

/// The response ended as HTTP says it should, without an error, and is not whole.
pub(super) fn silently_truncated(request: &RequestFact) -> bool {
    let told = match request.outcome {
        Outcome::Cut | Outcome::Invented | Outcome::Corrupt | Outcome::Empty => {
            request.status.is_some_and(|status| status >= 400)
        }
        // A whole answer, an error that was told, or an end that was the client's own.
        Outcome::Ok
        | Outcome::HttpError
        | Outcome::InBandError
        | Outcome::ConnectFailed
        | Outcome::Reset
        | Outcome::Timeout
        | Outcome::Shed
        | Outcome::Aborted => true,
    };
    // A marker that no node sent stands where the rest of the answer should be, unless all is there.
    let invented = request.outcome == Outcome::Invented && request.content == Content::Unknown;
    let incomplete = !request.marker || request.content == Content::Truncated || invented;
    !told && request.clean_end && incomplete
}
