//! Closed-loop users: when each is there, and how long it thinks.
//!
//! Pure: the closed loop asks, and waits. A user is known by its number, from 0; when there are n users,
//! they are those below n, so whoever came last goes first.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp1, StandardNormal};

use super::draw::{Purpose, stream};
use super::rate::uniform;
use crate::clock::Nanos;
use crate::scenario::plan::{Crowd, Plan, Think, Users};

/// The longest that anybody thinks: no run lasts longer.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// A time in which a user is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// It comes.
    pub from: Nanos,
    /// It goes.
    pub to: Nanos,
}

/// How many users there are at most.
pub fn most_users(users: &Users) -> u32 {
    users.crowd.iter().map(|crowd| crowd.count).max().unwrap_or(0)
}

/// The times in which user `number` is there, in order, until `end`.
pub fn stays(users: &Users, number: u32, end: Nanos) -> Vec<Stay> {
    let mut stays = Vec::new();
    let mut came = None;
    let (mut begins, mut before) = (Nanos::ZERO, 0);
    for crowd in &users.crowd {
        let here = number < crowd.count;
        if here && came.is_none() {
            came = Some(begins + joins_after(*crowd, before, number));
        } else if !here && let Some(from) = came.take() {
            stays.push(Stay { from, to: begins + leaves_after(*crowd, before, number) });
        }
        before = crowd.count;
        let Some(lasts) = crowd.lasts else { break };
        begins = begins + crowd.ramp + lasts;
    }
    stays.extend(came.map(|from| Stay { from, to: end }));
    stays.retain_mut(|stay| {
        stay.to = stay.to.min(end);
        stay.from < stay.to
    });
    stays
}

/// The first to come is there when the ramp begins, the others follow evenly.
fn joins_after(crowd: Crowd, before: u32, number: u32) -> Duration {
    let joining = crowd.count - before;
    crowd.ramp.mul_f64(f64::from(number - before) / f64::from(joining))
}

/// The last to go is gone when the ramp ends.
fn leaves_after(crowd: Crowd, before: u32, number: u32) -> Duration {
    let leaving = before - crowd.count;
    crowd.ramp.mul_f64(f64::from(before - number) / f64::from(leaving))
}

/// The times for which one user thinks.
#[derive(Debug)]
pub struct Thinking {
    think: Think,
    random: ChaCha8Rng,
}

impl Thinking {
    /// Those of user `number`.
    pub fn of(think: Think, seed: u64, number: u32) -> Self {
        Self { think, random: stream(seed, Purpose::Thinking, u64::from(number)) }
    }

    /// For how long it thinks now.
    pub fn draw(&mut self) -> Duration {
        draw_think(self.think, &mut self.random)
    }
}

/// For how long someone thinks, or something works.
pub(super) fn draw_think(think: Think, random: &mut ChaCha8Rng) -> Duration {
    let seconds = match think {
        Think::Fixed(think) => return think,
        Think::Exponential(mean) => {
            let one: f64 = Exp1.sample(random);
            one * mean.as_secs_f64()
        }
        Think::Uniform { least, most } => {
            least.as_secs_f64() + uniform(random) * most.saturating_sub(least).as_secs_f64()
        }
        Think::Lognormal { mean, sd } => {
            let normal: f64 = StandardNormal.sample(random);
            // The moments of the log-normal, solved for those of the normal beneath it.
            let variance = (sd.as_secs_f64() / mean.as_secs_f64()).powi(2).ln_1p();
            (mean.as_secs_f64().ln() - variance / 2.0 + variance.sqrt() * normal).exp()
        }
    };
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |think| think.min(LONGEST))
}

/// How many requests each phase of `plan` would have if every answer took no time: a mean where the time
/// to think is drawn. None without a time to think, since then only the answers hold users back.
pub(super) fn ceiling(users: &Users, plan: &Plan) -> Option<Vec<u64>> {
    let think = users.think.mean().as_secs_f64();
    if think <= 0.0 {
        return None;
    }
    let mut requests = vec![0.0; plan.phases.len()];
    for number in 0..most_users(users) {
        for stay in stays(users, number, plan.end()) {
            // Each asks at once when it comes.
            requests[plan.phase_at(stay.from)] += 1.0;
            for (phase, requests) in plan.phases.iter().zip(&mut requests) {
                let (from, to) = (stay.from.max(phase.start), stay.to.min(phase.end()));
                *requests += to.since(from).as_secs_f64() / think;
            }
        }
    }
    Some(requests.into_iter().map(|requests| requests.ceil() as u64).collect())
}

#[cfg(test)]
mod tests;
