//! Arrivals: when requests are sent, and what they ask.
//!
//! Invariants: arrivals come in the order of time, their ids dense from 0; all lie before the run's
//! end; a trace that ends before the run does is an error, never silence. [`survey`] and
//! [`arrivals`] walk the same times, so that what is announced is what is sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp1};

use super::TrafficError;
use super::conversation::Prompt;
use super::draw::{Purpose, stream};
use super::prompt::{Prompts, read_request};
use super::trace::{self, Row, Rows, Skipped};
use crate::clock::Nanos;
use crate::name::RequestId;
use crate::scenario::plan::{Plan, Schedule};

/// A request that the schedule wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Dense from 0, in the order of the schedule.
    pub id: RequestId,
    /// When it is to be sent.
    pub at: Nanos,
    /// What it asks.
    pub prompt: Prompt,
    /// Tokens of the answer it asks for, at least 1.
    pub output_tokens: u32,
}

/// The arrivals of a run, made as they are asked for. Ends after an error.
#[derive(Debug)]
pub struct Arrivals {
    prompts: Prompts,
    times: Times,
    next: u64,
    most: u64,
}

/// The arrivals of `plan`, from its start to its end, or until there are as many as it may have.
///
/// Fails at once when the trace can't be opened, has a bad header or no rows, or when the schedule
/// is a closed loop; a bad row, or a trace that is too short, is found when it is reached (and by
/// [`survey`] beforehand).
pub fn arrivals(plan: &Plan) -> Result<Arrivals, TrafficError> {
    Ok(Arrivals { prompts: Prompts::of(plan)?, times: Times::of(plan)?, next: 0, most: most(plan) })
}

/// As many requests as the plan may have.
fn most(plan: &Plan) -> u64 {
    plan.traffic.limits.requests.unwrap_or(u64::MAX)
}

impl Iterator for Arrivals {
    type Item = Result<Arrival, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.most {
            return None;
        }
        let slot = match self.times.next()? {
            Ok(slot) => slot,
            Err(error) => return Some(Err(error)),
        };
        let id = RequestId(self.next);
        self.next += 1;
        let made = match &slot.row {
            None => self.prompts.draw(id),
            Some(row) => self.prompts.of_row(id, row, self.times.trace()),
        };
        Some(made.map(|(prompt, output_tokens)| Arrival { id, at: slot.at, prompt, output_tokens }))
    }
}

/// How the counts of a [`Survey`] were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Counted: the run will have exactly these.
    Exact,
    /// Closed-loop users send when they have their answer: how many requests that makes is not known
    /// beforehand, and the counts are zero.
    ClosedLoop,
}

/// What a run will send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Arrivals in each phase, in the plan's order.
    pub per_phase: Vec<u64>,
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
    Prompts::of(plan)?;
    let mut per_phase = vec![0; plan.phases.len()];
    let mut times = match Times::of(plan) {
        Ok(times) => times,
        Err(TrafficError::ClosedLoop) => {
            return Ok(Survey { per_phase, basis: Basis::ClosedLoop, skipped: Skipped::default() });
        }
        Err(error) => return Err(error),
    };
    for slot in times.by_ref().take(usize::try_from(most(plan)).unwrap_or(usize::MAX)) {
        per_phase[plan.phase_at(slot?.at)] += 1;
    }
    let skipped = match &times.source {
        Source::Trace { rows, .. } => rows.skipped().clone(),
        _ => Skipped::default(),
    };
    Ok(Survey { per_phase, basis: Basis::Exact, skipped })
}

/// A place in the schedule, before it has a prompt.
#[derive(Clone, Debug)]
struct Slot {
    at: Nanos,
    /// What is asked, where a trace says.
    row: Option<Box<Row>>,
}

/// The times of a schedule until the run's end.
#[derive(Debug)]
struct Times {
    end: Nanos,
    source: Source,
    over: bool,
}

#[derive(Debug)]
enum Source {
    Trace { rows: Box<Rows>, path: PathBuf, speed: f64, last: Nanos },
    Constant { gap_ns: f64, index: u64 },
    Poisson { gap_ns: f64, at_ns: f64, random: Box<ChaCha8Rng> },
}

impl Times {
    fn of(plan: &Plan) -> Result<Self, TrafficError> {
        let source = match &plan.traffic.schedule {
            Schedule::Trace { trace, speed } => Source::Trace {
                rows: Box::new(trace::open(trace, plan.seed)?),
                path: trace.path.clone(),
                speed: *speed,
                last: Nanos::ZERO,
            },
            Schedule::Constant(rate) => Source::Constant { gap_ns: 1e9 / rate, index: 0 },
            Schedule::Poisson(rate) => Source::Poisson {
                gap_ns: 1e9 / rate,
                at_ns: 0.0,
                random: Box::new(stream(plan.seed, Purpose::Arrivals, 0)),
            },
            Schedule::Users { .. } => return Err(TrafficError::ClosedLoop),
        };
        Ok(Self { end: plan.end(), source, over: false })
    }

    /// The trace's path, for errors; empty where there is none.
    fn trace(&self) -> &Path {
        match &self.source {
            Source::Trace { path, .. } => path,
            _ => Path::new(""),
        }
    }

    /// The next place in the schedule, whether or not the run has ended by then.
    fn advance(&mut self) -> Result<Slot, TrafficError> {
        match &mut self.source {
            Source::Trace { rows, path, speed, last } => match rows.next() {
                Some(row) => {
                    let row = row?;
                    if let Some(request) = &row.request {
                        // So that a survey finds what can't be asked.
                        read_request(request, &row, path)?;
                    }
                    let Some(at) = row.at else { return Err(TrafficError::NoTimes { path: path.clone() }) };
                    *last = Nanos((at.0 as f64 / *speed) as u64);
                    Ok(Slot { at: *last, row: Some(Box::new(row)) })
                }
                None if rows.is_empty() => Err(TrafficError::Empty { path: path.clone() }),
                None => Err(TrafficError::Short {
                    path: path.clone(),
                    covers: last.since(Nanos::ZERO),
                    needed: Duration::from_nanos(self.end.0),
                    speed: *speed,
                }),
            },
            Source::Constant { gap_ns, index } => {
                // From the index, not by adding up: no rounding error grows with the run.
                let at = Nanos((*index as f64 * *gap_ns) as u64);
                *index += 1;
                Ok(Slot { at, row: None })
            }
            Source::Poisson { gap_ns, at_ns, random } => {
                let gap: f64 = Exp1.sample(random);
                *at_ns += gap * *gap_ns;
                Ok(Slot { at: Nanos(*at_ns as u64), row: None })
            }
        }
    }
}

impl Iterator for Times {
    type Item = Result<Slot, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let slot = self.advance();
        self.over = slot.as_ref().map_or(true, |slot| slot.at >= self.end);
        match slot {
            Ok(slot) if slot.at >= self.end => None,
            slot => Some(slot),
        }
    }
}

#[cfg(test)]
mod tests;
