//! Arrivals: when requests are sent, and what they ask.
//!
//! Invariants: arrivals come in the order of time, their ids dense from 0; all lie before the run's
//! end; a trace that ends before the run does is an error, never silence. [`survey`] and
//! [`arrivals`] walk the same times, so that what is announced is what is sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::TrafficError;
use super::conversation::Prompt;
use super::prompt::{Prompts, read_request};
use super::rescaled::Rescaled;
use super::rows::{self, Asked};
use super::sessions::{Opening, Toolbox};
use super::spikes::Spikes;
use super::trace::{self, Row, Rows, Skipped};
use super::users;
use crate::clock::Nanos;
use crate::name::RequestId;
use crate::scenario::plan::{Plan, Schedule, Sessions, Users};

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// A request that the schedule wants sent, and what it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// In the order of the schedule, from 0; dense, but for the requests of sessions that follow later.
    pub id: RequestId,
    /// When it is to be sent.
    pub at: Nanos,
    /// What it asks.
    pub prompt: Prompt,
    /// Tokens of the answer it asks for, at least 1.
    pub output_tokens: u32,
    /// The session that begins with it, if one does.
    pub session: Option<Opening>,
}

/// The arrivals of a run, made as they are asked for. Ends after an error.
#[derive(Debug)]
pub struct Arrivals {
    prompts: Prompts,
    times: Times,
    ids: Ids,
}

/// The arrivals of `plan`, from its start to its end, or until there are as many as it may have.
///
/// Fails at once when the trace can't be opened, has a bad header or no rows, or when the schedule
/// is a closed loop; a bad row, or a trace that is too short, is found when it is reached (and by
/// [`survey`] beforehand).
pub fn arrivals(plan: &Plan) -> Result<Arrivals, TrafficError> {
    Ok(Arrivals { prompts: Prompts::of(plan)?, times: Times::of(plan)?, ids: Ids::of(plan) })
}

/// As many requests as the plan may have.
fn most(plan: &Plan) -> u64 {
    plan.traffic.limits.requests.unwrap_or(u64::MAX)
}

impl Iterator for Arrivals {
    type Item = Result<Arrival, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ids.are_used_up() {
            return None;
        }
        let slot = match self.times.next()? {
            Ok(slot) => slot,
            Err(error) => return Some(Err(error)),
        };
        let (id, session) = self.ids.next();
        let made = match &slot.row {
            None => self.prompts.draw(id),
            Some(row) => self.prompts.of_row(id, row, self.times.trace()),
        };
        Some(made.map(|(prompt, output_tokens)| Arrival { id, at: slot.at, prompt, output_tokens, session }))
    }
}

/// The ids of requests: one an arrival, or as many as its session has requests.
#[derive(Debug)]
struct Ids {
    seed: u64,
    sessions: Option<Sessions>,
    /// Sessions so far.
    begun: u64,
    next: u64,
    most: u64,
}

impl Ids {
    fn of(plan: &Plan) -> Self {
        let (sessions, most) = (plan.traffic.sessions, most(plan));
        Self { seed: plan.seed, sessions, begun: 0, next: 0, most }
    }

    fn are_used_up(&self) -> bool {
        self.next >= self.most
    }

    /// The next arrival's, and the session that it begins.
    fn next(&mut self) -> (RequestId, Option<Opening>) {
        let id = RequestId(self.next);
        let sessions = self.sessions.as_ref();
        let session = sessions.map(|plan| Opening::draw(self.seed, plan, self.begun, id, self.most));
        self.begun += 1;
        self.next += session.map_or(1, |session| session.requests.into());
        (id, session)
    }

    /// When each request of the next arrival, which is at `at`, would be sent if answers took no time.
    fn earliest(&mut self, at: Nanos) -> Vec<Nanos> {
        match (self.next(), &self.sessions) {
            ((_, Some(session)), Some(plan)) => session.earliest(self.seed, plan, at),
            _ => vec![at],
        }
    }
}

/// How the counts of a [`Survey`] were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Counted: the run will have exactly these.
    Exact,
    /// Closed-loop users send when they have their answer: they will send no more than this, which is
    /// what they would send if every answer took no time (where the time to think is drawn: on average).
    AtMost,
    /// Sessions' later requests are sent when there are answers: these are what is sent if every answer takes
    /// no time. Of the whole run it is no more than this; what comes later may come in a later phase.
    About,
    /// Closed-loop users who do not think: only the answers hold them back, and the counts are zero.
    Unknown,
}

