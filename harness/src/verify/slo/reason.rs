//! Why an objective did not pass, in a sentence.

use squall_report::{Method, Metric, Verdict};

use super::super::losses;
use super::super::text;
use super::super::view::{View, ok};
use super::samples;
use crate::record::RequestFact;
use crate::scenario::plan::{Objective, Slo};

/// Why it did not pass.
pub(super) fn of(view: &View<'_>, slo: &Slo, row: &squall_report::Slo) -> String {
    let head = format!("`{}`, {} during {}", slo.name, slo.text, text::list(&row.during));
    if row.samples == 0 {
        return format!("{head}: there is not one sample");
    }
    let share = percent_of(row);
    if row.verdict == Verdict::Fail {
        return format!(
            "{head}: {share} are good, at most {} at 95 % confidence{}",
            text::percent(row.upper),
            misses(view, slo, row)
        );
    }
    if row.samples < row.needed {
        return format!(
            "{head}: {} can't prove it, {} could",
            text::count(row.samples, "sample"),
            row.needed
        );
    }
    format!(
        "{head}: {share} are good; that is between {} and {} at 95 % confidence, and decides nothing{}",
        text::percent(row.lower),
        text::percent(row.upper),
        together(row)
    )
}

/// That samples say less than their number, where they do.
fn together(row: &squall_report::Slo) -> String {
    match (row.method, row.effective_samples) {
        (Some(Method::ClopperPearsonEffective), Some(effective)) => {
            format!(" (misses come together, so that they say as much as {effective:.0} independent ones)")
        }
        _ => String::new(),
    }
}

fn percent_of(row: &squall_report::Slo) -> String {
    let share = row.good as f64 / row.samples as f64;
    format!("{} of {} ({})", row.good, text::count(row.samples, "sample"), text::percent(share))
}

/// What the misses were: too slow, or not answered.
fn misses(view: &View<'_>, slo: &Slo, row: &squall_report::Slo) -> String {
    let failed: Vec<&RequestFact> = samples::requests(view, slo).filter(|request| !ok(request)).collect();
    let percentile = match slo.objective {
        Objective::Success { .. } => String::new(),
        Objective::Latency { .. } => match row.observed {
            Some(ms) => format!("; its percentile is {ms:.0} ms"),
            None => "; its percentile is a request that failed".into(),
        },
    };
    let gaps = matches!(slo.objective, Objective::Latency { metric: Metric::Itl, .. });
    if failed.is_empty() || gaps {
        return percentile;
    }
    format!("{percentile}; failed: {}", losses::describe(view, failed))
}
