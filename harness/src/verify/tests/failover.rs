//! Each figure of a death, by hand.

use super::*;

fn near(figure: Option<f64>, expected: f64) -> bool {
    figure.is_some_and(|figure| (figure - expected).abs() < 1e-9)
}

#[test]
fn a_sound_death_has_every_figure() {
    let report = Scene::sound().judge();
    let [row] = &report.failover[..] else { panic!("one death: {:?}", report.failover) };
    assert_eq!(row.node, "a");
    assert_eq!((row.t0_s, row.t1_s), (22.0, Some(30.0)));
    // Requests 440 and 443 went to `a`, 446 would have; two of them were refused after the death.
    assert!(row.detection_s.is_some_and(|detection| detection < 0.35), "{row:?}");
    assert!(near(row.first_rescue_s, 0.5), "{row:?}");
    assert!(near(row.recovery_s, 0.0), "three of 29 are lost now and then by a service at 95 %: {row:?}");
    assert!(row.failback_s.is_some_and(|failback| failback < 0.2), "{row:?}");
    assert_eq!((row.lost, row.silently_truncated, row.duplicated, row.spliced), (3, 0, 0, 0));
    assert_eq!(row.requests, 160 + 9 + 1, "eight seconds, those under way, and one that just ended");
    assert_eq!(row.amplification_mean, Some(1.0));
    assert_eq!(row.checks.len(), 7);
    assert!(row.checks.iter().all(|check| check.verdict == Verdict::Pass && check.reason.is_none()));
}

#[test]
fn detection_is_at_once_when_nothing_was_sent() {
    let mut scene = Scene::sound();
    scene.facts.requests.iter_mut().for_each(|request| request.claimed_attempts = Some(request.attempts));
    assert_eq!(scene.judge().failover[0].detection_s, Some(0.0));
}

/// The three kinds of evidence that work was sent to a dead node, four seconds after its death.
#[test]
fn detection_lasts_until_the_last_work_by_any_evidence() {
    let until_four = |keep: fn(&mut Scene, f64)| {
        let mut scene = Scene::sound();
        for step in 0..=8 {
            keep(&mut scene, 22.0 + f64::from(step) * 0.5);
        }
        let report = scene.judge();
        let verdict = check(&report, "detection").verdict;
        (report.failover[0].detection_s.map(f64::round), verdict)
    };
    let seen = until_four(|scene, second| scene.another_attempt(second, 0));
    assert_eq!(seen, (Some(4.0), Verdict::Fail));
    let claimed = until_four(|scene, second| scene.first_at(second).claimed_attempts = Some(2));
    assert_eq!(claimed, (Some(4.0), Verdict::Fail));
    let refused = until_four(|scene, second| {
        scene.refused(second);
        scene.facts.requests.last_mut().expect("just added").claimed_attempts = None;
    });
    assert_eq!(refused, (Some(4.0), Verdict::Fail));
    let turned_away = until_four(|scene, second| {
        scene.refused(second);
        scene.facts.requests.last_mut().expect("just added").claimed_attempts = Some(0);
    });
    assert!(turned_away.0 < Some(1.0), "the gateway made no attempt: {turned_away:?}");
    let probes = until_four(|scene, second| {
        let id = scene.facts.attempts.len() as u64;
        let probe = AttemptFact { request: None, probe: true, ..attempt(id, 0, at(second), 0) };
        scene.facts.attempts.push(probe);
    });
    assert!(probes.0 < Some(1.0), "a probe is no work: {probes:?}");
}

/// Each request is tried at the dead node for up to four seconds, until the gateway gives up on it.
#[test]
fn a_gateway_that_keeps_trying_a_dead_node_has_not_stopped_between() {
    let mut scene = Scene::sound();
    scene.retell(|request, attempt| {
        if request.intended >= DIES && request.intended < BACK {
            request.claimed_attempts = Some(3);
            attempt.start = request.intended + seconds(4.0);
            attempt.end = attempt.start + seconds(0.5);
            request.end = attempt.end;
        }
    });
    let report = scene.judge();
    assert_eq!(check(&report, "detection").verdict, Verdict::Fail);
    let dead = invariant(&report, "a dead node gets only probes after detection");
    assert_ne!(dead.verdict, Verdict::Fail, "{dead:?}");
}

#[test]
fn detection_is_not_known_of_a_gateway_that_does_not_say_truly_how_often_it_tries() {
    let detected = |say: fn(&mut RequestFact)| {
        let mut scene = Scene::sound();
        scene.facts.requests.iter_mut().for_each(say);
        let report = scene.judge();
        (report.failover[0].detection_s, check(&report, "detection").verdict)
    };
    let silent = detected(|request| request.claimed_attempts = None);
    assert_eq!(silent, (None, Verdict::Inconclusive), "what the dead port refused nobody saw");
    let untrue = detected(|request| request.claimed_attempts = Some(u32::from(request.id.0 != 3)));
    assert_eq!(untrue, (None, Verdict::Inconclusive), "it said less than the ledger has");
    assert!(detected(|_| ()).0.is_some());
}

