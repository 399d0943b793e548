//! Rules on the run as a whole: when no verdict can rest on its figures.

use squall_report::{Advice, CheckKind, Verdict};

use super::{Scene, Told};
use crate::verify::text;

pub(super) fn advise(scene: &Scene<'_, '_>) -> Vec<Advice> {
    let on =
        |check: &str, seen: String, told: Told| told.on(CheckKind::Run, check, (Verdict::Inconclusive, seen));
    let traps = scene.faults.iter().filter(|fault| fault.traps > 0);
    let mut all: Vec<Advice> = traps
        .map(|fault| {
            let seen = fault.trap.clone().unwrap_or_else(|| "its first trap is not known".into());
            on(&format!("plugin `{}`", fault.plugin), seen, trapped())
        })
        .collect();
    if let Some(why) = scene.aborted.filter(|why| !all.iter().any(|advice| advice.seen == **why)) {
        all.push(on("the run ended before its time", why.into(), aborted(scene)));
    }
    if let Some(paused) = scene.paused {
        all.push(on("the storm was paused", paused.why.clone(), halted()));
    }
    let calibration =
        scene.client.calibration.as_ref().map(|known| known.exceeded.as_slice()).unwrap_or_default();
    if scene.client.saturated || !calibration.is_empty() {
        let own = scene.untrusted.iter().find(|why| why.contains("saturated") || why.contains("beyond what"));
        let seen = own.cloned().unwrap_or_else(|| text::list(calibration));
        all.push(on("the load generator", seen, saturated(scene)));
    }
    if let Some(why) = scene.nothing_worked {
        all.push(on("no request succeeded", why.into(), nothing_worked()));
    }
    all
}

fn trapped() -> Told {
    Told::default()
        .means("A fault plugin broke down, so from then on the fault was not what the scenario says.")
        .look(
            "What it said, and the call in which it happened: `squall plugin test` replays it without a run.",
        )
        .change(
            "Mend the plugin, or give it a larger budget; `on_trap = \"skip\"` lets a run go on without it.",
        )
}

fn aborted(scene: &Scene<'_, '_>) -> Told {
    let planned = scene.view.plan.end().as_secs_f64();
    Told::default()
        .means(format!(
            "Of {planned:.0} s that were planned only a part was run: what came later is not known."
        ))
        .change("Let the run end by itself.")
}

fn halted() -> Told {
    Told::default()
        .means("Faults were withdrawn while they were to be on, by the key that pauses the storm: the service was not shown what the scenario has for it.")
        .look("The timeline: what came before the pause is as the scenario has it.")
        .change("Let the storm blow to its end, or take the fault that went too far out of the scenario.")
}

fn saturated(scene: &Scene<'_, '_>) -> Told {
    let lag = scene.client.dispatch_lag_us.p99 / 1e3;
    Told::default()
        .means(format!(
            "The client was the bottleneck, p99 {lag:.1} ms behind its schedule: what looks slow may be Squall itself."
        ))
        .look("What else ran on this machine: simulated nodes and gateways take its cores as well.")
        .change("Send less, give the client a machine of its own, or more cores; `squall calibrate` says what it carries.")
}

fn nothing_worked() -> Told {
    Told::default()
        .means("What never worked can't be said to hold or to fail over: most often the target is set up wrongly.")
        .look("What the errors say (`error` in `requests.jsonl`), and what processes said in `logs/`.")
        .change("Mend the target's address, key or model, and try one request by hand before the run.")
}
