//! What must hold: objectives and the bounds on failover.

use super::super::diagnostic::Diagnostic;
use super::super::place::Placed;
use super::super::plan::{FailoverBounds, Objective, Phase, Slo};
use super::super::raw;
use super::super::units;
use super::{Resolver, Zero};

impl Resolver {
    pub(super) fn slos(&mut self, raw: &[Placed<raw::Slo>], phases: &[Phase]) -> Vec<Slo> {
        self.unique("SLOs", raw.iter().map(|slo| &slo.name));
        raw.iter()
            .map(|slo| Slo {
                name: self.text("an SLO's `name`", &slo.name),
                text: slo.objective.value.clone(),
                objective: self.objective(&slo.objective),
                during: self.during(slo, phases),
            })
            .collect()
    }

    fn objective(&mut self, text: &Placed<String>) -> Objective {
        units::objective(text).unwrap_or_else(|wrong| {
            self.wrong("objective", &text.span, wrong);
            Objective::Success { share: 0.5 }
        })
    }

    /// The phases that the objective counts, ascending.
    fn during(&mut self, slo: &Placed<raw::Slo>, phases: &[Phase]) -> Vec<usize> {
        let Some(given) = &slo.during else {
            let counted: Vec<usize> = (0..phases.len()).filter(|&phase| !phases[phase].warmup).collect();
            if counted.is_empty() && !phases.is_empty() {
                self.mistake(
                    Diagnostic::new(format!(
                        "the SLO `{}` has no phase to count: all are warm-ups",
                        slo.name.value
                    ))
                    .at(&slo.objective.span, "nothing can prove this")
                    .help("add a phase that is no warm-up"),
                );
            }
            return counted;
        };
        let names = given.names();
        if names.is_empty() {
            self.mistake(
                Diagnostic::new("the SLO has no phase to count")
                    .at(&given.span, "the list is empty")
                    .help("leave `during` out for all phases but warm-ups"),
            );
        }
        let known: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
        let mut counted = Vec::new();
        for name in names {
            let Some(phase) = self.find("phase", &name, &name.span, &known) else { continue };
            if phases[phase].warmup {
                self.mistake(
                    Diagnostic::new(format!("`{}` is a warm-up, which no SLO counts", name.value))
                        .at(&name.span, "name another phase")
                        .help("or take `warmup = true` from the phase"),
                );
            }
            counted.push(phase);
        }
        counted.sort_unstable();
        counted.dedup();
        counted
    }

    pub(super) fn failover(&mut self, raw: &raw::Failover) -> FailoverBounds {
        let mut bound = |key, text: Option<_>| text.map(|text| self.duration(key, text, Zero::Refused));
        let (detection, recovery, failback) = (
            bound("detection", raw.detection.as_ref()),
            bound("recovery", raw.recovery.as_ref()),
            bound("failback", raw.failback.as_ref()),
        );
        FailoverBounds {
            detection,
            recovery,
            failback,
            lost: raw.lost.as_ref().map(|lost| self.share("lost", lost)),
            silently_truncated: raw.silently_truncated.as_ref().map(|most| most.value),
            duplicated: raw.duplicated.as_ref().map(|most| most.value),
            amplification: raw
                .amplification
                .as_ref()
                .map(|mean| self.number("amplification", mean, "1 or more", |mean| mean >= 1.0)),
        }
    }
}
