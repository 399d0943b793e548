//! From what was typed to what it means: the only place that validates a scenario.
//!
//! A mistake does not end the resolving: it is written down, a stand-in takes the value's place, and
//! the rest is read, so that one look shows all mistakes. Invariant: a plan leaves this file only
//! when nothing was written down, so no stand-in is ever run.

mod access;
mod client;
mod faults;
mod fleet;
mod objectives;
mod schedule;
mod sessions;
mod traffic;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::lines::Lines;
use super::place::{Placed, Span};
use super::plan::{Arm, Phase, Plan};
use super::raw::{self, DurationText, NumberOrText};
use super::suggest::{list, nearest};
use super::units::{self, Wrong};
use crate::clock::Nanos;

/// Phases together; longer is a typing error, and nanoseconds would run out in the end.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Takes the place of a duration that is a mistake; long, so that what lies in a phase still does.
const STAND_IN: Duration = Duration::from_hours(24);

/// The plan of `raw`, or every mistake in it.
pub(super) fn plan(
    raw: &raw::Scenario,
    path: &Path,
    seed: Option<u64>,
    lines: Lines,
) -> Result<Plan, Vec<Diagnostic>> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut resolver = Resolver { folder, mistakes: Vec::new() };
    resolver.version(raw);
    let name = resolver.text("the scenario's `name`", &raw.name);
    let nodes = resolver.nodes(&raw.node);
    let target = resolver.target(&raw.target, &nodes);
    let mut phases = resolver.phases(&raw.phase);
    resolver.loads(&raw.phase, &raw.traffic, &mut phases);
    let end = phases.last().map_or(Nanos::ZERO, Phase::end);
    let traffic = resolver.traffic(&raw.traffic, target.api, end);
    let faults = resolver.faults(&raw.phase, &phases, &nodes);
    let slos = resolver.slos(&raw.slo, &phases);
    let failover = raw.failover.as_ref().map(|bounds| resolver.failover(bounds));
    let arms = resolver.arms(raw.arms.as_ref());
    if !resolver.mistakes.is_empty() {
        return Err(resolver.mistakes);
    }
    Ok(Plan {
        name,
        seed: seed.or(raw.seed).unwrap_or(0),
        path: path.to_owned(),
        target,
        nodes,
        traffic,
        phases,
        faults,
        slos,
        failover,
        arms,
        lines,
    })
}

struct Resolver {
    /// The scenario's folder: paths are relative to it.
    folder: PathBuf,
    mistakes: Vec<Diagnostic>,
}

/// Is zero a duration here?
#[derive(Clone, Copy, PartialEq)]
enum Zero {
    Allowed,
    Refused,
}

impl Resolver {
    fn mistake(&mut self, mistake: Diagnostic) {
        self.mistakes.push(mistake);
    }

    /// A value of `key` that a reader of [`units`] refused.
    fn wrong(&mut self, key: &str, span: &Span, wrong: Wrong) {
        let diagnostic = Diagnostic::new(format!("`{key}` can't be understood")).at(span, wrong.label);
        self.mistake(wrong.help.into_iter().fold(diagnostic, Diagnostic::help));
    }

    fn version(&mut self, raw: &raw::Scenario) {
        if raw.schema.value != 1 {
            self.mistake(
                Diagnostic::new(format!(
                    "this Squall does not know version {} of the format",
                    raw.schema.value
                ))
                .at(&raw.schema.span, "expected 1")
                .help("write `schema = 1`, or take a Squall that is newer"),
            );
        }
    }

    /// A text that says something, in one line.
    fn text(&mut self, what: &str, text: &Placed<String>) -> String {
        if text.trim().is_empty() {
            self.mistake(Diagnostic::new(format!("{what} is empty")).at(&text.span, "expected a name"));
        } else if text.chars().any(char::is_control) {
            self.mistake(
                Diagnostic::new(format!("{what} is shown in one line"))
                    .at(&text.span, "this has a line end or a control character"),
            );
        }
        text.value.clone()
    }

    fn duration(&mut self, key: &str, text: &Placed<DurationText>, zero: Zero) -> Duration {
        match units::duration(&text.0) {
            Ok(duration) if duration.is_zero() && zero == Zero::Refused => {
                self.mistake(
                    Diagnostic::new(format!("`{key}` must be more than 0"))
                        .at(&text.span, "this is no time at all"),
                );
            }
            Ok(duration) if duration > LONGEST => {
                self.mistake(
                    Diagnostic::new(format!("`{key}` is longer than a year"))
                        .at(&text.span, "this can't be meant"),
                );
            }
            Ok(duration) => return duration,
            Err(wrong) => self.wrong(key, &text.span, wrong),
        }
        STAND_IN
    }

    fn duration_or(
        &mut self,
        key: &str,
        text: Option<&Placed<DurationText>>,
        zero: Zero,
        default: Duration,
    ) -> Duration {
        text.map_or(default, |text| self.duration(key, text, zero))
    }

    fn share(&mut self, key: &str, value: &Placed<NumberOrText>) -> f64 {
        units::share(value).unwrap_or_else(|wrong| {
            self.wrong(key, &value.span, wrong);
            1.0
        })
    }

    /// A number of things, from `least` on.
    fn count_or(&mut self, key: &str, count: Option<&Placed<u32>>, least: u32, default: u32) -> u32 {
        let Some(count) = count else { return default };
        if count.value < least {
            self.mistake(
                Diagnostic::new(format!("`{key}` must be {least} or more"))
                    .at(&count.span, format!("expected {least} or more")),
            );
        }
        count.value
    }

