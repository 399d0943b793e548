//! `slow-stream`: spaces a stream's events to a rate, which may change while the fault is on.
//!
//! Each event is held for its time, and holds those behind it: a stream faster than the rate gets the
//! rate, one slower is no more than one gap late. The delays depend on no clock, but for a ramp.

use squall_plugin::{
    Attempt, BodyVerdict, Event, EventVerdict, Hooks, Plugin, ResponseHead, ResponseVerdict, Span, answer,
    export, header, host, json, params,
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
}

impl SlowStream {
    /// Units a second, now.
    fn rate(&self, attempt: &Attempt) -> f64 {
        let Some(Ramp { to, over }) = &self.ramp else { return self.rate };
        let on_for = attempt.since_start + host::now().saturating_sub(attempt.at);
        let done = (on_for as f64 / over.nanos() as f64).min(1.0);
        self.rate + (to - self.rate) * done
    }

    /// How long this much takes, in nanoseconds.
    fn takes(&self, attempt: &Attempt, units: f64) -> u64 {
        (units / self.rate(attempt) * 1e9) as u64
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
        Ok(Self { unit, rate, ramp: params.ramp })
    }

    fn hooks(&self) -> Hooks {
        Hooks::EVENTS
            | match self.unit {
                Unit::Bytes => Hooks::SIZES | Hooks::RESPONSE,
                Unit::Tokens => Hooks::BODY,
            }
    }

    /// Only asked for with bytes: paces an answer that is no stream.
    fn response(&mut self, attempt: &Attempt, head: &ResponseHead) -> ResponseVerdict {
        let kind = header(&head.headers, "content-type").unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            return ResponseVerdict::Pass;
        }
        ResponseVerdict::Pace((self.rate(attempt) as u64).max(1))
    }

    /// The first token comes when the node sends it.
    fn event(&mut self, attempt: &Attempt, event: &Event) -> EventVerdict {
        let index = event.index;
        let units = match self.unit {
            Unit::Tokens if index == 0 => return EventVerdict::Pass,
            Unit::Tokens => 1.0,
            // With the field's name before it and the empty line after.
            Unit::Bytes => f64::from(event.size.unwrap_or_default()) + 8.0,
        };
        EventVerdict::Delay(self.takes(attempt, units))
    }

    /// Only asked for with tokens: an answer that is no stream comes when its last token would.
    fn body(&mut self, attempt: &Attempt, data: &[u8]) -> BodyVerdict {
        let tokens = answer::utf8(data).and_then(|body| {
            let counts = ["usage.completion_tokens", "usage.output_tokens"];
            counts.iter().find_map(|path| json::find(body, path)?.parse().ok())
        });
        match tokens {
            Some(tokens) => BodyVerdict::Delay(self.takes(attempt, tokens)),
            None => BodyVerdict::Pass,
        }
    }
}

export!(SlowStream);
