//! `brownout`: a node that gets slower and less reliable, the more it has to do or the longer it lasts.
//!
//! From `from` on, latency and errors grow in a straight line, and are at their most from `to` on. The load
//! is what is in flight on the node among the attempts that this fault is shown: with a `share` or a
//! matcher, those alone.

use std::collections::{HashMap, HashSet};

use squall_plugin::{
    Attempt, Canned, Chance, CountOrSpan, Header, Hooks, Plugin, RequestHead, RequestVerdict, Span, export,
    params, words,
};

params! {
    /// Latency and errors that grow with load or with time.
    struct Params {
        /// what they grow with: attempts in flight on the node, or time since the fault began
        curve: Curve = Curve::Load, "\"time\"";
        /// where they begin to grow: attempts in flight, or a time
        from: Option<CountOrSpan> = None, "4";
        /// where they are at their most
        to: CountOrSpan, "32";
        /// the longest delay of a request
        latency: Span = Span::ZERO, "\"2s\"";
        /// the largest share of requests that fail
        errors: f64 = 0.0, "0.3";
        /// the status of those, 400 to 599
        status: u16 = 503, "500";
    }
}

words! {
    enum Curve { Load = "load", Time = "time" }
}

const BODY: &str = r#"{"error":{"message":"The engine is currently overloaded, please try again later.","type":"server_error","param":null,"code":"overloaded"}}"#;

struct Brownout {
    curve: Curve,
    from: f64,
    to: f64,
    latency: f64,
    errors: f64,
    status: u16,
    /// Attempts in flight on each node, by their ids.
    in_flight: HashMap<u32, HashSet<u64>>,
}

impl Brownout {
    /// How far along the curve it is, 0 to 1.
    fn severity(&self, attempt: &Attempt) -> f64 {
        let at = match self.curve {
            Curve::Load => self.in_flight.get(&attempt.node).map_or(0, HashSet::len) as f64,
            Curve::Time => attempt.since_start as f64,
        };
        ((at - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

/// A point of the curve, in attempts or in nanoseconds.
fn point(curve: Curve, name: &str, at: CountOrSpan) -> Result<f64, String> {
    match (curve, at) {
        (Curve::Load, CountOrSpan::Count(count)) => Ok(count as f64),
        (Curve::Time, CountOrSpan::Span(span)) => Ok(span.nanos() as f64),
        (Curve::Load, _) => Err(format!("`{name}`: the curve of load is in attempts in flight, such as 32")),
        (Curve::Time, _) => Err(format!("`{name}`: the curve of time is in time, such as \"30s\"")),
    }
}

impl Plugin for Brownout {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let Params { curve, from, to, latency, errors, status } = params;
        let from = from.map_or(Ok(0.0), |from| point(curve, "from", from))?;
        let to = point(curve, "to", to)?;
        if to <= from {
            return Err("`to` must lie beyond `from`".into());
        }
        if !(0.0..=1.0).contains(&errors) {
            return Err(format!("`errors` is a share, 0 to 1, not {errors}"));
        }
        if latency == Span::ZERO && errors == 0.0 {
            return Err("say what grows: `latency = \"2s\"`, `errors = 0.3`, or both".into());
        }
        if !(400..=599).contains(&status) {
            return Err(format!("`status` must be an error, 400 to 599, not {status}"));
        }
        let latency = latency.nanos() as f64;
        Ok(Self { curve, from, to, latency, errors, status, in_flight: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        match self.curve {
            Curve::Load => Hooks::REQUEST | Hooks::FINISH,
            Curve::Time => Hooks::REQUEST,
        }
    }

    fn request(&mut self, attempt: &Attempt, _: &RequestHead) -> RequestVerdict {
        if self.curve == Curve::Load {
            self.in_flight.entry(attempt.node).or_default().insert(attempt.id);
        }
        let severity = self.severity(attempt);
        if Chance::of(attempt, 0).uniform() < self.errors * severity {
            return RequestVerdict::Respond(Canned {
                status: self.status,
                headers: vec![Header { name: "content-type".into(), value: b"application/json".to_vec() }],
                body: BODY.into(),
            });
        }
        let delay = (self.latency * severity) as u64;
        if delay == 0 { RequestVerdict::Pass } else { RequestVerdict::Delay(delay) }
    }

    fn finish(&mut self, attempt: &Attempt) {
        if let Some(in_flight) = self.in_flight.get_mut(&attempt.node) {
            in_flight.remove(&attempt.id);
        }
    }
}

export!(Brownout);
