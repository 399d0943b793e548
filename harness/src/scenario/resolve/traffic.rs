//! The load.

use std::path::PathBuf;
use std::time::Duration;

use super::super::diagnostic::Diagnostic;
use super::super::place::Placed;
use super::super::plan::{Api, Length, Lengths, Limits, Schedule, Traffic};
use super::super::raw::{self, DurationText, FlagOrText, NumberOrText};
use super::super::units;
use super::{Resolver, Zero};
use crate::clock::Nanos;
use crate::traffic::trace::{self, BadRows, Format, Spread};

const INPUT: Length = Length::Lognormal { mean: 600.0, sd: 400.0 };
const OUTPUT: Length = Length::Fixed(200);

const IN_FLIGHT: u32 = 1_000;
const CONNECT: Duration = Duration::from_secs(2);
const FIRST_TOKEN: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_mins(2);

impl Resolver {
    pub(super) fn traffic(&mut self, raw: &Placed<raw::Traffic>, api: Api, end: Nanos) -> Traffic {
        let schedules = [
            ("trace", raw.trace.as_ref().map(|trace| &trace.span)),
            ("arrivals", raw.arrivals.as_ref().map(|arrivals| &arrivals.span)),
            ("users", raw.users.as_ref().map(|users| &users.span)),
        ];
        self.exactly_one("[traffic]", &raw.span, &schedules, "arrivals = { poisson = \"40/s\" }");
        // Spikes, and what follows in a session, are in no row of it.
        let beside = raw.spikes.is_some() || raw.session.is_some();
        if let (Some(_), false, Some(prompts)) = (&raw.trace, beside, &raw.prompts) {
            self.mistake(
                Diagnostic::new("a `trace` has lengths of its own, so `prompts` would count for nothing")
                    .at(&prompts.span, "take this away")
                    .help("or give `arrivals` instead of `trace`"),
            );
        }
        let lengths = self.lengths(raw.prompts.as_ref());
        Traffic {
            schedule: self.schedule(raw, end),
            spikes: self.spikes(raw, end),
            sessions: self.sessions(raw, api, lengths),
            lengths,
            corpus: self.corpus(raw.prompts.as_ref()),
            rows: self.rows(raw),
            stream: self.stream(raw.stream.as_ref(), api),
            limits: self.limits(raw.limits.as_ref()),
            client: raw.client.as_ref().map(|client| self.client(client)).unwrap_or_default(),
        }
    }

    fn stream(&mut self, raw: Option<&Placed<bool>>, api: Api) -> bool {
        if let Some(stream) = raw.filter(|stream| stream.value && !api.streams()) {
            self.mistake(
                Diagnostic::new(format!("`{api}` answers with no stream"))
                    .at(&stream.span, "this can't be asked for")
                    .help("take `stream` away"),
            );
        }
        raw.map_or(api.streams(), |stream| stream.value)
    }

    fn schedule(&mut self, raw: &raw::Traffic, end: Nanos) -> Schedule {
        if let Some(trace) = &raw.trace {
            let speed = trace.speed.as_ref();
            let speed =
                speed.map_or(1.0, |speed| self.number("speed", speed, "more than 0", |speed| speed > 0.0));
            Schedule::Trace { trace: self.trace(trace), speed }
        } else if let Some(users) = &raw.users {
            self.users(users, end)
        } else {
            let stand_in = Schedule::constant(1.0);
            raw.arrivals.as_ref().map_or(stand_in, |arrivals| self.arrivals(arrivals, end))
        }
    }

    /// The trace whose rows are asked.
    fn rows(&mut self, raw: &raw::Traffic) -> Option<trace::Source> {
        let prompts = raw.prompts.as_ref()?;
        let trace = prompts.trace.as_ref()?;
        let other = [
            (prompts.corpus.is_some(), "the `corpus` says what is asked", "keep one of them"),
            (
                raw.session.is_some(),
                "rows of a trace are requests by themselves, and a `session` has turns",
                "take one of them away",
            ),
            (raw.trace.is_some(), "the `trace` of [traffic] says what is asked", "keep one of them"),
        ];
        for (_, problem, help) in other.into_iter().filter(|(given, ..)| *given) {
            let mistake = Diagnostic::new(problem).at(&trace.span, "and so does this").help(help);
            self.mistake(mistake);
        }
        Some(trace::Source {
            path: self.file("trace", &trace.path, &trace.path.span),
            format: trace.format.map(format),
            bad_rows: bad_rows(trace.bad_rows),
            spread: None,
        })
    }

