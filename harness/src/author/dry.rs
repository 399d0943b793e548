//! A dry run: each hook that a plugin asks for, called once, with the fuel that it used.

use bytes::Bytes;
use serde::Serialize;

use super::exchange::{Answer, Exchange};
use super::parameters::{Configured, ParametersError, configure};
use super::replay::{TOGETHER, names};
use crate::clock::Nanos;
use crate::fault::{EventBatch, EventRuling, EventVerdict, Hooks, Specimen, Trap, Trial, Verdict};

/// One call.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The hook.
    pub hook: &'static str,
    /// What it decided, or why it failed.
    pub outcome: String,
    /// It failed.
    pub failed: bool,
    /// The fuel that it used.
    pub fuel: u64,
}

/// Calls each hook once, over the first attempt of `exchange`. A hook that fails ends its instance, so the
/// next is asked of a fresh one.
pub fn run(
    specimen: &Specimen,
    exchange: &Exchange,
    configured: Configured,
) -> Result<Vec<Row>, ParametersError> {
    let Configured { mut trial, hooks, with, .. } = configured;
    let mut rows = Vec::new();
    for hook in names(hooks) {
        let result = call(&mut trial, hook, exchange);
        let failed = result.is_err();
        let outcome = result.unwrap_or_else(|trap| trap.kind.to_string());
        let actions = trial.take_actions();
        let outcome = if actions.is_empty() { outcome } else { format!("{outcome}; {}", actions.join(", ")) };
        rows.push(Row { hook, outcome, failed, fuel: trial.fuel_used() });
        let fresh = || configure(specimen, &exchange.nodes, &exchange.granted, Some(with.clone()));
        if failed {
            trial = fresh()?.trial;
        } else if hook == "events" {
            rows.extend(together(exchange, hooks, fresh()?.trial, fresh()?.trial));
        }
    }
    Ok(rows)
}

/// What a plugin decides of an answer's events when they come together, held against what it decides of them one
/// by one: it must be the same. None where there are not several.
fn together(exchange: &Exchange, hooks: Hooks, mut one: Trial, other: Trial) -> Option<Row> {
    let Answer::Stream(events) = &exchange.answer else { return None };
    let call = exchange.call(exchange.attempts.first()?);
    if events.len() < 2 {
        return None;
    }
    // A plugin may keep in mind what a request says of its answer.
    let begin = |trial: &mut Trial| {
        if hooks.request { trial.fault().request(&call, &exchange.request).map(drop) } else { Ok(()) }
    };
    let batch = EventBatch::arrived(0, events);
    let at_once = begin(&mut one).and_then(|()| one.fault().events(&call, batch));
    let fuel = one.fuel_used();
    // One that decides ahead decides the same however often it is asked.
    let mut other = if hooks.ahead { one } else { other };
    let one_by_one = begin(&mut other).and_then(|()| {
        for (place, event) in events.iter().enumerate() {
            let verdict = other.fault().event(&call, place as u32, event)?;
            if verdict != EventVerdict::Pass {
                return Ok(Some(EventRuling { place, verdict }));
            }
        }
        Ok(None)
    });
    let number = events.len();
    let said = |ruling: Result<Option<EventRuling>, Trap>| match ruling {
        Ok(None) => "all pass".to_owned(),
        Ok(Some(ruling)) => format!("event {} is the first, {}", ruling.place, ruling.verdict.describe()),
        Err(trap) => trap.kind.to_string(),
    };
    let (at_once, one_by_one) = (said(at_once), said(one_by_one));
    let failed = at_once != one_by_one;
    let outcome = if failed {
        format!("of {number} events shown together: {at_once}; one by one: {one_by_one}")
    } else {
        format!("of {number}: {at_once}")
    };
    Some(Row { hook: TOGETHER, outcome, failed, fuel })
}

fn call(trial: &mut Trial, hook: &str, exchange: &Exchange) -> Result<String, Trap> {
    let Some(attempt) = exchange.attempts.first() else { return Ok(String::new()) };
    let call = exchange.call(attempt);
    let (event, body) = match &exchange.answer {
        Answer::Stream(events) => (events.first().cloned().unwrap_or_default(), events.concat().into()),
        Answer::Body(body) => (body.clone(), body.clone()),
    };
    let body: Bytes = body;
    let fault = trial.fault();
    Ok(match hook {
        "connect" => fault.connect(&call)?.describe(),
        "request" => fault.request(&call, &exchange.request)?.describe(),
        "response" => fault.response(&call, &exchange.response)?.describe(),
        "events" => fault.event(&call, 0, &event)?.describe(),
        "body" => fault.body(&call, &body)?.describe(),
        "finish" => fault.finish(&call).map(|()| String::new())?,
        _ => fault.tick(Nanos::ZERO).map(|()| String::new())?,
    })
}
