//! `latency`: delays the request, the first token, or each event.
//!
//! A delay of the first event moves the whole answer; a delay of each event adds up, so that the
//! stream gets slower and slower than the node.

use squall_plugin::{
    Attempt, Chance, Event, EventVerdict, Hooks, Lognormal, Plugin, RequestHead, RequestVerdict,
    ResponseHead, ResponseVerdict, Span, export, header, params, words,
};

params! {
    /// Delays the request, the first token, or each event, by a distribution with a tail.
    struct Params {
        /// always this long; or one of the next four
        fixed: Option<Span> = None, "\"50ms\"";
        /// between these two, evenly
        uniform: Option<[Span; 2]> = None, "[\"10ms\", \"50ms\"]";
        /// normal; never below zero
        normal: Option<Normal> = None, "{ mean = \"50ms\", sd = \"10ms\" }";
        /// log-normal with this median, given together with `p99`
        p50: Option<Span> = None, "\"20ms\"";
        /// log-normal with this 99th percentile
        p99: Option<Span> = None, "\"200ms\"";
        /// Pareto: the smaller `alpha`, the heavier the tail
        pareto: Option<Pareto> = None, "{ min = \"10ms\", alpha = 1.5 }";
        /// up to this much more or less, evenly
        jitter: Span = Span::ZERO, "\"5ms\"";
        /// no delay is longer
        max: Span = TEN_MINUTES, "\"2s\"";
        /// what is delayed; a delay of each event adds up
        r#where: Place = Place::Request, "\"first-token\"";
    }
}

params! {
    /// A normal distribution.
    struct Normal {
        /// mean
        mean: Span, "\"50ms\"";
        /// standard deviation
        sd: Span, "\"10ms\"";
    }
}

params! {
    /// A Pareto distribution.
    struct Pareto {
        /// least value
        min: Span, "\"10ms\"";
        /// tail index
        alpha: f64, "1.5";
    }
}

words! {
    enum Place { Request = "request", FirstToken = "first-token", Event = "event" }
}

const TEN_MINUTES: Span = Span::from_nanos(600_000_000_000);

enum Distribution {
    Fixed(f64),
    Uniform(f64, f64),
    Normal(f64, f64),
    Lognormal(Lognormal),
    Pareto(f64, f64),
}

struct Latency {
    distribution: Distribution,
    jitter: f64,
    max: f64,
    place: Place,
}

fn float(span: Span) -> f64 {
    span.nanos() as f64
}

fn distribution(params: &Params) -> Result<Distribution, String> {
    let lognormal = match (params.p50, params.p99) {
        (None, None) => None,
        (Some(p50), Some(p99)) if p50.nanos() > 0 && p99 >= p50 => {
            Some(Distribution::Lognormal(Lognormal::from_percentiles(float(p50), float(p99))))
        }
        (Some(_), Some(_)) => return Err("`p50` must be above 0 and `p99` not below it".into()),
        _ => return Err("`p50` and `p99` fix a log-normal distribution together: give both".into()),
    };
    let uniform = match params.uniform {
        Some([low, high]) if low > high => {
            return Err("`uniform` is [least, most]: the first is larger".into());
        }
        bounds => bounds.map(|[low, high]| Distribution::Uniform(float(low), float(high))),
    };
    let pareto = match &params.pareto {
        Some(Pareto { alpha, .. }) if !(*alpha > 0.0) => {
            return Err(format!("`pareto.alpha` must be above 0, not {alpha}"));
        }
        pareto => pareto.as_ref().map(|pareto| Distribution::Pareto(float(pareto.min), pareto.alpha)),
    };
    let normal =
        params.normal.as_ref().map(|normal| Distribution::Normal(float(normal.mean), float(normal.sd)));
    let fixed = params.fixed.map(|by| Distribution::Fixed(float(by)));
    let mut given = [fixed, uniform, normal, lognormal, pareto].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err("say how long: `fixed = \"20ms\"`, `uniform = [\"10ms\", \"50ms\"]`, \
             `normal = { mean = \"50ms\", sd = \"10ms\" }`, `p50 = \"20ms\"` with `p99 = \"200ms\"`, \
             or `pareto = { min = \"10ms\", alpha = 1.5 }`"
            .into()),
        (Some(_), Some(_)) => {
            Err("one distribution at a time: `fixed`, `uniform`, `normal`, `p50` with `p99`, or `pareto`"
                .into())
        }
    }
}

impl Latency {
    /// A delay in nanoseconds, above 0 or none.
    fn delay(&self, attempt: &Attempt, decision: u64) -> Option<u64> {
        let mut chance = Chance::of(attempt, decision);
        let drawn = match &self.distribution {
            Distribution::Fixed(by) => *by,
            Distribution::Uniform(low, high) => chance.between(*low, *high),
            Distribution::Normal(mean, sd) => mean + sd * chance.normal(),
            Distribution::Lognormal(lognormal) => lognormal.draw(&mut chance),
            Distribution::Pareto(least, alpha) => chance.pareto(*least, *alpha),
        };
        let jitter = chance.between(-self.jitter, self.jitter);
        let nanos = (drawn + jitter).clamp(0.0, self.max).round() as u64;
        (nanos > 0).then_some(nanos)
    }
}

impl Plugin for Latency {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let distribution = distribution(&params)?;
        Ok(Self { distribution, jitter: float(params.jitter), max: float(params.max), place: params.r#where })
    }

    fn hooks(&self) -> Hooks {
        match self.place {
            Place::Request => Hooks::REQUEST,
            Place::FirstToken => Hooks::RESPONSE | Hooks::EVENTS | Hooks::AHEAD,
            Place::Event => Hooks::EVENTS | Hooks::AHEAD,
        }
    }

    fn request(&mut self, attempt: &Attempt, _: &RequestHead) -> RequestVerdict {
        self.delay(attempt, 0).map_or(RequestVerdict::Pass, RequestVerdict::Delay)
    }

    /// An answer without a stream has its first token with its head.
    fn response(&mut self, attempt: &Attempt, head: &ResponseHead) -> ResponseVerdict {
        let kind = header(&head.headers, "content-type").unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            return ResponseVerdict::Pass;
        }
        self.delay(attempt, 0).map_or(ResponseVerdict::Pass, ResponseVerdict::Delay)
    }

    fn event(&mut self, attempt: &Attempt, event: &Event) -> EventVerdict {
        let index = event.index;
        if self.place == Place::FirstToken && index > 0 {
            return EventVerdict::Pass;
        }
        self.delay(attempt, index.into()).map_or(EventVerdict::Pass, EventVerdict::Delay)
    }
}

export!(Latency);
