//! One request and its answer, from the send to its row.
//!
//! Invariant: a request that is carried out ends in exactly one row, whatever happens to it.

use std::pin::pin;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Method, Request, Response};

use super::content::Check;
use super::dialect;
use super::hedge::Begun;
use super::kept::Found;
use super::outcome::{Ending, Judged};
use super::patience::Patience;
use super::policy::{self, Failed};
use super::seen::Seen;
use super::session::{IDENTITY, Session};
use super::wire::Wire;
use crate::answer::Answer;
use crate::api::Api;
use crate::clock::Nanos;
use crate::correlation::{Joined, Which};
use crate::name::RequestId;
use crate::record::{Content, Hedge, Record, RequestRow};
use crate::retry_after::milliseconds;
use crate::sse::Parser;
use crate::traffic::Expect;
use squall_report::{Cohort, Outcome};

/// No event of an answer is longer; a stream without any end of an event is not kept beyond it.
const LONGEST_EVENT: usize = 1 << 20;
/// No answer that comes as a whole is longer.
const LONGEST_BODY: usize = 16 << 20;
/// The body of an HTTP error is not read beyond this.
const LONGEST_REFUSAL: usize = 64 << 10;

/// A request, ready to be sent.
pub(super) struct Ask {
    pub(super) id: RequestId,
    pub(super) intended: Nanos,
    pub(super) input_tokens: u32,
    pub(super) output_tokens: u32,
    /// The answer is needed: [`Session::exchange`] gives it back.
    pub(super) keep: bool,
    /// The session that it is a part of.
    pub(super) within: Option<Within>,
    /// The right answer, where it is known.
    pub(super) answer: Option<Answer>,
    /// What a right answer of a real model is, where that is known.
    pub(super) expect: Option<Expect>,
    pub(super) request: Request,
}

impl Ask {
    fn asked(&self) -> Asked {
        let Self { id, within, intended, input_tokens, output_tokens, .. } = *self;
        Asked { id, within, intended, input_tokens, output_tokens }
    }
}

/// A request's place in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) session: u64,
    /// From 0.
    pub(super) turn: u32,
    /// Which of those that follow the turn's answer; none for the turn itself.
    pub(super) sub_request: Option<u32>,
}

/// What became of a request, for whoever goes on from it.
#[derive(Debug)]
pub(super) struct Ended {
    /// When it was over for the client.
    pub(super) at: Nanos,
    pub(super) outcome: Outcome,
    /// A good answer's text and tokens, where it was to be kept.
    pub(super) answer: Option<(String, u32)>,
}

/// A send that has ended: how, and what was seen of its answer.
pub(super) struct Sent {
    wire: Wire,
    seen: Seen,
}

/// A request that was carried out.
struct Carried {
    /// When it was sent first.
    first: Nanos,
    end: Nanos,
    sends: u32,
    hedge: Option<Hedge>,
    /// The send whose answer was taken.
    sent: Sent,
}

impl Sent {
    /// How it ended, for the client's policy: nothing is known but what the client itself has seen.
    pub(super) fn failed(&self) -> Failed {
        let seen = &self.seen;
        let ending = Ending {
            wire: self.wire.clone(),
            status: seen.status,
            refusal: None,
            in_band: seen.in_band.clone(),
            unreadable: None,
            finished: seen.finished,
            done: seen.done,
            genuine: true,
            events: seen.events,
            content: Content::Unknown,
        };
        Failed {
            outcome: ending.judge().outcome,
            status: seen.status.map(|status| status.as_u16()),
            events: seen.events,
            retry_after: seen.retry_after,
        }
    }
}

/// What a row says of a request whatever became of it.
#[derive(Clone, Copy)]
struct Asked {
    id: RequestId,
    within: Option<Within>,
    intended: Nanos,
    input_tokens: u32,
    output_tokens: u32,
}

