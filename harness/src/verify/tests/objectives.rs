//! Objectives beyond shares of all requests: rates, quality, selectors, windows, budgets.

use squall_report::{Method, RateUnit, Severity};

use super::*;
use crate::scenario::plan::{Budget, Counted};
use crate::verify::stats::Share;

/// The row of the scene's only objective.
fn row(
    scene: &mut Scene,
    objective: Objective,
    during: &[usize],
    change: impl FnOnce(&mut Slo),
) -> squall_report::Slo {
    let mut one = slo("one", "as typed", objective, during);
    change(&mut one);
    scene.plan.slos = vec![one];
    scene.judge().slos.remove(0)
}

const SUCCESS: Objective = Objective::Success { share: 0.9 };
const ALL: [usize; 3] = [0, 1, 2];

#[test]
fn quality_is_of_the_answers_of_which_it_is_known() {
    let mut scene = Scene::sound();
    scene.retell(|request, _| {
        // Of every ten five are known, and of every hundred one of them is wrong.
        request.right = (request.id.0 % 2 == 0).then_some(request.id.0 % 100 != 0);
    });
    let found = row(&mut scene, Objective::Quality { share: 0.95 }, &ALL, |_| {});
    assert_eq!((found.samples, found.good, found.verdict), (600, 588, Verdict::Pass));
    assert!(found.observed.is_some_and(|share| (share - 0.98).abs() < 1e-9));
}

#[test]
fn an_error_rate_shows_errors_and_is_judged_as_success_is() {
    let mut scene = Scene::sound();
    let errors = row(&mut scene, Objective::ErrorRate { share: 0.9 }, &[1], |_| {});
    let success = row(&mut scene, SUCCESS, &[1], |_| {});
    assert_eq!((errors.good, errors.lower, errors.verdict), (success.good, success.lower, success.verdict));
    assert!(errors.observed.is_some_and(|share| (share - 3.0 / 400.0).abs() < 1e-9), "{errors:?}");
}

#[test]
fn selectors_leave_out_all_other_requests() {
    let mut scene = Scene::sound();
    scene.facts.models = vec!["other".into()];
    scene.retell(|request, _| {
        request.cohort = if request.id.0 % 4 == 0 { Cohort::Faulted } else { Cohort::Collateral };
        request.model = (request.id.0 % 10 == 0).then_some(0);
    });
    let samples = |scene: &mut Scene, change: fn(&mut Slo)| row(scene, SUCCESS, &[0], change).samples;
    assert_eq!(samples(&mut scene, |_| {}), 400);
    assert_eq!(samples(&mut scene, |slo| slo.only.cohort = Some(Cohort::Faulted)), 100);
    // Round robin over three nodes, `b` has the second of every three.
    assert_eq!(samples(&mut scene, |slo| slo.only.node = Some("b".into())), 133);
    assert_eq!(samples(&mut scene, |slo| slo.only.model = Some("other".into())), 40);
    // What names none is of the model that was asked for.
    assert_eq!(samples(&mut scene, |slo| slo.only.model = Some("sim".into())), 360);
    let none = row(&mut scene, SUCCESS, &[0], |slo| slo.only.model = Some("nobody".into()));
    assert_eq!((none.samples, none.verdict), (0, Verdict::Inconclusive));
    let reasons = scene.judge().reasons;
    assert!(reasons.iter().any(|reason| reason.contains("answers named `other`")), "{reasons:?}");
}

/// Every request of two seconds fails: 40 of 1,200 in the run, 40 of 100 in the worst window.
#[test]
fn a_window_is_judged_by_itself_and_the_worst_is_shown() {
    let mut scene = Scene::without_death();
    scene.retell(|request, _| {
        if request.intended >= at(46.0) && request.intended < at(48.0) {
            fail(request, Outcome::Reset, 200);
        }
    });
    let whole = row(&mut scene, SUCCESS, &ALL, |_| {});
    // So many misses one by one would prove 95 %; that they came together proves less.
    assert_eq!((whole.good, whole.samples, whole.verdict), (1_160, 1_200, Verdict::Inconclusive));
    assert!(whole.lower < 0.95 && Share::new(1_160, 1_200).lower >= 0.95, "{whole:?}");
    let worst = row(&mut scene, SUCCESS, &ALL, |slo| slo.window = Some(seconds(5.0)));
    let window = worst.window.clone().expect("it has windows");
    assert_eq!((window.windows, window.passed, window.failed), (12, 11, 0), "{worst:?}");
    assert_eq!((window.from_s, window.to_s, worst.samples, worst.good), (45.0, 50.0, 100, 60));
    // Five slices of which two are all bad are too little to prove it over twelve windows.
    assert_eq!(worst.verdict, Verdict::Inconclusive);
    scene.retell(|request, _| {
        if request.intended >= at(45.0) && request.intended < at(50.0) {
            fail(request, Outcome::Reset, 200);
        }
    });
    let worst = row(&mut scene, SUCCESS, &ALL, |slo| slo.window = Some(seconds(5.0)));
    assert_eq!((worst.verdict, worst.good), (Verdict::Fail, 0));
    // None of 100 in the worst of 12: 1 − (0.05 / 12)^(1/100).
    assert!((worst.upper - (1.0 - (0.05_f64 / 12.0).powf(0.01))).abs() < 1e-9, "{worst:?}");
    let reasons = scene.judge().reasons;
    assert!(reasons.iter().any(|reason| reason.contains("in the worst of 12 windows")), "{reasons:?}");
}

