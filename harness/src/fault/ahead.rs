//! What one fault has said already of events that have arrived and not been passed on yet.
//!
//! Events that arrive together are shown to a plugin in one call, which costs about what a call about one of
//! them does. What each event gets is what it would get if it were shown by itself: a ruling stops the look
//! ahead, and a fault sees nothing that one before it may still change. A fault that can do more than decide (act on
//! nodes, tell the time) is shown each event when its turn comes, unless it is the only one to rule on events. One
//! that decides by an event's place alone is asked about events before they come.

use bytes::Bytes;

use super::{Call, EventBatch, EventRuling, EventVerdict, Fault, Trap};

/// Events in one call, at most, and in the first on a stream.
const MOST: usize = 64;

/// The events of one stream that have arrived together.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// The place of the first in its stream.
    first: u32,
    payloads: Vec<Bytes>,
}

impl Arrived {
    pub(super) fn begin(&mut self, first: u32) {
        self.first = first;
        self.payloads.clear();
    }

    pub(super) fn push(&mut self, payload: Bytes) {
        self.payloads.push(payload);
    }

    /// The place after the last.
    pub(super) fn end(&self) -> u32 {
        self.first + self.payloads.len() as u32
    }

    /// Those from `from` on and before `to`, `most` of them at most.
    fn some(&self, from: u32, to: u32, most: usize) -> EventBatch<'_> {
        let place = |index: u32| (index.saturating_sub(self.first) as usize).min(self.payloads.len());
        let (start, to) = (place(from), place(to));
        EventBatch::arrived(from, &self.payloads[start..to.clamp(start, start + most)])
    }
}

/// How far one fault has looked ahead on one stream.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Events before this one pass, as far as this fault goes.
    pub(super) passed: u32,
    /// What it decided of event `passed`, where it has been asked.
    ruling: Option<EventVerdict>,
    /// Events that it is shown in the next call. A fault that rules on each event would be shown the rest of them
    /// again and again.
    at_once: usize,
    /// Events that it was shown in the last call.
    shown: usize,
    /// A call about several failed: which of them it was is found by showing each by itself.
    alone: bool,
    /// It is one of those before this event, until it is found.
    failed_before: u32,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { passed: 0, ruling: None, at_once: MOST, shown: 0, alone: false, failed_before: 0 }
    }
}

impl Ahead {
    /// It knows what it decides of event `index`.
    pub(super) fn knows(&self, index: u32) -> bool {
        self.passed > index || (self.passed == index && self.ruling.is_some())
    }

    /// Shows `fault` event `index`, and those after it that no fault before it may change any more: those before
    /// `until`. To one that decides by their places they need not have come.
    pub(super) fn look(
        &mut self,
        fault: &mut dyn Fault,
        call: &Call<'_>,
        arrived: &Arrived,
        index: u32,
        until: u32,
    ) -> Result<(), Trap> {
        let most = if self.alone { 1 } else { self.at_once };
        let shown = if fault.hooks().ahead {
            EventBatch::to_come(index, most)
        } else {
            arrived.some(index, until, most)
        };
        self.shown = shown.count;
        match fault.events(call, shown)? {
            None => {
                self.passed = index + shown.count as u32;
                self.ruling = None;
                self.at_once = (self.at_once * 2).min(MOST);
            }
            Some(EventRuling { place, verdict }) => {
                self.passed = index + place as u32;
                self.ruling = Some(verdict);
                self.at_once = place.max(1);
            }
        }
        Ok(())
    }

    /// After a call that failed: it may have failed for another event than `index`, its first, which is shown by itself
    /// then.
    pub(super) fn asks_again(&mut self, index: u32) -> bool {
        let several = self.shown > 1;
        if several {
            self.alone = true;
            self.failed_before = index + self.shown as u32;
        }
        several
    }

    /// A call about event `index` alone failed: that is why one about several did, which has been counted.
    pub(super) fn explains(&mut self, index: u32) -> bool {
        let explains = index < self.failed_before;
        if explains {
            self.failed_before = 0;
        }
        explains
    }

    /// What it decided of event `index`, which it [knows](Ahead::knows).
    pub(super) fn take(&mut self, index: u32) -> EventVerdict {
        if self.passed != index {
            return EventVerdict::Pass;
        }
        self.passed += 1;
        self.ruling.take().unwrap_or(EventVerdict::Pass)
    }
}

#[cfg(test)]
mod tests;