#[test]
fn detection_is_not_known_when_nothing_could_tell() {
    let mut scene = Scene::sound();
    // It comes back after a tenth of a second: two requests went elsewhere.
    scene.facts.node_events.retain(|event| event.at_ns <= DIES);
    scene.node("a", DIES + seconds(0.1), NodeState::Up);
    let report = scene.judge();
    assert_eq!(report.failover[0].detection_s, None);
    let detection = check(&report, "detection");
    assert_eq!(detection.verdict, Verdict::Inconclusive);
    assert!(detection.reason.as_deref().is_some_and(|why| why.contains("up again")), "{detection:?}");
}

#[test]
fn work_that_goes_on_until_the_node_is_back_fails_detection_without_a_figure() {
    let mut scene = Scene::sound();
    for step in 0..40 {
        scene.another_attempt(22.0 + f64::from(step) * 0.2, 0);
    }
    let report = scene.judge();
    assert_eq!(report.failover[0].detection_s, None);
    let detection = check(&report, "detection");
    assert_eq!(detection.verdict, Verdict::Fail);
    assert!(detection.observed.starts_with(">= 7."), "{detection:?}");
}

#[test]
fn at_a_low_rate_a_fair_share_is_not_taken_for_trials() {
    let mut scene = Scene::sound();
    // One request in twenty is left, one a second; every third still goes to the dead node.
    scene.facts.requests.retain(|request| request.id.0.is_multiple_of(20));
    scene.facts.attempts.retain(|attempt| attempt.request.is_some_and(|id| id.0.is_multiple_of(20)));
    for (id, request) in (0..).zip(&mut scene.facts.requests) {
        request.id = RequestId(id);
        scene.facts.attempts[id as usize].request = Some(request.id);
    }
    for second in [22.0, 25.0, 28.0] {
        scene.another_attempt(second, 0);
    }
    let report = scene.judge();
    assert_eq!(report.failover[0].detection_s, None);
    assert_eq!(check(&report, "detection").verdict, Verdict::Fail, "{:?}", report.failover);
}

#[test]
fn recovery_waits_for_three_seconds_that_hold() {
    let mut scene = Scene::sound();
    // 22 to 26: each second but that from 24 loses more than it may.
    for second in [23.5, 25.1, 25.4] {
        fail(scene.first_at(second), Outcome::HttpError, 503);
        fail(scene.first_at(second + 0.05), Outcome::HttpError, 503);
        fail(scene.first_at(second + 0.1), Outcome::HttpError, 503);
    }
    let report = scene.judge();
    assert!(near(report.failover[0].recovery_s, 4.0), "{:?}", report.failover);
    assert_eq!(check(&report, "recovery").verdict, Verdict::Pass);
}

#[test]
fn a_request_that_fails_late_counts_against_the_second_it_came_in() {
    let mut scene = Scene::sound();
    for id in [441, 442, 443] {
        let request = &mut scene.facts.requests[id];
        fail(request, Outcome::Timeout, 200);
        request.end = request.intended + seconds(5.0);
    }
    let report = scene.judge();
    assert!(near(report.failover[0].recovery_s, 1.0), "{:?}", report.failover);
}

#[test]
fn a_service_that_stays_ill_has_no_recovery_and_fails_its_bounds() {
    let mut scene = Scene::sound();
    scene.retell(|request, _| {
        if request.intended >= DIES && request.id.0.is_multiple_of(3) {
            fail(request, Outcome::HttpError, 503);
        }
    });
    let report = scene.judge();
    let row = &report.failover[0];
    assert_eq!(row.recovery_s, None);
    assert_eq!(check(&report, "recovery").verdict, Verdict::Fail);
    assert_eq!(check(&report, "lost").verdict, Verdict::Fail);
    assert_eq!(
        check(&report, "silently_truncated").verdict,
        Verdict::Inconclusive,
        "the window is not whole"
    );
}

#[test]
fn without_an_objective_the_level_is_that_from_before() {
    let mut scene = Scene::sound();
    scene.plan.slos.clear();
    // Nine in ten is what this service does; a death makes it no worse.
    scene.retell(|request, _| {
        if request.id.0.is_multiple_of(10) && request.outcome == Outcome::Ok {
            fail(request, Outcome::HttpError, 503);
        }
    });
    let report = scene.judge();
    assert!(report.failover[0].recovery_s.is_some_and(|recovery| recovery <= 1.0), "{:?}", report.failover);
}

