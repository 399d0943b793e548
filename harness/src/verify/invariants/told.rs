//! A client whose request failed since every node asked for a wait has to know of the wait.

use std::collections::HashMap;

use squall_report::{Invariant, Outcome};

use super::{Cases, not_checked, without_proxies};
use crate::name::RequestId;
use crate::record::AttemptFact;
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
    let mut of: HashMap<RequestId, Vec<&AttemptFact>> = HashMap::new();
    for attempt in &view.work {
        if let Some(request) = attempt.request {
            of.entry(request).or_default().push(attempt);
        }
    }
    let mut cases = Cases::default();
    let mut seen = false;
    for request in view.judged().filter(|request| request.outcome == Outcome::HttpError) {
        let Some(attempts) = of.get(&request.id) else { continue };
        let waits: Option<Vec<_>> = attempts.iter().map(|attempt| attempt.retry_after).collect();
        let Some(shortest) = waits.and_then(|waits| waits.into_iter().min()) else { continue };
        seen = true;
        if request.retry_after.is_none() {
            cases.add(|| {
                let (made, asked) = (text::count(attempts.len() as u64, "attempt"), text::seconds(shortest));
                let status = request.status.unwrap_or_default();
                let id = request.id;
                format!("request {id}: {made}, each with a wait of {asked} or more, and its client got a bare {status}")
            });
        }
    }
    if seen || !view.untold.is_empty() {
        cases.decide_of_all(NAME, view)
    } else {
        not_checked(NAME, "no request failed since every node asked for a wait")
    }
}
