//! A client whose request failed since every node asked for a wait has to know of the wait.

use std::time::Duration;

use squall_report::{Invariant, Outcome};

use super::{Cases, not_checked, without_proxies};
use crate::verify::text;
use crate::verify::view::View;

const NAME: &str = "clients are told of the wait that nodes asked for";

/// Looked at are requests that ended with an HTTP error and of which each attempt was answered with
/// `Retry-After`: the nodes said when to come again, and only the gateway can pass it on.
pub(super) fn of_waits(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(NAME, why);
    }
    if !view.plan.target.promises.wait_told {
        return not_checked(NAME, "the scenario does not ask for it (`promises.wait_told`)");
    }
    let mut cases = Cases::default();
    let mut seen = false;
    for request in view.judged().filter(|request| request.outcome == Outcome::HttpError) {
        let mut attempts = view.made_for(request.id);
        let made = attempts.len() as u64;
        let shortest =
            attempts.try_fold(Duration::MAX, |least, attempt| Some(least.min(attempt?.retry_after?)));
        let Some(shortest) = shortest.filter(|_| made > 0) else { continue };
        seen = true;
        if request.retry_after.is_none() {
            cases.add(|| {
                let (made, asked) = (text::count(made, "attempt"), text::seconds(shortest));
                let status = request.status.unwrap_or_default();
                let id = request.id;
                format!("request {id}: {made}, each with a wait of {asked} or more, and its client got a bare {status}")
            });
        }
    }
    if seen || view.any_untold() {
        cases.decide_of_all(NAME, view)
    } else {
        not_checked(NAME, "no request failed since every node asked for a wait")
    }
}
