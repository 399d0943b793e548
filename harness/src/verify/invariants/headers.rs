//! What a gateway says of its own attempts must be what the ledger says.

use std::time::Duration;

use squall_report::Invariant;

use super::{Cases, not_checked, without_proxies};
use crate::clock::Nanos;
use crate::correlation::ATTEMPTS_HEADER;
use crate::record::RequestFact;
use crate::table::Index;
use crate::verify::text;
use crate::verify::view::{Down, View};

const NAME: &str = "the gateway's own retry headers equal the ledger";

/// A node's listener closes, and opens, a moment before its change of state is on record.
const ON_RECORD_WITHIN: Duration = Duration::from_millis(50);

/// A gateway may count a connection that was refused, which no ledger sees: more than the ledger has is
/// true while a node is down, or while a fault meets connections before their requests.
pub(super) fn equal_the_ledger(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(NAME, why);
    }
    let untold = view.work().filter(|attempt| attempt.request.is_none()).map(|attempt| attempt.start);
    let untold = Index::new(&view.facts.scratch, untold, |start| start.0);
    let mut cases = Cases::default();
    let mut seen = false;
    for request in view.judged() {
        // Of a request that was sent again the gateway speaks of the last send, the ledger of all.
        let Some(claimed) = request.claimed_attempts.filter(|_| request.sends <= 1) else { continue };
        seen = true;
        let known = request.attempts;
        if claimed < known || (claimed > known && !may_be_unseen(view, &request, &untold)) {
            cases.add(|| {
                let claimed = text::count(u64::from(claimed), "attempt");
                format!("request {}: the gateway says {claimed}, the ledger {known}", request.id)
            });
        }
    }
    if seen {
        cases.decide_of_all(NAME, view)
    } else {
        let named = &view.plan.target.promises.retries_in;
        let which = if named.is_empty() { ATTEMPTS_HEADER.to_owned() } else { named.join(" or ") };
        not_checked(NAME, format!("no answer had the header {which}"))
    }
}

/// While this request was under way, an attempt for it may have been made that no ledger has.
fn may_be_unseen(view: &View<'_>, request: &RequestFact, untold: &Index<Nanos>) -> bool {
    let from = request.sent.unwrap_or(request.intended);
    let refused = |down: &Down| {
        let since_back = down.to.map(|back| back + ON_RECORD_WITHIN);
        down.from <= request.end + ON_RECORD_WITHIN && since_back.is_none_or(|back| back >= from)
    };
    let untold = || untold.get(untold.first_from(from.0)).is_some_and(|start| start <= request.end);
    view.downs.iter().any(refused) || untold()
}