    fn trace(&mut self, raw: &raw::Trace) -> trace::Source {
        trace::Source {
            path: self.file("trace", &raw.path, &raw.path.span),
            format: raw.format.map(format),
            bad_rows: bad_rows(raw.bad_rows),
            spread: raw.spread.as_ref().and_then(|spread| self.spread(spread)),
        }
    }

    fn spread(&mut self, raw: &Placed<FlagOrText>) -> Option<Spread> {
        match &raw.value {
            FlagOrText::Flag(spread) => spread.then_some(Spread::Found),
            FlagOrText::Text(text) => {
                let by = Placed { value: DurationText(text.clone()), span: raw.span.clone() };
                Some(Spread::By(self.duration("spread", &by, Zero::Refused)))
            }
        }
    }

    fn corpus(&mut self, raw: Option<&Placed<raw::Prompts>>) -> Option<PathBuf> {
        let prompts = raw?;
        let corpus = prompts.corpus.as_ref()?;
        if let Some(input) = &prompts.input {
            self.mistake(
                Diagnostic::new(
                    "a `corpus` has prompts of their own length, so `input` would count for nothing",
                )
                .at(&input.span, "take this away")
                .help("`output` stays: it is the length of answers where the corpus does not say"),
            );
        }
        Some(self.file("corpus", corpus, &corpus.span))
    }

    fn lengths(&mut self, raw: Option<&Placed<raw::Prompts>>) -> Lengths {
        Lengths {
            input: self.length("input", raw.and_then(|prompts| prompts.input.as_ref()), INPUT),
            output: self.length("output", raw.and_then(|prompts| prompts.output.as_ref()), OUTPUT),
        }
    }

    pub(super) fn length(
        &mut self,
        key: &str,
        raw: Option<&Placed<NumberOrText>>,
        default: Length,
    ) -> Length {
        let Some(value) = raw else { return default };
        units::length(value).unwrap_or_else(|wrong| {
            self.wrong(key, &value.span, wrong);
            default
        })
    }

    fn limits(&mut self, raw: Option<&raw::Limits>) -> Limits {
        Limits {
            in_flight: self.count_or("in_flight", raw.and_then(|raw| raw.in_flight.as_ref()), 1, IN_FLIGHT),
            requests: raw
                .and_then(|raw| raw.requests.as_ref())
                .map(|requests| self.count_or("requests", Some(requests), 1, 1).into()),
            connect: self.duration_or(
                "connect",
                raw.and_then(|raw| raw.connect.as_ref()),
                Zero::Refused,
                CONNECT,
            ),
            first_token: self.duration_or(
                "first_token",
                raw.and_then(|raw| raw.first_token.as_ref()),
                Zero::Refused,
                FIRST_TOKEN,
            ),
            idle: self.duration_or("idle", raw.and_then(|raw| raw.idle.as_ref()), Zero::Refused, IDLE),
            total: self.duration_or("total", raw.and_then(|raw| raw.total.as_ref()), Zero::Refused, TOTAL),
        }
    }
}

fn format(raw: raw::TraceFormat) -> Format {
    match raw {
        raw::TraceFormat::Azure => Format::Azure,
        raw::TraceFormat::BurstGpt => Format::BurstGpt,
        raw::TraceFormat::Mooncake => Format::Mooncake,
        raw::TraceFormat::OpenaiBatch => Format::OpenaiBatch,
        raw::TraceFormat::Squall => Format::Squall,
    }
}

fn bad_rows(raw: Option<raw::BadRows>) -> BadRows {
    match raw {
        None | Some(raw::BadRows::Refuse) => BadRows::Refuse,
        Some(raw::BadRows::Skip) => BadRows::Skip,
    }
}
