//! A plugin with the mistakes that are easiest to make without the SDK: it drops every second event that it is
//! shown, and counts those again that come again after a ruling; or, with `ahead`, it says that it decides by an
//! event's place alone, and drops the third that it is ever asked about. For tests only.

use std::cell::Cell;

use squall_plugin::{
    Attempt, BodyVerdict, ConnectVerdict, Description, EventBatch, EventRuling, EventVerdict, Guest, Hooks,
    RequestHead, RequestVerdict, ResponseHead, ResponseVerdict,
};

thread_local! {
    static SHOWN: Cell<u32> = const { Cell::new(0) };
    static AHEAD: Cell<bool> = const { Cell::new(false) };
}

struct Forgetful;

impl Guest for Forgetful {
    fn describe() -> Description {
        Description { summary: "Drops every second event that it is shown.".into(), parameters: Vec::new() }
    }
    fn configure(config: String) -> Result<Hooks, String> {
        AHEAD.set(config.contains("ahead"));
        Ok(if AHEAD.get() { Hooks::EVENTS | Hooks::AHEAD } else { Hooks::EVENTS })
    }
    fn events(_: Attempt, batch: EventBatch) -> Option<EventRuling> {
        let shown = SHOWN.get();
        if AHEAD.get() {
            let place = 2_u32.checked_sub(shown).filter(|place| *place < batch.count);
            SHOWN.set(shown + place.map_or(batch.count, |place| place + 1));
            return place.map(|place| EventRuling { place, verdict: EventVerdict::Drop });
        }
        // It looks at all of them before it rules on any.
        SHOWN.set(shown + batch.count);
        let place = (0..batch.count).rfind(|place| (shown + place + 1).is_multiple_of(2))?;
        Some(EventRuling { place, verdict: EventVerdict::Drop })
    }
    fn connect(_: Attempt) -> ConnectVerdict {
        ConnectVerdict::Pass
    }
    fn request(_: Attempt, _: RequestHead) -> RequestVerdict {
        RequestVerdict::Pass
    }
    fn response(_: Attempt, _: ResponseHead) -> ResponseVerdict {
        ResponseVerdict::Pass
    }
    fn body(_: Attempt, _: Vec<u8>) -> BodyVerdict {
        BodyVerdict::Pass
    }
    fn finish(_: Attempt) {}
    fn tick(_: u64) {}
}

squall_plugin::bindings::export!(Forgetful with_types_in squall_plugin::bindings);
