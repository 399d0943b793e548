//! What a report advises, and the periods around the faults.

use squall_report::{Advice, Around, CheckKind};

use super::*;
use crate::verify::runbook::has_rule;

fn advice<'a>(report: &'a Report, check: &str) -> &'a Advice {
    let found = report.runbook.iter().find(|advice| advice.check.starts_with(check));
    found.unwrap_or_else(|| panic!("no advice on {check}: {:?}", report.runbook))
}

/// Requests that were due in the two seconds after the death end by a 502 of the gateway.
fn refusing() -> Scene {
    let mut scene = Scene::sound();
    scene.retell(|request, attempt| {
        if request.intended >= DIES
            && request.intended < DIES + Duration::from_secs(2)
            && request.id.0 % 3 == 0
        {
            fail(request, Outcome::HttpError, 502);
            (request.node, request.attempts, request.claimed_attempts) = (None, 0, Some(1));
            attempt.probe = true;
        }
    });
    scene
}

#[test]
fn a_sound_run_needs_no_advice() {
    assert_eq!(Scene::sound().judge().runbook, []);
}

/// Whoever adds a check adds its rule.
#[test]
fn every_check_has_a_rule() {
    let report = Scene::sound().judge();
    for invariant in &report.invariants {
        assert!(has_rule(CheckKind::Invariant, &invariant.name), "no rule for `{}`", invariant.name);
    }
    for check in &report.failover[0].checks {
        assert!(has_rule(CheckKind::Failover, &check.name), "no rule for `{}`", check.name);
    }
    for metric in [Metric::Ttft, Metric::Ttfb, Metric::Itl, Metric::Tpot, Metric::E2e] {
        assert!(has_rule(CheckKind::Slo, metric.as_str()), "no rule for {metric:?}");
    }
}

#[test]
fn whatever_did_not_pass_is_advised_on_with_something_to_do() {
    let mut scene = refusing();
    scene.retell(|request, _| {
        if request.id.0.is_multiple_of(50) {
            request.content = Content::Spliced;
        }
    });
    let report = scene.judge();
    let bad = not_well(&report);
    assert!(bad.len() >= 3, "{bad:?}");
    for (name, verdict) in bad {
        let advice = advice(&report, &name);
        assert_eq!(advice.verdict, verdict, "{name}");
        assert!(
            !advice.seen.is_empty() && !advice.means.is_empty() && !advice.change.is_empty(),
            "{advice:?}"
        );
    }
}

#[test]
fn losses_are_told_by_where_they_were_lost() {
    let report = refusing().judge();
    let lost = advice(&report, "lost");
    assert_eq!(lost.kind, CheckKind::Failover);
    let means = lost.means.join(" ");
    // Three streams died with the node, and of the forty requests that followed every third was refused.
    assert!(means.contains("3 of ") && means.contains("had begun to stream from `a`"), "{means}");
    assert!(means.contains("reached no node at all: the built-in router gave up on them"), "{means}");
    assert!(lost.look.iter().any(|look| look.contains("The rows of requests ")), "{:?}", lost.look);
    assert!(!lost.change.iter().any(|change| change.contains("router = {}")), "{:?}", lost.change);
}

#[test]
fn a_router_without_failover_is_told_to_have_some() {
    let mut scene = refusing();
    scene.plan.target.entry = Entry::Router(RouterPolicy { failover: false });
    let report = scene.judge();
    let lost = advice(&report, "lost");
    assert!(lost.means.iter().any(|means| means.contains("runs without failover")), "{:?}", lost.means);
    assert!(lost.change.iter().any(|change| change.contains("router = {}")), "{:?}", lost.change);
}

#[test]
fn losses_beside_another_fault_name_it() {
    let mut scene = Scene::sound();
    let fault = scene.evidence.faults[0].clone();
    scene.evidence.faults.push(Fault {
        plugin: "http-error".into(),
        nodes: vec!["b".into()],
        fired: 46,
        ..fault
    });
    let plan = scene.plan.faults[0].clone();
    scene.plan.faults.push(FaultPlan { index: 1, plugin: PluginRef::BuiltIn("http-error".into()), ..plan });
    scene.retell(|request, _| {
        let around = request.intended >= DIES && request.intended < BACK;
        if around && request.node == Some(1) {
            fail(request, Outcome::HttpError, 503);
        }
    });
    let report = scene.judge();
    let means = advice(&report, "lost").means.join(" ");
    assert!(
        means.contains("on `b`, which lived: there `http-error` (fired 46 times) was on as well"),
        "{means}"
    );
}

#[test]
fn slow_answers_are_told_by_their_node() {
    let mut scene = Scene::without_death();
    scene.plan.failover = None;
    scene.retell(|request, _| {
        if request.node == Some(2) {
            request.first_content = Some(request.intended + Duration::from_millis(900));
        }
    });
    let report = scene.judge();
    let slow = advice(&report, "first token");
    let means = slow.means.join(" ");
    assert!(means.contains("(100 %) of the slow answers came from `c`"), "{means}");
}

#[test]
fn too_few_samples_say_how_long_it_takes() {
    let mut scene = Scene::sound();
    // A request a second: forty of them, where 59 are needed.
    scene.facts.requests.retain(|request| request.phase == 1 || request.id.0.is_multiple_of(20));
    let report = scene.judge();
    let few = advice(&report, "first token");
    assert_eq!(few.verdict, Verdict::Inconclusive);
    assert!(
        few.change[0].contains("At this rate 59 s of these phases give 59 samples, where 40s gave 40"),
        "{few:?}"
    );
}

#[test]
fn a_run_that_can_not_be_trusted_says_what_to_do_first() {
    let mut scene = Scene::sound();
    scene.evidence.saturated = Some("its lag grew to 2 s".into());
    let report = scene.judge();
    assert_eq!(report.runbook[0].kind, CheckKind::Run);
    assert!(report.runbook[0].seen.contains("its lag grew to 2 s"), "{:?}", report.runbook[0]);
}

#[test]
fn the_run_is_told_before_during_and_after_its_faults() {
    let report = Scene::sound().judge();
    let told: Vec<_> = report
        .periods
        .iter()
        .map(|period| (period.period, period.start_s, period.end_s, period.requests, period.ok))
        .collect();
    assert_eq!(
        told,
        [
            // Of those that were under way at the death three were due before it.
            (Around::Before, 0.0, 22.0, 440, 437),
            (Around::During, 22.0, 40.0, 360, 360),
            (Around::After, 40.0, 60.0, 400, 400),
        ]
    );
    let ttft = &report.periods[0].latency[0];
    assert_eq!((ttft.metric, ttft.samples, ttft.percentiles.p99_ms), (Metric::Ttft, 440, Some(60.0)));
    // The three are the largest samples: the 99.9th percentile is one of them.
    assert_eq!(ttft.percentiles.p999_ms, None);
    assert_eq!(report.periods[1].node_attempts.iter().sum::<u64>(), 360);
    assert!(report.periods[1].node_attempts[0] < 120, "{:?}", report.periods[1].node_attempts);
}

#[test]
fn without_a_fault_there_is_no_before_and_after() {
    let mut scene = Scene::without_death();
    scene.evidence.faults[0].fired = 0;
    assert_eq!(scene.judge().periods, []);
}
