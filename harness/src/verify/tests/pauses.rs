//! A storm that was paused by hand: what had come before stands, what rests on it is not decided.

use super::*;
use crate::record::PauseEvent;

/// A sound run whose storm was paused so.
fn paused(pauses: &[(f64, Option<f64>)]) -> Scene {
    let mut scene = Scene::sound();
    for (from, to) in pauses {
        scene.facts.pause_events.push(PauseEvent { at_ns: at(*from), paused: true });
        let on = to.map(|to| PauseEvent { at_ns: at(to), paused: false });
        scene.facts.pause_events.extend(on);
    }
    let mut first = scene.plan.slos[0].clone();
    first.name = "first token before".into();
    first.during = vec![0];
    scene.plan.slos.push(first);
    scene
}

#[test]
fn what_rests_on_the_storm_is_not_decided() {
    let report = paused(&[(25.0, Some(28.0))]).judge();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    let verdicts: Vec<Verdict> = report.slos.iter().map(|slo| slo.verdict).collect();
    let (open, pass) = (Verdict::Inconclusive, Verdict::Pass);
    assert_eq!(verdicts, [open, open, pass], "only what had come before stands");
    assert!(report.failover[0].checks.iter().all(|check| check.verdict == open));
    assert_eq!(invariant(&report, "the fault happened").verdict, open);
    let why = "the storm was paused by hand from 25.0 s to 28.0 s, so that it was not the scenario's";
    assert_eq!(report.reasons, [why], "once, not for each check");
    assert_eq!(report.pauses.len(), 1);
    let advice: Vec<&str> = report.runbook.iter().map(|advice| advice.check.as_str()).collect();
    assert_eq!(advice, ["the storm was paused"]);
}

#[test]
fn a_pause_never_makes_a_pass_nor_hides_what_failed_before_it() {
    let mut scene = paused(&[(25.0, None)]);
    scene.retell(|request, _| {
        if request.phase == 0 {
            fail(request, Outcome::Reset, 200);
        }
    });
    let report = scene.judge();
    assert_eq!((report.verdict, report.slos[2].verdict), (Verdict::Fail, Verdict::Fail));
    assert!(report.reasons.iter().any(|reason| reason.contains("paused by hand")));
    // It was never let go on: it lasts to the end.
    assert!((report.pauses[0].to_s - report.duration_s).abs() < 1e-6);
}

#[test]
fn a_pause_counts_from_where_it_kept_a_fault_off() {
    // The node dies at 22 s by plan.
    let report = paused(&[(10.0, Some(23.0))]).judge();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(report.slos[2].verdict, Verdict::Pass);
    for untouched in [&[(5.0, Some(8.0))][..], &[(41.0, Some(50.0))], &[(5.0, Some(6.0)), (10.0, Some(21.9))]]
    {
        let report = paused(untouched).judge();
        assert_eq!((not_well(&report), report.verdict), (Vec::new(), Verdict::Pass), "{untouched:?}");
        assert_eq!(report.pauses.len(), untouched.len());
    }
}
