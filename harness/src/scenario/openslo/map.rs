//! From what an OpenSLO file says to objectives.

use std::collections::HashMap;

use super::super::diagnostic::Diagnostic;
use super::super::place::{Placed, Span};
use super::super::plan;
use super::super::units;
use super::Choices;
use super::raw::{File, Indicator, Objective, Signal, Sli, Slo};
use super::signal::{Query, Subject, Unit};
use super::table::Reader;

/// An objective of a scenario, and the byte of the file that it comes from.
pub(super) struct Mapped {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) at: usize,
    /// The window of its error budget.
    pub(super) budget: Option<String>,
    /// A time window that it can't have a budget for.
    pub(super) left_out: Option<Span>,
}

/// What an objective is about.
struct Measured<'a> {
    subject: Subject,
    signal: &'a Signal,
    unit: Option<Unit>,
}

/// The objectives of all SLOs; what can't be mapped is the reader's.
pub(super) fn slos(file: &File, choices: &Choices, reader: &Reader<'_>) -> Vec<Mapped> {
    let mut named: HashMap<&str, &Sli> = HashMap::new();
    for sli in &file.slis {
        let Some(metadata) = &sli.metadata else { continue };
        if named.insert(&metadata.name, sli).is_some() {
            let title = format!("two SLIs are called `{}`", metadata.name.value);
            reader.mistake(Diagnostic::new(title).at(&metadata.name.span, "taken already"));
        }
    }
    if file.slos.is_empty() {
        let title = "the file has no SLO";
        reader.mistake(Diagnostic::new(title).help("an SLO is an object with `kind: SLO`"));
    }
    let mut mapped: Vec<Mapped> = Vec::new();
    for slo in &file.slos {
        for mut objective in of_slo(slo, &named, choices, reader) {
            objective.name = free_name(objective.name, &mapped);
            mapped.push(objective);
        }
    }
    mapped
}

/// A scenario's SLOs have names of their own; an OpenSLO file's display names need not.
fn free_name(name: String, mapped: &[Mapped]) -> String {
    let free = |name: &String| mapped.iter().all(|other| other.name != *name);
    let numbered = (2..=mapped.len() + 1).map(|number| format!("{name} ({number})"));
    [name.clone()].into_iter().chain(numbered).find(free).unwrap_or(name)
}

fn of_slo(slo: &Slo, named: &HashMap<&str, &Sli>, choices: &Choices, reader: &Reader<'_>) -> Vec<Mapped> {
    if let Some(mistake) = slo.method.as_ref().and_then(wrong_method) {
        reader.mistake(mistake);
        return Vec::new();
    }
    let sli = match &slo.indicator {
        None => return Vec::new(),
        Some(Indicator::Inline(sli)) => sli,
        Some(Indicator::Named(name)) => {
            let Some(sli) = named.get(name.as_str()) else {
                let title = format!("no SLI `{}` in this file", name.value);
                reader.mistake(
                    Diagnostic::new(title)
                        .at(&name.span, "named here")
                        .help("put the SLI into the same file, after a line `---`"),
                );
                return Vec::new();
            };
            sli
        }
    };
    let measured = match measured(slo, sli, choices) {
        Ok(measured) => measured,
        Err(mistake) => {
            reader.mistake(mistake);
            return Vec::new();
        }
    };
    let several = slo.objectives.len() > 1;
    let of = |(number, objective): (usize, &Objective)| {
        let title = objective.title.clone().unwrap_or_else(|| (number + 1).to_string());
        let name =
            if several { format!("{}: {title}", slo.metadata.title) } else { slo.metadata.title.clone() };
        match text(objective, &measured) {
            Ok(text) => Some(budgeted(slo, name, text?, objective.at.start)),
            Err(mistake) => {
                reader.mistake(mistake);
                None
            }
        }
    };
    slo.objectives.iter().enumerate().filter_map(of).collect()
}

