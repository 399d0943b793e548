//! Annotations for GitHub: one for each objective, bound or invariant that does not hold, on its line of the
//! scenario, as the workflow commands that a runner reads from what a step prints.
//!
//! What failed is an error and what was not decided a warning. When no verdict can rest on the run's figures,
//! nothing is an error, and the first annotation says why. GitHub shows the first ten of each level of a
//! step; so there is one for a bound however many deaths broke it, objectives come first, and all are in the
//! step's log.

use std::io::{self, Write};

use crate::{Check, Failover, Report, Verdict, format, told};

/// Letters of a message: GitHub shows a few lines.
const MOST_LETTERS: usize = 1_000;
/// Reasons and deaths of one annotation; the rest is in the report.
const MOST_LINES: usize = 5;

/// Writes the annotations of `report`, each a line; `file` is the scenario as the repository knows it. A run
/// that passed has none.
pub fn write_annotations(report: &Report, file: &str, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    for annotation in annotations(report) {
        write_annotation(&annotation, Some(file), out)?;
    }
    out.flush()
}

/// How much an annotation weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is not decided.
    Warning,
    /// It does not hold.
    Error,
}

/// Something to be said at a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// How much it weighs.
    pub level: Level,
    /// From 1; none for the file as a whole.
    pub line: Option<u64>,
    /// From 1.
    pub column: Option<u64>,
    /// A few words.
    pub title: String,
    /// A line each.
    pub message: Vec<String>,
}

/// Writes one annotation as a workflow command.
pub fn write_annotation(
    annotation: &Annotation,
    file: Option<&str>,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let level = match annotation.level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    let title = format::shortened(&format::line(&annotation.title), MOST_LETTERS);
    let places = [
        file.map(|file| ("file", file.to_owned())),
        annotation.line.map(|line| ("line", line.to_string())),
        annotation.column.map(|column| ("col", column.to_string())),
        Some(("title", title)),
    ];
    let places: Vec<_> = places.into_iter().flatten().map(|(key, value)| property(key, &value)).collect();
    let message = format::shortened(&annotation.message.join("\n"), MOST_LETTERS);
    writeln!(out, "::{level} {}::{}", places.join(","), escaped(&message))
}

fn annotations(report: &Report) -> Vec<Annotation> {
    let objectives = report.slos.iter().filter_map(|slo| {
        let level = level(report, slo.verdict)?;
        Some(Annotation {
            level,
            line: slo.line,
            column: None,
            title: format!("SLO {}: {}", slo.name, slo.verdict),
            message: vec![told::objective(slo)],
        })
    });
    let invariants = report.invariants.iter().filter_map(|invariant| {
        let level = level(report, invariant.verdict)?;
        let title = format!("Invariant {}: {}", invariant.name, invariant.verdict);
        Some(Annotation { level, line: None, column: None, title, message: told::invariant(invariant) })
    });
    why_undecided(report).into_iter().chain(objectives).chain(bounds(report)).chain(invariants).collect()
}

/// A verdict that did not pass weighs as much as the run's own verdict lets it.
fn level(report: &Report, verdict: Verdict) -> Option<Level> {
    match (verdict, report.verdict) {
        (Verdict::Pass | Verdict::NotChecked, _) => None,
        (Verdict::Fail, Verdict::Fail) => Some(Level::Error),
        _ => Some(Level::Warning),
    }
}

fn why_undecided(report: &Report) -> Option<Annotation> {
    (report.verdict == Verdict::Inconclusive).then(|| Annotation {
        level: Level::Warning,
        line: None,
        column: None,
        title: "Inconclusive: this run proves nothing".into(),
        message: report.reasons.iter().take(MOST_LINES).cloned().collect(),
    })
}

/// One annotation for a bound, with the deaths at which it does not hold; the worst of them weighs.
fn bounds(report: &Report) -> Vec<Annotation> {
    let checks = || report.failover.iter().flat_map(|death| death.checks.iter().map(move |c| (death, c)));
    let mut names: Vec<&str> = Vec::new();
    for (_, check) in checks() {
        if !names.contains(&check.name.as_str()) {
            names.push(&check.name);
        }
    }
    names.into_iter().filter_map(|name| bound(report, checks().filter(|(_, c)| c.name == name))).collect()
}

fn bound<'a>(report: &Report, checks: impl Iterator<Item = (&'a Failover, &'a Check)>) -> Option<Annotation> {
    let judged = checks.filter_map(|(death, check)| Some((level(report, check.verdict)?, death, check)));
    let open: Vec<_> = judged.collect();
    let &(_, _, check) = open.iter().max_by_key(|(level, ..)| *level)?;
    let level = open.iter().map(|(level, ..)| *level).max()?;
    let deaths =
        open.iter().map(|(_, death, check)| format!("{}: {}", death.node, told::bound(death, check)));
    let more = open.len().saturating_sub(MOST_LINES);
    let more = (more > 0).then(|| format!("{more} more in the report"));
    Some(Annotation {
        level,
        line: check.line,
        column: None,
        title: format!("Failover, {} {}: {}", format::words(&check.name), check.bound, check.verdict),
        message: deaths.take(MOST_LINES).chain(more).collect(),
    })
}

/// A command's property. Its value may hold neither what ends a value nor what ends the properties.
fn property(key: &str, value: &str) -> String {
    format!("{key}={}", escaped(value).replace(':', "%3A").replace(',', "%2C"))
}

/// A command's text, on one line.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
