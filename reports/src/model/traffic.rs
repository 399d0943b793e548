//! What was asked and what became of it: phases, counts, sessions, answers, clients.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Outcome;

/// A phase of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its start.
    pub start_s: f64,
    /// Its end.
    pub end_s: f64,
    /// No SLO counts it.
    pub warmup: bool,
    /// Requests whose intended send lies in it, by their end.
    pub counts: Counts,
}

/// Requests by their end. `scheduled` is the sum of all but itself and `sent`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of `Outcome`")]
pub struct Counts {
    /// Arrivals of the schedule.
    pub scheduled: u64,
    /// Of these, sent.
    pub sent: u64,
    pub ok: u64,
    pub http_error: u64,
    pub in_band_error: u64,
    pub connect_failed: u64,
    pub reset: u64,
    pub cut: u64,
    pub invented: u64,
    pub timeout: u64,
    pub corrupt: u64,
    #[serde(default)]
    pub empty: u64,
    pub shed: u64,
    pub aborted: u64,
}

impl Counts {
    /// The count of one outcome.
    pub fn of(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::HttpError => &mut self.http_error,
            Outcome::InBandError => &mut self.in_band_error,
            Outcome::ConnectFailed => &mut self.connect_failed,
            Outcome::Reset => &mut self.reset,
            Outcome::Cut => &mut self.cut,
            Outcome::Invented => &mut self.invented,
            Outcome::Timeout => &mut self.timeout,
            Outcome::Corrupt => &mut self.corrupt,
            Outcome::Empty => &mut self.empty,
            Outcome::Shed => &mut self.shed,
            Outcome::Aborted => &mut self.aborted,
        }
    }

    /// Requests that ended, whatever their outcome.
    pub fn ended(&self) -> u64 {
        self.ok
            + self.http_error
            + self.in_band_error
            + self.connect_failed
            + self.reset
            + self.cut
            + self.invented
            + self.timeout
            + self.corrupt
            + self.empty
            + self.shed
            + self.aborted
    }
}

/// Bad rows of a trace, of those that the run came to, where its scenario says to leave them out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// How many.
    pub rows: u64,
    /// The first of them, with its line and what is wrong with it.
    pub first: Option<String>,
}

/// What became of sessions, by how they ended. Of each the first so many requests were asked, and each of
/// these counts among [`Report::counts`]; what was never asked counts here alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// Sessions that began.
    pub begun: u64,
    /// All of their requests were asked and answered.
    pub complete: u64,
    /// One of their requests failed.
    pub failed: u64,
    /// One of their requests was shed at the in-flight cap.
    pub shed: u64,
    /// Their next request was due after the run's end.
    pub run_over: u64,
    /// The run was stopped before its time.
    pub aborted: u64,
    /// Turns that they were to have.
    pub turns: u64,
    /// Of these, turns that were asked.
    pub turns_asked: u64,
    /// Requests that they were to have: turns and sub-requests.
    pub requests: u64,
    /// Of these, requests that were asked.
    pub requests_asked: u64,
}

/// What was found out of the answers' texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answers {
    /// What tokens were counted by.
    pub tokenizer: String,
    /// Whole answers whose tokens both the server's `usage` and the tokenizer say; not all are counted.
    pub compared: u64,
    /// Of these, answers of which the two say different numbers.
    pub differing: u64,
    /// Tokens of these answers by `usage`.
    pub usage_tokens: u64,
    /// Tokens of these answers by the tokenizer.
    pub counted_tokens: u64,
    /// Whole answers without a `usage`; their tokens are the tokenizer's.
    pub without_usage: u64,
    /// Whole answers of which the corpus says what a right one is.
    pub judged: u64,
    /// Of these, answers that are right.
    pub right: u64,
}

/// What clients did beyond sending each request once: sending again, hedging, leaving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Clients {
    /// Requests that were sent.
    pub requests: u64,
    /// Times that they were sent; more than `requests` where clients send again or hedge.
    pub sends: u64,
    /// Attempts on nodes that they came to, by the proxies' ledger until each request's end; 0 without proxies.
    pub attempts: u64,
    /// Requests whose client left on purpose before the answer was whole.
    pub left: u64,
    /// Requests that were sent a second time while the first was still waited for.
    pub hedged: u64,
    /// Of these, requests whose second send was answered first.
    pub hedges_won: u64,
}

/// By what attempts that were work are known to serve their requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Correlation {
    /// The header of Squall's own came with them.
    pub by_header: u64,
    /// That was dropped; the last message came as it was.
    pub by_message: u64,
    /// Both were lost; the trace that the client began came with them.
    pub by_trace: u64,
    /// It can't be told: checks that need it are inconclusive.
    pub untold: u64,
}
