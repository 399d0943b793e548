//! The storm must have happened: a run without it proves nothing.

use squall_report::{Fault, Invariant};

use super::{Cases, EXAMPLES, Sources, not_checked};
use crate::scenario::plan::OnTrap;
use crate::verify::text;

const NAME: &str = "the fault happened";

/// Nobody paused the storm, every fault of the scenario did something, none trapped unless the scenario lets
/// that pass, and where the scenario bounds failover, a node died.
pub(super) fn happened(sources: &Sources<'_, '_>) -> Invariant {
    let &Sources { view, episodes, faults, aborted, paused, .. } = sources;
    if view.plan.faults.is_empty() && view.plan.failover.is_none() {
        return not_checked(NAME, "the scenario has no fault");
    }
    let mut cases = Cases::default();
    if let Some(paused) = paused {
        cases.add(|| paused.why.clone());
    }
    let mut skipped = Vec::new();
    for (index, plan) in view.plan.faults.iter().enumerate() {
        let place = view.plan.phases.get(plan.phase).map_or("?", |phase| phase.name.as_str());
        let name = format!("`{}` in phase `{place}`", plan.plugin.name());
        let Some(fault) = faults.get(index) else {
            cases.add(|| format!("{name}: what it did is not known"));
            continue;
        };
        let fails_run = fault.traps > 0 && plan.on_trap == OnTrap::FailRun;
        if fails_run {
            cases.add(|| trapped(&name, fault));
        } else if fault.traps > 0 {
            skipped.push(format!("{} (skipped, as the scenario says)", trapped(&name, fault)));
        }
        if fault.fired == 0 && !fails_run {
            cases.add(|| match aborted {
                Some(_) if plan.on >= view.until => format!("{name}: the run was ended before its time"),
                _ => format!("{name} never fired, on {}", text::list(&quoted(&fault.nodes))),
            });
        }
    }
    if view.plan.failover.is_some() && episodes.is_empty() {
        cases.add(|| "the scenario bounds failover, and no node died while the load was sent".into());
    }
    let mut invariant = cases.doubt(NAME);
    invariant.examples.extend(skipped);
    invariant.examples.truncate(EXAMPLES);
    invariant
}

/// Which plugin, which call, how often.
pub(in crate::verify) fn trapped(name: &str, fault: &Fault) -> String {
    let first = fault.trap.as_deref().unwrap_or("its first trap is not known");
    format!(
        "{name} trapped {}: {first}",
        if fault.traps == 1 { "once".into() } else { format!("{} times", fault.traps) }
    )
}

fn quoted(nodes: &[String]) -> Vec<String> {
    nodes.iter().map(|node| format!("`{node}`")).collect()
}
