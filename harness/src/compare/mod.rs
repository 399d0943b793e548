//! Two runs held against each other: better, worse, the same, or not to be told.
//!
//! A difference is judged by its interval against the smallest change that matters. One that lies beyond it as
//! a whole is better or worse; one that lies within it as a whole is the same; any other decides nothing.
//! Being the same must be shown as well: too few samples are never "no difference".

mod bootstrap;
mod figures;
mod sides;

use std::io;
use std::path::{Path, PathBuf};

use squall_report::{Change, Comparison, Difference, Matters, Report};

use crate::record::RecordError;
use sides::Read;

/// Why two runs can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// There is no report.
    #[error("cannot read {}: {source}; name the folder of a finished run", path.display())]
    Open {
        /// The report.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The report is none of Squall's.
    #[error("{} is no report of this Squall: {source}", path.display())]
    Report {
        /// The report.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The ledger can't be read.
    #[error(transparent)]
    Ledger(#[from] RecordError),
    /// No phase to compare.
    #[error("the runs have no phase in common: the baseline has {baseline}, the candidate {candidate}")]
    NoPhase {
        /// Names.
        baseline: String,
        /// Names.
        candidate: String,
    },
}

/// What is compared if nothing else is said: a tenth of a latency, though never less than a millisecond, and one
/// request of a hundred.
pub const MATTERS: Matters = Matters { relative: 0.1, latency_ms: 1.0, share: 0.01 };

/// Compares the runs in two folders, phase by phase; warm-ups are left out.
pub fn compare(baseline: &Path, candidate: &Path, matters: Matters) -> Result<Comparison, CompareError> {
    let (a, b) = (Read::of(baseline)?, Read::of(candidate)?);
    let notes = notes(&a, &b);
    of_two(a, b, matters, notes)
}

/// Compares a run, whose ledgers are in `folder`, with the same one without its faults.
pub fn with_control(control: &Path, report: &Report, folder: &Path) -> Result<Comparison, CompareError> {
    let (a, b) = (Read::of(control)?, Read::of_report(folder, report, folder)?);
    of_two(a, b, MATTERS, Vec::new())
}

fn of_two(a: Read, b: Read, matters: Matters, mut notes: Vec<String>) -> Result<Comparison, CompareError> {
    let mut differences = Vec::new();
    for phase in &a.phases {
        match b.phases.iter().find(|other| other.name == phase.name) {
            Some(other) => figures::differences(phase, other, &matters, &mut differences, &mut notes),
            None => notes.push(format!("the candidate has no phase `{}`", phase.name)),
        }
    }
    for phase in b.phases.iter().filter(|phase| a.phases.iter().all(|other| other.name != phase.name)) {
        notes.push(format!("the baseline has no phase `{}`", phase.name));
    }
    if !b.phases.iter().any(|phase| a.phases.iter().any(|other| other.name == phase.name)) {
        return Err(CompareError::NoPhase { baseline: names(&a), candidate: names(&b) });
    }
    let distrust: Vec<String> = [("baseline", &a), ("candidate", &b)]
        .into_iter()
        .filter_map(|(which, run)| Some(format!("the {which} can't be trusted: {}", run.distrust.as_ref()?)))
        .collect();
    let verdict = if distrust.is_empty() { overall(&differences) } else { Change::Undecided };
    let reasons = if distrust.is_empty() { reasons(verdict, &differences) } else { distrust };
    Ok(Comparison {
        verdict,
        reasons,
        baseline: a.side,
        candidate: b.side,
        matters,
        method: format!(
            "95 % percentile intervals of {} resamples of time slices, since requests of one moment share \
             their fate; a request that failed counts as slower than any",
            bootstrap::RESAMPLES
        ),
        differences,
        notes,
    })
}

fn names(run: &Read) -> String {
    let names: Vec<String> = run.phases.iter().map(|phase| format!("`{}`", phase.name)).collect();
    names.join(", ")
}

fn notes(a: &Read, b: &Read) -> Vec<String> {
    let mut notes = Vec::new();
    if a.side.digest != b.side.digest {
        notes.push(
            "the two runs are of different plans (scenario or seed): what differs may be the load".to_owned(),
        );
    }
    notes
}

/// Anything worse makes the whole worse; nothing is the same while something is undecided.
fn overall(differences: &[Difference]) -> Change {
    let any = |change| differences.iter().any(|difference| difference.verdict == change);
    if any(Change::Worse) {
        Change::Worse
    } else if differences.is_empty() || any(Change::Undecided) {
        Change::Undecided
    } else if any(Change::Better) {
        Change::Better
    } else {
        Change::Same
    }
}

fn reasons(verdict: Change, differences: &[Difference]) -> Vec<String> {
    let told: Vec<String> = differences
        .iter()
        .filter(|difference| difference.verdict == verdict && verdict != Change::Same)
        .map(squall_report::sentence)
        .collect();
    match (verdict, told.is_empty()) {
        (Change::Same, _) => vec![format!(
            "all {} figures are within what does not matter, at 95 % confidence each",
            differences.len()
        )],
        (_, true) => vec!["there are too few samples to compare anything".to_owned()],
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use squall_report::Unit;

    use super::*;

    fn difference(verdict: Change) -> Difference {
        Difference {
            phase: "steady".into(),
            what: "p95(ttft)".into(),
            unit: Unit::Ms,
            baseline: Some(1.0),
            candidate: Some(1.0),
            change: Some(0.0),
            lower: Some(0.0),
            upper: Some(0.0),
            baseline_samples: 9,
            candidate_samples: 9,
            verdict,
        }
    }

    #[test]
    fn worse_beats_undecided_and_undecided_beats_better() {
        use Change::{Better, Same, Undecided, Worse};
        for (changes, expected) in [
            (&[Same, Better, Undecided, Worse][..], Worse),
            (&[Same, Better, Undecided], Undecided),
            (&[Same, Better], Better),
            (&[Same, Same], Same),
            (&[], Undecided),
        ] {
            let differences: Vec<Difference> = changes.iter().copied().map(difference).collect();
            assert_eq!(overall(&differences), expected, "{changes:?}");
            assert!(!reasons(expected, &differences).is_empty());
        }
    }
}
