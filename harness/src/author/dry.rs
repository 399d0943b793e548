//! A dry run: each hook that a plugin asks for, called once, with the fuel that it used.

use bytes::Bytes;
use serde::Serialize;

use super::exchange::{Answer, Exchange};
use super::parameters::{Configured, ParametersError, configure};
use super::replay::names;
use crate::clock::Nanos;
use crate::fault::{Specimen, Trap, Trial, Verdict};

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
        if failed {
            trial = configure(specimen, &exchange.nodes, &exchange.granted, Some(with.clone()))?.trial;
        }
    }
    Ok(rows)
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
        "event" => fault.event(&call, 0, &event)?.describe(),
        "body" => fault.body(&call, &body)?.describe(),
        "finish" => fault.finish(&call).map(|()| String::new())?,
        _ => fault.tick(Nanos::ZERO).map(|()| String::new())?,
    })
}
