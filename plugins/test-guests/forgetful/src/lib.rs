//! A plugin with the mistake that is easiest to make without the SDK: it drops every second event that it is
//! shown, and counts those again that come again after a ruling. For tests only.

use std::cell::Cell;

use squall_plugin::{
    Attempt, BodyVerdict, ConnectVerdict, Description, EventBatch, EventRuling, EventVerdict, Guest, Hooks,
    RequestHead, RequestVerdict, ResponseHead, ResponseVerdict,
};

thread_local! {
    static SHOWN: Cell<u32> = const { Cell::new(0) };
}

struct Forgetful;

impl Guest for Forgetful {
    fn describe() -> Description {
        Description { summary: "Drops every second event that it is shown.".into(), parameters: Vec::new() }
    }
    fn configure(_: String) -> Result<Hooks, String> {
        Ok(Hooks::EVENTS)
    }
    fn events(_: Attempt, batch: EventBatch) -> Option<EventRuling> {
        let shown = SHOWN.get();
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
