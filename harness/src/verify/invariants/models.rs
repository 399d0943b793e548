//! What a client asks of one model is not to be done by another, whatever the answer says of itself.

use squall_report::Invariant;

use super::{Cases, not_checked, without_proxies};
use crate::verify::text;
use crate::verify::view::View;

const NAME: &str = "nodes are asked for no model but those promised";

/// A gateway may well know a model by other names than its clients do. Which these are only the scenario can
/// say.
pub(super) fn as_promised(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(NAME, why);
    }
    let promised = &view.plan.target.promises.models;
    if promised.is_empty() {
        let asked: Vec<String> = view.facts.asked_models.iter().map(|model| format!("`{model}`")).collect();
        let asked = if asked.is_empty() { "none".into() } else { text::list(&asked) };
        return not_checked(
            NAME,
            format!("the scenario names none (`promises.models`); nodes were asked for {asked}"),
        );
    }
    let mut cases = Cases::default();
    let mut seen = false;
    for attempt in view.work() {
        let Some(model) = attempt.model.and_then(|place| view.facts.asked_models.get(usize::from(place)))
        else {
            continue;
        };
        seen = true;
        if !promised.contains(model) {
            cases.add(|| {
                let node = view.node(attempt.node);
                let whose = attempt.request.map_or("some request".into(), |id| format!("request {id}"));
                format!("{node} was asked for `{model}`, for {whose}")
            });
        }
    }
    if seen { cases.decide(NAME) } else { not_checked(NAME, "no attempt named a model") }
}
