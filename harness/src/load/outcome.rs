//! What became of a request: from what the client saw, and what the proxies know, to an outcome class.
//!
//! Pure. The classes are tried in the order of what a client would act on: an error that it was told
//! first; then, if it saw a final marker, whether the answer is what it seems; then how the connection
//! ended. The final marker of a stream is its API's last event (`[DONE]`, `message_stop`) *and* the reason of
//! its finish (`finish_reason`, `stop_reason`) before it: the one without the other is what gateways leave of
//! a stream that broke. `response.completed` is both in one. That of a body is its whole length and such a
//! reason in it.

use http::StatusCode;
use squall_report::Outcome;

use super::wire::Wire;
use crate::record::{Content, TimeoutKind};

/// What the client saw of an answer, and what the proxies know of it.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// How the connection ended.
    pub(super) wire: Wire,
    pub(super) status: Option<StatusCode>,
    /// What the body of an HTTP error said.
    pub(super) refusal: Option<String>,
    /// What an error inside the answer said.
    pub(super) in_band: Option<String>,
    /// What was wrong with the first part of the answer that could not be read.
    pub(super) unreadable: Option<String>,
    /// The model said that it had finished.
    pub(super) finished: bool,
    /// The stream's last word came, or the body was whole.
    pub(super) done: bool,
    /// A node sent the final marker, or nobody can know.
    pub(super) genuine: bool,
    /// There was content.
    pub(super) events: u32,
    pub(super) content: Content,
}

/// An outcome with what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    pub(super) timeout: Option<TimeoutKind>,
    pub(super) error: Option<String>,
}

impl From<(Outcome, String)> for Judged {
    fn from((outcome, error): (Outcome, String)) -> Self {
        Self { outcome, timeout: None, error: Some(error).filter(|error| !error.is_empty()) }
    }
}

impl Ending {
    /// The client saw the final marker.
    pub(super) fn marker(&self) -> bool {
        self.done && self.finished
    }

    pub(super) fn judge(self) -> Judged {
        // A redirect is an error too: it is no answer, and the load follows none.
        if let Some(status) = self.status.filter(|status| !status.is_success()) {
            let refusal = self.refusal.filter(|refusal| !refusal.is_empty());
            return (Outcome::HttpError, refusal.unwrap_or_else(|| status.to_string())).into();
        }
        if let Some(error) = self.in_band {
            return (Outcome::InBandError, error).into();
        }
        if self.marker() { self.judge_whole() } else { self.judge_broken() }
    }

    /// It looked whole to the client.
    fn judge_whole(self) -> Judged {
        if !self.genuine {
            return (Outcome::Invented, "no node sent the final marker that came".into()).into();
        }
        if let Some(error) = self.unreadable {
            return (Outcome::Corrupt, error).into();
        }
        // Nothing to read is no answer, however soon it came; a model that is asked in another's chat format stops so.
        if self.events == 0 {
            return (Outcome::Empty, "a final marker, and no content before it".into()).into();
        }
        let wrong = match self.content {
            Content::Unknown | Content::Whole => {
                return Judged { outcome: Outcome::Ok, timeout: None, error: None };
            }
            Content::Truncated => "the answer ends early, with its final marker",
            Content::Duplicated => "a part of the answer came twice",
            Content::Spliced => "a part of the answer is missing, or of another",
            Content::Different => "not the answer that was expected",
        };
        (Outcome::Corrupt, wrong.into()).into()
    }

