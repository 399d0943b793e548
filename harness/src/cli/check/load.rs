//! The load in words.

use std::fmt::Write as _;
use std::time::Duration;

use squall::scenario::plan::{
    Arrivals, Crowd, Curve, Length, Plan, Process, Schedule, Sessions, Step, SubRequests, Think, Tools,
    Traffic, Turns, Users,
};
use squall::traffic::trace::{self, BadRows, Spread};

use super::{duration, moment, percent};

pub(super) fn load(plan: &Plan) -> String {
    let traffic = &plan.traffic;
    let stream = if traffic.stream { "streams" } else { "no streams" };
    let limits = traffic.limits;
    let requests =
        limits.requests.map_or_else(String::new, |requests| format!(", {requests} requests in all"));
    format!(
        "{}{}{}; {stream}, at most {} in flight{requests}",
        schedule(traffic),
        spikes(traffic),
        traffic.sessions.map_or_else(String::new, |plan| sessions(plan, traffic)),
        limits.in_flight
    )
}

fn schedule(traffic: &Traffic) -> String {
    match &traffic.schedule {
        Schedule::Trace { trace, speed } => {
            format!("trace {}, {speed} times as fast{}", trace.path.display(), reading(trace))
        }
        Schedule::Arrivals(arrivals) => format!("{}, {}", described(arrivals), asked(traffic)),
        Schedule::Users(users) => format!("{}, {}", crowd(users), asked(traffic)),
    }
}

/// What is asked, where the schedule does not say.
fn asked(traffic: &Traffic) -> String {
    let (input, output) = (length(traffic.lengths.input), length(traffic.lengths.output));
    match (&traffic.rows, &traffic.corpus) {
        (Some(trace), _) => format!("asking what {} says{}", trace.path.display(), reading(trace)),
        // Its texts are as long as they are.
        (None, Some(corpus)) => format!("asking what {} says, {output} out", corpus.display()),
        (None, None) => format!("{input} tokens in, {output} out"),
    }
}

/// How a trace is read, where that is not as it is.
fn reading(trace: &trace::Source) -> String {
    let spread = match trace.spread {
        None => String::new(),
        Some(Spread::Found) => ", its times spread by their rounding".into(),
        Some(Spread::By(by)) => format!(", its times spread by {}", duration(by)),
    };
    let bad_rows = match trace.bad_rows {
        BadRows::Refuse => "",
        BadRows::Skip => ", bad rows skipped",
    };
    spread + bad_rows
}

fn length(length: Length) -> String {
    match length {
        Length::Fixed(tokens) => tokens.to_string(),
        Length::Lognormal { mean, sd } => format!("{mean} ± {sd}"),
    }
}

/// `40/s Poisson`.
fn described(arrivals: &Arrivals) -> String {
    let process = match arrivals.process {
        Process::Constant => "evenly".into(),
        Process::Poisson => "Poisson".into(),
        Process::Gamma { cv } => format!("gamma, CV {cv}"),
    };
    match &arrivals.rate {
        Curve::Level(level) => format!("{} {process}", rate(*level)),
        Curve::Ramp { from, to, over } => {
            format!("from {} to {} over {}, {process}", rate(*from), rate(*to), duration(*over))
        }
        Curve::Steps(steps) => {
            let steps = steps.iter().map(|Step { rate: to, ramp, lasts }| step(&rate(*to), *ramp, *lasts));
            format!("{}, {process}", steps.collect::<Vec<_>>().join(", then "))
        }
        Curve::Daily { mean, swing, peak_at, starts_at, day } => format!(
            "daily curve, {} ± {} with its peak at {}, a day lasts {} and begins at {}, {process}",
            rate(*mean),
            percent(*swing),
            clock(*peak_at),
            duration(*day),
            clock(*starts_at)
        ),
        Curve::Bursts { low, high, low_for, high_for } => format!(
            "bursts of {} for about {}, between them {} for about {}",
            rate(*high),
            duration(*high_for),
            rate(*low),
            duration(*low_for)
        ),
    }
}

fn step(level: &str, ramp: Duration, lasts: Option<Duration>) -> String {
    let mut text =
        if ramp.is_zero() { level.to_owned() } else { format!("over {} to {level}", duration(ramp)) };
    if let Some(lasts) = lasts.filter(|lasts| !lasts.is_zero()) {
        let _ = write!(text, " for {}", duration(lasts));
    }
    text
}

fn crowd(users: &Users) -> String {
    let steps =
        users.crowd.iter().map(|Crowd { count, ramp, lasts }| step(&count.to_string(), *ramp, *lasts));
    let steps = steps.collect::<Vec<_>>().join(", then ");
    let think = match users.think {
        Think::Fixed(think) if think.is_zero() => "do not think".into(),
        think => format!("think for {}", time(think)),
    };
    let talk = match users.turns {
        1 => String::new(),
        turns => format!(" and talk for {turns} turns"),
    };
    format!("{steps} users who {think}{talk}")
}

/// A time that may be drawn.
fn time(think: Think) -> String {
    match think {
        Think::Fixed(time) => duration(time),
        Think::Exponential(mean) => format!("{} on average (exponential)", duration(mean)),
        Think::Uniform { least, most } => format!("{} to {}", duration(least), duration(most)),
        Think::Lognormal { mean, sd } => format!("{} ± {}", duration(mean), duration(sd)),
    }
}

/// What each arrival begins.
fn sessions(Sessions { turns, think, tools, sub_requests }: Sessions, traffic: &Traffic) -> String {
    let of_trace = matches!(traffic.schedule, Schedule::Trace { .. });
    let each = if of_trace { "each row" } else { "each" };
    let follows = of_trace && turns != Turns::Fixed(1);
    let turns = match turns {
        Turns::Fixed(1) => "1 turn".into(),
        Turns::Fixed(turns) => format!("{turns} turns"),
        Turns::Uniform { least, most } => format!("{least} to {most} turns"),
        Turns::Geometric { mean } => format!("{mean} turns on average (geometric)"),
    };
    let mut text = format!("; {each} begins a session of {turns}");
    if think != Think::Fixed(Duration::ZERO) {
        let _ = write!(text, " with {} to think between them", time(think));
    }
    if let Some(Tools { calls, time: works, result }) = tools {
        let works = if works == Think::Fixed(Duration::ZERO) {
            "take no time".into()
        } else {
            format!("work for {}", time(works))
        };
        let _ = write!(
            text,
            ", whose answers call {calls} tools that {works} and give {} tokens",
            length(result)
        );
    }
    if let Some(SubRequests { count, lengths }) = sub_requests {
        let (input, output) = (length(lengths.input), length(lengths.output));
        let _ =
            write!(text, ", and each is followed by {count} sub-requests, {input} tokens in, {output} out");
    }
    if follows {
        let _ = write!(text, "; turns after the first: {}", asked(traffic));
    }
    text
}

fn spikes(traffic: &Traffic) -> String {
    traffic.spikes.iter().fold(String::new(), |mut text, spike| {
        let (more, at) = (rate(spike.rate), moment(spike.at));
        let _ = write!(text, "; {more} more at {at} for {}", duration(spike.lasts));
        text
    })
}

/// Without the noise of binary fractions: `90/m` is 1.5/s.
fn rate(rate: f64) -> String {
    let text = format!("{rate:.3}");
    format!("{}/s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `14:30`.
fn clock(since_midnight: Duration) -> String {
    let minutes = since_midnight.as_secs() / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}
