//! The worst requests, picked as the ledgers are read back, with the rows of all three.
//!
//! Of what failed a few stand for each way of ending, so that a storm of one error does not hide the
//! other; then those that waited longest, and those that took the most attempts. Their number is fixed,
//! and so is what is kept of each, however long the run was.

use std::collections::{BTreeMap, HashMap};

use squall_report::{Outcome, WhyWorst, WorstAttempt, WorstRequest};

use super::row::{AttemptRow, FaultRow, RequestRow};
use crate::clock::Nanos;
use crate::name::{AttemptId, RequestId};

/// Failed requests that stand for one way of ending.
const ALIKE: usize = 3;
/// Failed requests in all.
const FAILED: usize = 10;
/// Requests of each of the other kinds.
const SLOWEST: usize = 4;
/// Attempts of a request, and verdicts of faults on an attempt, that are kept.
const ATTEMPTS: usize = 10;
const FAULTS: usize = 4;
/// An answer of fewer tokens says nothing of how fast tokens came.
const LEAST_TOKENS: u32 = 8;

/// Ways of ending, what misleads a user most first.
const SEVERITY: [Outcome; 10] = [
    Outcome::Invented,
    Outcome::Corrupt,
    Outcome::Empty,
    Outcome::Cut,
    Outcome::Reset,
    Outcome::InBandError,
    Outcome::Timeout,
    Outcome::HttpError,
    Outcome::ConnectFailed,
    Outcome::Shed,
];

/// Requests that ended in the same way.
#[derive(Debug, Default)]
struct Ending {
    count: u64,
    first: Vec<RequestRow>,
}

/// The `SLOWEST` requests by a figure, the largest first.
#[derive(Debug, Default)]
struct Top(Vec<(u64, RequestRow)>);

impl Top {
    fn offer(&mut self, figure: u64, row: &RequestRow) {
        let place = self.0.partition_point(|(kept, _)| *kept >= figure);
        if place < SLOWEST {
            self.0.insert(place, (figure, row.clone()));
            self.0.truncate(SLOWEST);
        }
    }
}

/// Picks among requests as their rows come.
#[derive(Debug, Default)]
pub(super) struct Picker {
    endings: HashMap<(Outcome, Option<u16>), Ending>,
    first_token: Top,
    tokens: Top,
    attempts: Top,
}

impl Picker {
    /// Looks at a row of `requests.jsonl`.
    pub(super) fn request(&mut self, row: &RequestRow) {
        match row.outcome {
            // It says nothing of the service.
            Outcome::Aborted => return,
            Outcome::Ok => self.slow(row),
            failed => {
                let ending = self.endings.entry((failed, row.status)).or_default();
                ending.count += 1;
                if ending.first.len() < ALIKE {
                    ending.first.push(row.clone());
                }
            }
        }
        if row.attempts > 1 {
            self.attempts.offer(row.attempts.into(), row);
        }
    }

    fn slow(&mut self, row: &RequestRow) {
        let Some(first) = row.first_content_ns else { return };
        self.first_token.offer(nanos(first, row.intended_ns), row);
        if let Some(last) = row.last_content_ns.filter(|_| row.output_tokens >= LEAST_TOKENS) {
            self.tokens.offer(nanos(last, first) / u64::from(row.output_tokens - 1), row);
        }
    }

    /// What was picked; attempts and faults are to follow.
    pub(super) fn picked(self) -> Picked {
        let mut picked = Picked::default();
        for (row, alike) in failed(self.endings) {
            picked.add(&row, WhyWorst::Failed, alike);
        }
        let others = [
            (self.first_token, WhyWorst::FirstToken),
            (self.tokens, WhyWorst::Tokens),
            (self.attempts, WhyWorst::Attempts),
        ];
        for (top, why) in others {
            for (_, row) in top.0 {
                picked.add(&row, why, 1);
            }
        }
        picked
    }
}

/// One of each way of ending, the worst first; then a second of each, until there are enough.
fn failed(endings: HashMap<(Outcome, Option<u16>), Ending>) -> Vec<(RequestRow, u64)> {
    let mut endings: Vec<_> = endings.into_iter().collect();
    endings.sort_by_key(|((outcome, status), ending)| {
        let severity = SEVERITY.iter().position(|known| known == outcome);
        (severity, std::cmp::Reverse(ending.count), *status)
    });
    let nth = |nth: usize| {
        let rows = endings.iter().map(move |(_, ending)| (ending.first.get(nth), ending.count));
        rows.filter_map(|(row, count)| Some((row?.clone(), count)))
    };
    (0..ALIKE).flat_map(nth).take(FAILED).collect()
}

