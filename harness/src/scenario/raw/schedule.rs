//! When requests are sent, as it is typed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::either::TextOr;
use super::super::place::Placed;
use super::{ClockText, DurationText, NumberOrText, RateText, ThinkText};

/// Arrivals at a rate: exactly one of `poisson`, `constant`, `gamma` and `bursts`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "arrivals", extend("oneOf" = [{"required": ["poisson"]}, {"required": ["constant"]}, {"required": ["gamma"]}, {"required": ["bursts"]}], "dependencies" = {"gamma": ["cv"], "cv": ["gamma"]}))]
pub(in crate::scenario) struct Arrivals {
    /// Random and independent, as the requests of many users are.
    #[schemars(example = "40/s")]
    pub(in crate::scenario) poisson: Option<Placed<Rate>>,
    /// Evenly spaced.
    #[schemars(example = "40/s")]
    pub(in crate::scenario) constant: Option<Placed<Rate>>,
    /// Random, in clusters or more evenly than `poisson`, as `cv` says.
    #[schemars(example = "40/s")]
    pub(in crate::scenario) gamma: Option<Placed<Rate>>,
    /// With `gamma`: the coefficient of variation of the gaps between arrivals, their standard deviation
    /// by their mean. 1 is Poisson, 3 comes in clusters, 0.3 is nearly even.
    #[schemars(example = 3.0)]
    pub(in crate::scenario) cv: Option<Placed<f64>>,
    /// Chance switches between two rates: a Markov-modulated Poisson process.
    #[schemars(example = json!({"low": "10/s", "high": "80/s", "low_for": "20s", "high_for": "5s"}))]
    pub(in crate::scenario) bursts: Option<Placed<Bursts>>,
}

/// A rate: `40/s`, or one that changes.
pub(in crate::scenario) type Rate = TextOr<RateText, RateOverTime>;

/// A rate that changes over the run: a ramp (`from`, `to` and `over`), `steps`, or `daily`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the rate", extend("oneOf" = [{"required": ["from"]}, {"required": ["steps"]}, {"required": ["daily"]}], "dependencies" = {"from": ["to", "over"], "to": ["from", "over"], "over": ["from", "to"]}))]
pub(in crate::scenario) struct RateOverTime {
    /// A ramp: the rate at the run's start.
    #[schemars(example = "5/s")]
    pub(in crate::scenario) from: Option<Placed<RateText>>,
    /// A ramp: the rate at its end and from then on.
    #[schemars(example = "60/s")]
    pub(in crate::scenario) to: Option<Placed<RateText>>,
    /// A ramp: how long it takes.
    #[schemars(example = &"5m")]
    pub(in crate::scenario) over: Option<Placed<DurationText>>,
    /// One rate after the other, from the run's start. The last stays.
    #[schemars(example = json!([{"rate": "10/s", "for": "30s"}, {"rate": "40/s", "ramp": "10s"}]))]
    pub(in crate::scenario) steps: Option<Placed<Vec<Placed<RateStep>>>>,
    /// The rise and fall of a day, which may be shorter than a real one.
    #[schemars(example = json!({"mean": "40/s", "swing": "60%", "peak_at": "14:00", "day": "10m"}))]
    pub(in crate::scenario) daily: Option<Placed<Daily>>,
}

/// A step of a rate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a step of the rate")]
pub(in crate::scenario) struct RateStep {
    /// The rate of this step; `0/s` is silence.
    #[schemars(example = "40/s")]
    pub(in crate::scenario) rate: Placed<RateText>,
    /// How long it holds; to the run's end when it is left out of the last step, not at all when it is
    /// left out of one that has a `ramp`.
    #[schemars(example = &"30s")]
    #[serde(rename = "for")]
    pub(in crate::scenario) lasts: Option<Placed<DurationText>>,
    /// The time before it in which the rate goes evenly from the last step's (0 before the first) to
    /// this one's; `0s` when it is left out.
    #[schemars(example = &"10s")]
    pub(in crate::scenario) ramp: Option<Placed<DurationText>>,
}

/// The rise and fall of a day: a cosine about the mean, with one peak.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "daily")]
pub(in crate::scenario) struct Daily {
    /// The mean rate over a day.
    #[schemars(example = "40/s")]
    pub(in crate::scenario) mean: Placed<RateText>,
    /// How far the rate rises above and falls below the mean, as a share of it, from 0 to 1 or as a
    /// percentage.
    #[schemars(example = "60%")]
    pub(in crate::scenario) swing: Placed<NumberOrText>,
    /// The time of day of the peak; twelve hours from it is the low.
    #[schemars(example = "14:00")]
    pub(in crate::scenario) peak_at: Placed<ClockText>,
    /// The time of day at which the run begins; `00:00` when it is left out.
    #[schemars(example = "08:00")]
    pub(in crate::scenario) starts_at: Option<Placed<ClockText>>,
    /// How long such a day lasts in the run, a second or more; `24h` when it is left out.
    #[schemars(example = &"10m")]
    pub(in crate::scenario) day: Option<Placed<DurationText>>,
}

/// Two rates between which chance switches; how long each holds is exponential.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "bursts")]
pub(in crate::scenario) struct Bursts {
    /// The rate between bursts; `0/s` is silence.
    #[schemars(example = "10/s")]
    pub(in crate::scenario) low: Placed<RateText>,
    /// The rate in a burst.
    #[schemars(example = "80/s")]
    pub(in crate::scenario) high: Placed<RateText>,
    /// The mean time between bursts, a millisecond or more.
    #[schemars(example = &"20s")]
    pub(in crate::scenario) low_for: Placed<DurationText>,
    /// The mean length of a burst, a millisecond or more.
    #[schemars(example = &"5s")]
    pub(in crate::scenario) high_for: Placed<DurationText>,
}