/// With the error budget that its time window gives it. Gaps are counted by the phase, and have none.
fn budgeted(slo: &Slo, name: String, text: String, at: usize) -> Mapped {
    let on_gaps = units::objective(&text).is_ok_and(plan::Objective::is_on_gaps);
    let (budget, left_out) = match &slo.window {
        Some(window) if on_gaps => (None, Some(window.span.clone())),
        window => (window.as_ref().map(|window| window.value.clone()), None),
    };
    Mapped { name, text, at, budget, left_out }
}

/// A run's objectives count requests.
fn wrong_method(method: &Placed<String>) -> Option<Diagnostic> {
    let diagnostic = match method.as_str() {
        "Occurrences" => return None,
        "Timeslices" | "RatioTimeslices" => Diagnostic::new(format!(
            "`{}` claims a share of time slices, and Squall judges requests",
            method.value
        ))
        .at(&method.span, "expected `Occurrences`")
        .help(
            "write the share of requests that must be good: `budgetingMethod: Occurrences` with a `target` \
                     and without `timeSliceTarget`",
        ),
        other => Diagnostic::new(format!("`{other}` is not a budgeting method"))
            .at(&method.span, "expected `Occurrences`"),
    };
    Some(diagnostic)
}

/// What an SLO's indicator measures: as it was chosen, as an annotation says, or as its query's names do.
fn measured<'a>(slo: &'a Slo, sli: &'a Sli, choices: &Choices) -> Result<Measured<'a>, Diagnostic> {
    let (query, counts) = match &sli.signal {
        Signal::Threshold(query) => (query, false),
        Signal::Ratio { counted, .. } => (counted, true),
    };
    let names: Vec<&str> =
        sli.metadata.iter().chain([&slo.metadata]).map(|metadata| metadata.name.as_str()).collect();
    let annotation = |key: &str| {
        let all = sli.metadata.iter().chain([&slo.metadata]).flat_map(|metadata| &metadata.annotations);
        all.filter(|(name, _)| *name.value == *key).map(|(_, value)| value).next()
    };
    let unit = match annotation("unit") {
        Some(text) => Some(text.value.parse().map_err(|wrong: String| wrong_annotation(text, wrong))?),
        None => query.unit().or(choices.unit),
    };
    let subject = match (names.iter().find_map(|name| choices.metrics.get(*name)), annotation("metric")) {
        (Some(chosen), _) => *chosen,
        (None, Some(text)) => text.value.parse().map_err(|wrong: String| wrong_annotation(text, wrong))?,
        (None, None) => guessed(query, counts, names.first().copied().unwrap_or_default())?,
    };
    if let (Some(function), Signal::Threshold(_)) = (query.summary(), &sli.signal) {
        return Err(Diagnostic::new(format!(
            "the query's values are each of many requests (`{function}`), and Squall judges requests"
        ))
        .at(&query.at, "a share of these is no share of requests")
        .help(
            "write it as the share of requests within a bound: a `ratioMetric` with the histogram's bucket \
             (`le=\"0.8\"`) for `good` and its count for `total`",
        )
        .help(format!("or write the objective yourself, as in `p95({}) <= 800ms`", subject.name())));
    }
    Ok(Measured { subject, signal: &sli.signal, unit })
}

fn wrong_annotation(text: &Placed<String>, wrong: String) -> Diagnostic {
    Diagnostic::new(wrong).at(&text.span, "this annotation is for Squall")
}

/// The one metric that the query's names speak of.
fn guessed(query: &Query, counts: bool, name: &str) -> Result<Subject, Diagnostic> {
    let subjects = query.subjects(counts);
    let said = match subjects.iter().copied().collect::<Vec<_>>().as_slice() {
        [one] => match one.parse() {
            Ok(subject) => return Ok(subject),
            Err(_) => "its names say none",
        },
        [] => "its names say none",
        _ => "its names speak of several",
    };
    Err(Diagnostic::new(format!("which of Squall's metrics `{name}` is can't be told"))
        .at(&query.at, said)
        .help(format!("metrics are {}", Subject::names()))
        .help(format!(
            "say it: `--metric {name}=ttft`, or `annotations: {{ squall/metric: ttft }}` in its metadata"
        )))
}

