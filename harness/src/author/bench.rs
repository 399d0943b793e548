//! What a plugin's calls cost: the median over many batches, so that neither the clock's own cost nor a
//! busy machine decides the figure.

use bytes::Bytes;
use serde::Serialize;

use super::exchange::{Answer, Exchange};
use super::parameters::Configured;
use super::replay::{TOGETHER, names};
use crate::clock::Clock;
use crate::fault::{Attempt, EventBatch, Trap, Trial};
use crate::name::AttemptId;

/// Calls between two looks at the clock.
const CALLS: u64 = 100;

/// What one hook costs.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// The hook.
    pub hook: &'static str,
    /// Nanoseconds a call: the median of the batches.
    pub median_ns: f64,
    /// The 99th percentile of the batches.
    pub p99_ns: f64,
    /// Fuel of the last call.
    pub fuel: u64,
    /// The hook is not asked for and does nothing: what entering and leaving the plugin costs.
    pub is_baseline: bool,
}

/// Calls each hook that was asked for in `batches` batches. Attempts live as in a run: each has its request
/// before its events, and its finish.
pub fn run(configured: Configured, exchange: &Exchange, batches: u32) -> Result<Vec<Cost>, Trap> {
    let Configured { mut trial, hooks, .. } = configured;
    let mut wanted = names(hooks);
    wanted.extend(hooks.events.then_some(TOGETHER));
    // A plugin that does not want ticks answers them at once.
    let baseline = (!hooks.tick).then_some("tick");
    wanted.extend(baseline);
    let mut meters: Vec<(&'static str, Vec<f64>, u64)> =
        wanted.into_iter().map(|hook| (hook, Vec::new(), 0)).collect();
    let clock = Clock::start();
    let mut next = 0;
    // The first batch is not counted: its calls find nothing in any cache.
    for batch in 0..=batches {
        let attempts = attempts(exchange, &mut next);
        for (hook, times, fuel) in &mut meters {
            let calls = Calls { hook, exchange, attempts: &attempts };
            let before = clock.now();
            let count = calls.make(&mut trial)?;
            let spent = clock.now().since(before);
            *fuel = trial.fuel_used();
            if batch > 0 {
                times.push(spent.as_nanos() as f64 / count as f64);
            }
        }
        trial.take_actions();
        trial.take_log();
    }
    let cost = |(hook, mut times, fuel): (&'static str, Vec<f64>, u64)| {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        Cost { hook, median_ns: at(0.5), p99_ns: at(0.99), fuel, is_baseline: baseline == Some(hook) }
    };
    Ok(meters.into_iter().map(cost).collect())
}

/// Fresh attempts, after the exchange's own.
fn attempts(exchange: &Exchange, next: &mut u64) -> Vec<(Attempt, u64)> {
    let models = exchange.attempts.iter().cycle();
    (0..CALLS)
        .zip(models)
        .map(|(_, (model, draw))| {
            *next += 1;
            // Spread over all draws, whatever those of the exchange are.
            let draw = draw.wrapping_add(next.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            (Attempt { id: AttemptId(*next), ..model.clone() }, draw)
        })
        .collect()
}

struct Calls<'a> {
    hook: &'static str,
    exchange: &'a Exchange,
    attempts: &'a [(Attempt, u64)],
}

impl Calls<'_> {
    /// How many there were.
    fn make(&self, trial: &mut Trial) -> Result<u64, Trap> {
        let (events, body) = match &self.exchange.answer {
            Answer::Stream(events) => (events.as_slice(), Bytes::from(events.concat())),
            Answer::Body(body) => (std::slice::from_ref(body), body.clone()),
        };
        let fault = trial.fault();
        let mut count = 0;
        for attempt in self.attempts {
            let call = self.exchange.call(attempt);
            match self.hook {
                "connect" => {
                    fault.connect(&call)?;
                }
                "request" => drop(fault.request(&call, &self.exchange.request)?),
                "response" => drop(fault.response(&call, &self.exchange.response)?),
                "events" => {
                    for (index, event) in (0_u32..).zip(events) {
                        drop(fault.event(&call, index, event)?);
                    }
                    count += events.len().saturating_sub(1) as u64;
                }
                TOGETHER => {
                    let mut seen = 0;
                    while let Some(rest) = events.get(seen..).filter(|rest| !rest.is_empty()) {
                        let ruling = fault.events(&call, EventBatch::arrived(seen as u32, rest))?;
                        seen += ruling.map_or(rest.len(), |ruling| ruling.place + 1);
                    }
                    count += events.len().saturating_sub(1) as u64;
                }
                "body" => drop(fault.body(&call, &body)?),
                "finish" => fault.finish(&call)?,
                _ => fault.tick(attempt.0.at)?,
            }
            count += 1;
        }
        Ok(count)
    }
}