/// Poisson arrivals on top of a trace or of arrivals.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a spike")]
pub(in crate::scenario) struct Spike {
    /// When it begins, from the run's start.
    #[schemars(example = &"30s")]
    pub(in crate::scenario) at: Placed<DurationText>,
    /// How long it lasts.
    #[schemars(example = &"5s")]
    #[serde(rename = "for")]
    pub(in crate::scenario) lasts: Placed<DurationText>,
    /// Requests on top of the others.
    #[schemars(example = "200/s")]
    pub(in crate::scenario) rate: Placed<RateText>,
}

/// What each arrival begins: turns, one after the other. Within a session a turn waits for the answer before
/// it, for the tools that this called and for the sub-requests that followed it. The first request that
/// fails ends its session, and so does the run's end; the report counts what was never asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "session")]
pub(in crate::scenario) struct Session {
    /// Requests one after the other, each with all that was said before in its history: a number from 1 to
    /// 1000, `uniform(2, 8)` with both ends, or `geometric(5)` with the mean.
    #[schemars(example = 6, example = "uniform(2, 8)")]
    pub(in crate::scenario) turns: Placed<NumberOrText>,
    /// From when all is there that a turn waits for, to the turn: a duration, or `exponential(2s)`,
    /// `uniform(1s, 5s)`, `lognormal(3s, 2s)`; `0s` when it is left out.
    #[schemars(example = "exponential(2s)")]
    pub(in crate::scenario) think: Option<Placed<ThinkText>>,
    /// Each answer but the last calls tools, all at once. They are not run: they take their time, and their
    /// results stand in the history from then on.
    #[schemars(example = json!({"calls": 2, "time": "exponential(300ms)", "result": 150}))]
    pub(in crate::scenario) tools: Option<Tools>,
    /// Each answer but the last is followed by requests of their own, all at once, as an agent has others do
    /// parts of its work: each has its own prompt, and its answer stands in the session's history from then on.
    #[schemars(example = json!({"count": 3, "input": "lognormal(800, 400)", "output": 150}))]
    pub(in crate::scenario) sub_requests: Option<SubRequests>,
}

/// Tools that an answer calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "tools")]
pub(in crate::scenario) struct Tools {
    /// How many at once, from 1 to 1000; 1 when it is left out.
    #[schemars(example = 2)]
    pub(in crate::scenario) calls: Option<Placed<u32>>,
    /// How long each works, as `think`; `0s` when it is left out.
    #[schemars(example = "exponential(300ms)")]
    pub(in crate::scenario) time: Option<Placed<ThinkText>>,
    /// Tokens of each one's result, as `prompts.input`; 100 when it is left out.
    #[schemars(example = 150)]
    pub(in crate::scenario) result: Option<Placed<NumberOrText>>,
}

/// Requests that follow an answer, all at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "sub_requests")]
pub(in crate::scenario) struct SubRequests {
    /// How many, from 1 to 1000.
    #[schemars(example = 3)]
    pub(in crate::scenario) count: Placed<u32>,
    /// Tokens of each one's prompt; as in `prompts` when it is left out.
    #[schemars(example = "lognormal(800, 400)")]
    pub(in crate::scenario) input: Option<Placed<NumberOrText>>,
    /// Tokens of each one's answer; as in `prompts` when it is left out.
    #[schemars(example = 150)]
    pub(in crate::scenario) output: Option<Placed<NumberOrText>>,
}

/// Users who each wait for their answer: exactly one of `count` and `steps`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "users", extend("oneOf" = [{"required": ["count"]}, {"required": ["steps"]}], "dependencies" = {"ramp": ["count"]}))]
pub(in crate::scenario) struct Users {
    /// How many.
    #[schemars(example = 20)]
    pub(in crate::scenario) count: Option<Placed<u32>>,
    /// With `count`: the time from the run's start in which they come, one by one; `0s`, all at once,
    /// when it is left out.
    #[schemars(example = &"10s")]
    pub(in crate::scenario) ramp: Option<Placed<DurationText>>,
    /// One number of users after the other, from the run's start. The last stays.
    #[schemars(example = json!([{"count": 10, "for": "30s"}, {"count": 40, "ramp": "10s"}]))]
    pub(in crate::scenario) steps: Option<Placed<Vec<Placed<UserStep>>>>,
    /// From an answer to the next request: a duration, or `exponential(2s)` with its mean,
    /// `uniform(1s, 5s)`, `lognormal(3s, 2s)` with mean and standard deviation; `0s` when it is left out.
    #[schemars(example = &"1s", example = &"exponential(2s)")]
    pub(in crate::scenario) think: Option<Placed<ThinkText>>,
    /// Requests of one conversation, from 1 to 1000; 1 when it is left out. Each has all that was said
    /// before in its history; one that fails ends its conversation.
    #[schemars(example = 6)]
    pub(in crate::scenario) turns: Option<Placed<u32>>,
}

/// A step of the number of users.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a step of users")]
pub(in crate::scenario) struct UserStep {
    /// How many there are in this step. Whoever goes waits for its answer first.
    #[schemars(example = 20)]
    pub(in crate::scenario) count: Placed<u32>,
    /// How long it holds; to the run's end when it is left out of the last step, not at all when it is
    /// left out of one that has a `ramp`.
    #[schemars(example = &"30s")]
    #[serde(rename = "for")]
    pub(in crate::scenario) lasts: Option<Placed<DurationText>>,
    /// The time before it in which users come or go, one by one; `0s` when it is left out.
    #[schemars(example = &"10s")]
    pub(in crate::scenario) ramp: Option<Placed<DurationText>>,
}
