//! Sessions in the open loop: what is asked after the arrival that begins one.
//!
//! Between sessions the loop is open, they begin when the schedule says; within one it is closed: a turn is
//! intended when the last of what it waits for was there (the answer, the tools, the answers to the
//! sub-requests) and the time to think is over. Sub-requests are intended the moment that the answer has come.
//!
//! Invariants: a request that is asked has its arrival recorded and ends in one row, and each is held against
//! the in-flight cap. A session ends in one row, which says how many of its requests were never asked and
//! why: the first failure ends it, since nobody goes on from what was never said, and so does the run's end.

use std::sync::Arc;

use parking_lot::Mutex;
use squall_report::Outcome;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::LoadError;
use super::exchange::{Ask, Ended, Within};
use super::session::{InFlight, Session};
use crate::clock::Nanos;
use crate::record::{Record, SessionEnd, SessionRow};
use crate::scenario::plan::{Lengths, Sessions};
use crate::traffic::{
    Arrival, Dialogue, Given, Opening, Pause, Pauses, Prompt, Prompts, Toolbox, TrafficError,
};

/// What the sessions of a run share.
pub(super) struct Talks {
    session: Arc<Session>,
    plan: Sessions,
    prompts: Prompts,
    toolbox: Toolbox,
    tasks: TaskTracker,
    /// The first thing that went wrong in one.
    failure: Mutex<Option<LoadError>>,
}

impl Talks {
    /// None where arrivals begin no sessions.
    pub(super) fn of(session: &Arc<Session>, tasks: &TaskTracker) -> Result<Option<Arc<Self>>, TrafficError> {
        let Some(plan) = session.plan.traffic.sessions else { return Ok(None) };
        Ok(Some(Arc::new(Self {
            session: Arc::clone(session),
            plan,
            prompts: Prompts::of(&session.plan)?,
            toolbox: Toolbox::of(&session.plan, &plan)?,
            tasks: tasks.clone(),
            failure: Mutex::new(None),
        })))
    }

    /// The session that `arrival` begins, and its first turn.
    pub(super) fn begin(
        self: &Arc<Self>,
        arrival: Arrival,
        opening: Opening,
    ) -> Result<(Talk, Ask), LoadError> {
        let mut talk = Talk {
            talks: Arc::clone(self),
            opening,
            at: arrival.at,
            dialogue: Dialogue::of(opening.turns()),
            pauses: Pauses::of(self.session.plan.seed, &self.plan, opening.number),
            turn: 0,
            asked: 0,
            sub_asks: Vec::new(),
        };
        let ask = talk.ask(arrival.at, arrival.prompt, arrival.output_tokens)?;
        Ok((talk, ask))
    }

    fn sub_lengths(&self) -> Lengths {
        let of_prompts = self.session.plan.traffic.lengths;
        self.plan.sub_requests.map_or(of_prompts, |sub_requests| sub_requests.lengths)
    }

    /// Why a session could not go on, if one could not.
    pub(super) fn failure(&self) -> Option<LoadError> {
        self.failure.lock().take()
    }
}

/// A session under way.
pub(super) struct Talk {
    talks: Arc<Talks>,
    opening: Opening,
    /// When it began.
    at: Nanos,
    dialogue: Dialogue,
    pauses: Pauses,
    /// The turn that is asked, or asked next.
    turn: u32,
    /// Its requests so far.
    asked: u32,
    /// The sub-requests of this turn, ready before its answer comes.
    sub_asks: Vec<Ask>,
}

impl Talk {
    /// All of its requests, those that may never be asked included.
    pub(super) fn requests(&self) -> u32 {
        self.opening.requests
    }

    /// Its first turn found no place: the session ends before it has begun.
    pub(super) fn shed(mut self) {
        self.asked = 1;
        self.record(SessionEnd::Shed);
    }

    /// Carries the session through, from its first turn, which has its `place`.
    pub(super) async fn live(mut self, first: Ask, place: InFlight) {
        let end = self.go_on(first, place).await.unwrap_or_else(|error| {
            let session = &self.talks.session;
            self.talks.failure.lock().get_or_insert(error);
            session.over.cancel();
            SessionEnd::Aborted
        });
        self.record(end);
    }

