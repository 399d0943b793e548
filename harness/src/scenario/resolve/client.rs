//! What a client does about failure, and when it leaves.

use std::time::Duration;

use super::super::diagnostic::Diagnostic;
use super::super::place::Placed;
use super::super::plan::{ClientPolicy, Retries, RetryOn};
use super::super::raw::{self, NumberOrText};
use super::super::suggest::nearest;
use super::{Resolver, Zero};

const BASE: Duration = Duration::from_millis(500);
const MAX: Duration = Duration::from_secs(8);
const WORDS: [(&str, RetryOn); 3] =
    [("connect", RetryOn::Connect), ("broken", RetryOn::Broken), ("timeout", RetryOn::Timeout)];
/// What the SDKs of providers send again for.
const STATUSES: [u16; 7] = [408, 409, 429, 500, 502, 503, 504];

impl Resolver {
    pub(super) fn client(&mut self, raw: &raw::Client) -> ClientPolicy {
        let leave = raw.leave.as_ref();
        if let Some(leave) = leave.filter(|leave| leave.after.is_none() && leave.tokens.is_none()) {
            self.mistake(
                Diagnostic::new("`leave` does not say when")
                    .at(&leave.span, "expected `after`, `tokens` or both")
                    .help("write `leave = { after = \"10s\" }`"),
            );
        }
        let (after, tokens) =
            leave.map_or((None, None), |leave| (leave.after.as_ref(), leave.tokens.as_ref()));
        ClientPolicy {
            retries: raw.retries.as_ref().map(|retries| self.retries(retries)),
            hedge_after: raw.hedge.as_ref().map(|hedge| self.duration("after", &hedge.after, Zero::Refused)),
            leave_after: after.map(|after| self.duration("after", after, Zero::Refused)),
            leave_at_tokens: tokens.map(|tokens| self.count_or("tokens", Some(tokens), 1, 1)),
        }
    }

    fn retries(&mut self, raw: &raw::Retries) -> Retries {
        let default = || {
            let statuses = STATUSES.into_iter().map(RetryOn::Status);
            statuses.chain(WORDS.map(|(_, on)| on)).collect()
        };
        Retries {
            attempts: self.count_or("attempts", Some(&raw.attempts), 2, 2),
            base: self.duration_or("base", raw.base.as_ref(), Zero::Allowed, BASE),
            max: self.duration_or("max", raw.max.as_ref(), Zero::Allowed, MAX),
            jitter: raw.jitter,
            on: match &raw.on {
                Some(on) => on.iter().filter_map(|on| self.retry_on(on)).collect(),
                None => default(),
            },
            retry_after: raw.retry_after,
        }
    }

    fn retry_on(&mut self, raw: &Placed<NumberOrText>) -> Option<RetryOn> {
        let label = match &raw.value {
            NumberOrText::Integer(status @ 300..=599) => {
                return u16::try_from(*status).ok().map(RetryOn::Status);
            }
            NumberOrText::Text(word) => match WORDS.iter().find(|(name, _)| name == word) {
                Some((_, on)) => return Some(*on),
                None => {
                    nearest(word, WORDS.map(|(name, _)| name)).map(|meant| format!("did you mean `{meant}`?"))
                }
            },
            NumberOrText::Integer(_) | NumberOrText::Float(_) => None,
        };
        self.mistake(
            Diagnostic::new("no request fails like this")
                .at(
                    &raw.span,
                    label.unwrap_or_else(|| "expected an HTTP status from 300 to 599, or a word".into()),
                )
                .help("words: `connect`, `broken` and `timeout`"),
        );
        None
    }
}
