//! Each violation is found by its own invariant, and by no other.

use super::*;

/// What is not well after `change`, by name.
fn after(change: impl FnOnce(&mut Scene)) -> Vec<(String, Verdict)> {
    let mut scene = Scene::sound();
    change(&mut scene);
    not_well(&scene.judge())
}

fn only(name: &str, verdict: Verdict) -> Vec<(String, Verdict)> {
    vec![(name.into(), verdict)]
}

#[test]
fn a_sound_run_breaks_none_and_checks_them_all() {
    let report = Scene::sound().judge();
    assert_eq!(report.invariants.len(), 15);
    // No node asked for a wait, and nothing was promised.
    let not_checked = [
        "no attempt before a node's Retry-After is over",
        "nodes are asked for no model but those promised",
        "a session stays on its node while that is well",
        "clients are told of the wait that nodes asked for",
    ];
    for invariant in &report.invariants {
        let expected =
            if not_checked.contains(&invariant.name.as_str()) { Verdict::NotChecked } else { Verdict::Pass };
        assert_eq!(invariant.verdict, expected, "{invariant:?}");
    }
}

#[test]
fn an_arrival_that_ends_never_or_twice() {
    let name = "every arrival ends exactly once";
    let never = after(|scene| {
        scene.scheduled = Some(vec![400, 400, 400]);
        scene.facts.requests.remove(5);
        scene.facts.attempts.remove(5);
    });
    assert_eq!(never, only(name, Verdict::Fail));
    let twice = after(|scene| {
        scene.scheduled = Some(vec![400, 400, 400]);
        let again = scene.facts.requests[5];
        scene.facts.requests.push(again);
    });
    assert_eq!(twice, only(name, Verdict::Fail));
    let in_another_phase = after(|scene| scene.scheduled = Some(vec![401, 399, 400]));
    assert_eq!(in_another_phase, only(name, Verdict::Fail));
}

#[test]
fn missing_arrivals_are_counted_and_named() {
    let mut scene = Scene::sound();
    scene.scheduled = Some(vec![400, 400, 400]);
    scene.facts.requests.retain(|request| !(3..6).contains(&request.id.0) && request.id.0 != 8);
    let report = scene.judge();
    let broken = invariant(&report, "every arrival ends exactly once");
    assert_eq!(broken.violations, 4);
    assert_eq!(broken.examples, ["requests 3 to 5 never ended", "request 8 never ended"]);
}

/// Sessions of five requests; request 19 has no row, and its session says that it asked so many.
fn in_sessions(scene: &mut Scene, asked: u32) {
    let think = Think::Fixed(Duration::ZERO);
    scene.plan.traffic.sessions =
        Some(Sessions { turns: Turns::Fixed(5), think, tools: None, sub_requests: None });
    let session = |id| SessionFact {
        id,
        end: SessionEnd::Complete,
        turns: 5,
        turns_asked: 5,
        first_request: RequestId(5 * id),
        requests: 5,
        requests_asked: 5,
    };
    scene.facts.sessions = (0..240).map(session).collect();
    let broken = &mut scene.facts.sessions[3];
    (broken.end, broken.turns_asked, broken.requests_asked) = (SessionEnd::Failed, asked, asked);
    scene.facts.requests.retain(|request| request.id.0 != 19);
    scene.facts.attempts.retain(|attempt| attempt.request != Some(RequestId(19)));
}

#[test]
fn what_a_session_never_asked_is_accounted_for_by_its_row() {
    let name = "every arrival ends exactly once";
    let mut scene = Scene::sound();
    in_sessions(&mut scene, 4);
    let report = scene.judge();
    assert_eq!(not_well(&report), []);
    let sessions = report.sessions.expect("it has sessions");
    assert_eq!((sessions.begun, sessions.complete, sessions.failed), (240, 239, 1));
    assert_eq!((sessions.turns, sessions.turns_asked), (1_200, 1_199));
    assert_eq!((sessions.requests, sessions.requests_asked), (1_200, 1_199));
    let dropped = after(|scene| in_sessions(scene, 5));
    assert_eq!(dropped, only(name, Verdict::Fail));
    let asked_all_the_same = after(|scene| in_sessions(scene, 3));
    assert_eq!(asked_all_the_same, only(name, Verdict::Fail));
    let without_a_row = after(|scene| {
        in_sessions(scene, 4);
        scene.facts.sessions.remove(7);
    });
    assert_eq!(without_a_row, only(name, Verdict::Fail));
}

