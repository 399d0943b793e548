//! When requests are sent: arrivals, spikes, users.

use std::time::Duration;

use super::super::diagnostic::Diagnostic;
use super::super::either::TextOr;
use super::super::place::{Placed, Span};
use super::super::plan::{Arrivals, Crowd, Curve, Phase, Process, Schedule, Spike, Step, Think, Users};
use super::super::raw::{self, DurationText, RateText};
use super::super::units;
use super::{Resolver, Zero, typed};
use crate::clock::Nanos;
use crate::traffic::MOST_TURNS;

/// Gaps that vary more are one burst and then nothing.
const LARGEST_CV: f64 = 20.0;
/// Shorter stays would be switched more often than anything arrives.
const SHORTEST_STAY: Duration = Duration::from_millis(1);
/// A day in which nobody can see it rise and fall.
const SHORTEST_DAY: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
/// As many users are a typing error: each is a task and a connection.
const MOST_USERS: u32 = 1_000_000;

/// A step's place, its `ramp` and its `for`.
type StepTimes<'a> = (&'a Span, Option<&'a Placed<DurationText>>, Option<&'a Placed<DurationText>>);

impl Resolver {
    pub(super) fn arrivals(&mut self, raw: &Placed<raw::Arrivals>, end: Nanos) -> Schedule {
        let kinds = [
            ("poisson", raw.poisson.as_ref().map(|rate| &rate.span)),
            ("constant", raw.constant.as_ref().map(|rate| &rate.span)),
            ("gamma", raw.gamma.as_ref().map(|rate| &rate.span)),
            ("bursts", raw.bursts.as_ref().map(|bursts| &bursts.span)),
        ];
        self.exactly_one("arrivals", &raw.span, &kinds, "poisson = \"40/s\"");
        let process = self.process(raw);
        let rate = match (&raw.poisson, &raw.constant, &raw.gamma, &raw.bursts) {
            (Some(rate), ..) => self.curve("poisson", rate, end),
            (_, Some(rate), ..) => self.curve("constant", rate, end),
            (_, _, Some(rate), _) => self.curve("gamma", rate, end),
            (.., Some(bursts)) => self.bursts(bursts),
            (None, None, None, None) => Curve::Level(1.0),
        };
        Schedule::Arrivals(Arrivals { process, rate })
    }

    fn process(&mut self, raw: &raw::Arrivals) -> Process {
        match (&raw.gamma, &raw.cv) {
            (Some(_), Some(cv)) => {
                let expected = format!("more than 0 and at most {LARGEST_CV}");
                Process::Gamma { cv: self.number("cv", cv, &expected, |cv| cv > 0.0 && cv <= LARGEST_CV) }
            }
            (Some(gamma), None) => {
                self.mistake(
                    Diagnostic::new("`gamma` arrivals need `cv`: how much the gaps between them vary")
                        .at(&gamma.span, "`cv` is missing beside this")
                        .help("add, for example, `cv = 3.0`; 1 is Poisson, more comes in clusters"),
                );
                Process::Poisson
            }
            (None, Some(cv)) => {
                self.mistake(
                    Diagnostic::new("`cv` says how `gamma` arrivals vary, and these are not")
                        .at(&cv.span, "this would count for nothing")
                        .help("take it away, or write `gamma = \"40/s\"`"),
                );
                Process::Poisson
            }
            (None, None) if raw.constant.is_some() => Process::Constant,
            (None, None) => Process::Poisson,
        }
    }

