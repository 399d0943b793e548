//! Delays each request by a random time. Change it into what you need: the other hooks and verdicts
//! are in sdk/wit/fault.wit, and the SDK's in sdk/squall-plugin/src/lib.rs.

use squall_plugin::{Attempt, Chance, Hooks, Plugin, RequestHead, RequestVerdict, Span, export, params};

params! {
    /// Delays each request by a random time.
    struct Params {
        /// the longest delay
        most: Span = Span::from_nanos(20_000_000), "\"50ms\"";
    }
}

struct Late {
    most: Span,
}

impl Plugin for Late {
    type Params = Params;

    /// An error stops the run before it starts, and is shown to who wrote the scenario.
    fn new(Params { most }: Params) -> Result<Self, String> {
        if most == Span::ZERO {
            return Err("`most` is no time at all, so nothing would be late".into());
        }
        Ok(Self { most })
    }

    fn hooks(&self) -> Hooks {
        Hooks::REQUEST
    }

    /// `Chance` is fixed by the run's seed and the attempt: a rerun decides the same.
    fn request(&mut self, attempt: &Attempt, _: &RequestHead) -> RequestVerdict {
        let delay = Chance::of(attempt, 0).between(0.0, self.most.nanos() as f64);
        RequestVerdict::Delay(delay as u64)
    }
}

export!(Late);