/// What a run will send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Requests in each phase, in the plan's order.
    pub per_phase: Vec<u64>,
    /// The most arrivals (of sessions: of their beginnings) in any one second of each phase (seconds of the run); zero for users.
    pub busiest: Vec<u64>,
    /// How they were found.
    pub basis: Basis,
    /// Bad rows of the trace that are left out, of those that the run will read.
    pub skipped: Skipped,
}

impl Survey {
    /// Arrivals of the whole run.
    pub fn total(&self) -> u64 {
        self.per_phase.iter().sum()
    }
}

/// Walks the whole schedule of `plan` once, without making prompts: counts arrivals, and finds every
/// mistake in the part of the trace that the run will read, and in what prompts are made of.
pub fn survey(plan: &Plan) -> Result<Survey, TrafficError> {
    let prompts = Prompts::of(plan)?;
    let (survey, written) = match &plan.traffic.schedule {
        Schedule::Users(users) => survey_of_users(plan, users)?,
        Schedule::Trace { .. } | Schedule::Arrivals(_) => survey_of_arrivals(plan)?,
    };
    if written {
        prompts.get_ready_to_write()?;
    }
    if let Some(sessions) = &plan.traffic.sessions {
        Toolbox::of(plan, sessions)?;
    }
    Ok(survey)
}

/// What users will send, and whether any of it has to be written.
fn survey_of_users(plan: &Plan, users: &Users) -> Result<(Survey, bool), TrafficError> {
    let none = vec![0; plan.phases.len()];
    let (per_phase, basis) = match users::ceiling(users, plan) {
        Some(ceiling) => (ceiling.into_iter().map(|phase| phase.min(most(plan))).collect(), Basis::AtMost),
        None => (none.clone(), Basis::Unknown),
    };
    // Without a ceiling they may come to all rows.
    let total = if basis == Basis::Unknown { u64::MAX } else { per_phase.iter().sum() };
    let Asked { skipped, written } = asked(plan, total)?;
    Ok((Survey { per_phase, busiest: none, basis, skipped }, written))
}

/// What a schedule will send, and whether any of it has to be written.
fn survey_of_arrivals(plan: &Plan) -> Result<(Survey, bool), TrafficError> {
    let mut per_phase = vec![0; plan.phases.len()];
    let mut busiest = per_phase.clone();
    let mut by_itself = plan.traffic.sessions.is_some();
    let (mut second, mut in_second) = ((0, 0), 0);
    let mut times = Times::of(plan)?;
    let mut ids = Ids::of(plan);
    while !ids.are_used_up() {
        let Some(slot) = times.next() else { break };
        let Slot { at, row } = slot?;
        by_itself |= row.is_none_or(|row| row.request.is_none());
        let phase = plan.phase_at(at);
        for at in ids.earliest(at).into_iter().filter(|at| *at < plan.end()) {
            per_phase[plan.phase_at(at)] += 1;
        }
        if second != (phase, at.0 / SECOND) {
            (second, in_second) = ((phase, at.0 / SECOND), 0);
        }
        in_second += 1;
        busiest[phase] = busiest[phase].max(in_second);
    }
    let Asked { skipped, written } = match &times.base {
        // Whatever has no request of its own in the trace.
        Source::Trace { rows, .. } => {
            Asked { skipped: rows.skipped().clone(), written: plan.traffic.corpus.is_none() && by_itself }
        }
        Source::Rate(_) => asked(plan, per_phase.iter().sum())?,
    };
    let basis = if plan.traffic.sessions.is_some() { Basis::About } else { Basis::Exact };
    Ok((Survey { per_phase, busiest, basis, skipped }, written))
}

/// What so many requests come to of what says what is asked, where that is not the schedule.
fn asked(plan: &Plan, requests: u64) -> Result<Asked, TrafficError> {
    match &plan.traffic.rows {
        Some(source) => rows::survey(source, plan.seed, requests),
        None => Ok(Asked { skipped: Skipped::default(), written: plan.traffic.corpus.is_none() }),
    }
}