impl Session {
    /// Sends a request, as often as the client's policy says, follows its answer to the end, and records it.
    pub(super) async fn exchange(&self, mut ask: Ask) -> Ended {
        let asked = ask.asked();
        let Ask { id, intended, .. } = ask;
        if self.over.is_cancelled() {
            self.record_unsent(&asked, Outcome::Aborted);
            return Ended { at: self.clock.now(), outcome: Outcome::Aborted, answer: None };
        }
        self.correlator.begin(id);
        let first = self.clock.now();
        self.meter.sent(first.since(intended));
        let request = std::mem::replace(&mut ask.request, Request::new(Method::POST, self.url(0).clone()));
        // Each future below holds what it is given twice, for as long as its stream is open.
        let request = Box::new(request);
        let mut carried = self.send_on(&ask, request, first).await;
        let which = if carried.hedge.is_some_and(|hedge| hedge.won) { Which::Hedge } else { Which::First };
        let joined = self.correlator.finish(id, which);
        let (at, seen) = (carried.end, &mut carried.sent.seen);
        let (text, usage, events) = (seen.text(), seen.tokens, seen.events);
        let found = self.study(id, ask.expect.take(), seen).await;
        let tokens = usage.or(found.tokens).unwrap_or(events);
        let outcome = self.record(&asked, carried, joined, found);
        let answer = text.filter(|_| outcome == Outcome::Ok).map(|text| (text, tokens));
        Ended { at, outcome, answer }
    }

    /// Sends a request until the client's policy has had enough of it.
    async fn send_on(&self, ask: &Ask, mut request: Box<Request>, first: Nanos) -> Carried {
        let client = &self.plan.traffic.client;
        let spare = client.sends_again().then(|| request.try_clone()).flatten();
        let (mut rounds, mut sends, mut hedge) = (1, 0, None);
        let sent = loop {
            sends += 1;
            let copy = |sends| self.copy(spare.as_ref()?, sends);
            let sent = match client.hedge_after.zip(copy(sends)) {
                Some((after, second)) => {
                    // Of the two futures the larger one counts, and few clients hedge.
                    let raced = Box::pin(self.race(ask, request, second, first, after)).await;
                    sends += u32::from(raced.hedge.is_some());
                    hedge = raced.hedge.or(hedge.map(|hedge| Hedge { won: false, ..hedge }));
                    raced.sent
                }
                None => self.send(ask, request, first, &Begun::default()).await,
            };
            if !self.wait_to_resend(ask.id, &sent, first, rounds).await {
                break sent;
            }
            let Some(next) = copy(sends) else { break sent };
            request = next;
            self.correlator.again(ask.id);
            rounds += 1;
        };
        Carried { first, end: self.clock.now(), sends, hedge, sent }
    }

    /// The request for the send after so many: to the next target.
    fn copy(&self, request: &Request, sends: u32) -> Option<Box<Request>> {
        let mut next = Box::new(request.try_clone()?);
        *next.url_mut() = self.url(sends).clone();
        Some(next)
    }

    /// Sends a request once; `first` is when it was sent first. Says by `begun` when content has come.
    pub(super) async fn send(&self, ask: &Ask, request: Box<Request>, first: Nanos, begun: &Begun) -> Sent {
        let check = |answer| Check::of(self.plan.target.api, answer, ask.output_tokens);
        let mut seen = Seen::new(ask.answer.map(check));
        if ask.keep {
            seen.keep_text();
        }
        let leave = self.plan.traffic.client.leave_after.map(|after| first + after);
        let wire = self.carry_out(request, leave, ask.output_tokens, &mut seen, begun).await;
        if matches!(wire, Wire::ConnectFailed { starved: true, .. }) {
            self.meter.starved();
        }
        Sent { wire, seen }
    }

    /// Waits as the client's policy says; false when the request is not sent again.
    async fn wait_to_resend(&self, id: RequestId, sent: &Sent, first: Nanos, rounds: u32) -> bool {
        let client = &self.plan.traffic.client;
        let Some(retries) = &client.retries else { return false };
        let draw = policy::draw(self.plan.seed, id, rounds);
        let Some(wait) = policy::wait(retries, &sent.failed(), rounds, draw) else { return false };
        let until = self.clock.now() + wait;
        if client.leave_after.is_some_and(|after| first + after <= until) {
            // It would leave before.
            return false;
        }
        tokio::select! {
            () = self.clock.sleep_until(until) => true,
            () = self.over.cancelled() => false,
        }
    }

    /// Records an arrival that is not sent, since the in-flight cap is reached.
    pub(super) fn shed(&self, ask: &Ask) {
        self.record_unsent(&ask.asked(), Outcome::Shed);
    }

