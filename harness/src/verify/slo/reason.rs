//! Why an objective did not pass, in a sentence.

use squall_report::{Method, RateUnit, Verdict};

use super::super::losses;
use super::super::text;
use super::super::view::{View, ok};
use super::samples::{self, Which};
use crate::record::RequestFact;
use crate::scenario::plan::{Objective, Slo};

/// Why it did not pass.
pub(super) fn of(view: &View<'_>, slo: &Slo, row: &squall_report::Slo) -> String {
    let head = format!("`{}`, {} during {}{}", slo.name, slo.text, text::list(&row.during), of_which(row));
    if let Some(unit) = row.rate {
        return rate(&head, row, unit);
    }
    if row.samples == 0 {
        return format!("{head}: there is not one sample{}", named_models(view, slo));
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

/// Of which requests, and in which window, where that is not all.
fn of_which(row: &squall_report::Slo) -> String {
    let node = row.node.as_ref().map(|node| format!(", of node `{node}`"));
    let cohort = row.cohort.map(|cohort| format!(", of the cohort {}", cohort.as_str()));
    let model = row.model.as_ref().map(|model| format!(", of the model `{model}`"));
    let window = row.window.as_ref().map(|window| {
        format!(
            ", in the worst of {} (from {:.1} s to {:.1} s)",
            text::count(window.windows, "window"),
            window.from_s,
            window.to_s
        )
    });
    [node, cohort, model, window].into_iter().flatten().collect()
}

fn rate(head: &str, row: &squall_report::Slo, unit: RateUnit) -> String {
    let unit = unit.as_str();
    let Some(observed) = row.observed.filter(|_| row.samples >= row.needed) else {
        let blocks = text::count(row.samples, "block");
        return format!("{head}: {blocks} of time can't prove it, {} could", row.needed);
    };
    let held = match row.verdict {
        Verdict::Fail => format!("at most {:.1} at 95 % confidence", row.upper),
        _ => format!(
            "that is between {:.1} and {:.1} at 95 % confidence, and decides nothing",
            row.lower, row.upper
        ),
    };
    format!("{head}: it was {observed:.1} {unit} a second, {held}")
}

/// The models that answers named, where the objective's is none of them.
fn named_models(view: &View<'_>, slo: &Slo) -> String {
    match &slo.only.model {
        Some(_) if !view.facts.models.is_empty() => {
            let models: Vec<String> = view.facts.models.iter().map(|model| format!("`{model}`")).collect();
            format!("; answers named {}", text::list(&models))
        }
        _ => String::new(),
    }
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

/// What the misses were: too slow, not answered, or answered wrongly.
fn misses(view: &View<'_>, slo: &Slo, row: &squall_report::Slo) -> String {
    let percentile = match (slo.objective, row.observed) {
        (Objective::Latency { .. }, Some(ms)) => format!("; its percentile is {ms:.0} ms"),
        (Objective::Latency { .. }, None) if row.window.is_none() || !slo.objective.is_on_gaps() => {
            "; its percentile is a request that failed".into()
        }
        _ => String::new(),
    };
    if slo.objective.is_on_gaps() || matches!(slo.objective, Objective::Quality { .. }) {
        return percentile;
    }
    let inside = |request: &RequestFact| {
        let at = request.intended.as_secs_f64();
        row.window.as_ref().is_none_or(|window| window.from_s <= at && at < window.to_s)
    };
    let selected = samples::selected(view, slo, Which::ItsPhases).filter(inside);
    let mut failed = selected.filter(|request| !ok(request)).peekable();
    if failed.peek().is_none() {
        return percentile;
    }
    format!("{percentile}; failed: {}", losses::describe(view, failed))
}