    async fn go_on(&mut self, mut ask: Ask, mut place: InFlight) -> Result<SessionEnd, LoadError> {
        let talks = Arc::clone(&self.talks);
        let session = &talks.session;
        loop {
            self.asked += 1;
            let ended = session.exchange(ask).await;
            drop(place);
            if ended.outcome != Outcome::Ok {
                return Ok(self.broken());
            }
            if self.is_complete() {
                return Ok(SessionEnd::Complete);
            }
            self.dialogue.answered(ended.answer);
            let Pause { tools, think } = self.pauses.draw();
            let (answers, last) = match self.divide(ended.at).await {
                Ok(answered) => answered,
                Err(end) => return Ok(end),
            };
            if self.is_complete() {
                return Ok(SessionEnd::Complete);
            }
            let results = talks.toolbox.results(self.opening.turn(self.turn));
            self.dialogue.called(results.chain(answers.into_iter().map(Given::answer)).collect());
            let intended = last.max(ended.at + tools) + think;
            if intended >= session.plan.end() {
                return Ok(SessionEnd::RunOver);
            }
            self.turn += 1;
            // Made before it is due, so that only the send is left to do then.
            let (prompt, output_tokens) = talks.prompts.draw(self.opening.turn(self.turn))?;
            ask = self.ask(intended, prompt, output_tokens)?;
            session.until(intended).await;
            if session.over.is_cancelled() {
                return Ok(SessionEnd::Aborted);
            }
            let Some(entered) = session.arrive(&ask) else {
                self.asked += 1;
                return Ok(SessionEnd::Shed);
            };
            place = entered;
        }
    }

    /// Asks the sub-requests of this turn, all at once, and waits for all of them: their answers in order, and
    /// when the last was there.
    async fn divide(&mut self, ready: Nanos) -> Result<(Vec<(String, u32)>, Nanos), SessionEnd> {
        let asks = std::mem::take(&mut self.sub_asks);
        if !asks.is_empty() && ready >= self.talks.session.plan.end() {
            return Err(SessionEnd::RunOver);
        }
        self.asked += asks.len() as u32;
        let under_way: Vec<_> =
            asks.into_iter().map(|ask| self.start(Ask { intended: ready, ..ask })).collect();
        let (mut answers, mut last) = (Vec::with_capacity(under_way.len()), ready);
        let mut end = None;
        // All are waited for, whatever becomes of the first of them: the session ends with its last request.
        for task in under_way {
            let Some(task) = task else {
                end.get_or_insert(SessionEnd::Shed);
                continue;
            };
            match task.await {
                Ok(Ended { at, outcome: Outcome::Ok, answer: Some(answer) }) => {
                    last = last.max(at);
                    answers.push(answer);
                }
                Ok(_) | Err(_) => end = Some(self.broken()),
            }
        }
        end.map_or(Ok((answers, last)), Err)
    }

    /// Sends a sub-request beside the others; none when there is no place for it.
    fn start(&self, ask: Ask) -> Option<JoinHandle<Ended>> {
        let session = Arc::clone(&self.talks.session);
        let place = session.arrive(&ask)?;
        Some(self.talks.tasks.spawn(async move {
            let ended = session.exchange(ask).await;
            drop(place);
            ended
        }))
    }

    /// Makes this turn ready, and the sub-requests that its answer is followed by.
    fn ask(&mut self, intended: Nanos, prompt: Prompt, output_tokens: u32) -> Result<Ask, LoadError> {
        let talks = Arc::clone(&self.talks);
        let within = Within { session: self.opening.number, turn: self.turn, sub_request: None };
        let sub_asks = self.opening.sub_requests(self.turn).zip(0..).map(|(id, number)| {
            let (prompt, output_tokens) = talks.prompts.draw_of(id, talks.sub_lengths())?;
            let ask = talks.session.ask(id, intended, &prompt, output_tokens)?;
            Ok(Ask { keep: true, within: Some(Within { sub_request: Some(number), ..within }), ..ask })
        });
        self.sub_asks = sub_asks.collect::<Result<_, LoadError>>()?;
        let mut prompt = self.dialogue.ask(prompt);
        talks.toolbox.offer(&mut prompt);
        let ask = talks.session.ask(self.opening.turn(self.turn), intended, &prompt, output_tokens)?;
        Ok(Ask { keep: self.asked + 1 < self.opening.requests, within: Some(within), ..ask })
    }

    fn is_complete(&self) -> bool {
        self.asked == self.opening.requests
    }

    /// A request has failed, or all of them have ended.
    fn broken(&self) -> SessionEnd {
        if self.talks.session.over.is_cancelled() { SessionEnd::Aborted } else { SessionEnd::Failed }
    }

    fn record(&self, end: SessionEnd) {
        let Self { talks, opening, at, asked, .. } = self;
        let plan = &talks.session.plan;
        talks.session.recorder.record(Record::Session(Box::new(SessionRow {
            id: opening.number,
            phase: plan.phases[plan.phase_at(*at)].name.clone(),
            arrival_ns: *at,
            end_ns: talks.session.clock.now(),
            end,
            turns: opening.turns(),
            turns_asked: opening.turns_of(*asked),
            first_request: opening.first,
            requests: opening.requests,
            requests_asked: *asked,
        })));
    }
}
