//! SLOs of an OpenSLO v1 file as a scenario's `[[slo]]` sections.
//!
//! An objective of Squall claims a share of requests: `p95(ttft) <= 800ms`, `success >= 99%`. OpenSLO claims a
//! share of events too where the budgeting method is `Occurrences`, so these are mapped; a share of time
//! slices, or of the values of a percentile over time, is another claim, and is refused rather than bent.
//!
//! | OpenSLO | objective |
//! | --- | --- |
//! | `thresholdMetric` of a latency, `op: lte`, `value: 0.8`, `target: 0.95` | `p95(ttft) <= 800ms` |
//! | `ratioMetric` of the bucket `le="0.8"`, `target: 0.95` | `p95(ttft) <= 800ms` |
//! | `ratioMetric` of requests by how they ended, `target: 0.99` | `success >= 99%` |
//! | `ratioMetric` of right answers (`squall/metric: quality`), `target: 0.95` | `quality >= 95%` |
//! | `timeWindow` of `28d` or `4w` | `budget = { window = "28d" }` |
//!
//! `yaml.rs` reads text into a tree, `raw.rs` the tree into what the file says, `signal.rs` finds the metric
//! that a query is about, `map.rs` turns one into the other: all pure.

mod map;
mod raw;
mod signal;
mod table;
mod write;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::diagnostic::{ScenarioError, line_and_column};
pub use signal::{Subject, Unit};
pub use write::{insert, to_toml};

/// What the file does not say.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The metrics that indicators are about, by the name of the SLI or of the SLO.
    pub metrics: BTreeMap<String, Subject>,
    /// The unit of values whose names and annotations don't say theirs.
    pub unit: Option<Unit>,
}

/// A file's objectives, and what is wrong with the rest of it.
#[derive(Clone, Debug)]
pub struct Import {
    /// What could be mapped, in the order of the file.
    pub slos: Vec<Objective>,
    /// What has no meaning in a run, and so is left out.
    pub left_out: Vec<LeftOut>,
    /// What could not be mapped.
    pub refused: Option<ScenarioError>,
}

/// An objective, as a scenario has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Objective {
    /// Its name.
    pub name: String,
    /// As in `p95(ttft) <= 800ms`.
    pub objective: String,
    /// The window of its error budget: `28d`.
    pub budget_window: Option<String>,
    /// The line of the OpenSLO file, from 1.
    pub line: usize,
}

/// Something that has no meaning in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its line, from 1.
    pub line: usize,
    /// What it is, and why it is left out.
    pub message: String,
}

/// Reads the file at `path`; no larger than a scenario may be.
pub fn read(path: &Path) -> Result<String, ScenarioError> {
    super::read(path, &super::TextFile::OPENSLO)
        .map_err(|mistake| ScenarioError::new(path, None, vec![mistake]).nothing_written())
}

/// Maps the text of the file at `path`, which stands for it in messages.
pub fn import(source: &str, path: &Path, choices: &Choices) -> Import {
    let reader = table::Reader::new(source);
    let documents = yaml::documents(source).unwrap_or_else(|mistake| {
        reader.mistake(mistake);
        Vec::new()
    });
    let file = raw::read(&reader, &documents);
    let mapped = map::slos(&file, choices, &reader);
    let line = |at: usize| line_and_column(source, at).0;
    let windows = mapped.iter().filter_map(|slo| slo.left_out.clone());
    let windows: Vec<LeftOut> = windows
        .map(|at| LeftOut {
            line: line(at.start),
            message: "`timeWindow` is left out: an objective on `itl` has no error budget".into(),
        })
        .collect();
    let slos = mapped.into_iter().map(|slo| Objective {
        name: slo.name,
        objective: slo.text,
        budget_window: slo.budget,
        line: line(slo.at),
    });
    let left_out =
        file.left_out.iter().map(|left| LeftOut { line: line(left.span.start), message: left.value.clone() });
    let (slos, left_out) = (slos.collect(), left_out.chain(windows).collect());
    drop(file);
    let mistakes = reader.into_mistakes();
    let refused =
        (!mistakes.is_empty()).then(|| ScenarioError::new(path, Some(source), mistakes).nothing_written());
    Import { slos, left_out, refused }
}

#[cfg(test)]
mod tests;
