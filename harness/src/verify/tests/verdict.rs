//! The verdict on the run, its objectives, and the sentences that go with them.

use super::*;
use crate::record::{GapSlice, Gaps};

#[test]
fn a_sound_run_passes_and_says_with_what() {
    let report = Scene::sound().judge();
    assert_eq!(not_well(&report), []);
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(
        report.reasons,
        [
            "all hold: 2 objectives, 7 bounds on failover and 11 invariants; 1197 of 1200 requests succeeded",
            "`a` died at 22.0 s: detected after 0.20 s, first rescue after 0.50 s, recovered after 0.00 s, \
             back in its share 0.00 s after its return; 3 of 170 requests around it lost",
        ]
    );
    assert_eq!(report.counts.scheduled, 1200);
    assert_eq!(report.counts.ended(), 1200);
    assert_eq!((report.counts.ok, report.counts.in_band_error), (1197, 3));
    assert_eq!(report.phases[1].counts.scheduled, 400);
}

#[test]
fn figures_that_cannot_be_trusted_are_never_a_verdict() {
    type Change = fn(&mut Scene);
    let changes: [(Change, &str); 3] = [
        (|scene| scene.evidence.aborted = Some("interrupted by a signal".into()), "interrupted by a signal"),
        (|scene| scene.evidence.saturated = Some("its lag grew to 2 s".into()), "its lag grew to 2 s"),
        (
            |scene| {
                scene.evidence.faults[0].traps = 3;
                scene.evidence.faults[0].trap = Some("plugin `x` failed in `request`: fuel".into());
            },
            "plugin `x` failed in `request`: fuel",
        ),
    ];
    for (change, said) in changes {
        for failing in [false, true] {
            let mut scene = Scene::sound();
            if failing {
                scene.retell(|request, _| fail(request, Outcome::Reset, 200));
            }
            change(&mut scene);
            let report = scene.judge();
            assert_eq!(report.verdict, Verdict::Inconclusive, "{said}");
            assert!(report.reasons[0].contains(said), "{:?}", report.reasons);
        }
    }
}

#[test]
fn a_run_in_which_nothing_worked_never_passes() {
    let mut scene = Scene::sound();
    scene.plan.slos.clear();
    scene.plan.failover = None;
    scene.retell(|request, _| fail(request, Outcome::ConnectFailed, 0));
    let report = scene.judge();
    assert_ne!(report.verdict, Verdict::Pass);
    assert!(report.reasons[0].contains("not one of 1200 requests succeeded"), "{:?}", report.reasons);
}

#[test]
fn a_run_without_requests_proves_nothing() {
    let mut scene = Scene::sound();
    scene.facts.requests.clear();
    scene.facts.attempts.clear();
    let report = scene.judge();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    let checks = report.failover.iter().flat_map(|row| &row.checks);
    let mut all = checks.map(|check| check.verdict).chain(report.slos.iter().map(|slo| slo.verdict));
    assert!(all.all(|verdict| verdict == Verdict::Inconclusive), "{:?}", report.reasons);
    scene.plan.slos.clear();
    scene.plan.failover = None;
    assert_eq!(scene.judge().verdict, Verdict::Inconclusive);
}

/// Round robin over three nodes, one of them dead for eight seconds.
#[test]
fn a_router_without_failover_fails_and_the_reasons_say_what_was_lost() {
    let mut scene = Scene::sound();
    scene.plan.target.entry = Entry::Router(RouterPolicy { failover: false });
    scene.facts.attempts.retain(|attempt| {
        let dead = attempt.start >= DIES && attempt.start < BACK;
        !(dead && attempt.request.is_some_and(|request| request.0.is_multiple_of(3)))
    });
    for request in &mut scene.facts.requests {
        let sent = request.intended;
        if sent < DIES && request.outcome != Outcome::Ok {
            request.outcome = Outcome::Cut;
        } else if sent >= DIES && sent < BACK && request.id.0.is_multiple_of(3) {
            fail(request, Outcome::HttpError, 502);
            (request.node, request.attempts, request.claimed_attempts) = (None, 0, Some(1));
            request.end = sent + Duration::from_millis(2);
        } else {
            request.claimed_attempts = Some(1);
        }
    }
    let report = scene.judge();
    assert_eq!(report.verdict, Verdict::Fail);
    let failing: Vec<String> = not_well(&report).into_iter().map(|(name, _)| name).collect();
    for name in ["availability", "lost", "silently_truncated", "detection", "recovery"] {
        assert!(failing.contains(&name.to_owned()), "{name} is not among {failing:?}");
    }
    let first = &report.reasons[0];
    assert!(first.starts_with("lost: "), "{first}");
    assert!(first.contains("53 HTTP error 502 (such as request 441)"), "{first}");
    assert!(first.contains("3 cut (such as request 432)"), "{first}");
    assert!(first.contains("53 reached no node"), "{first}");
    assert!(report.reasons[1].starts_with("silently_truncated: 3 of "), "{:?}", report.reasons);
    assert!(report.reasons[1].contains("3 on `a`"), "{:?}", report.reasons);
}