#[test]
fn an_attempt_without_a_request() {
    let name = "every attempt belongs to a request";
    let stray = after(|scene| scene.facts.attempts.push(attempt(9_000, 9_000, at(5.0), 1)));
    assert_eq!(stray, only(name, Verdict::Fail));
    let untold = after(|scene| {
        scene.facts.attempts.push(AttemptFact { request: None, ..attempt(9_000, 0, at(5.0), 1) });
    });
    assert!(untold.iter().all(|(_, verdict)| *verdict == Verdict::Inconclusive), "{untold:?}");
    let unknown: Vec<&str> = untold.iter().map(|(name, _)| name.as_str()).collect();
    let needs_them_all = [
        "attempts within the retry bound",
        "no attempts after the client left",
        "the gateway's own retry headers equal the ledger",
        "detection",
        "amplification",
    ];
    assert!(
        needs_them_all.iter().all(|name| unknown.contains(name)) && unknown.contains(&name),
        "{unknown:?}"
    );
    let before_the_load = after(|scene| {
        scene.facts.attempts.push(AttemptFact { request: None, ..attempt(9_000, 0, Nanos::ZERO, 1) });
    });
    assert_eq!(before_the_load, []);
}

#[test]
fn a_success_that_no_node_ended() {
    let name = "no success without a genuine final marker";
    let invented = after(|scene| {
        let request = scene.first_at(5.0);
        request.outcome = Outcome::Invented;
        request.genuine_marker = false;
    });
    assert_eq!(invented, only(name, Verdict::Fail));
    assert_eq!(after(|scene| scene.first_at(5.0).genuine_marker = false), only(name, Verdict::Fail));
    let of_an_attempt_that_is_nobodys = after(|scene| {
        let request = scene.first_at(5.0);
        (request.genuine_marker, request.attempts) = (false, 0);
        scene.facts.attempts[100].request = None;
    });
    let judged = of_an_attempt_that_is_nobodys.iter().find(|(other, _)| other == name);
    assert_eq!(judged.map(|(_, verdict)| *verdict), Some(Verdict::Inconclusive));
}

#[test]
fn an_answer_of_more_than_one_piece() {
    for content in [Content::Duplicated, Content::Spliced] {
        let mixed = after(|scene| {
            let request = scene.first_at(5.0);
            (request.outcome, request.content) = (Outcome::Corrupt, content);
        });
        assert_eq!(mixed, only("no duplicated or spliced content", Verdict::Fail));
    }
    let mut scene = Scene::sound();
    scene.facts.requests.iter_mut().for_each(|request| request.content = Content::Unknown);
    let report = scene.judge();
    assert_eq!(invariant(&report, "no duplicated or spliced content").verdict, Verdict::NotChecked);
    assert_eq!(check(&report, "duplicated").verdict, Verdict::Inconclusive, "a bound needs evidence");
}

#[test]
fn more_attempts_than_the_router_may_make() {
    let storm = |scene: &mut Scene| (0..3).for_each(|_| scene.another_attempt(5.0, 1));
    assert_eq!(after(storm), only("attempts within the retry bound", Verdict::Fail));
    let mut scene = Scene::sound();
    scene.plan.target.entry = Entry::Url(vec!["http://127.0.0.1:1/v1".into()]);
    storm(&mut scene);
    let report = scene.judge();
    let unknown = invariant(&report, "attempts within the retry bound");
    assert_eq!(unknown.verdict, Verdict::NotChecked);
    assert!(unknown.examples[0].contains("4 attempts"), "{:?}", unknown.examples);
}

#[test]
fn an_attempt_for_a_client_that_has_left() {
    let late = |ms: u64| {
        move |scene: &mut Scene| {
            let request = *scene.first_at(5.0);
            let start = request.end + Duration::from_millis(ms);
            let late = attempt(9_000, request.id.0, start, 1);
            scene.facts.attempts.push(AttemptFact { after_end: true, ..late });
        }
    };
    assert_eq!(after(late(50)), [], "it was on its way");
    assert_eq!(after(late(500)), only("no attempts after the client left", Verdict::Fail));
}

#[test]
fn work_that_goes_to_a_dead_node_again() {
    let name = "a dead node gets only probes after detection";
    let again = after(|scene| {
        // Detection is then late too, which is not what is looked at here.
        scene.plan.failover = scene.plan.failover.map(|bounds| FailoverBounds { detection: None, ..bounds });
        for step in 0..4 {
            scene.another_attempt(25.0 + f64::from(step) * 0.1, 0);
        }
    });
    assert_eq!(again, only(name, Verdict::Fail));
    let trials =
        after(|scene| (0..3).for_each(|step| scene.another_attempt(24.0 + f64::from(step) * 1.5, 0)));
    assert_eq!(trials, [], "single attempts find out that a node is back");
}

