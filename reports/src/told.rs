//! What is said of an objective, a bound, an invariant or a check that is advised on: the same words wherever they
//! stand.

use crate::{Advice, Check, CheckKind, Failover, Invariant, Slo, Verdict, format};

/// An objective, what was observed, and what that proves.
pub(crate) fn objective(slo: &Slo) -> String {
    format!(
        "{} during {}: observed {}; {} of {} good ({} at 95 % confidence, {} wanted)",
        slo.objective,
        format::during(slo),
        format::observed(slo),
        format::count(slo.good),
        format::counted(slo.samples, if slo.rate.is_some() { "block" } else { "sample" }),
        format::bounds(slo),
        format::target(slo),
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

/// The check that an advice is on: `SLO: availability`.
pub(crate) fn advised_on(advice: &Advice) -> String {
    let kind = match advice.kind {
        CheckKind::Run => "",
        CheckKind::Slo => "SLO: ",
        CheckKind::Failover => "Failover: ",
        CheckKind::Invariant => "Invariant: ",
    };
    format!("{kind}{}", format::words(&advice.check))
}
