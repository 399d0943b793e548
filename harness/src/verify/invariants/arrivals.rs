//! Every arrival of the schedule ends exactly one row of the ledger, and every session accounts for its requests.

use std::ops::Range;

use squall_report::Invariant;

use super::{Cases, inconclusive};
use crate::record::{Recorded, SessionFact};
use crate::table::{Table, sorted};
use crate::verify::text;
use crate::verify::view::View;

const NAME: &str = "every arrival ends exactly once";

/// Ids are unique and, but for those that sessions say they never asked, dense from 0; and each phase has as
/// many ends, in the ledger and in the figures, as it had arrivals.
pub(super) fn end_once(view: &View<'_>, recorded: &Recorded) -> Invariant {
    let scheduled = recorded.scheduled.iter().fold(0_u64, |sum, phase| sum.saturating_add(*phase));
    if scheduled == 0 && view.facts.requests.is_empty() {
        return inconclusive(NAME, "there was no arrival");
    }
    let mut rows = vec![0_u64; view.plan.phases.len()];
    let counted = view.facts.requests.iter().inspect(|request| {
        if let Some(rows) = rows.get_mut(usize::from(request.phase)) {
            *rows += 1;
        }
    });
    let ids = counted.map(|request| request.id.0);
    let ids = sorted(&view.facts.scratch, ids, |id| *id);
    let mut cases = Cases::default();
    let sessions = sessions(view, &mut cases);
    // All that were scheduled, or of each session its first.
    let all = view.plan.traffic.sessions.is_none().then_some(0..scheduled);
    let asked = all.into_iter().chain(sessions.iter().map(|session| asked(&session)));
    let mut ids = ids.iter().peekable();
    for Range { start, end } in asked {
        let mut expected = start;
        while let Some(id) = ids.next_if(|id| *id < end) {
            if id < start {
                cases.add(|| format!("request {id} ended, and its session says that it was never asked"));
            } else if id < expected {
                cases.add(|| format!("request {id} ended more than once"));
            } else {
                missing(&mut cases, expected, id);
                expected = id + 1;
            }
        }
        missing(&mut cases, expected, end);
    }
    for id in ids {
        cases.add(|| format!("request {id} ended, and {} were scheduled", text::count(scheduled, "request")));
    }
    if cases.count == 0 {
        phases(view, recorded, rows, &mut cases);
    }
    cases.decide(NAME)
}

/// The sessions in order, where arrivals begin any: each begins where the one before it would have ended.
fn sessions(view: &View<'_>, cases: &mut Cases) -> Table<SessionFact> {
    let begun = view.plan.traffic.sessions.map_or(0, |_| view.facts.sessions.len());
    let sessions = view.facts.sessions.rows(0..begun);
    let sessions = sorted(&view.facts.scratch, sessions, |session| session.id);
    let mut next = (0, 0);
    for session in &sessions {
        let first = session.first_request.0;
        if (session.id, first) != next {
            cases.add(|| format!("session {} is not the one that follows session {}", session.id, next.0));
        }
        next = (session.id + 1, first.saturating_add(session.requests.into()));
    }
    sessions
}

/// The ids of the requests that a session asked.
fn asked(session: &SessionFact) -> Range<u64> {
    let first = session.first_request.0;
    first..first.saturating_add(session.requests_asked.into())
}

/// Requests from `first` to before `next` have no row.
fn missing(cases: &mut Cases, first: u64, next: u64) {
    let Some(last) = next.checked_sub(1).filter(|last| *last >= first) else { return };
    cases.add(|| match last - first {
        0 => format!("request {first} never ended"),
        _ => format!("requests {first} to {last} never ended"),
    });
    cases.count += last - first;
}

/// In sum all is well; is it in each phase, by its number of rows?
fn phases(view: &View<'_>, recorded: &Recorded, rows: Vec<u64>, cases: &mut Cases) {
    for (index, (phase, rows)) in view.plan.phases.iter().zip(rows).enumerate() {
        let scheduled = recorded.scheduled.get(index).copied().unwrap_or_default();
        let counted = recorded.counts.get(index).copied().unwrap_or_default().ended();
        if scheduled != rows || counted != rows {
            let name = &phase.name;
            cases.add(|| {
                format!("phase `{name}` had {scheduled} arrivals, {counted} counted ends and {rows} rows")
            });
        }
    }
}