    /// It ended without a final marker.
    fn judge_broken(self) -> Judged {
        match self.wire {
            Wire::ConnectFailed { error, .. } => (Outcome::ConnectFailed, error).into(),
            Wire::Reset(error) => (Outcome::Reset, error).into(),
            Wire::Cut(error) => (Outcome::Cut, error).into(),
            Wire::Garbled(error) => (Outcome::Corrupt, error).into(),
            Wire::TimedOut(kind) => Judged { outcome: Outcome::Timeout, timeout: Some(kind), error: None },
            // Nothing that the service did.
            Wire::Stopped | Wire::Left => Judged { outcome: Outcome::Aborted, timeout: None, error: None },
            Wire::Clean => match (self.unreadable, self.finished, self.done) {
                (Some(error), ..) => (Outcome::Corrupt, error).into(),
                (None, true, _) => {
                    (Outcome::Cut, "it ended cleanly, but without its last event".into()).into()
                }
                (None, false, true) => {
                    (Outcome::Cut, "it ended cleanly, but without the reason of its finish".into()).into()
                }
                (None, false, false) => (Outcome::Cut, "it ended cleanly, but unfinished".into()).into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok() -> Ending {
        Ending {
            wire: Wire::Clean,
            status: Some(StatusCode::OK),
            refusal: None,
            in_band: None,
            unreadable: None,
            finished: true,
            done: true,
            genuine: true,
            events: 3,
            content: Content::Whole,
        }
    }

    fn outcome(ending: Ending) -> Outcome {
        ending.judge().outcome
    }

    #[test]
    fn a_complete_honest_answer_is_ok_however_the_connection_ends_after_it() {
        assert_eq!(outcome(ok()), Outcome::Ok);
        assert_eq!(outcome(Ending { content: Content::Unknown, ..ok() }), Outcome::Ok);
        for wire in [
            Wire::Reset(String::new()),
            Wire::Cut(String::new()),
            Wire::TimedOut(TimeoutKind::Idle),
            Wire::Stopped,
            Wire::Left,
        ] {
            assert_eq!(outcome(Ending { wire, ..ok() }), Outcome::Ok);
        }
    }

    #[test]
    fn an_answer_that_only_looks_whole_is_not_ok() {
        assert_eq!(outcome(Ending { genuine: false, ..ok() }), Outcome::Invented);
        assert_eq!(
            outcome(Ending { genuine: false, content: Content::Truncated, ..ok() }),
            Outcome::Invented
        );
        for content in [Content::Truncated, Content::Duplicated, Content::Spliced, Content::Different] {
            assert_eq!(outcome(Ending { content, ..ok() }), Outcome::Corrupt);
        }
        for content in [Content::Unknown, Content::Truncated] {
            assert_eq!(outcome(Ending { events: 0, content, ..ok() }), Outcome::Empty);
        }
        assert_eq!(outcome(Ending { events: 0, genuine: false, ..ok() }), Outcome::Invented);
        assert_eq!(outcome(Ending { unreadable: Some("x".into()), ..ok() }), Outcome::Corrupt);
    }

    #[test]
    fn a_clean_end_without_the_whole_marker_is_cut() {
        assert_eq!(outcome(Ending { done: false, ..ok() }), Outcome::Cut);
        assert_eq!(outcome(Ending { finished: false, ..ok() }), Outcome::Cut);
        assert_eq!(outcome(Ending { done: false, finished: false, ..ok() }), Outcome::Cut);
    }

    #[test]
    fn what_the_client_was_told_comes_first() {
        let told =
            Ending { in_band: Some("gone".into()), wire: Wire::Reset(String::new()), done: false, ..ok() };
        assert_eq!(told.judge(), (Outcome::InBandError, "gone".into()).into());
        let refused = Ending { status: Some(StatusCode::TOO_MANY_REQUESTS), done: false, ..ok() };
        assert_eq!(refused.clone().judge(), (Outcome::HttpError, "429 Too Many Requests".into()).into());
        let said = Ending { refusal: Some("later".into()), ..refused };
        assert_eq!(said.judge(), (Outcome::HttpError, "later".into()).into());
        assert_eq!(outcome(Ending { status: Some(StatusCode::FOUND), ..ok() }), Outcome::HttpError);
    }

    #[test]
    fn a_broken_answer_is_named_after_how_it_broke() {
        let broken = |wire| Ending { wire, done: false, finished: false, ..ok() }.judge();
        let error = || "e".to_owned();
        assert_eq!(
            broken(Wire::ConnectFailed { error: error(), starved: false }).outcome,
            Outcome::ConnectFailed
        );
        assert_eq!(broken(Wire::Reset(error())).outcome, Outcome::Reset);
        assert_eq!(broken(Wire::Cut(error())).outcome, Outcome::Cut);
        assert_eq!(broken(Wire::Garbled(error())).outcome, Outcome::Corrupt);
        assert_eq!(broken(Wire::Stopped).outcome, Outcome::Aborted);
        assert_eq!(broken(Wire::Left).outcome, Outcome::Aborted);
        let timed_out = broken(Wire::TimedOut(TimeoutKind::Total));
        assert_eq!((timed_out.outcome, timed_out.timeout), (Outcome::Timeout, Some(TimeoutKind::Total)));
    }
}
