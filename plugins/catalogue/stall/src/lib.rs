//! `stall`: an answer stops with its connection alive, for a while or for ever.

use squall_plugin::{Attempt, BodyVerdict, Event, EventVerdict, Hooks, Plugin, Span, answer, export, params};

params! {
    /// Stops an answer with its connection alive.
    struct Params {
        /// events that still pass; an answer that is no stream stops before its first byte
        after: u32 = 1, "20";
        /// goes on after this long; without it, never
        r#for: Option<Span> = None, "\"30s\"";
    }
}

struct Stall {
    after: u32,
    length: Option<u64>,
}

impl Plugin for Stall {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        if params.r#for == Some(Span::ZERO) {
            return Err("`for` must be above 0; leave it out to stop for ever".into());
        }
        Ok(Self { after: params.after, length: params.r#for.map(Span::nanos) })
    }

    fn hooks(&self) -> Hooks {
        Hooks::EVENTS | Hooks::AHEAD | Hooks::BODY
    }

    fn event(&mut self, _: &Attempt, event: &Event) -> EventVerdict {
        let index = event.index;
        if index != self.after {
            return EventVerdict::Pass;
        }
        self.length.map_or(EventVerdict::Hang, EventVerdict::Delay)
    }

    fn body(&mut self, _: &Attempt, data: &[u8]) -> BodyVerdict {
        if !answer::utf8(data).is_some_and(answer::is_answer) {
            return BodyVerdict::Pass;
        }
        self.length.map_or(BodyVerdict::Hang, BodyVerdict::Delay)
    }
}

export!(Stall);
