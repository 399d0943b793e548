//! Error budgets: how fast the run spent what an objective leaves for errors, and which alert would say so.
//!
//! Burn rates and alerts are those of Google's SRE workbook (chapter 5, "Alerting on SLOs", table 5-8): a
//! burn rate of 1 spends the budget in exactly its window. An alert compares the rate over a long and a
//! short window with a bound; its windows are given for a budget of 30 days, and are scaled to others, so
//! that each bound stands for the same part of a budget. Traffic is taken as constant over the window:
//! a second of the run is then as large a part of its requests as of its time.

use squall_report::{Alert, Budget, Burn, Severity};

use super::slo::{Which, samples_of};
use super::view::View;
use crate::scenario::plan::{self, Slo};

/// The window that the alerts below are for.
const ALERTS_FOR_S: f64 = 30.0 * 86_400.0;
const HOUR_S: f64 = 3_600.0;
/// Burn rate, long and short window in seconds, and what it does.
const ALERTS: [(f64, f64, f64, Severity); 3] = [
    (14.4, HOUR_S, HOUR_S / 12.0, Severity::Page),
    (6.0, 6.0 * HOUR_S, HOUR_S / 2.0, Severity::Page),
    (1.0, 72.0 * HOUR_S, 6.0 * HOUR_S, Severity::Ticket),
];

/// What a phase did to the budget.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    requests: u64,
    bad: u64,
    length_s: f64,
}

/// What the run did to an objective's budget, where it has one.
pub(super) fn of(view: &View<'_>, slo: &Slo) -> Option<Budget> {
    let plan::Budget { target, window } = slo.budget()?;
    let window_s = window.as_secs_f64();
    let mut spent = vec![Spent::default(); view.plan.phases.len()];
    for sample in samples_of(view, slo, Which::AnyPhase) {
        if let Some(phase) = spent.get_mut(usize::from(sample.phase)) {
            phase.requests += 1;
            phase.bad += u64::from(!sample.good);
        }
    }
    for (spent, phase) in spent.iter_mut().zip(&view.plan.phases) {
        spent.length_s = (phase.end().min(view.until) - phase.start).as_secs_f64();
    }
    let in_storm = |place: usize| view.plan.faults.iter().any(|fault| fault.phase == place);
    let phases = view.plan.phases.iter().enumerate().filter(|(_, phase)| !phase.warmup);
    let storm =
        (0..spent.len()).filter(|place| in_storm(*place)).fold(Spent::default(), |sum, place| Spent {
            requests: sum.requests + spent[place].requests,
            bad: sum.bad + spent[place].bad,
            length_s: sum.length_s + spent[place].length_s,
        });
    let storm = (storm.length_s > 0.0).then(|| burnt(storm, target, window_s));
    let rate = storm.as_ref().and_then(|storm| storm.burn_rate);
    Some(Budget {
        target,
        window_s,
        phases: phases
            .map(|(place, phase)| Burn {
                phase: Some(phase.name.clone()),
                ..burnt(spent[place], target, window_s)
            })
            .collect(),
        exhausted_after_s: rate.and_then(|rate| exhausted_after(rate, window_s)),
        alerts: match (&storm, rate) {
            (Some(storm), Some(rate)) => alerts(rate, storm.length_s, window_s),
            _ => Vec::new(),
        },
        storm,
    })
}

fn burnt(Spent { requests, bad, length_s }: Spent, target: f64, window_s: f64) -> Burn {
    let burn_rate = burn_rate(bad, requests, target);
    Burn {
        phase: None,
        length_s,
        requests,
        bad,
        burn_rate,
        spent: burn_rate.map(|rate| rate * length_s / window_s),
    }
}

/// How many times faster than it lasts the budget is spent.
fn burn_rate(bad: u64, requests: u64, target: f64) -> Option<f64> {
    (requests > 0).then(|| bad as f64 / requests as f64 / (1.0 - target))
}

