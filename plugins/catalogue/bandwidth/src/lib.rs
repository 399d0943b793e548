//! `bandwidth`: caps the bytes a second of answers, on each connection or on all of a node's together.
//!
//! A node's answers share one line: each event, and each body that is no stream, waits until the line has
//! carried what came before it (the generic cell rate algorithm, ITU-T I.371).

use std::collections::HashMap;

use squall_plugin::{
    Attempt, BodyVerdict, Event, EventVerdict, Hooks, Plugin, ResponseHead, ResponseVerdict, export, host,
    params, words,
};

params! {
    /// Caps the bytes a second of answers.
    struct Params {
        /// bytes a second
        rate: u64, "4000";
        /// what has this much: each connection, or a node's answers together
        per: Per = Per::Connection, "\"node\"";
    }
}

words! {
    enum Per { Connection = "connection", Node = "node" }
}

/// `data: ` before a payload and the empty line after it.
const FRAME: usize = 8;
/// A line that was idle may catch up by this much, which also evens out that timers are coarse.
const SLACK: u64 = 20_000_000;
/// No timer waits for less.
const LEAST: u64 = 1_000_000;

struct Bandwidth {
    rate: u64,
    per: Per,
    /// When each node's line has carried all that was given to it.
    free: HashMap<u32, u64>,
}

impl Bandwidth {
    /// How long `bytes` wait for the line of their node; none when it is free.
    fn wait(&mut self, attempt: &Attempt, bytes: usize) -> Option<u64> {
        let now = host::now();
        let takes = bytes as f64 * 1e9 / self.rate as f64;
        let free = self.free.entry(attempt.node).or_default();
        *free = (*free).max(now.saturating_sub(SLACK)).saturating_add(takes as u64);
        let wait = free.saturating_sub(now);
        (wait >= LEAST).then_some(wait)
    }
}

impl Plugin for Bandwidth {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        if params.rate == 0 {
            return Err("`rate` must be above 0; for no byte at all there is `blackhole`".into());
        }
        Ok(Self { rate: params.rate, per: params.per, free: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        match self.per {
            Per::Connection => Hooks::RESPONSE,
            Per::Node => Hooks::EVENTS | Hooks::SIZES | Hooks::BODY,
        }
    }

    fn response(&mut self, _: &Attempt, _: &ResponseHead) -> ResponseVerdict {
        ResponseVerdict::Pace(self.rate)
    }

    fn event(&mut self, attempt: &Attempt, event: &Event) -> EventVerdict {
        self.wait(attempt, event.size.unwrap_or_default() as usize + FRAME)
            .map_or(EventVerdict::Pass, EventVerdict::Delay)
    }

    fn body(&mut self, attempt: &Attempt, data: &[u8]) -> BodyVerdict {
        self.wait(attempt, data.len()).map_or(BodyVerdict::Pass, BodyVerdict::Delay)
    }
}

export!(Bandwidth);
