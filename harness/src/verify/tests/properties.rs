//! What holds of every verdict, whatever the ledgers say.

use proptest::prelude::*;

use super::*;

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Inconclusive => 1,
        Verdict::Pass | Verdict::NotChecked => 2,
    }
}

fn moment() -> impl Strategy<Value = Nanos> {
    prop_oneof![Just(0), 0..70 * SECOND, any::<u64>()].prop_map(Nanos)
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    use Outcome::{
        Aborted, ConnectFailed, Corrupt, Cut, Empty, HttpError, InBandError, Invented, Ok, Reset, Shed,
        Timeout,
    };
    prop::sample::select(vec![
        Ok,
        Ok,
        Ok,
        HttpError,
        InBandError,
        ConnectFailed,
        Reset,
        Cut,
        Invented,
        Timeout,
        Corrupt,
        Empty,
        Shed,
        Aborted,
    ])
}

fn contents() -> impl Strategy<Value = Content> {
    use Content::{Different, Duplicated, Spliced, Truncated, Unknown, Whole};
    prop::sample::select(vec![Unknown, Whole, Truncated, Duplicated, Spliced, Different])
}

fn any_request() -> impl Strategy<Value = RequestFact> {
    let who = (0_u64..60, 0_u16..5, prop::option::of(0_u16..5), 0_u32..9, prop::option::of(0_u32..9));
    let times = (moment(), prop::option::of(moment()), prop::option::of(moment()), moment());
    let what = (outcomes(), contents(), any::<[bool; 3]>(), any::<u32>(), prop::option::of(100_u16..600));
    (who, times, what).prop_map(|(who, times, what)| RequestFact {
        id: RequestId(who.0),
        session: Some(who.0 / 4),
        turn: Some((who.0 % 4) as u32),
        sub_request: None,
        phase: who.1,
        cohort: Cohort::Collateral,
        intended: times.0,
        sent: times.1,
        first_byte: times.2,
        first_content: times.2,
        last_content: times.1,
        end: times.3,
        outcome: what.0,
        status: what.4,
        output_tokens: what.3,
        node: who.2,
        attempts: who.3,
        sends: 1,
        left: false,
        hedge_won: None,
        claimed_attempts: who.4,
        retry_after: None,
        content: what.1,
        marker: what.2[0],
        genuine_marker: what.2[1],
        usage_tokens: None,
        counted_tokens: None,
        right: None,
        model: None,
        clean_end: what.2[2],
    })
}

fn any_attempt() -> impl Strategy<Value = AttemptFact> {
    let times = (moment(), moment());
    (any::<u64>(), prop::option::of(0_u64..60), 0_u16..5, times, any::<[bool; 2]>()).prop_map(
        |(id, request, node, (start, end), [probe, after_end])| AttemptFact {
            request: request.map(RequestId),
            end,
            probe,
            after_end,
            ..attempt(id, 0, start, node)
        },
    )
}

fn any_event() -> impl Strategy<Value = NodeEvent> {
    let names = prop::sample::select(vec!["a", "b", "c", "unheard-of"]);
    let states =
        prop::sample::select(vec![NodeState::Down, NodeState::Up, NodeState::Starting, NodeState::Paused]);
    (moment(), names, states).prop_map(|(at_ns, node, state)| NodeEvent { at_ns, node: node.into(), state })
}

fn any_scene() -> impl Strategy<Value = Scene> {
    let facts = (
        prop::collection::vec(any_request(), 0..60),
        prop::collection::vec(any_attempt(), 0..80),
        prop::collection::vec(any_event(), 0..12),
    );
    let scheduled = prop::option::of(prop::collection::vec(0_u64..1 << 40, 0..5));
    let entry = prop_oneof![
        Just(Entry::Router(RouterPolicy { failover: true })),
        Just(Entry::Url(vec!["http://127.0.0.1:1/v1".into()])),
        Just(Entry::Node("a".into())),
        Just(Entry::Node("b".into())),
    ];
    (facts, moment(), scheduled, entry, 0..=3_usize, any::<bool>()).prop_map(
        |((requests, attempts, node_events), duration, scheduled, entry, nodes, aborted)| {
            let mut scene = Scene::sound();
            scene.facts = Ledgers { requests, attempts, node_events, ..Ledgers::default() };
            scene.evidence.duration = duration;
            scene.evidence.aborted = aborted.then(|| "by a test".into());
            scene.scheduled = Some(scheduled.unwrap_or_default());
            scene.plan.target.entry = entry;
            scene.plan.nodes.truncate(nodes);
            scene
        },
    )
}