    /// A number that `holds`, described by `expected`.
    fn number(
        &mut self,
        key: &str,
        number: &Placed<f64>,
        expected: &str,
        holds: impl Fn(f64) -> bool,
    ) -> f64 {
        if !(number.is_finite() && holds(number.value)) {
            self.mistake(
                Diagnostic::new(format!("`{key}` must be {expected}"))
                    .at(&number.span, format!("expected {expected}")),
            );
        }
        number.value
    }

    /// Exactly one of `given` is there. `example` is the one to offer when none is.
    fn exactly_one(
        &mut self,
        table: &str,
        span: &Span,
        given: &[(&str, Option<&Span>)],
        example: &str,
    ) -> bool {
        let names = || given.iter().map(|(name, _)| *name);
        let here: Vec<_> = given.iter().filter_map(|(name, span)| Some((*name, (*span)?))).collect();
        match here.as_slice() {
            [_] => return true,
            [] => self.mistake(
                Diagnostic::new(format!("{table} lacks one of {}", list(names(), "and")))
                    .at(span, format!("exactly one of {} belongs here", list(names(), "and")))
                    .help(format!("add, for example, `{example}`")),
            ),
            [(_, first), rest @ ..] => {
                let named = list(here.iter().map(|(name, _)| *name), "and");
                let title = format!("{table} has {named}, but only one of them counts");
                let diagnostic = rest
                    .iter()
                    .fold(Diagnostic::new(title).at(first, "keep this one"), |diagnostic, (_, span)| {
                        diagnostic.at(span, "or this one")
                    });
                self.mistake(diagnostic.help(format!("keep one of {}", list(names(), "and"))));
            }
        }
        false
    }

    /// No two of `names` are the same.
    fn unique<'a>(&mut self, what: &str, names: impl IntoIterator<Item = &'a Placed<String>>) {
        let mut seen: Vec<&Placed<String>> = Vec::new();
        for name in names {
            match seen.iter().find(|earlier| earlier.value == name.value) {
                Some(earlier) => self.mistake(
                    Diagnostic::new(format!("two {what} are called `{}`", name.value))
                        .at(&name.span, "taken already")
                        .at(&earlier.span, "first given here")
                        .help("give each a name of its own"),
                ),
                None => seen.push(name),
            }
        }
    }

    /// The place of `name` among `known`.
    fn find(&mut self, what: &str, name: &str, span: &Span, known: &[&str]) -> Option<usize> {
        let found = known.iter().position(|candidate| *candidate == name);
        if found.is_none() {
            let label = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("no such {what}"),
            };
            let help = match known {
                [] => format!("the scenario has no {what}"),
                _ => format!("{what}s: {}", list(known.iter().copied(), "and")),
            };
            self.mistake(Diagnostic::new(format!("no {what} is called `{name}`")).at(span, label).help(help));
        }
        found
    }

    /// The file at `path`, relative to the scenario's folder; it must exist.
    fn file(&mut self, what: &str, path: &str, span: &Span) -> PathBuf {
        let full = self.folder.join(path);
        let problem = match full.metadata() {
            Ok(found) if found.is_file() => return full,
            Ok(_) => "this is not a file".to_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "no such file".to_owned(),
            Err(error) => error.to_string(),
        };
        let title = format!("the {what} {} can't be read", full.display());
        self.mistake(
            Diagnostic::new(title).at(span, problem).help("paths are relative to the scenario's file"),
        );
        full
    }

    /// Control comes first, whatever the order in which they are named: the storm may leave traces.
    fn arms(&mut self, raw: Option<&Placed<Vec<raw::Arm>>>) -> Vec<Arm> {
        let Some(raw) = raw else { return vec![Arm::Storm] };
        let asked = |arm| raw.value.iter().filter(|asked| **asked == arm).count();
        let (control, storm) = (asked(raw::Arm::Control), asked(raw::Arm::Storm));
        if control + storm == 0 || control > 1 || storm > 1 {
            self.mistake(
                Diagnostic::new("`arms` names each part of the experiment once")
                    .at(&raw.span, "expected `control`, `storm`, or both")
                    .help("write `arms = [\"control\", \"storm\"]`"),
            );
        }
        Arm::ALL.into_iter().filter(|arm| [control, storm][usize::from(*arm == Arm::Storm)] > 0).collect()
    }

    fn phases(&mut self, raw: &[Placed<raw::Phase>]) -> Vec<Phase> {
        if raw.is_empty() {
            self.mistake(
                Diagnostic::new("the scenario has no phase, so it has no length")
                    .help("add `[[phase]]` with `name = \"steady\"` and `duration = \"20s\"`"),
            );
        }
        self.unique("phases", raw.iter().map(|phase| &phase.name));
        let mut start = Nanos::ZERO;
        let mut phases = Vec::with_capacity(raw.len());
        for phase in raw {
            let name = self.text("a phase's `name`", &phase.name);
            let duration = self.duration("duration", &phase.duration, Zero::Refused);
            let resolved = Phase { name, warmup: phase.warmup, load: 1.0, start, duration };
            start = resolved.end();
            if start > Nanos::from(LONGEST) {
                self.mistake(
                    Diagnostic::new("the phases together are longer than a year")
                        .at(&phase.duration.span, "with this one"),
                );
            }
            phases.push(resolved);
        }
        phases
    }
}

/// A duration as it is typed: `1m 30s`.
fn typed(duration: Duration) -> impl Display {
    humantime::format_duration(duration)
}