    fn curve(&mut self, key: &str, raw: &Placed<raw::Rate>, end: Nanos) -> Curve {
        let table = match &raw.value {
            TextOr::Text(rate) => return Curve::Level(self.rate(key, &rate.0, &raw.span)),
            TextOr::Table(table) => table,
        };
        let ramp = [
            table.from.as_ref().map(|from| &from.span),
            table.to.as_ref().map(|to| &to.span),
            table.over.as_ref().map(|over| &over.span),
        ];
        let kinds = [
            ("from", ramp.into_iter().flatten().next()),
            ("steps", table.steps.as_ref().map(|steps| &steps.span)),
            ("daily", table.daily.as_ref().map(|daily| &daily.span)),
        ];
        let example = "from = \"5/s\", to = \"60/s\", over = \"5m\"";
        self.exactly_one(&format!("`{key}`"), &raw.span, &kinds, example);
        if let Some(steps) = &table.steps {
            Curve::Steps(self.rate_steps(steps, end))
        } else if let Some(daily) = &table.daily {
            self.daily(daily)
        } else if let (Some(from), Some(to), Some(over)) = (&table.from, &table.to, &table.over) {
            let curve = Curve::Ramp {
                from: self.rate_or_silence("from", from),
                to: self.rate_or_silence("to", to),
                over: self.duration("over", over, Zero::Refused),
            };
            if matches!(curve, Curve::Ramp { from, to, .. } if from <= 0.0 && to <= 0.0) {
                self.silent(&raw.span);
            }
            curve
        } else {
            if ramp.iter().any(Option::is_some) {
                self.mistake(
                    Diagnostic::new("a ramp has `from`, `to` and `over`")
                        .at(&raw.span, "not all of them are here")
                        .help(format!("write, for example, `{example}`")),
                );
            }
            Curve::Level(1.0)
        }
    }

    fn silent(&mut self, span: &Span) {
        self.mistake(
            Diagnostic::new("nothing would ever arrive")
                .at(span, "the rate is always 0")
                .help("give a rate that is more than 0 at some time"),
        );
    }

    fn rate_steps(&mut self, raw: &Placed<Vec<Placed<raw::RateStep>>>, end: Nanos) -> Vec<Step> {
        let times: Vec<_> =
            raw.iter().map(|step| (&step.span, step.ramp.as_ref(), step.lasts.as_ref())).collect();
        let times = self.step_times(&raw.span, &times, end);
        let steps: Vec<Step> = raw
            .iter()
            .zip(times)
            .map(|(step, (ramp, lasts))| Step { rate: self.rate_or_silence("rate", &step.rate), ramp, lasts })
            .collect();
        if !steps.is_empty() && steps.iter().all(|step| step.rate <= 0.0) {
            self.silent(&raw.span);
        }
        steps
    }

