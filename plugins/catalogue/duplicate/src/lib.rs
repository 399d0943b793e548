//! `duplicate`: a stream says something twice, out of order, or from the start again.

use std::collections::HashMap;

use squall_plugin::{Attempt, Event, EventVerdict, Hooks, Plugin, answer, export, params, words};

params! {
    /// Repeats or reorders events, or replays the stream's start.
    struct Params {
        /// an event twice, an event after its next, or the stream's first events again
        which: Which = Which::Repeat, "\"replay\"";
        /// events that pass before; `replay` sends these again, 64 of them at most
        after: u32 = 2, "8";
    }
}

words! {
    enum Which { Repeat = "repeat", Reorder = "reorder", Replay = "replay" }
}

/// What is kept of a stream, at most: a plugin's memory is for thousands of them.
const KEPT_EVENTS: u32 = 64;
const KEPT_BYTES: usize = 16 << 10;

struct Duplicate {
    which: Which,
    after: u32,
    /// Of each stream under way: the events that are to be sent later.
    kept: HashMap<u64, Vec<Vec<u8>>>,
}

impl Duplicate {
    /// Keeps an event, unless that were too much.
    fn keep(&mut self, attempt: &Attempt, data: &[u8]) -> bool {
        let kept = self.kept.entry(attempt.id).or_default();
        let fits = kept.iter().map(Vec::len).sum::<usize>() + data.len() <= KEPT_BYTES;
        if fits {
            kept.push(data.to_vec());
        }
        fits
    }

    /// What is kept and this event, in this order, as they stood on the wire.
    fn release(&mut self, attempt: &Attempt, data: &[u8], kept_first: bool) -> EventVerdict {
        let kept = self.kept.remove(&attempt.id).unwrap_or_default();
        let kept = kept.iter().map(Vec::as_slice);
        let bytes = if kept_first {
            answer::events(kept.chain([data]))
        } else {
            answer::events([data].into_iter().chain(kept))
        };
        EventVerdict::Raw(vec![bytes])
    }

    /// Holds event `after` back until the next has passed. The last of a stream has no next.
    fn reorder(&mut self, attempt: &Attempt, index: u32, data: &[u8]) -> EventVerdict {
        match index.checked_sub(self.after) {
            Some(0) if !answer::is_final(data) && self.keep(attempt, data) => EventVerdict::Drop,
            Some(1) if self.kept.contains_key(&attempt.id) => self.release(attempt, data, false),
            _ => EventVerdict::Pass,
        }
    }

    fn replay(&mut self, attempt: &Attempt, index: u32, data: &[u8]) -> EventVerdict {
        if index == self.after {
            return self.release(attempt, data, true);
        }
        if index < self.after.min(KEPT_EVENTS) {
            self.keep(attempt, data);
        }
        EventVerdict::Pass
    }
}

impl Plugin for Duplicate {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let Params { which, after } = params;
        if which == Which::Replay && after == 0 {
            return Err(
                "`after` must be above 0 for which = \"replay\": before it there is nothing to replay".into(),
            );
        }
        Ok(Self { which, after, kept: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        match self.which {
            Which::Repeat => Hooks::EVENTS | Hooks::AHEAD,
            Which::Reorder | Which::Replay => Hooks::EVENTS | Hooks::DATA | Hooks::FINISH,
        }
    }

    fn event(&mut self, attempt: &Attempt, event: &Event) -> EventVerdict {
        let (index, data) = (event.index, event.payload());
        match self.which {
            Which::Repeat if index == self.after => EventVerdict::Duplicate,
            Which::Repeat => EventVerdict::Pass,
            Which::Reorder => self.reorder(attempt, index, data),
            Which::Replay => self.replay(attempt, index, data),
        }
    }

    fn finish(&mut self, attempt: &Attempt) {
        self.kept.remove(&attempt.id);
    }
}

export!(Duplicate);
