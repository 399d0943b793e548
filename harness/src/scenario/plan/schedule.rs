//! When requests are sent: the process, the rate over time, spikes on top, and users.

use std::time::Duration;

use serde::Serialize;

use super::{Length, Lengths};
use crate::clock::Nanos;
use crate::traffic::trace;

/// When requests are sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The times and lengths of a recorded trace, this many times as fast.
    Trace {
        /// The trace, its path relative to the working directory or absolute.
        trace: trace::Source,
        /// 2 is twice as fast.
        speed: f64,
    },
    /// Open loop, at a rate.
    Arrivals(Arrivals),
    /// Closed loop: users who each wait for their answer, on goose.
    Users(Users),
}

impl Schedule {
    /// Evenly spaced, requests a second.
    pub fn constant(rate: f64) -> Self {
        Self::Arrivals(Arrivals { process: Process::Constant, rate: Curve::Level(rate) })
    }

    /// A Poisson process, requests a second.
    pub fn poisson(rate: f64) -> Self {
        Self::Arrivals(Arrivals { process: Process::Poisson, rate: Curve::Level(rate) })
    }
}

/// Arrivals at a rate. The rate is also multiplied by each phase's load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arrivals {
    /// How arrivals scatter about the rate.
    pub process: Process,
    /// The rate over the run's time.
    pub rate: Curve,
}

/// How arrivals scatter about their rate: the law of the gaps between them where the rate is level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Process {
    /// Evenly spaced.
    Constant,
    /// Gaps are exponential: a Poisson process.
    Poisson,
    /// Gaps are gamma distributed.
    Gamma {
        /// Their coefficient of variation, standard deviation by mean: 1 is Poisson, more is burstier.
        cv: f64,
    },
}

/// A rate over the run's time, in requests a second, 0 or more.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Curve {
    /// Always the same.
    Level(f64),
    /// Changes evenly, and stays.
    Ramp {
        /// At the run's start.
        from: f64,
        /// At the end of `over`, and from then on.
        to: f64,
        /// How long it takes.
        over: Duration,
    },
    /// One level after the other; at least one. The last stays.
    Steps(Vec<Step>),
    /// A day's rise and fall: a cosine about `mean`.
    Daily {
        /// Over a whole day.
        mean: f64,
        /// How far it rises above and falls below the mean, as a share of it, 0 to 1.
        swing: f64,
        /// The time of day of the peak, since midnight, of 24 hours.
        peak_at: Duration,
        /// The time of day at which the run begins.
        starts_at: Duration,
        /// How long such a day lasts in the run.
        day: Duration,
    },
    /// Two levels between which chance switches; each stay is exponential. With [`Process::Poisson`]
    /// it is a Markov-modulated Poisson process of two states.
    Bursts {
        /// The rate between bursts.
        low: f64,
        /// The rate in a burst.
        high: f64,
        /// The mean time between bursts.
        low_for: Duration,
        /// The mean length of a burst.
        high_for: Duration,
    },
}

/// A level of a rate, and how it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Requests a second.
    pub rate: f64,
    /// The time from the level before (0 before the first) to this one.
    pub ramp: Duration,
    /// How long it then stays; none is to the run's end.
    pub lasts: Option<Duration>,
}

/// Poisson arrivals on top of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spike {
    /// When it begins.
    pub at: Nanos,
    /// How long it lasts.
    pub lasts: Duration,
    /// Requests a second.
    pub rate: f64,
}

/// What each arrival begins, where that is more than a request.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sessions {
    /// Requests one after the other; each has all that was said before in its history.
    pub turns: Turns,
    /// From when all is there that a turn waits for, to the turn.
    pub think: Think,
    /// What each answer but a session's last calls.
    pub tools: Option<Tools>,
    /// What follows each answer but a session's last, all at once; the next turn waits for all of them.
    pub sub_requests: Option<SubRequests>,
}

/// How many turns a session has, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turns {
    /// Always the same.
    Fixed(u32),
    /// Any number between, both included, equally likely.
    Uniform {
        /// The fewest.
        least: u32,
        /// The most.
        most: u32,
    },
    /// After each turn the same chance of being the last.
    Geometric {
        /// Their mean, at least 1.
        mean: f64,
    },
}

/// Tools that an answer calls. They are not run: they take their time and have a result.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tools {
    /// How many at once, at least 1.
    pub calls: u32,
    /// How long each works.
    pub time: Think,
    /// Tokens of each one's result.
    pub result: Length,
}

/// Requests that follow an answer, each with a context of its own: agents at work for the session's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SubRequests {
    /// How many at once, at least 1.
    pub count: u32,
    /// How long their prompts and answers are.
    pub lengths: Lengths,
}

/// Users who each wait for their answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Users {
    /// How many there are over time: one level after the other, at least one. The last stays.
    pub crowd: Vec<Crowd>,
    /// From an answer to the next request.
    pub think: Think,
    /// Turns of a conversation, at least 1; each has all that was said before in its history.
    pub turns: u32,
}

/// A number of users, and how it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Crowd {
    /// How many.
    pub count: u32,
    /// The time from the number before (0 before the first) to this one: users come or go one by one.
    pub ramp: Duration,
    /// How long it then stays; none is to the run's end.
    pub lasts: Option<Duration>,
}

/// From an answer to the next request of its user.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Think {
    /// Always the same.
    Fixed(Duration),
    /// Exponential, with this mean.
    Exponential(Duration),
    /// Anything between, equally likely.
    Uniform {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// Log-normal with this mean and standard deviation.
    Lognormal {
        /// Mean, more than 0.
        mean: Duration,
        /// Standard deviation.
        sd: Duration,
    },
}

impl Think {
    /// Its mean.
    pub fn mean(self) -> Duration {
        match self {
            Self::Fixed(mean) | Self::Exponential(mean) | Self::Lognormal { mean, .. } => mean,
            Self::Uniform { least, most } => (least + most) / 2,
        }
    }
}
