//! `rate-limit`: a quota of requests and of tokens on each node, and 429 once it is used up.
//!
//! A request costs as many tokens as its answer may have, and one for each four bytes of its body: what a
//! provider reckons before it works. A probe (`GET /health`) costs nothing.
//!
//! A plugin has no wall clock. For Retry-After as a date it takes the `Date` of the node's last answer and
//! the run time since then; as long as the node has sent none, there is no Retry-After, and a counter says so.

mod bucket;
mod date;

use std::collections::{HashMap, HashSet};

use bucket::{Answer, Bucket};
use serde_json::json;
use squall_plugin::{
    Attempt, Canned, Header, Hooks, Plugin, RequestHead, RequestVerdict, ResponseHead, ResponseVerdict, Span,
    export, header, host, params, words,
};

params! {
    /// A quota of requests and tokens on each node; 429 once it is used up.
    struct Params {
        /// requests that a node takes in `per`
        requests: Option<u64> = None, "60";
        /// tokens that a node takes in `per`: `max_tokens` and a quarter of the body's bytes
        tokens: Option<u64> = None, "40000";
        /// how long an empty quota takes to fill, one minute unless given
        per: Option<Span> = None, "\"1m\"";
        /// how a client is told to wait: seconds unless given
        retry_after: Option<RetryAfter> = None, "\"date\"";
        /// what `x-ratelimit-*` on each answer say of what remains: the truth unless given
        headers: Option<Told> = None, "\"minus-one\"";
        /// why it refuses: a quota that fills again, or a spend cap, which does not and is not to be retried
        reason: Reason = Reason::Rate, "\"spend-cap\"";
    }
}

words! {
    enum RetryAfter { Seconds = "seconds", Date = "date", Absent = "absent" }
}

words! {
    enum Told { Truth = "truth", Zero = "zero", MinusOne = "minus-one", Absent = "absent" }
}

words! {
    enum Reason { Rate = "rate", SpendCap = "spend-cap" }
}

const MINUTE: u64 = 60_000_000_000;
const SECOND: f64 = 1e9;

