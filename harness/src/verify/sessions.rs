//! What became of sessions, and of what they never asked.

use squall_report::Sessions;

use crate::record::{Facts, SessionEnd};
use crate::scenario::plan::Plan;

/// Adds up the sessions' rows; none where arrivals begin no sessions.
pub(super) fn found(plan: &Plan, facts: &Facts) -> Option<Sessions> {
    plan.traffic.sessions?;
    Some(facts.sessions.iter().fold(Sessions::default(), |mut sum, session| {
        sum.begun += 1;
        *match session.end {
            SessionEnd::Complete => &mut sum.complete,
            SessionEnd::Failed => &mut sum.failed,
            SessionEnd::Shed => &mut sum.shed,
            SessionEnd::RunOver => &mut sum.run_over,
            SessionEnd::Aborted => &mut sum.aborted,
        } += 1;
        sum.turns += u64::from(session.turns);
        sum.turns_asked += u64::from(session.turns_asked);
        sum.requests += u64::from(session.requests);
        sum.requests_asked += u64::from(session.requests_asked);
        sum
    }))
}
