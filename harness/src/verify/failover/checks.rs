//! The scenario's bounds on failover, each against its figure.
//!
//! A bound that is broken fails even when the window was cut off: more of the run would not mend it,
//! but for `lost`, which is a share. A bound that is kept passes only when the window is whole.

use std::time::Duration;

use squall_report::{Check, Verdict};

use super::super::losses;
use super::super::text;
use super::super::view::{Down, View, ok};
use super::window::silently_truncated;
use super::{Figure, Window};
use crate::record::{Content, RequestFact};
use crate::scenario::plan::FailoverBounds;

/// The times of an episode.
#[derive(Clone, Copy)]
pub(super) struct Figures<'a> {
    pub(super) detection: &'a Figure,
    pub(super) recovery: &'a Figure,
    pub(super) failback: &'a Figure,
}

pub(super) fn check(
    view: &View<'_>,
    down: Down,
    bounds: FailoverBounds,
    figures: Figures<'_>,
    window: &Window,
) -> Vec<Check> {
    let scene = Scene { view, window, node: view.node(down.node) };
    let node = &scene.node;
    let checks = [
        bounds.detection.map(|bound| {
            time("detection", bound, figures.detection, &format!("work was sent to {node} after its death"))
        }),
        bounds.recovery.map(|bound| {
            time("recovery", bound, figures.recovery, &format!("the service was worse after {node} died"))
        }),
        bounds.failback.map(|bound| {
            time("failback", bound, figures.failback, &format!("{node} was up again without its share"))
        }),
        bounds.lost.map(|bound| scene.lost(bound)),
        bounds.silently_truncated.map(|bound| scene.silently_truncated(bound)),
        bounds.duplicated.map(|bound| scene.duplicated(bound)),
        bounds.amplification.map(|bound| scene.amplification(bound)),
    ];
    let line = |name: &str| view.plan.lines.bound(name);
    checks.into_iter().flatten().map(|check| Check { line: line(&check.name), ..check }).collect()
}

/// `what` is what lasted.
fn time(name: &str, bound: Duration, figure: &Figure, what: &str) -> Check {
    let limit = text::seconds(bound);
    let (observed, verdict, reason) = match figure {
        Figure::Known(took) if *took <= bound => (text::seconds(*took), Verdict::Pass, None),
        Figure::Known(took) => {
            let took = text::seconds(*took);
            (took.clone(), Verdict::Fail, Some(format!("{what} for {took}, more than {limit}")))
        }
        Figure::Open { at_least, why } if *at_least > bound => {
            let took = text::seconds(*at_least);
            let reason = format!("{what} for at least {took}, more than {limit}: {why}");
            (format!(">= {took}"), Verdict::Fail, Some(reason))
        }
        Figure::Open { why, .. } => {
            ("not known".into(), Verdict::Inconclusive, Some(format!("not known: {why}")))
        }
    };
    Check { name: name.into(), bound: format!("<= {limit}"), observed, verdict, reason, line: None }
}

struct Scene<'v, 'a> {
    view: &'v View<'a>,
    window: &'v Window,
    node: String,
}

impl Scene<'_, '_> {
    /// In the 8.1s from the death of a node.
    fn when(&self) -> String {
        format!("in the {} from the death of {}", text::seconds(self.window.to - self.window.from), self.node)
    }

    fn lost(&self, bound: f64) -> Check {
        let limit = text::percent(bound);
        let (lost, all) = (self.window.lost, text::count(self.window.requests, "request"));
        let seen = self.window.lost_share().map(|share| Seen {
            observed: format!("{} ({lost} of {})", text::percent(share), self.window.requests),
            broken: (share > bound).then(|| {
                let what = self.describe(|request| !ok(request));
                let share = text::percent(share);
                format!("{lost} of {all} ({share}) {}, more than {limit}: {what}", self.when())
            }),
        });
        self.judge("lost", format!("<= {limit}"), seen.ok_or_else(|| self.nothing()))
    }

    fn silently_truncated(&self, bound: u64) -> Check {
        let seen = self
            .some_requests()
            .map(|()| self.within(self.window.silently_truncated, silently_truncated, bound));
        self.judge("silently_truncated", format!("<= {bound}"), seen)
    }

    fn duplicated(&self, bound: u64) -> Check {
        let seen = self.some_requests().and_then(|()| {
            if self.window.comparable == 0 {
                return Err(format!("of no answer {} is it known what it should be", self.when()));
            }
            Ok(self.within(self.window.duplicated, duplicated, bound))
        });
        self.judge("duplicated", format!("<= {bound}"), seen)
    }

    fn amplification(&self, bound: f64) -> Check {
        let seen = self.window.amplification_mean().map(|mean| Seen {
            observed: format!("{mean:.2}"),
            broken: (mean > bound).then(|| {
                let most = self.window.most_attempts;
                format!("{mean:.2} attempts a request {}, up to {most}, more than {bound}", self.when())
            }),
        });
        let seen = seen.ok_or_else(|| self.nothing());
        let untold = self.view.why_untold().filter(|_| seen.as_ref().is_ok_and(|seen| seen.broken.is_none()));
        self.judge("amplification", format!("<= {bound}"), untold.map_or(seen, Err))
    }

    fn some_requests(&self) -> Result<(), String> {
        if self.window.requests == 0 { Err(self.nothing()) } else { Ok(()) }
    }

    fn nothing(&self) -> String {
        format!("there was no request {}", self.when())
    }

    /// What became of the window's requests of a kind.
    fn describe(&self, is: fn(&RequestFact) -> bool) -> String {
        losses::describe(self.view, self.window.requests(self.view).filter(is))
    }

    fn within(&self, number: u64, is: fn(&RequestFact) -> bool, bound: u64) -> Seen {
        Seen {
            observed: number.to_string(),
            broken: (number > bound).then(|| {
                let all = text::count(self.window.requests, "request");
                let what = self.describe(is);
                format!("{number} of {all} {}, more than {bound}: {what}", self.when())
            }),
        }
    }

    fn judge(&self, name: &str, bound: String, seen: Result<Seen, String>) -> Check {
        let (observed, verdict, reason) = match seen {
            Err(why) => ("not known".into(), Verdict::Inconclusive, Some(why)),
            Ok(Seen { observed, broken: Some(reason) }) => (observed, Verdict::Fail, Some(reason)),
            Ok(Seen { observed, broken: None }) if self.window.cut_off => {
                let reason =
                    format!("{observed} so far, but the run ended before the service was well again");
                (observed, Verdict::Inconclusive, Some(reason))
            }
            Ok(Seen { observed, broken: None }) => (observed, Verdict::Pass, None),
        };
        Check { name: name.into(), bound, observed, verdict, reason, line: None }
    }
}

fn duplicated(request: &RequestFact) -> bool {
    request.content == Content::Duplicated
}

/// A figure, and the sentence on it when it is out of bounds.
struct Seen {
    observed: String,
    broken: Option<String>,
}
