//! What the client has seen of one answer so far: its times, its content, its end.
//!
//! Invariant: its size grows by four bytes an event, and by the text as far as that is kept (`kept.rs`) or
//! asked for.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::content::Check;
use super::dialect::Said;
use super::kept::Kept;
use crate::clock::Nanos;
use crate::correlation::ATTEMPTS_HEADER;
use crate::record::Content;
use crate::retry_after::retry_after;

/// Gaps that there is room for at the first content; longer answers make room as they go.
const ROOM_FOR_GAPS: usize = 128;

/// One answer, as far as it has come.
#[derive(Debug)]
pub(super) struct Seen {
    /// The response's head has arrived. The head counts as the first byte: it is parsed in the read in
    /// which it arrives.
    pub(super) first_byte: Option<Nanos>,
    pub(super) first_content: Option<Nanos>,
    pub(super) last_content: Option<Nanos>,
    pub(super) events: u32,
    pub(super) gaps_ns: Vec<u32>,
    pub(super) status: Option<StatusCode>,
    pub(super) claimed_attempts: Option<u32>,
    /// When the server says to come again.
    pub(super) retry_after: Option<Duration>,
    /// Tokens, as the server counts them.
    pub(super) tokens: Option<u32>,
    /// The model that the answer names first.
    pub(super) model: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) in_band: Option<String>,
    pub(super) unreadable: Option<String>,
    pub(super) finished: bool,
    pub(super) done: bool,
    pub(super) kept: Kept,
    checker: Option<Check>,
    /// The text so far, where it is to be kept.
    text: Option<String>,
}

impl Seen {
    /// Nothing yet. Without a `checker` nothing is known of the right answer.
    pub(super) fn new(checker: Option<Check>) -> Self {
        Self {
            first_byte: None,
            first_content: None,
            last_content: None,
            events: 0,
            gaps_ns: Vec::new(),
            status: None,
            claimed_attempts: None,
            retry_after: None,
            tokens: None,
            model: None,
            refusal: None,
            in_band: None,
            unreadable: None,
            finished: false,
            done: false,
            kept: Kept::default(),
            checker,
            text: None,
        }
    }

    /// The answer's head came at `at`. A gateway says in the headers `retries_in` how often it tried again.
    pub(super) fn head(&mut self, status: StatusCode, headers: &HeaderMap, retries_in: &[String], at: Nanos) {
        self.first_byte = Some(at);
        self.status = Some(status);
        self.claimed_attempts = claimed_attempts(headers, retries_in);
        self.retry_after = retry_after(headers);
    }

    /// Keeps the text, for [`Seen::text`].
    pub(super) fn keep_text(&mut self) {
        self.text = Some(String::new());
    }

    /// The text, where it was kept.
    pub(super) fn text(&mut self) -> Option<String> {
        self.text.take()
    }

    /// A piece of the answer, which came at `at`. `expected` tokens make the answer.
    pub(super) fn take(&mut self, said: Said<'_>, at: Nanos, expected: u32) {
        match said {
            Said::Part(part) => {
                if part.has_content() {
                    self.content(at, expected);
                }
                if let Some(checker) = self.checker.as_mut().filter(|_| !part.text.is_empty()) {
                    checker.feed(&part.text);
                }
                if let Some(text) = &mut self.text {
                    text.push_str(&part.text);
                }
                self.kept.push(&part.text);
                self.kept.other(part.other);
                self.finished |= part.finished;
                self.done |= part.last;
                self.tokens = part.tokens.or(self.tokens);
                if self.model.is_none() {
                    self.model = part.model.map(Cow::into_owned);
                }
            }
            // The first says what went wrong.
            Said::Error(error) => drop(self.in_band.get_or_insert(error)),
            Said::Unreadable(why) => drop(self.unreadable.get_or_insert(why)),
        }
    }

    fn content(&mut self, at: Nanos, expected: u32) {
        match self.last_content {
            None => {
                self.first_content = Some(at);
                self.gaps_ns.reserve((expected as usize).min(ROOM_FOR_GAPS).saturating_sub(1));
            }
            Some(last) => {
                let gap = at.since(last).as_nanos();
                self.gaps_ns.push(u32::try_from(gap).unwrap_or(u32::MAX));
            }
        }
        self.last_content = Some(at);
        self.events += 1;
    }

    /// How the content compares with what was expected. The answer has ended.
    pub(super) fn compare(&mut self) -> Content {
        self.checker.take().map_or(Content::Unknown, Check::finish)
    }
}

/// Attempts that a gateway says it made: in the header that is Squall's own, or one more than the retries in
/// the headers that are the gateway's.
fn claimed_attempts(headers: &HeaderMap, retries_in: &[String]) -> Option<u32> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let retries = retries_in.iter().filter_map(|name| number(name)).reduce(u32::saturating_add);
    retries.map(|retries| retries.saturating_add(1)).or_else(|| number(ATTEMPTS_HEADER))
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Part;
    use super::*;

    #[test]
    fn only_content_is_stamped_and_each_gap_is_between_two_of_it() {
        let mut seen = Seen::new(None);
        let part = |text: &'static str| Said::Part(Part { text: text.into(), ..Part::default() });
        for (at, text) in [(10, ""), (20, "a"), (20, "b"), (30, ""), (50, "c"), (10_000_000_000, "d")] {
            seen.take(part(text), Nanos(at), 4);
        }
        assert_eq!((seen.first_content, seen.last_content), (Some(Nanos(20)), Some(Nanos(10_000_000_000))));
        assert_eq!((seen.events, seen.gaps_ns), (4, vec![0, 30, u32::MAX]));
    }

    #[test]
    fn a_gateway_counts_attempts_in_our_header_or_retries_in_its_own() {
        let claimed = |headers: &[(&'static str, &'static str)], retries_in: &[&str]| {
            let headers = headers.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
            });
            let retries_in: Vec<String> = retries_in.iter().map(|name| (*name).to_owned()).collect();
            claimed_attempts(&headers.collect(), &retries_in)
        };
        assert_eq!(claimed(&[("x-squall-attempts", " 2 ")], &[]), Some(2));
        assert_eq!(
            claimed(&[("x-retries", "2"), ("x-fallbacks", "1")], &["x-retries", "x-fallbacks"]),
            Some(4)
        );
        assert_eq!(claimed(&[("x-retries", "0")], &["x-retries", "x-fallbacks"]), Some(1));
        assert_eq!(
            claimed(&[("x-retries", "many")], &["x-retries"]),
            None,
            "it says nothing that can be held"
        );
        assert_eq!(claimed(&[("x-retries", "0")], &[]), None);
    }

    #[test]
    fn the_first_error_stands_and_later_usage_replaces_earlier() {
        let mut seen = Seen::new(None);
        seen.take(Said::Error("first".into()), Nanos(1), 4);
        seen.take(Said::Error("second".into()), Nanos(2), 4);
        for tokens in [Some(1), Some(7), None] {
            seen.take(Said::Part(Part { tokens, ..Part::default() }), Nanos(3), 4);
        }
        assert_eq!((seen.in_band.as_deref(), seen.tokens), (Some("first"), Some(7)));
    }
}