#[test]
fn work_that_never_stops_going_to_a_dead_node_is_not_passed_over() {
    let mut scene = Scene::sound();
    scene.plan.failover = None;
    for step in 0..40 {
        scene.another_attempt(22.0 + f64::from(step) * 0.2, 0);
    }
    let report = scene.judge();
    assert_eq!(
        not_well(&report),
        only("a dead node gets only probes after detection", Verdict::Inconclusive)
    );
}

#[test]
fn a_herd_on_the_node_that_came_back() {
    let herd = after(|scene| {
        scene.retell(|request, attempt| {
            if request.intended >= BACK && request.intended < BACK + seconds(2.0) {
                (request.node, attempt.node) = (Some(0), 0);
                attempt.end = request.intended + seconds(3.0);
            }
        });
    });
    assert_eq!(herd, only("no herd at failback", Verdict::Fail));
}

#[test]
fn a_node_that_takes_back_what_it_had_is_no_herd() {
    // Of ten requests so many go to `a` in the ten seconds before its death, and in the two after its return, when
    // each takes three seconds.
    let verdict = |before: u64, after: u64| {
        let mut scene = Scene::sound();
        let before = (Nanos(DIES.0 - 10 * SECOND)..DIES, before);
        let after = (BACK..BACK + seconds(2.0), after);
        scene.retell(|request, attempt| {
            let is_in = |(times, share): &(std::ops::Range<Nanos>, u64)| {
                times.contains(&request.intended) && request.id.0 % 10 < *share
            };
            if is_in(&before) || is_in(&after) {
                attempt.node = 0;
            }
            if after.0.contains(&request.intended) {
                attempt.end = request.intended + seconds(3.0);
            }
        });
        invariant(&scene.judge(), "no herd at failback").verdict
    };
    assert_eq!(verdict(10, 10), Verdict::NotChecked, "a primary");
    assert_eq!(verdict(8, 8), Verdict::Pass, "by weight");
    assert_eq!(verdict(8, 10), Verdict::Fail, "more than its weight");
    assert_eq!(verdict(0, 8), Verdict::Fail, "an even share before");
}

#[test]
fn a_gateway_that_miscounts_its_attempts() {
    let name = "the gateway's own retry headers equal the ledger";
    let less = after(|scene| scene.first_at(5.0).claimed_attempts = Some(0));
    // What it says can't be evidence any more that nothing was refused.
    let open = |name: &str| (name.to_owned(), Verdict::Inconclusive);
    let dead = "a dead node gets only probes after detection";
    assert_eq!(less, [open("detection"), open(dead), (name.into(), Verdict::Fail)]);
    assert_eq!(after(|scene| scene.first_at(5.0).claimed_attempts = Some(3)), only(name, Verdict::Fail));
    assert_eq!(after(|scene| scene.first_at(23.0).claimed_attempts = Some(2)), [], "one was refused");
    let mut scene = Scene::sound();
    scene.facts.requests.iter_mut().for_each(|request| request.claimed_attempts = None);
    assert_eq!(invariant(&scene.judge(), name).verdict, Verdict::NotChecked);
}

#[test]
fn a_fault_that_did_not_happen() {
    let name = "the fault happened";
    assert_eq!(after(|scene| scene.evidence.faults[0].fired = 0), only(name, Verdict::Inconclusive));
    assert_eq!(after(|scene| scene.evidence.faults.clear()), only(name, Verdict::Inconclusive));
    let report = Scene::without_death().judge();
    assert_eq!(not_well(&report), only(name, Verdict::Inconclusive), "failover is bounded, no node died");
    let skipped = |scene: &mut Scene| {
        scene.plan.faults[0].on_trap = OnTrap::Skip;
        scene.evidence.faults[0].traps = 1;
        scene.evidence.faults[0].trap = Some("plugin `x` failed in `request`".into());
    };
    assert_eq!(after(skipped), []);
    let mut scene = Scene::sound();
    skipped(&mut scene);
    assert!(invariant(&scene.judge(), name).examples[0].contains("failed in `request`"));
    assert_eq!(
        after(|scene| {
            skipped(scene);
            scene.evidence.faults[0].fired = 0;
        }),
        only(name, Verdict::Inconclusive)
    );
}

#[test]
fn without_nodes_nothing_is_said_of_attempts() {
    let mut scene = Scene::without_death();
    scene.plan.nodes.clear();
    scene.plan.faults.clear();
    scene.plan.failover = None;
    scene.facts.attempts.clear();
    scene.facts.node_events.clear();
    scene.facts.requests.iter_mut().for_each(|request| {
        (request.node, request.attempts, request.genuine_marker) = (None, 0, false);
    });
    let report = scene.judge();
    assert_eq!(not_well(&report), []);
    let checked = report.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Pass);
    assert_eq!(checked.count(), 2, "arrivals and content");
}