/// An objective's text, as a scenario has it; none where what it lacks was said already.
fn text(objective: &Objective, measured: &Measured<'_>) -> Result<Option<String>, Diagnostic> {
    let Some(target) = &objective.target else { return Ok(None) };
    let (text, at) = match measured.subject {
        Subject::Success | Subject::Quality => {
            let subject = measured.subject.name();
            if let Signal::Threshold(query) = measured.signal {
                return Err(Diagnostic::new(format!(
                    "`{subject}` is a share of requests, which values don't say"
                ))
                .at(&query.at, "expected a `ratioMetric`")
                .help("give `ratioMetric` with `good` (or `bad`) and `total`"));
            }
            (format!("{subject} >= {}%", target.value), &target.span)
        }
        Subject::Latency(metric) => {
            let (bound, at) = bound(objective, measured)?;
            let Some(unit) = measured.unit else {
                return Err(Diagnostic::new("the unit of the values can't be told")
                    .at(at, "seconds or milliseconds?")
                    .help("say it: `--unit s`, or `annotations: { squall/unit: s }` in the SLI's metadata"));
            };
            // By the decimal text, since 0.07 * 1000 is not 70.
            let milliseconds: f64 = format!("{bound}e{}", unit.to_milliseconds()).parse().unwrap_or(f64::NAN);
            let bound = if milliseconds >= 1.0 || milliseconds <= 0.0 {
                format!("{milliseconds}ms")
            } else {
                format!("{}us", milliseconds * 1e3)
            };
            (format!("p{}({}) <= {bound}", target.value, metric.as_str()), at)
        }
    };
    match units::objective(&text) {
        Ok(_) => Ok(Some(text)),
        Err(wrong) => {
            let at =
                if (0.0..100.0).contains(&target.value) && target.value > 0.0 { at } else { &target.span };
            let diagnostic = Diagnostic::new(format!("`{text}` is no objective")).at(at, wrong.label);
            Err(match wrong.help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            })
        }
    }
}

/// The largest good value, and where it is said.
fn bound<'a>(objective: &'a Objective, measured: &Measured<'a>) -> Result<(f64, &'a Span), Diagnostic> {
    match measured.signal {
        Signal::Ratio { is_good: true, counted } => match counted.bucket() {
            Some(bound) => Ok((bound, &counted.at)),
            None => Err(Diagnostic::new(format!("the bound on `{}` can't be told", measured.subject.name()))
                .at(&counted.at, "its query names no bucket")
                .help("count a bucket of a histogram, as in `…_bucket{le=\"0.8\"}`")),
        },
        Signal::Ratio { is_good: false, counted } => {
            Err(Diagnostic::new("a latency's ratio must count what is within the bound")
                .at(&counted.at, "this counts what is beyond it")
                .help("give `good` with the bucket within the bound (`le=\"0.8\"`) instead of `bad`"))
        }
        Signal::Threshold(_) => compared(objective),
    }
}

/// The value that latencies are compared with.
fn compared(objective: &Objective) -> Result<(f64, &Span), Diagnostic> {
    let Some(op) = &objective.op else {
        return Err(Diagnostic::new("the objective lacks `op`")
            .at(&objective.at, "`thresholdMetric` needs one")
            .help("add `op: lte`"));
    };
    match op.as_str() {
        // Of a continuous value, the bound itself is no matter.
        "lte" | "lt" => {}
        "gte" | "gt" => {
            return Err(Diagnostic::new("a latency must be less than a value, not more")
                .at(&op.span, "expected `lte`")
                .help("for a share of slow requests that is allowed write `op: lte` with the share of fast ones"));
        }
        other => {
            return Err(Diagnostic::new(format!("`{other}` is no comparison")).at(&op.span, "expected `lte`"));
        }
    }
    let Some(value) = &objective.value else {
        return Err(Diagnostic::new("the objective lacks `value`")
            .at(&objective.at, "`thresholdMetric` needs one")
            .help("add, for example, `value: 0.8`"));
    };
    Ok((value.value, &value.span))
}
