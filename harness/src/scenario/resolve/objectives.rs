//! What must hold: objectives, guards and the bounds on failover.

use std::time::Duration;

use squall_report::Cohort;

use super::super::diagnostic::Diagnostic;
use super::super::place::Placed;
use super::super::plan::{Budget, FailoverBounds, NodePlan, Objective, Phase, Selector, Slo, Stop};
use super::super::raw;
use super::super::units;
use super::{Resolver, Zero, typed};

/// Fewer requests in a guard's time say nothing, where the scenario doesn't say how many.
const GUARD_SAMPLES: u32 = 20;
/// Windows are cut into slices of a second; a rate needs a few of them.
const WINDOW_MIN: Duration = Duration::from_secs(1);
const RATE_WINDOW_MIN: Duration = Duration::from_secs(5);

impl Resolver {
    pub(super) fn slos(
        &mut self,
        raw: &[Placed<raw::Slo>],
        phases: &[Phase],
        nodes: &[NodePlan],
    ) -> Vec<Slo> {
        self.unique("SLOs", raw.iter().map(|slo| &slo.name));
        raw.iter()
            .map(|slo| {
                let objective = self.objective(&slo.objective);
                let during = self.during(slo, phases);
                Slo {
                    name: self.text("an SLO's `name`", &slo.name),
                    text: slo.objective.value.clone(),
                    objective,
                    only: self.selector(slo, nodes),
                    window: slo.window.as_ref().map(|text| self.slo_window(text, objective, &during, phases)),
                    budget: slo.budget.as_ref().map(|budget| self.budget(budget, objective)),
                    during,
                }
            })
            .collect()
    }

    fn objective(&mut self, text: &Placed<String>) -> Objective {
        units::objective(text).unwrap_or_else(|wrong| {
            self.wrong("objective", &text.span, wrong);
            Objective::Success { share: 0.5 }
        })
    }

    /// The requests that the objective counts.
    fn selector(&mut self, slo: &Placed<raw::Slo>, nodes: &[NodePlan]) -> Selector {
        let known: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        let node = slo.node.as_ref().and_then(|name| self.find("node", name, &name.span, &known));
        let cohorts = [Cohort::Faulted, Cohort::Collateral, Cohort::All];
        let cohort = slo.cohort.as_ref().and_then(|name| {
            self.find("cohort", name, &name.span, &cohorts.map(Cohort::as_str)).map(|place| cohorts[place])
        });
        Selector {
            node: node.map(|place| nodes[place].name.clone()),
            cohort: cohort.filter(|cohort| *cohort != Cohort::All),
            model: slo.model.as_ref().map(|model| self.text("an SLO's `model`", model)),
        }
    }

    fn slo_window(
        &mut self,
        text: &Placed<raw::DurationText>,
        objective: Objective,
        during: &[usize],
        phases: &[Phase],
    ) -> Duration {
        let window = self.duration("window", text, Zero::Refused);
        let rate = matches!(objective, Objective::Rate { .. });
        let least = if rate { RATE_WINDOW_MIN } else { WINDOW_MIN };
        if window < least {
            let what = if rate { "a rate's blocks of time" } else { "slices of a second" };
            self.mistake(
                Diagnostic::new(format!("`window` is shorter than {}", typed(least)))
                    .at(&text.span, format!("{what} don't fit into it"))
                    .help(format!("write `window = \"{}\"` or longer", typed(least))),
            );
        }
        if let Some(short) = during.iter().map(|&phase| &phases[phase]).find(|phase| phase.duration < window)
        {
            self.mistake(
                Diagnostic::new(format!("`window` is longer than the phase `{}`", short.name))
                    .at(&text.span, format!("the phase lasts {}", typed(short.duration)))
                    .help("take a shorter window, or leave `window` out for the phases as a whole"),
            );
        }
        window
    }

    fn budget(&mut self, raw: &Placed<raw::Budget>, objective: Objective) -> Budget {
        let share = objective.share().filter(|_| !objective.is_on_gaps());
        if share.is_none() {
            let why =
                if objective.is_on_gaps() { "its samples are gaps" } else { "a rate has no bad requests" };
            self.mistake(
                Diagnostic::new("this objective has no error budget")
                    .at(&raw.span, why)
                    .help("give the budget to an objective on a share of requests, such as `success >= 99%`"),
            );
        }
        let target = match &raw.target {
            Some(text) => {
                let target = self.share("target", text);
                if target <= 0.0 || target >= 1.0 {
                    self.mistake(
                        Diagnostic::new("a budget's `target` is more than 0 % and less than 100 %")
                            .at(&text.span, "this leaves no budget for errors, or nothing else")
                            .help("write it as `target = \"99.9%\"`"),
                    );
                }
                target
            }
            None => share.unwrap_or(0.5),
        };
        Budget { target, window: self.duration("window", &raw.window, Zero::Refused) }
    }

    pub(super) fn stops(&mut self, raw: &[Placed<raw::Stop>]) -> Vec<Stop> {
        raw.iter()
            .map(|stop| {
                let (below, within) = units::guard(&stop.when).unwrap_or_else(|wrong| {
                    self.wrong("when", &stop.when.span, wrong);
                    (0.5, None)
                });
                Stop {
                    text: stop.when.value.clone(),
                    below,
                    within,
                    over: self.duration("over", &stop.over, Zero::Refused),
                    samples: self.count_or("samples", stop.samples.as_ref(), 1, GUARD_SAMPLES),
                }
            })
            .collect()
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