#[test]
fn a_failed_or_shed_request_is_a_miss_and_one_cut_off_is_no_sample() {
    let mut scene = Scene::sound();
    fail(scene.first_at(1.0), Outcome::Timeout, 200);
    let shed = scene.first_at(2.0);
    fail(shed, Outcome::Shed, 200);
    shed.sent = None;
    scene.first_at(3.0).outcome = Outcome::Aborted;
    let report = scene.judge();
    let slo = &report.slos[0];
    assert_eq!((slo.samples, slo.good), (799, 797));
    assert_eq!(slo.observed, Some(60.0));
    assert_eq!(slo.needed, 59);
    assert_eq!(slo.during, ["steady", "recovery"]);
}

#[test]
fn a_percentile_that_is_a_failure_has_no_value() {
    let mut scene = Scene::sound();
    for step in 0..100 {
        fail(scene.first_at(f64::from(step) * 0.1), Outcome::Reset, 200);
    }
    let report = scene.judge();
    let slo = &report.slos[0];
    assert_eq!((slo.observed, slo.verdict), (None, Verdict::Fail));
    let reason = report.reasons.iter().find(|reason| reason.contains("first token")).expect("it failed");
    assert!(reason.contains("700 of 800 samples (87.5 %)") && reason.contains("100 reset"), "{reason}");
}

#[test]
fn the_observed_percentile_is_exact() {
    let mut scene = Scene::sound();
    let mut rank = 0;
    scene.retell(|request, _| {
        if request.phase != 1 {
            rank += 1;
            request.first_content = Some(request.intended + Duration::from_millis(rank));
        }
    });
    let report = scene.judge();
    assert_eq!(report.slos[0].observed, Some(760.0), "of 1 to 800 ms");
    assert_eq!(report.slos[0].good, 800);
}

#[test]
fn a_request_without_the_metric_is_no_sample() {
    let mut scene = Scene::sound();
    let tpot = Objective::Latency { metric: Metric::Tpot, share: 0.95, bound: Duration::from_millis(10) };
    scene.plan.slos = vec![slo("pace", "p95(tpot) <= 10ms", tpot, &[0])];
    scene.retell(|request, _| {
        if request.id.0.is_multiple_of(2) {
            request.output_tokens = 1;
        }
    });
    let report = scene.judge();
    assert_eq!((report.slos[0].samples, report.slos[0].good), (200, 200));
    assert_eq!(report.slos[0].observed, Some(10.0));
}

#[test]
fn gaps_are_judged_as_they_were_counted() {
    let mut scene = Scene::sound();
    let itl = Objective::Latency { metric: Metric::Itl, share: 0.99, bound: Duration::from_millis(20) };
    scene.plan.slos = vec![slo("gaps", "p99(itl) <= 20ms", itl, &[0, 1])];
    let mut recorded = scene.recorded();
    let mut judged = |samples, good| {
        let slices = vec![GapSlice { start: Nanos::ZERO, phase: 0, samples, good }];
        recorded.gaps = vec![Gaps { samples, good, observed_ms: Some(12.5), slices }];
        let report =
            judge(&scene.plan, &recorded, &scene.facts.facts(Scratch::default()), scene.evidence.clone());
        (report.slos[0].verdict, report.slos[0].observed)
    };
    assert_eq!(judged(50_000, 49_900), (Verdict::Pass, Some(12.5)));
    assert_eq!(judged(50_000, 49_500), (Verdict::Inconclusive, Some(12.5)));
    assert_eq!(judged(50_000, 48_000), (Verdict::Fail, Some(12.5)));
    assert_eq!(judged(0, 0).0, Verdict::Inconclusive);
}

#[test]
fn too_few_samples_are_said_to_be_too_few() {
    let mut scene = Scene::sound();
    let success = Objective::Success { share: 0.9999 };
    scene.plan.slos = vec![slo("four nines", "success >= 99.99%", success, &[0])];
    let report = scene.judge();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(
        report.reasons,
        ["`four nines`, success >= 99.99% during steady: 400 samples can't prove it, 29956 could"]
    );
}

#[test]
fn what_was_found_out_of_answers_is_added_up_over_those_that_are_whole() {
    let mut scene = Scene::sound();
    let before = scene.judge().answers;
    assert_eq!((before.compared, before.judged), (0, 0));
    scene.retell(|request, _| {
        let third = request.id.0 % 3;
        (request.usage_tokens, request.counted_tokens) = (Some(44), (third == 0).then_some(40));
        request.right = Some(third == 1);
    });
    let report = scene.judge();
    let answers = report.answers;
    assert_eq!(answers.judged, report.counts.ok);
    assert!(answers.compared > 0 && answers.differing == answers.compared && answers.without_usage == 0);
    assert_eq!(answers.usage_tokens * 40, answers.counted_tokens * 44);
    assert!(answers.right * 3 >= answers.judged - 3 && answers.right < answers.judged);
}
