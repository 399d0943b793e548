//! `slow-stream`: spaces a stream's events to a rate, which may change while the fault is on.
//!
//! Each event is due when the ones before it have had their time. A node that is slower than the
//! rate is left alone, and builds up no credit.

use std::collections::HashMap;

use squall_plugin::{
    Attempt, BodyVerdict, EventVerdict, Hooks, Plugin, ResponseHead, ResponseVerdict, Span, answer, export,
    header, host, json, params,
};

params! {
    /// Spaces a stream's events, or paces its bytes.
    struct Params {
        /// events a second, one token each; of a body, the tokens that its usage names
        tokens_per_s: Option<f64> = None, "20";
        /// bytes a second; or `tokens_per_s`
        bytes_per_s: Option<f64> = None, "4000";
        /// the rate changes to another, in a straight line from when the fault is switched on
        ramp: Option<Ramp> = None, "{ to = 2, over = \"10s\" }";
    }
}

params! {
    /// A change of rate.
    struct Ramp {
        /// the rate at its end, which stays
        to: f64, "2";
        /// how long it takes
        over: Span, "\"10s\"";
    }
}

/// What is counted.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Tokens,
    Bytes,
}

struct SlowStream {
    unit: Unit,
    rate: f64,
    ramp: Option<Ramp>,
    /// Of each stream under way: when its next event is due.
    due: HashMap<u64, u64>,
}

impl SlowStream {
    /// Units a second, at a time of the run.
    fn rate(&self, attempt: &Attempt, at: u64) -> f64 {
        let Some(Ramp { to, over }) = &self.ramp else { return self.rate };
        let switched_on = attempt.at.saturating_sub(attempt.since_start);
        let done = (at.saturating_sub(switched_on) as f64 / over.nanos() as f64).min(1.0);
        self.rate + (to - self.rate) * done
    }

    /// How long this much takes, in nanoseconds.
    fn takes(&self, attempt: &Attempt, at: u64, units: f64) -> u64 {
        (units / self.rate(attempt, at) * 1e9) as u64
    }
}

fn positive(name: &str, rate: f64) -> Result<f64, String> {
    if rate.is_finite() && rate > 0.0 {
        return Ok(rate);
    }
    Err(format!("`{name}` must be above 0, not {rate}; `stall` stops a stream"))
}

impl Plugin for SlowStream {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let (unit, rate) = match (params.tokens_per_s, params.bytes_per_s) {
            (Some(rate), None) => (Unit::Tokens, positive("tokens_per_s", rate)?),
            (None, Some(rate)) => (Unit::Bytes, positive("bytes_per_s", rate)?),
            _ => return Err("say how slow: `tokens_per_s = 20` or `bytes_per_s = 4000`, one of them".into()),
        };
        if let Some(ramp) = &params.ramp {
            positive("ramp.to", ramp.to)?;
            if ramp.over == Span::ZERO {
                return Err(
                    "`ramp.over` must be above 0; without a ramp the rate is the same all along".into()
                );
            }
        }
        Ok(Self { unit, rate, ramp: params.ramp, due: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        let whole = if self.unit == Unit::Bytes { Hooks::RESPONSE } else { Hooks::BODY };
        Hooks::EVENT | Hooks::FINISH | whole
    }

    /// Only asked for with bytes: paces an answer that is no stream.
    fn response(&mut self, attempt: &Attempt, head: &ResponseHead) -> ResponseVerdict {
        let kind = header(&head.headers, "content-type").unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            return ResponseVerdict::Pass;
        }
        ResponseVerdict::Pace((self.rate(attempt, host::now()) as u64).max(1))
    }

    fn event(&mut self, attempt: &Attempt, _: u32, data: &[u8]) -> EventVerdict {
        let now = host::now();
        let units = match self.unit {
            Unit::Tokens => 1.0,
            // With the field's name before it and the empty line after.
            Unit::Bytes => (data.len() + 8) as f64,
        };
        let at = self.due.get(&attempt.id).map_or(now, |due| now.max(*due));
        self.due.insert(attempt.id, at.saturating_add(self.takes(attempt, at, units)));
        if at > now { EventVerdict::Delay(at - now) } else { EventVerdict::Pass }
    }

    /// Only asked for with tokens: an answer that is no stream comes when its last token would.
    fn body(&mut self, attempt: &Attempt, data: &[u8]) -> BodyVerdict {
        let tokens = answer::utf8(data).and_then(|body| {
            let counts = ["usage.completion_tokens", "usage.output_tokens"];
            counts.iter().find_map(|path| json::find(body, path)?.parse().ok())
        });
        match tokens {
            Some(tokens) => BodyVerdict::Delay(self.takes(attempt, host::now(), tokens)),
            None => BodyVerdict::Pass,
        }
    }

    fn finish(&mut self, attempt: &Attempt) {
        self.due.remove(&attempt.id);
    }
}

export!(SlowStream);