/// What is left to a node: its quotas, each with the name that headers and errors give it.
struct Quota {
    buckets: Vec<(&'static str, Bucket)>,
}

struct RateLimit {
    limits: Vec<(&'static str, u64)>,
    per: Option<u64>,
    retry_after: RetryAfter,
    told: Told,
    reason: Reason,
    quotas: HashMap<u32, Quota>,
    /// Attempts under way that took from a quota: their answers say what is left of it.
    counted: HashSet<u64>,
    /// Wall time in seconds as a node last gave it, and when in run time.
    wall: Option<(u64, u64)>,
}

fn cost(name: &str, head: &RequestHead) -> f64 {
    if name == "requests" {
        return 1.0;
    }
    f64::from(head.max_tokens.unwrap_or(0)) + (head.body_bytes as f64 / 4.0).ceil()
}

/// A time as OpenAI writes it: `20ms`, `1.5s`, `6m0s`.
fn span(nanos: f64) -> String {
    let millis = (nanos / 1e6).ceil() as u64;
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 => format!("{}s", millis as f64 / 1e3),
        _ => format!("{}m{}s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

impl Quota {
    /// Takes a request's cost, or says which quota has not enough for it, and what it wants of it.
    fn take(&mut self, head: &RequestHead) -> Result<(), (&'static str, Answer)> {
        let mut longest: Option<(&'static str, Answer)> = None;
        for (name, bucket) in &self.buckets {
            let answer = bucket.has(cost(name, head));
            let is_longer = match (answer, longest) {
                (Answer::Enough, _) | (_, Some((_, Answer::Never))) => false,
                (Answer::After(this), Some((_, Answer::After(other)))) => this > other,
                _ => true,
            };
            if is_longer {
                longest = Some((name, answer));
            }
        }
        if let Some(refusal) = longest {
            return Err(refusal);
        }
        for (name, bucket) in &mut self.buckets {
            bucket.take(cost(name, head));
        }
        Ok(())
    }
}

fn said(name: impl Into<String>, value: &str) -> Header {
    Header { name: name.into(), value: value.as_bytes().to_vec() }
}

impl RateLimit {
    fn retry_after(&self, wait: f64, now: u64) -> Option<String> {
        match self.retry_after {
            RetryAfter::Absent => None,
            RetryAfter::Seconds => Some(((wait / SECOND).ceil() as u64).to_string()),
            RetryAfter::Date => {
                let Some((date, at)) = self.wall else {
                    host::count("rate-limit: no Date from the node yet", 1);
                    return None;
                };
                // A date is cut to its second: one more, so that nobody is told to come too early.
                let later = 1.0 + (now.saturating_sub(at) as f64 + wait) / SECOND;
                Some(date::write(date + later.ceil() as u64))
            }
        }
    }

    /// What the head of a refusal says.
    fn refusal(&self, quota: &Quota, answer: Answer, now: u64) -> Vec<Header> {
        let mut headers = vec![said("content-type", "application/json")];
        if self.reason == Reason::SpendCap {
            return headers;
        }
        if let Answer::After(wait) = answer {
            headers.extend(self.retry_after(wait, now).map(|after| said("retry-after", &after)));
        }
        headers.extend(self.rest(quota));
        headers
    }

    /// What is said of what is left.
    fn rest(&self, quota: &Quota) -> Vec<Header> {
        let mut headers = Vec::new();
        for (name, bucket) in &quota.buckets {
            let limit = bucket.limit().to_string();
            let (limit, remaining, reset) = match self.told {
                Told::Absent => continue,
                Told::Truth => (limit, bucket.remaining().to_string(), span(bucket.reset())),
                Told::Zero => (limit, "0".into(), span(bucket.reset())),
                // As Azure did in November 2025.
                Told::MinusOne => ("-1".into(), "-1".into(), "0".into()),
            };
            headers.push(said(format!("x-ratelimit-limit-{name}"), &limit));
            headers.push(said(format!("x-ratelimit-remaining-{name}"), &remaining));
            headers.push(said(format!("x-ratelimit-reset-{name}"), &reset));
        }
        headers
    }

    /// The error as OpenAI's API words it. <https://platform.openai.com/docs/guides/error-codes>
    fn error(&self, head: &RequestHead, name: &str, answer: Answer) -> String {
        let (message, kind, code) = match (self.reason, answer) {
            (Reason::SpendCap, _) => (
                "You exceeded your current quota, please check your plan and billing details.".into(),
                "insufficient_quota",
                "insufficient_quota",
            ),
            (Reason::Rate, Answer::After(wait)) => (
                format!(
                    "Rate limit reached for {} on {name}. Please try again in {}.",
                    head.model,
                    span(wait)
                ),
                name,
                "rate_limit_exceeded",
            ),
            (Reason::Rate, _) => {
                (format!("Request too large for {} on {name}.", head.model), name, "rate_limit_exceeded")
            }
        };
        json!({ "error": { "message": message, "type": kind, "param": null, "code": code } }).to_string()
    }
}

impl Plugin for RateLimit {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let Params { requests, tokens, per, retry_after, headers, reason } = params;
        if requests.is_none() && tokens.is_none() {
            return Err("say how much: `requests = 60`, `tokens = 40000`, or both".into());
        }
        if reason == Reason::SpendCap && (per.is_some() || retry_after.is_some() || headers.is_some()) {
            return Err(
                "a spend cap never fills again: `per`, `retry_after` and `headers` have no meaning".into()
            );
        }
        if per == Some(Span::ZERO) {
            return Err("`per` must be above 0".into());
        }
        let per = (reason == Reason::Rate).then(|| per.map_or(MINUTE, Span::nanos));
        let limits = [("requests", requests), ("tokens", tokens)];
        Ok(Self {
            limits: limits.into_iter().filter_map(|(name, limit)| Some((name, limit?))).collect(),
            per,
            retry_after: retry_after.unwrap_or(RetryAfter::Seconds),
            told: headers.unwrap_or(Told::Truth),
            reason,
            quotas: HashMap::new(),
            counted: HashSet::new(),
            wall: None,
        })
    }

    fn hooks(&self) -> Hooks {
        let says_rest = self.reason == Reason::Rate && self.told != Told::Absent;
        match (says_rest, self.retry_after) {
            (true, _) => Hooks::REQUEST | Hooks::RESPONSE | Hooks::FINISH,
            (false, RetryAfter::Date) => Hooks::REQUEST | Hooks::RESPONSE,
            (false, _) => Hooks::REQUEST,
        }
    }

    fn request(&mut self, attempt: &Attempt, head: &RequestHead) -> RequestVerdict {
        if head.method != "POST" {
            return RequestVerdict::Pass;
        }
        let now = host::now();
        let (limits, per) = (&self.limits, self.per);
        let quota = self.quotas.entry(attempt.node).or_insert_with(|| Quota {
            buckets: limits.iter().map(|(name, limit)| (*name, Bucket::full(*limit, per, now))).collect(),
        });
        quota.buckets.iter_mut().for_each(|(_, bucket)| bucket.refill(now));
        let Err((name, answer)) = quota.take(head) else {
            self.counted.insert(attempt.id);
            return RequestVerdict::Pass;
        };
        let quota = &self.quotas[&attempt.node];
        RequestVerdict::Respond(Canned {
            status: 429,
            headers: self.refusal(quota, answer, now),
            body: self.error(head, name, answer).into_bytes(),
        })
    }

    fn response(&mut self, attempt: &Attempt, head: &ResponseHead) -> ResponseVerdict {
        if let Some(date) = header(&head.headers, "date").and_then(date::read) {
            self.wall = Some((date, host::now()));
        }
        let quota = self.counted.contains(&attempt.id).then(|| self.quotas.get_mut(&attempt.node)).flatten();
        let Some(quota) = quota.filter(|_| self.reason == Reason::Rate) else { return ResponseVerdict::Pass };
        quota.buckets.iter_mut().for_each(|(_, bucket)| bucket.refill(host::now()));
        match self.rest(&self.quotas[&attempt.node]) {
            none if none.is_empty() => ResponseVerdict::Pass,
            rest => ResponseVerdict::Headers(rest),
        }
    }

    fn finish(&mut self, attempt: &Attempt) {
        self.counted.remove(&attempt.id);
    }
}

export!(RateLimit);
