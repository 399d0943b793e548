//! What a gateway promises, and when it has not kept it.

use super::*;

/// The verdict on the invariant of this name, after `change`; and what else is not well.
fn after(name: &str, change: impl FnOnce(&mut Scene)) -> (Verdict, usize) {
    let mut scene = Scene::sound();
    change(&mut scene);
    let report = scene.judge();
    (invariant(&report, name).verdict, not_well(&report).iter().filter(|(other, _)| other != name).count())
}

const BOUND: &str = "attempts within the retry bound";
const WAITS: &str = "no attempt before a node's Retry-After is over";
const TOLD: &str = "clients are told of the wait that nodes asked for";
const MODELS: &str = "nodes are asked for no model but those promised";
const SESSIONS: &str = "a session stays on its node while that is well";
const LEAKED: &str = "connections to nodes are not leaked";

#[test]
fn a_bound_on_attempts() {
    let promise = |most, made: u32| {
        after(BOUND, |scene| {
            scene.plan.target.entry = Entry::Url(vec!["http://127.0.0.1:1/v1".into()]);
            scene.plan.target.promises.attempts = Some(most);
            (1..made).for_each(|_| scene.another_attempt(5.0, 1));
        })
    };
    assert_eq!(promise(3, 3), (Verdict::Pass, 0));
    assert_eq!(promise(3, 4), (Verdict::Fail, 0));
}

/// Request 100, on `b`, is answered at 5.5 s with an error that asks for a wait of two seconds.
fn asks_for_a_wait(scene: &mut Scene) {
    let attempt = &mut scene.facts.attempts[100];
    (attempt.status, attempt.retry_after) = (Some(429), Some(seconds(2.0)));
}

#[test]
fn a_wait_that_a_node_asked_for() {
    assert_eq!(after(WAITS, asks_for_a_wait), (Verdict::Pass, 0), "others may be let in");
    let same_again = |later: f64| {
        after(WAITS, |scene| {
            asks_for_a_wait(scene);
            scene.facts.requests[100].end = at(9.0);
            let start = at(5.5 + later);
            scene.facts.attempts.push(AttemptFact { ordinal: 1, ..attempt(9_000, 100, start, 1) });
            let request = &mut scene.facts.requests[100];
            (request.attempts, request.claimed_attempts) = (2, Some(2));
        })
    };
    assert_eq!(same_again(1.0), (Verdict::Fail, 0));
    assert_eq!(same_again(2.0), (Verdict::Pass, 0));
    assert_eq!(same_again(0.05), (Verdict::Pass, 0), "it was on its way");
    let promised = |scene: &mut Scene| {
        asks_for_a_wait(scene);
        scene.plan.target.promises.retry_after = true;
    };
    assert_eq!(after(WAITS, promised), (Verdict::Fail, 0));
    let kept = |scene: &mut Scene| {
        promised(scene);
        scene.retell(|request, attempt| {
            if attempt.node == 1 && request.intended > at(5.1) && request.intended < at(7.5) {
                (request.node, attempt.node) = (Some(2), 2);
            }
        });
    };
    assert_eq!(after(WAITS, kept), (Verdict::Pass, 0));
    let straight = |scene: &mut Scene| {
        promised(scene);
        scene.plan.target.entry = Entry::Node("b".into());
        scene.plan.failover = None;
    };
    assert_eq!(after(WAITS, straight).0, Verdict::NotChecked);
}

