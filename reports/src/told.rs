//! What is said of an objective, a bound or an invariant, for CI: the same words in `junit.xml` and in annotations.

use crate::{Check, Failover, Invariant, Slo, Verdict, format};

/// An objective, what was observed, and what that proves.
pub(crate) fn objective(slo: &Slo) -> String {
    format!(
        "{} during {}: observed {}; {} of {} good ({} at 95 % confidence, {} wanted)",
        slo.objective,
        slo.during.join(", "),
        format::observed(slo),
        format::count(slo.good),
        format::counted(slo.samples, "sample"),
        format::interval(slo.lower, slo.upper),
        format::share(slo.target),
    )
}

/// What a death came to, against a bound.
pub(crate) fn bound(death: &Failover, check: &Check) -> String {
    let reason = check.reason.as_ref().map(|reason| format!("; {reason}")).unwrap_or_default();
    format!("observed {}{reason}; died at {}", check.observed, format::run_time(death.t0_s))
}

/// How often an invariant was broken, then its examples.
pub(crate) fn invariant(invariant: &Invariant) -> Vec<String> {
    let times = match (invariant.verdict, invariant.violations) {
        (Verdict::Inconclusive | Verdict::NotChecked, 0) => None,
        (_, n) => Some(format::counted(n, "violation")),
    };
    times.into_iter().chain(invariant.examples.iter().cloned()).collect()
}