    /// How each step is reached, and how long it lasts. Each must begin before the run ends.
    fn step_times(
        &mut self,
        list: &Span,
        raw: &[StepTimes<'_>],
        end: Nanos,
    ) -> Vec<(Duration, Option<Duration>)> {
        if raw.is_empty() {
            self.mistake(
                Diagnostic::new("`steps` has no step").at(list, "the list is empty").help("add at least one"),
            );
        }
        let mut begins = Nanos::ZERO;
        let mut times = Vec::with_capacity(raw.len());
        let known = self.mistakes.len();
        for (index, (span, ramp, lasts)) in raw.iter().enumerate() {
            // After a mistake `begins` is a stand-in's.
            if begins >= end && end > Nanos::ZERO && self.mistakes.len() == known {
                self.mistake(
                    Diagnostic::new("this step would begin after the run has ended")
                        .at(span, format!("the run lasts {}", typed(Duration::from_nanos(end.0))))
                        .help("shorten the steps before it, lengthen the phases, or take it away"),
                );
            }
            let ramp = self.duration_or("ramp", *ramp, Zero::Allowed, Duration::ZERO);
            let lasts = match lasts {
                Some(lasts) => Some(self.duration("for", lasts, Zero::Refused)),
                None if index + 1 == raw.len() => None,
                None if ramp.is_zero() => {
                    self.mistake(
                        Diagnostic::new("only the last step lasts to the run's end")
                            .at(span, "`for` is missing here")
                            .help("add, for example, `for = \"30s\"`"),
                    );
                    None
                }
                None => Some(Duration::ZERO),
            };
            begins = begins + ramp + lasts.unwrap_or(Duration::ZERO);
            times.push((ramp, lasts));
        }
        times
    }

    fn daily(&mut self, raw: &raw::Daily) -> Curve {
        let day = self.duration_or("day", raw.day.as_ref(), Zero::Refused, DAY);
        if let Some(text) = raw.day.as_ref().filter(|_| day < SHORTEST_DAY) {
            self.too_short("day", &text.span, SHORTEST_DAY);
        }
        Curve::Daily {
            mean: self.rate("mean", &raw.mean.0, &raw.mean.span),
            swing: self.share("swing", &raw.swing),
            peak_at: self.time_of_day("peak_at", &raw.peak_at),
            starts_at: raw
                .starts_at
                .as_ref()
                .map_or(Duration::ZERO, |starts_at| self.time_of_day("starts_at", starts_at)),
            day,
        }
    }

    fn bursts(&mut self, raw: &Placed<raw::Bursts>) -> Curve {
        let low = self.rate_or_silence("low", &raw.low);
        let high = self.rate("high", &raw.high.0, &raw.high.span);
        if low > high {
            self.mistake(
                Diagnostic::new("a burst's rate is the higher one")
                    .at(&raw.low.span, "`low` is more than `high`")
                    .at(&raw.high.span, "`high`")
                    .help("exchange them, and `low_for` and `high_for` too"),
            );
        }
        let mut stay = |key, text: &Placed<DurationText>| {
            let stay = self.duration(key, text, Zero::Refused);
            if stay < SHORTEST_STAY {
                self.too_short(key, &text.span, SHORTEST_STAY);
            }
            stay
        };
        let (low_for, high_for) = (stay("low_for", &raw.low_for), stay("high_for", &raw.high_for));
        Curve::Bursts { low, high, low_for, high_for }
    }

    fn too_short(&mut self, key: &str, span: &Span, least: Duration) {
        self.mistake(
            Diagnostic::new(format!("`{key}` must be {} or more", typed(least)))
                .at(span, "this is too short to be seen"),
        );
    }

    pub(super) fn spikes(&mut self, raw: &raw::Traffic, end: Nanos) -> Vec<Spike> {
        let Some(spikes) = &raw.spikes else { return Vec::new() };
        if raw.users.is_some() {
            self.mistake(
                Diagnostic::new("`spikes` come on top of a `trace` or of `arrivals`, not of `users`")
                    .at(&spikes.span, "users send when they have their answer")
                    .help("let more of them come for a time: `users = { steps = [{ count = 10, for = \"30s\" }, …] }`"),
            );
        }
        spikes.iter().map(|spike| self.spike(spike, end)).collect()
    }

    fn spike(&mut self, raw: &raw::Spike, end: Nanos) -> Spike {
        let at = Nanos::from(self.duration("at", &raw.at, Zero::Allowed));
        let known = units::duration(&raw.at.0).is_ok();
        if known && at >= end && end > Nanos::ZERO {
            self.mistake(
                Diagnostic::new("the spike would begin after the run has ended")
                    .at(&raw.at.span, format!("the run lasts {}", typed(Duration::from_nanos(end.0))))
                    .help("`at` counts from the run's start; choose a smaller one, or lengthen the phases"),
            );
        }
        Spike {
            at,
            lasts: self.duration("for", &raw.lasts, Zero::Refused),
            rate: self.rate("rate", &raw.rate.0, &raw.rate.span),
        }
    }

    pub(super) fn users(&mut self, raw: &Placed<raw::Users>, end: Nanos) -> Schedule {
        let kinds = [
            ("count", raw.count.as_ref().map(|count| &count.span)),
            ("steps", raw.steps.as_ref().map(|steps| &steps.span)),
        ];
        self.exactly_one("users", &raw.span, &kinds, "count = 20");
        if let (Some(_), Some(ramp)) = (&raw.steps, &raw.ramp) {
            self.mistake(
                Diagnostic::new("each of the `steps` has a `ramp` of its own")
                    .at(&ramp.span, "this would count for nothing")
                    .help("write it into the step: `{ count = 20, ramp = \"10s\", for = \"30s\" }`"),
            );
        }
        let crowd = match &raw.steps {
            Some(steps) => self.user_steps(steps, end),
            None => vec![Crowd {
                count: raw.count.as_ref().map_or(1, |count| self.user_count(count, 1)),
                ramp: self.duration_or("ramp", raw.ramp.as_ref(), Zero::Allowed, Duration::ZERO),
                lasts: None,
            }],
        };
        Schedule::Users(Users {
            crowd,
            think: self.think("think", raw.think.as_ref()),
            turns: self.turns(raw.turns.as_ref()),
        })
    }

    fn user_steps(&mut self, raw: &Placed<Vec<Placed<raw::UserStep>>>, end: Nanos) -> Vec<Crowd> {
        let times: Vec<_> =
            raw.iter().map(|step| (&step.span, step.ramp.as_ref(), step.lasts.as_ref())).collect();
        let times = self.step_times(&raw.span, &times, end);
        if !raw.is_empty() && raw.iter().all(|step| step.count.value == 0) {
            self.mistake(
                Diagnostic::new("there would never be a user")
                    .at(&raw.span, "every `count` is 0")
                    .help("give one that is 1 or more"),
            );
        }
        raw.iter()
            .zip(times)
            .map(|(step, (ramp, lasts))| Crowd { count: self.user_count(&step.count, 0), ramp, lasts })
            .collect()
    }

    fn user_count(&mut self, count: &Placed<u32>, least: u32) -> u32 {
        let users = self.count_or("count", Some(count), least, least);
        if users > MOST_USERS {
            self.mistake(
                Diagnostic::new(format!("`count` must be {MOST_USERS} or less"))
                    .at(&count.span, "this can't be meant"),
            );
        }
        users
    }

    fn turns(&mut self, turns: Option<&Placed<u32>>) -> u32 {
        if let Some(turns) = turns.filter(|turns| turns.value > MOST_TURNS) {
            self.mistake(
                Diagnostic::new(format!("`turns` must be {MOST_TURNS} or less"))
                    .at(&turns.span, "every turn sends all that was said before"),
            );
        }
        self.count_or("turns", turns, 1, 1)
    }

    pub(super) fn think(&mut self, key: &str, raw: Option<&Placed<raw::ThinkText>>) -> Think {
        let Some(text) = raw else { return Think::Fixed(Duration::ZERO) };
        units::think(&text.0).unwrap_or_else(|wrong| {
            self.wrong(key, &text.span, wrong);
            Think::Fixed(Duration::ZERO)
        })
    }

    /// What each phase does to the rate of arrivals.
    pub(super) fn loads(&mut self, raw: &[Placed<raw::Phase>], traffic: &raw::Traffic, phases: &mut [Phase]) {
        for (raw, phase) in raw.iter().zip(phases) {
            let Some(load) = &raw.load else { continue };
            phase.load = self.number("load", load, "from 0 to 1000", |load| (0.0..=1_000.0).contains(&load));
            if traffic.arrivals.is_none() {
                let help = if traffic.users.is_some() {
                    "change the number of users instead: `users = { steps = [{ count = 10, for = \"30s\" }, …] }`"
                } else {
                    "add `spikes` to the trace, or change its `speed`"
                };
                self.mistake(
                    Diagnostic::new("`load` multiplies the rate of `arrivals`, and [traffic] has none")
                        .at(&load.span, "this would count for nothing")
                        .help(help),
                );
            }
        }
    }

    fn rate(&mut self, key: &str, text: &str, span: &Span) -> f64 {
        units::rate(text).unwrap_or_else(|wrong| {
            self.wrong(key, span, wrong);
            1.0
        })
    }

    fn rate_or_silence(&mut self, key: &str, text: &Placed<RateText>) -> f64 {
        units::rate_or_silence(&text.0).unwrap_or_else(|wrong| {
            self.wrong(key, &text.span, wrong);
            1.0
        })
    }

    fn time_of_day(&mut self, key: &str, text: &Placed<raw::ClockText>) -> Duration {
        units::time_of_day(&text.0).unwrap_or_else(|wrong| {
            self.wrong(key, &text.span, wrong);
            Duration::ZERO
        })
    }
}
