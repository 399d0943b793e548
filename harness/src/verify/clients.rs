//! What clients did beyond sending each request once.

use squall_report::Clients;

use crate::record::Facts;

/// Adds up what the rows of requests say.
pub(super) fn acted(facts: &Facts) -> Clients {
    facts.requests.iter().filter(|request| request.sends > 0).fold(Clients::default(), |sum, request| {
        Clients {
            requests: sum.requests + 1,
            sends: sum.sends + u64::from(request.sends),
            attempts: sum.attempts + u64::from(request.attempts),
            left: sum.left + u64::from(request.left),
            hedged: sum.hedged + u64::from(request.hedge_won.is_some()),
            hedges_won: sum.hedges_won + u64::from(request.hedge_won == Some(true)),
        }
    })
}
