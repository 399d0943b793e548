//! The lines of a scenario's file on which its objectives and bounds are, so that a report can point at them.
//!
//! They are kept beside what the objectives mean, by name: a comment that moves them changes no plan.

use std::collections::BTreeMap;

use super::diagnostic::line_and_column;
use super::place::Span;
use super::raw;

/// The lines of objectives and bounds, from 1; none of a scenario that is in no file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    objectives: BTreeMap<String, u64>,
    bounds: BTreeMap<&'static str, u64>,
}

impl Lines {
    pub(super) fn new(raw: &raw::Scenario, source: &str) -> Self {
        let line = |span: &Span| line_and_column(source, span.start).0 as u64;
        let objectives = raw.slo.iter().map(|slo| (slo.name.value.clone(), line(&slo.objective.span)));
        let bounds = raw.failover.iter().flat_map(bounds).map(|(name, span)| (name, line(span)));
        Self { objectives: objectives.collect(), bounds: bounds.collect() }
    }

    /// The line of the objective that is called `name`.
    pub fn objective(&self, name: &str) -> Option<u64> {
        self.objectives.get(name).copied()
    }

    /// The line of a bound on failover: `detection`, `lost`, …
    pub fn bound(&self, name: &str) -> Option<u64> {
        self.bounds.get(name).copied()
    }
}

fn bounds(failover: &raw::Failover) -> impl Iterator<Item = (&'static str, &Span)> {
    let spans = [
        ("detection", failover.detection.as_ref().map(|bound| &bound.span)),
        ("recovery", failover.recovery.as_ref().map(|bound| &bound.span)),
        ("failback", failover.failback.as_ref().map(|bound| &bound.span)),
        ("lost", failover.lost.as_ref().map(|bound| &bound.span)),
        ("silently_truncated", failover.silently_truncated.as_ref().map(|bound| &bound.span)),
        ("duplicated", failover.duplicated.as_ref().map(|bound| &bound.span)),
        ("amplification", failover.amplification.as_ref().map(|bound| &bound.span)),
    ];
    spans.into_iter().filter_map(|(name, span)| Some((name, span?)))
}