#[test]
fn a_death_just_before_the_end_leaves_its_figures_open() {
    let mut scene = Scene::sound();
    scene.facts.node_events.retain(|event| event.at_ns < DIES);
    scene.node("b", at(59.0), NodeState::Down);
    let report = scene.judge();
    let row = &report.failover[0];
    assert_eq!((row.recovery_s, row.failback_s, row.t1_s), (None, None, None));
    assert!(row.checks.iter().all(|check| check.verdict != Verdict::Pass), "{:?}", row.checks);
}

#[test]
fn a_death_after_the_load_is_none() {
    let mut scene = Scene::without_death();
    scene.node("b", at(60.5), NodeState::Down);
    assert!(scene.judge().failover.is_empty());
}

#[test]
fn a_restart_that_fails_goes_on_with_the_same_death() {
    let mut scene = Scene::sound();
    scene.node("a", at(24.0), NodeState::Starting);
    scene.node("a", at(25.0), NodeState::Down);
    let report = scene.judge();
    assert_eq!(report.failover.len(), 1);
    assert_eq!(report.failover[0].t1_s, Some(30.0));
}

#[test]
fn failback_is_when_the_node_has_its_share_again() {
    let mut scene = Scene::sound();
    scene.retell(|request, attempt| {
        // Five seconds of nothing for the node that came back.
        if attempt.node == 0 && request.intended >= BACK && request.intended < BACK + seconds(5.0) {
            let node = 1 + (request.id.0 % 2) as u16;
            (request.node, attempt.node) = (Some(node), node);
        }
    });
    let report = scene.judge();
    let failback = report.failover[0].failback_s;
    assert!(failback.is_some_and(|failback| (3.9..5.1).contains(&failback)), "{failback:?}");
    assert_eq!(check(&report, "failback").verdict, Verdict::Fail);
    scene.retell(|request, attempt| {
        if attempt.node == 0 && request.intended >= BACK {
            (request.node, attempt.node) = (Some(1), 1);
        }
    });
    let report = scene.judge();
    assert_eq!(report.failover[0].failback_s, None);
    assert_eq!(check(&report, "failback").verdict, Verdict::Fail, "it never had it: {:?}", report.failover);
}

#[test]
fn what_is_lost_is_named() {
    let mut scene = Scene::sound();
    for step in 0..20 {
        scene.refused(22.5 + f64::from(step) * 0.01);
    }
    let report = scene.judge();
    let lost = check(&report, "lost");
    assert_eq!(lost.verdict, Verdict::Fail);
    let reason = lost.reason.as_deref().unwrap_or_default();
    for part in [
        "23 of 190 requests (12.1 %)",
        "death of `a`",
        "more than 5 %",
        "20 HTTP error 502",
        "3 in-band error",
        "20 reached no node",
        "3 on `a`",
        "such as request",
    ] {
        assert!(reason.contains(part), "`{part}` is missing: {reason}");
    }
}

#[test]
fn an_answer_cut_short_that_looks_complete_is_silently_truncated() {
    let cut = |change: fn(&mut RequestFact)| {
        let mut scene = Scene::sound();
        let request = scene.first_at(23.0);
        request.outcome = Outcome::Cut;
        request.content = Content::Truncated;
        (request.marker, request.genuine_marker) = (false, false);
        change(request);
        scene.judge().failover[0].silently_truncated
    };
    assert_eq!(cut(|_| ()), 1);
    assert_eq!(cut(|request| request.clean_end = false), 0, "HTTP told it");
    assert_eq!(cut(|request| request.outcome = Outcome::InBandError), 0, "the stream told it");
    let invent = |request: &mut RequestFact| (request.outcome, request.marker) = (Outcome::Invented, true);
    assert_eq!(cut(invent), 1, "a marker that no node sent");
}

#[test]
fn amplification_counts_what_reached_the_nodes() {
    let mut scene = Scene::sound();
    for step in 0..80 {
        scene.another_attempt(22.0 + f64::from(step) * 0.1, 1);
        scene.another_attempt(22.0 + f64::from(step) * 0.1, 2);
    }
    let report = scene.judge();
    let row = &report.failover[0];
    assert_eq!(row.amplification_max, 3);
    assert_eq!(row.amplification_mean, Some((170.0 + 160.0) / 170.0));
    assert_eq!(check(&report, "amplification").verdict, Verdict::Fail);
}

#[test]
fn two_deaths_have_two_rows_in_order() {
    let mut scene = Scene::sound();
    scene.node("c", at(45.0), NodeState::Down);
    scene.node("c", at(46.0), NodeState::Up);
    scene.node("a", at(50.0), NodeState::Down);
    let report = scene.judge();
    let rows: Vec<(&str, f64)> = report.failover.iter().map(|row| (row.node.as_str(), row.t0_s)).collect();
    assert_eq!(rows, [("a", 22.0), ("c", 45.0), ("a", 50.0)]);
}