/// A place in the schedule, before it has a prompt.
#[derive(Clone, Debug)]
struct Slot {
    at: Nanos,
    /// What is asked, where a trace says.
    row: Option<Box<Row>>,
}

/// The times of a schedule until the run's end, with what is sent on top.
#[derive(Debug)]
struct Times {
    end: Nanos,
    base: Source,
    /// The next of the base, which a spike may come before; none when it has no more.
    ahead: Option<Slot>,
    spikes: Spikes,
    over: bool,
}

#[derive(Debug)]
enum Source {
    Trace { rows: Box<Rows>, path: PathBuf, speed: f64, last: Nanos, begins_sessions: bool },
    Rate(Box<Rescaled>),
}

impl Times {
    fn of(plan: &Plan) -> Result<Self, TrafficError> {
        let base = match &plan.traffic.schedule {
            Schedule::Trace { trace, speed } => Source::Trace {
                rows: Box::new(trace::open(trace, plan.seed)?),
                path: trace.path.clone(),
                speed: *speed,
                last: Nanos::ZERO,
                begins_sessions: plan.traffic.sessions.is_some(),
            },
            Schedule::Arrivals(arrivals) => Source::Rate(Box::new(Rescaled::of(arrivals, plan)?)),
            Schedule::Users(_) => return Err(TrafficError::ClosedLoop),
        };
        let (end, spikes) = (plan.end(), Spikes::of(plan));
        Ok(Self { end, base, ahead: None, spikes, over: false })
    }

    /// The trace's path, for errors; empty where there is none.
    fn trace(&self) -> &Path {
        match &self.base {
            Source::Trace { path, .. } => path,
            Source::Rate(_) => Path::new(""),
        }
    }

    /// The next place in the base, if it is before the run's end.
    fn advance(&mut self) -> Result<Option<Slot>, TrafficError> {
        let slot = match &mut self.base {
            Source::Trace { rows, path, speed, last, begins_sessions } => match rows.next() {
                Some(row) => {
                    let row = row?;
                    if let Some(request) = &row.request {
                        // So that a survey finds what can't be asked.
                        read_request(request, &row, path)?;
                    }
                    if *begins_sessions {
                        begins_one(&row, path)?;
                    }
                    let Some(at) = row.at else { return Err(TrafficError::NoTimes { path: path.clone() }) };
                    *last = Nanos((at.0 as f64 / *speed) as u64);
                    Some(Slot { at: *last, row: Some(Box::new(row)) })
                }
                None if rows.is_empty() => return Err(TrafficError::Empty { path: path.clone() }),
                None => {
                    return Err(TrafficError::Short {
                        path: path.clone(),
                        covers: last.since(Nanos::ZERO),
                        needed: Duration::from_nanos(self.end.0),
                        speed: *speed,
                    });
                }
            },
            Source::Rate(times) => times.next().map(|at| Slot { at, row: None }),
        };
        Ok(slot.filter(|slot| slot.at < self.end))
    }
}

/// Refuses a row that can't be told to be the beginning of a session: a later turn of a recorded conversation
/// would begin a conversation of its own, and the load be a multiple of what was recorded.
fn begins_one(row: &Row, path: &Path) -> Result<(), TrafficError> {
    let Some(conversation) = &row.session else { return Ok(()) };
    let problem = format!(
        "the row belongs to the conversation `{conversation}`, of which it may be a later turn, and each row is \
         to begin a `session`; take `session` (or `--turns`) away, so that each row is sent as one request at \
         its time, or replay a trace without conversations"
    );
    Err(TrafficError::Row { path: path.to_owned(), line: row.line, problem })
}

impl Iterator for Times {
    type Item = Result<Slot, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ahead.is_none() && !self.over {
            match self.advance() {
                Ok(slot) => (self.over, self.ahead) = (slot.is_none(), slot),
                Err(error) => {
                    self.over = true;
                    self.spikes = Spikes::none();
                    return Some(Err(error));
                }
            }
        }
        let limit = self.ahead.as_ref().map_or(self.end, |slot| slot.at);
        if let Some(at) = self.spikes.next_before(limit) {
            return Some(Ok(Slot { at, row: None }));
        }
        self.ahead.take().map(Ok)
    }
}

#[cfg(test)]
pub(super) mod tests;