/// When a whole budget is gone at this rate; never at none.
fn exhausted_after(rate: f64, window_s: f64) -> Option<f64> {
    (rate > 0.0).then(|| window_s / rate)
}

/// The alerts at a burn that begins out of peace, holds its rate, and lasts so long.
fn alerts(rate: f64, lasts_s: f64, window_s: f64) -> Vec<Alert> {
    let scale = window_s / ALERTS_FOR_S;
    let alert = |(bound, long_s, short_s, severity): (f64, f64, f64, Severity)| {
        let (long_s, short_s) = (long_s * scale, short_s * scale);
        // After t the mean over the long window is rate · t / long; the short one is there before.
        let after_s = (rate >= bound).then(|| long_s * bound / rate);
        Alert {
            burn_rate: bound,
            long_s,
            short_s,
            severity,
            after_s,
            within: after_s.is_some_and(|after| after <= lasts_s),
        }
    };
    ALERTS.into_iter().map(alert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: f64 = 86_400.0;

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() < expected.abs() * 1e-9
    }

    /// By hand: half of all fail, 99.9 % must not: 0.5 / 0.001 = 500. Twenty minutes are 1,200 s of
    /// 2,419,200 s; times 500 that is 0.248 of the budget, all of which lasts 4,838.4 s.
    #[test]
    fn an_outage_of_twenty_minutes_is_a_quarter_of_the_budget() {
        let burn = burnt(Spent { requests: 200, bad: 100, length_s: 1_200.0 }, 0.999, 28.0 * DAY_S);
        assert!(burn.burn_rate.is_some_and(|rate| near(rate, 500.0)), "{burn:?}");
        assert!(burn.spent.is_some_and(|spent| near(spent, 600_000.0 / 2_419_200.0)), "{burn:?}");
        assert!(exhausted_after(500.0, 28.0 * DAY_S).is_some_and(|after| near(after, 4_838.4)));
    }

    /// As the workbook has them, for 30 days: a burn of 1,000 (nothing works, 99.9 %) is told within
    /// 14.4 · 3,600 / 1,000 = 51.84 s; one of 2 never pages, and gets a ticket after half of three days.
    #[test]
    fn alerts_are_those_of_the_workbook() {
        let all = alerts(1_000.0, 60.0, 30.0 * DAY_S);
        assert!(all[0].after_s.is_some_and(|after| near(after, 51.84)) && all[0].within, "{all:?}");
        assert!(all[1].after_s.is_some_and(|after| near(after, 129.6)) && !all[1].within, "{all:?}");
        let slow = alerts(2.0, 60.0, 30.0 * DAY_S);
        assert_eq!((slow[0].after_s, slow[1].after_s), (None, None));
        assert!(slow[2].after_s.is_some_and(|after| near(after, 1.5 * DAY_S)), "{slow:?}");
        assert_eq!(slow[2].severity, Severity::Ticket);
        // Exactly the bound: when the long window is full of it.
        assert_eq!(alerts(14.4, 60.0, 30.0 * DAY_S)[0].after_s, Some(HOUR_S));
    }

    /// By hand: 28/30 of an hour are 3,360 s, of five minutes 280 s.
    #[test]
    fn windows_are_scaled_to_the_budgets() {
        let alerts = alerts(500.0, 20.0, 28.0 * DAY_S);
        assert!(near(alerts[0].long_s, 3_360.0) && near(alerts[0].short_s, 280.0), "{alerts:?}");
        assert!(alerts[0].after_s.is_some_and(|after| near(after, 3_360.0 * 14.4 / 500.0)), "{alerts:?}");
    }

    #[test]
    fn without_requests_or_errors_nothing_is_spent() {
        assert_eq!(burn_rate(0, 0, 0.99), None);
        assert_eq!(burn_rate(0, 10, 0.99), Some(0.0));
        assert_eq!(exhausted_after(0.0, DAY_S), None);
        assert!(alerts(0.0, 60.0, DAY_S).iter().all(|alert| alert.after_s.is_none()));
    }
}