#[test]
fn goodput_is_what_meets_every_objective_on_latency_that_counts_it() {
    let mut scene = Scene::without_death();
    scene.retell(|request, _| {
        // Every fourth is slow.
        if request.id.0 % 4 == 0 {
            request.first_content = Some(request.intended + Duration::from_millis(900));
        }
    });
    let first = Objective::Latency { metric: Metric::Ttft, share: 0.5, bound: Duration::from_millis(800) };
    let good = |least| Objective::Rate { of: Counted::GoodRequests, least };
    let of = |scene: &mut Scene, least, during: &[usize]| {
        scene.plan.slos = vec![slo("goodput", "x", good(least), during), slo("first", "x", first, &[0, 1])];
        scene.judge().slos.remove(0)
    };
    // Twenty a second, of which fifteen are good where the objective on the first token counts.
    let found = of(&mut scene, 14.0, &[0, 1]);
    assert_eq!(
        (found.observed, found.verdict, found.rate),
        (Some(15.0), Verdict::Pass, Some(RateUnit::Requests))
    );
    assert_eq!((found.samples, found.block_s, found.method), (20, Some(2.0), Some(Method::BatchMeans)));
    assert_eq!(of(&mut scene, 16.0, &[0, 1]).verdict, Verdict::Fail);
    assert_eq!(of(&mut scene, 16.0, &[2]).observed, Some(20.0));
}

#[test]
fn throughput_counts_when_it_came() {
    let mut scene = Scene::without_death();
    let of = |scene: &mut Scene, of, least| row(scene, Objective::Rate { of, least }, &ALL, |_| {});
    let tokens = of(&mut scene, Counted::Tokens, 500.0);
    // 44 tokens twenty times a second; those of the last half second came when the run was over.
    assert!(tokens.observed.is_some_and(|rate| (870.0..880.0).contains(&rate)), "{tokens:?}");
    assert_eq!(tokens.verdict, Verdict::Pass);
    assert!(tokens.lower > 850.0 && tokens.upper < 900.0, "{tokens:?}");
    let requests = of(&mut scene, Counted::Requests, 30.0);
    assert_eq!(requests.verdict, Verdict::Fail);
    scene.evidence.duration = at(2.0);
    let short = of(&mut scene, Counted::Requests, 1.0);
    assert_eq!((short.verdict, short.needed), (Verdict::Inconclusive, 5));
}

/// By hand: 3 of 400 fail in the storm of 20 s; 95 % must not: 0.0075 / 0.05 = 0.15 is the rate of burning,
/// and 0.15 · 20 s of 28 days (2,419,200 s) are spent.
#[test]
fn an_objective_on_success_has_a_budget_and_the_storm_spends_of_it() {
    let mut scene = Scene::sound();
    let found = row(&mut scene, Objective::Success { share: 0.95 }, &[0], |_| {});
    let budget = found.budget.expect("it is on success");
    let near = |found: Option<f64>, expected: f64| found.is_some_and(|found| (found - expected).abs() < 1e-9);
    let storm = budget.storm.clone().expect("a phase has faults");
    assert_eq!((storm.requests, storm.bad), (400, 3));
    assert!(near(storm.burn_rate, 0.15) && near(storm.spent, 0.15 * 20.0 / 2_419_200.0), "{storm:?}");
    let names: Vec<_> = budget.phases.iter().map(|burn| burn.phase.clone().unwrap_or_default()).collect();
    assert_eq!(names, ["steady", "storm", "recovery"]);
    assert!(near(budget.phases[0].spent, 0.0) && budget.alerts.iter().all(|alert| alert.after_s.is_none()));

    let first = Objective::Latency { metric: Metric::Ttft, share: 0.95, bound: Duration::from_millis(800) };
    assert_eq!(row(&mut scene, first, &[0], |_| {}).budget, None);
    let given = Budget { target: 0.999, window: Duration::from_hours(30 * 24) };
    let budget = row(&mut scene, first, &[0], |slo| slo.budget = Some(given)).budget.expect("given");
    // 7.5 times as fast as it lasts: six hours at 6 are full after 4.8 hours.
    let alert = &budget.alerts[1];
    assert_eq!((alert.severity, alert.within), (Severity::Page, false));
    assert!(alert.after_s.is_some_and(|after| (after - 4.8 * 3_600.0).abs() < 1e-3), "{budget:?}");
}