fn nanos(later: Nanos, earlier: Nanos) -> u64 {
    u64::try_from((later - earlier).as_nanos()).unwrap_or(u64::MAX)
}

/// The requests that were picked, in the order of their first reason.
#[derive(Debug, Default)]
pub(super) struct Picked {
    requests: Vec<WorstRequest>,
    places: HashMap<RequestId, usize>,
    /// Of the attempts that are kept: the request's place, and the attempt's.
    attempts: BTreeMap<AttemptId, (usize, usize)>,
}

impl Picked {
    fn add(&mut self, row: &RequestRow, why: WhyWorst, alike: u64) {
        if let Some(known) = self.places.get(&row.id).and_then(|place| self.requests.get_mut(*place)) {
            known.why.push(why);
            return;
        }
        self.places.insert(row.id, self.requests.len());
        self.requests.push(told(row, why, alike));
    }

    /// Looks at a row of `attempts.jsonl`.
    pub(super) fn attempt(&mut self, row: &AttemptRow) {
        let Some(place) = row.request.filter(|_| !row.probe).and_then(|id| self.places.get(&id)) else {
            return;
        };
        let Some(request) = self.requests.get_mut(*place) else { return };
        if request.ledger.len() >= ATTEMPTS {
            request.ledger_left_out += 1;
            return;
        }
        self.attempts.insert(row.id, (*place, request.ledger.len()));
        request.ledger.push(attempt(row));
    }

    /// Looks at a row of `faults.jsonl`.
    pub(super) fn fault(&mut self, row: &FaultRow) {
        let Some((request, attempt)) = row.attempt.and_then(|id| self.attempts.get(&id)) else { return };
        let known = self.requests.get_mut(*request).and_then(|request| request.ledger.get_mut(*attempt));
        if let Some(attempt) = known.filter(|attempt| attempt.faults.len() < FAULTS) {
            attempt.faults.push(format!("{}: {}", row.plugin, row.verdict));
        }
    }

    /// With their attempts in order.
    pub(super) fn finish(mut self) -> Vec<WorstRequest> {
        for request in &mut self.requests {
            request.ledger.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        }
        self.requests
    }
}

fn told(row: &RequestRow, why: WhyWorst, alike: u64) -> WorstRequest {
    let seconds = |at: Option<Nanos>| at.map(Nanos::as_secs_f64);
    WorstRequest {
        id: row.id.0,
        why: vec![why],
        alike,
        phase: row.phase.clone(),
        cohort: row.cohort,
        intended_s: row.intended_ns.as_secs_f64(),
        sent_s: seconds(row.sent_ns),
        first_content_s: seconds(row.first_content_ns),
        last_content_s: seconds(row.last_content_ns),
        end_s: row.end_ns.as_secs_f64(),
        outcome: row.outcome,
        status: row.status,
        error: row.error.clone(),
        content: row.content.as_str().into(),
        output_tokens: row.output_tokens,
        expected_tokens: row.expected_tokens,
        node: row.node.as_ref().map(ToString::to_string),
        attempts: row.attempts,
        claimed_attempts: row.claimed_attempts,
        sends: row.sends,
        marker: row.marker,
        genuine_marker: row.genuine_marker,
        clean_end: row.clean_end,
        ledger: Vec::new(),
        ledger_left_out: 0,
    }
}

fn attempt(row: &AttemptRow) -> WorstAttempt {
    WorstAttempt {
        id: row.id.0,
        node: row.node.to_string(),
        start_s: row.start_ns.as_secs_f64(),
        first_byte_s: row.first_byte_ns.map(Nanos::as_secs_f64),
        end_s: row.end_ns.as_secs_f64(),
        status: row.status,
        events: row.events,
        end: row.end.as_str().into(),
        marker: row.marker,
        after_end: row.after_end,
        hedge: row.hedge,
        faults: Vec::new(),
        touched: row.faults,
    }
}
