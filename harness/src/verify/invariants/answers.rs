//! What successful answers must be: ended by a node, and of one piece.

use squall_report::{Invariant, Outcome};

use super::{Cases, not_checked, without_proxies};
use crate::record::Content;
use crate::verify::view::{View, ok};

const GENUINE: &str = "no success without a genuine final marker";
const OF_ONE_PIECE: &str = "no duplicated or spliced content";

/// A client that saw the final marker saw one that a node sent.
pub(super) fn genuine_marker(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(GENUINE, why);
    }
    let (mut cases, mut untold) = (Cases::default(), Cases::default());
    let mut ended = false;
    for request in view.judged() {
        let invented = request.outcome == Outcome::Invented;
        ended |= ok(&request) || invented;
        if ok(&request) && !request.genuine_marker && request.attempts == 0 && view.any_untold() {
            let why = "it can't be told which attempt was for it";
            untold.add(|| format!("request {}: its answer ended with a final marker, and {why}", request.id));
        } else if invented || (ok(&request) && !request.genuine_marker) {
            cases.add(|| {
                format!("request {}: its answer ended with a final marker that no node sent", request.id)
            });
        }
    }
    if !ended {
        not_checked(GENUINE, "no answer ended with a final marker")
    } else if cases.count > 0 {
        cases.decide(GENUINE)
    } else {
        untold.doubt(GENUINE)
    }
}

/// No answer holds a part twice, or parts of two answers.
pub(super) fn no_mixed_content(view: &View<'_>) -> Invariant {
    let mut cases = Cases::default();
    let mut compared = false;
    for request in view.judged() {
        compared |= request.content != Content::Unknown;
        let what = match request.content {
            Content::Duplicated => "holds a part of its answer twice",
            Content::Spliced => "holds parts that do not belong together",
            Content::Unknown | Content::Whole | Content::Truncated | Content::Different => continue,
        };
        cases.add(|| format!("request {} {what}", request.id));
    }
    if compared {
        cases.decide(OF_ONE_PIECE)
    } else {
        not_checked(
            OF_ONE_PIECE,
            "of no answer is it known what it should be; simulated nodes give such answers",
        )
    }
}