/// A lost request and its attempts, at some moment after the death.
fn lost() -> impl Strategy<Value = (f64, bool, Option<u32>)> {
    (22.0..59.9_f64, any::<bool>(), prop::option::of(0_u32..3))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_ledgers_have_a_verdict_with_reasons(scene in any_scene()) {
        let recorded = Recorded {
            scheduled: scene.scheduled.clone().unwrap_or_default(),
            ..Recorded::default()
        };
        let judged = |scratch| judge(&scene.plan, &recorded, &scene.facts.facts(scratch), scene.evidence.clone());
        let report = judged(Scratch::default());
        // Whatever is in memory.
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let scratch = Scratch::with_memory(folder.path(), 1_000);
        prop_assert_eq!(format!("{report:?}"), format!("{:?}", judged(scratch.clone())));
        prop_assert!(scratch.whole().is_ok());
        prop_assert!(!report.reasons.is_empty());
        prop_assert_eq!(report.invariants.len(), 15);
        prop_assert!(report.verdict != Verdict::NotChecked);
        if report.verdict == Verdict::Pass {
            prop_assert!(not_well(&report).is_empty() && report.aborted.is_none());
            prop_assert!(!scene.facts.requests.is_empty());
        }
        for slo in &report.slos {
            prop_assert!(0.0 <= slo.lower && slo.lower <= slo.upper && slo.upper <= 1.0);
            prop_assert!(slo.good <= slo.samples);
        }
        for row in &report.failover {
            prop_assert!(row.lost <= row.requests);
            let times = [row.detection_s, row.first_rescue_s, row.recovery_s, row.failback_s];
            prop_assert!(times.into_iter().flatten().all(|time| time >= 0.0));
            for check in &row.checks {
                prop_assert_eq!(check.reason.is_none(), check.verdict == Verdict::Pass);
            }
        }
    }

    /// The node stays dead, so that the window is the rest of the run, whatever recovery is.
    #[test]
    fn one_more_lost_request_never_betters_a_verdict(
        before in prop::collection::vec(lost(), 0..60),
        one_more in lost(),
    ) {
        let mut scene = Scene::sound();
        scene.facts.node_events.retain(|event| event.at_ns <= DIES);
        let add = |scene: &mut Scene, (second, refused, claimed): (f64, bool, Option<u32>)| {
            scene.refused(second);
            let id = scene.facts.requests.len() as u64 - 1;
            let request = &mut scene.facts.requests[id as usize];
            if refused {
                request.claimed_attempts = claimed;
            } else {
                (request.attempts, request.claimed_attempts) = (1, Some(1));
                let seen = attempt(scene.facts.attempts.len() as u64, id, request.intended, 1);
                scene.facts.attempts.push(seen);
            }
        };
        for request in before {
            add(&mut scene, request);
        }
        let was = scene.judge();
        add(&mut scene, one_more);
        let is = scene.judge();
        prop_assert!(rank(is.verdict) <= rank(was.verdict), "{} became {}", was.verdict, is.verdict);
        for (was, is) in was.slos.iter().zip(&is.slos) {
            prop_assert!(rank(is.verdict) <= rank(was.verdict), "{was:?} became {is:?}");
        }
        for (was, is) in was.failover[0].checks.iter().zip(&is.failover[0].checks) {
            // Attempts a request are fewer when one more had none.
            if was.name != "amplification" {
                prop_assert!(rank(is.verdict) <= rank(was.verdict), "{was:?} became {is:?}");
            }
        }
    }

    /// A success that becomes a failure, anywhere in the run.
    #[test]
    fn a_success_that_fails_instead_never_turns_a_fail_into_a_pass(
        failed in prop::collection::vec(0_usize..1_200, 0..120),
        one_more in 0_usize..1_200,
    ) {
        let mut scene = Scene::sound();
        for index in failed {
            fail(&mut scene.facts.requests[index], Outcome::HttpError, 503);
        }
        let was = scene.judge();
        fail(&mut scene.facts.requests[one_more], Outcome::HttpError, 503);
        let is = scene.judge();
        prop_assert!(rank(is.verdict) <= rank(was.verdict), "{:?} became {:?}", was.reasons, is.reasons);
        for (was, is) in was.slos.iter().zip(&is.slos) {
            prop_assert!(rank(is.verdict) <= rank(was.verdict), "{was:?} became {is:?}");
        }
    }
}