/// Request 100 ends with its node's 429.
#[test]
fn a_wait_that_a_client_is_to_know_of() {
    let ends = |attempted: fn(&mut Scene), told: Option<f64>| {
        after(TOLD, |scene| {
            scene.plan.target.promises.wait_told = true;
            asks_for_a_wait(scene);
            attempted(scene);
            let request = &mut scene.facts.requests[100];
            (request.outcome, request.status) = (Outcome::HttpError, Some(429));
            request.retry_after = told.map(seconds);
        })
        .0
    };
    assert_eq!(ends(|_| (), None), Verdict::Fail);
    assert_eq!(ends(|_| (), Some(2.0)), Verdict::Pass);
    let and_another = |scene: &mut Scene| scene.another_attempt(5.0, 2);
    assert_eq!(ends(and_another, None), Verdict::NotChecked, "not every node asked for it");
    let nobodys = |scene: &mut Scene| {
        scene.facts.attempts.push(AttemptFact { request: None, ..attempt(9_000, 0, at(5.0), 1) });
    };
    assert_eq!(ends(nobodys, Some(2.0)), Verdict::Inconclusive, "it may have been this request's");
    assert_eq!(ends(nobodys, None), Verdict::Fail);
    assert_eq!(after(TOLD, |_| ()).0, Verdict::NotChecked);
}

#[test]
fn another_model() {
    let asked = |promised: &[&str]| {
        after(MODELS, |scene| {
            scene.facts.asked_models.push("tiny".into());
            scene.facts.attempts[100].model = Some(1);
            scene.facts.attempts[101].model = None;
            scene.plan.target.promises.models = promised.iter().map(|model| (*model).into()).collect();
        })
    };
    assert_eq!(asked(&[]), (Verdict::NotChecked, 0));
    assert_eq!(asked(&["sim"]), (Verdict::Fail, 0));
    assert_eq!(asked(&["sim", "tiny"]), (Verdict::Pass, 0));
}

/// Each session is three requests, one after the other on one node; the nodes take turns.
fn in_sessions(scene: &mut Scene) {
    scene.plan.target.promises.sticky = true;
    scene.retell(|request, attempt| {
        let id = request.id.0;
        (request.session, request.turn) = (Some(id % 3 + id / 9 * 3), Some((id / 3 % 3) as u32));
        // Those that begin while `a` is away begin on `b`, and stay there.
        let away = |at: Nanos| at >= DIES && at < BACK;
        if id.is_multiple_of(3) && (away(request.intended) || away(Nanos(id / 9 * 9 * EVERY))) {
            (request.node, attempt.node) = (Some(1), 1);
        }
    });
}

#[test]
fn a_session_that_leaves_its_node() {
    assert_eq!(
        after(SESSIONS, in_sessions),
        (Verdict::Pass, 0),
        "those on `a` had to leave it, and come back"
    );
    let moved = |with: fn(&mut Scene)| {
        after(SESSIONS, |scene| {
            in_sessions(scene);
            // The second turn of a session on `b` at 5 s is `c`'s.
            (scene.facts.requests[103].node, scene.facts.attempts[103].node) = (Some(2), 2);
            assert_eq!(scene.facts.requests[100].session, scene.facts.requests[103].session);
            with(scene);
        })
    };
    assert_eq!(moved(|_| ()), (Verdict::Fail, 0));
    assert_eq!(
        moved(|scene| scene.facts.attempts[82].status = Some(503)),
        (Verdict::Pass, 0),
        "it had failed"
    );
    assert_eq!(moved(|scene| scene.plan.target.promises.sticky = false), (Verdict::NotChecked, 0));
    assert_eq!(moved(|scene| scene.facts.requests[103].sub_request = Some(0)), (Verdict::Pass, 0));
}

#[test]
fn connections_that_stay_open() {
    // Twenty requests a second of half a second each over three nodes: never more than four at once on one.
    let open = |connections: u32| after(LEAKED, |scene| scene.facts.attempts[500].connections = connections);
    assert_eq!(open(24), (Verdict::Pass, 0));
    assert_eq!(open(80), (Verdict::Fail, 0));
    let straight = |scene: &mut Scene| {
        scene.facts.attempts[500].connections = 80;
        scene.plan.target.entry = Entry::Node("b".into());
        scene.plan.failover = None;
    };
    assert_eq!(after(LEAKED, straight).0, Verdict::NotChecked);
}