    async fn carry_out(
        &self,
        request: Box<Request>,
        leave: Option<Nanos>,
        expected: u32,
        seen: &mut Seen,
        begun: &Begun,
    ) -> Wire {
        let sent = self.clock.now();
        let limits = self.plan.traffic.limits;
        let timer = pin!(tokio::time::sleep_until(self.clock.instant(sent + limits.total)));
        let stopped = pin!(self.over.cancelled());
        let mut patience = Patience::new(self.clock, limits, sent, timer, stopped);
        if let Some(at) = leave {
            patience.leave_at(at);
        }
        // The first content of an answer that comes as a whole is its end: only the total limit is for that.
        if self.plan.traffic.stream {
            patience.until_first_token(sent);
        }
        let response = match patience.wait(self.client.execute(*request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return error.into(),
            Err(gave_up) => return gave_up.into(),
        };
        let retries_in = &self.plan.target.promises.retries_in;
        seen.head(response.status(), response.headers(), retries_in, self.clock.now());
        if let Some(coding) = response.headers().get(CONTENT_ENCODING).filter(|coding| *coding != IDENTITY) {
            let coding = String::from_utf8_lossy(coding.as_bytes()).into_owned();
            return Wire::Garbled(format!("the answer is compressed by `{coding}`; only gzip is understood"));
        }
        let ended = if !response.status().is_success() {
            self.read_refusal(response, &mut patience, seen).await
        } else if self.is_stream(&response) {
            self.read_stream(response, &mut patience, seen, expected, begun).await
        } else {
            self.read_whole(response, &mut patience, seen, expected).await
        };
        match ended {
            Ok(()) => Wire::Clean,
            Err(wire) => wire,
        }
    }

    /// By what the response says it is; where it says neither, by what was asked for.
    fn is_stream(&self, response: &Response) -> bool {
        let kind = response.headers().get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
        if self.plan.traffic.stream {
            !kind.starts_with(b"application/json")
        } else {
            kind.starts_with(b"text/event-stream")
        }
    }

    /// Events are stamped with the time of the read in which their end came.
    async fn read_stream(
        &self,
        mut response: Response,
        patience: &mut Patience<'_>,
        seen: &mut Seen,
        expected: u32,
        begun: &Begun,
    ) -> Result<(), Wire> {
        let api = self.plan.target.api;
        // They hold the whole buffer into which the head was read: 8 KiB for as long as the stream goes on.
        *response.headers_mut() = HeaderMap::new();
        let mut parser = Parser::new();
        while let Some(bytes) = patience.wait(response.chunk()).await?? {
            let at = self.clock.now();
            parser.push(bytes);
            let mut events = 0;
            while let Some(event) = parser.next_event() {
                events += 1;
                if let Some(data) = &event.data {
                    seen.take(dialect::event(api, event.kind.as_deref(), data), at, expected);
                }
            }
            self.meter.events(events);
            if parser.rest().len() > LONGEST_EVENT {
                return Err(Wire::Garbled(format!("an event of more than {LONGEST_EVENT} bytes")));
            }
            if seen.done {
                patience.linger_from(at);
            } else if seen.first_content.is_some() {
                patience.idle_from(at);
            }
            if seen.first_content.is_some() {
                begun.set();
            }
            if !seen.done && self.plan.traffic.client.leave_at_tokens.is_some_and(|most| seen.events >= most)
            {
                return Err(Wire::Left);
            }
            patience.check(at)?;
        }
        Ok(())
    }

    async fn read_whole(
        &self,
        response: Response,
        patience: &mut Patience<'_>,
        seen: &mut Seen,
        expected: u32,
    ) -> Result<(), Wire> {
        let body = read_body(response, patience, LONGEST_BODY).await?;
        seen.take(dialect::whole(self.plan.target.api, &body), self.clock.now(), expected);
        seen.done = true;
        Ok(())
    }

    async fn read_refusal(
        &self,
        response: Response,
        patience: &mut Patience<'_>,
        seen: &mut Seen,
    ) -> Result<(), Wire> {
        let body = read_body(response, patience, LONGEST_REFUSAL).await?;
        seen.refusal = Some(match dialect::whole(self.plan.target.api, &body) {
            dialect::Said::Error(error) => error,
            _ => String::from_utf8_lossy(&body).trim().to_owned(),
        });
        Ok(())
    }

    fn record_unsent(&self, asked: &Asked, outcome: Outcome) {
        let row = RequestRow { outcome, ..self.row(asked) };
        self.recorder.record(Record::Request { row: Box::new(row), gaps_ns: Vec::new() });
    }

    fn record(&self, asked: &Asked, carried: Carried, joined: Joined, found: Found) -> Outcome {
        let Carried { first, end, sends, hedge, sent: Sent { wire, mut seen } } = carried;
        let left = wire == Wire::Left;
        let content = seen.compare();
        let clean_end = wire == Wire::Clean;
        let ending = Ending {
            wire,
            status: seen.status,
            refusal: seen.refusal,
            in_band: seen.in_band,
            unreadable: seen.unreadable,
            finished: seen.finished,
            done: seen.done,
            genuine: joined.genuine_marker || joined.untold || !self.markers_are_known,
            events: seen.events,
            content,
        };
        let marker = ending.marker();
        let Judged { outcome, timeout, error } = ending.judge();
        let row = RequestRow {
            cohort: if joined.touched { Cohort::Faulted } else { Cohort::Collateral },
            sent_ns: Some(first),
            first_byte_ns: seen.first_byte,
            first_content_ns: seen.first_content,
            last_content_ns: seen.last_content,
            end_ns: end,
            outcome,
            status: seen.status.map(|status| status.as_u16()),
            events: seen.events,
            output_tokens: seen.tokens.or(found.tokens).unwrap_or(seen.events),
            usage_tokens: seen.tokens,
            counted_tokens: found.tokens,
            right: found.right.filter(|_| outcome == Outcome::Ok),
            model: seen.model,
            node: joined.node,
            attempts: joined.attempts,
            sends,
            hedge,
            left: left && outcome == Outcome::Aborted,
            content,
            marker,
            genuine_marker: joined.genuine_marker,
            clean_end,
            claimed_attempts: seen.claimed_attempts,
            retry_after_ms: seen.retry_after.filter(|_| outcome == Outcome::HttpError).map(milliseconds),
            timeout,
            error: error.map(|error| self.tidy(&error)),
            ..self.row(asked)
        };
        self.recorder.record(Record::Request { row: Box::new(row), gaps_ns: seen.gaps_ns });
        outcome
    }

    /// The row of a request of which nothing has come.
    fn row(&self, asked: &Asked) -> RequestRow {
        RequestRow {
            id: asked.id,
            phase: self.plan.phases[self.plan.phase_at(asked.intended)].name.clone(),
            session: asked.within.map(|within| within.session),
            turn: asked.within.map(|within| within.turn),
            sub_request: asked.within.and_then(|within| within.sub_request),
            cohort: Cohort::Collateral,
            intended_ns: asked.intended,
            sent_ns: None,
            first_byte_ns: None,
            first_content_ns: None,
            last_content_ns: None,
            end_ns: self.clock.now(),
            outcome: Outcome::Aborted,
            status: None,
            events: 0,
            output_tokens: 0,
            usage_tokens: None,
            counted_tokens: None,
            right: None,
            model: None,
            node: None,
            attempts: 0,
            sends: 0,
            hedge: None,
            left: false,
            input_tokens: asked.input_tokens,
            // An embedding has no tokens to expect.
            expected_tokens: (self.plan.target.api != Api::OpenaiEmbeddings).then_some(asked.output_tokens),
            content: Content::Unknown,
            marker: false,
            genuine_marker: false,
            clean_end: false,
            claimed_attempts: None,
            retry_after_ms: None,
            timeout: None,
            error: None,
        }
    }
}

/// The body, unless it is longer than `longest`.
async fn read_body(
    mut response: Response,
    patience: &mut Patience<'_>,
    longest: usize,
) -> Result<Vec<u8>, Wire> {
    let mut body = Vec::new();
    while let Some(bytes) = patience.wait(response.chunk()).await?? {
        body.extend_from_slice(&bytes);
        if body.len() > longest {
            return Err(Wire::Garbled(format!("a body of more than {longest} bytes")));
        }
    }
    Ok(body)
}
