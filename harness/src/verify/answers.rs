//! What was found out of the answers' texts: tokens, and whether they are right.

use squall_report::{Answers, Outcome};

use crate::record::Facts;
use crate::scenario::plan::Plan;

/// Adds up what the rows of whole answers say.
pub(super) fn found(plan: &Plan, facts: &Facts) -> Answers {
    let none = Answers { tokenizer: plan.target.tokenizer.to_string(), ..Answers::default() };
    let whole = facts.requests.iter().filter(|request| request.outcome == Outcome::Ok);
    whole.fold(none, |mut sum, request| {
        if let (Some(usage), Some(counted)) = (request.usage_tokens, request.counted_tokens) {
            sum.compared += 1;
            sum.differing += u64::from(usage != counted);
            sum.usage_tokens += u64::from(usage);
            sum.counted_tokens += u64::from(counted);
        }
        sum.without_usage += u64::from(request.usage_tokens.is_none());
        sum.judged += u64::from(request.right.is_some());
        sum.right += u64::from(request.right == Some(true));
        sum
    })
}
