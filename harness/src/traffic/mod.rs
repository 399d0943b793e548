//! Traffic: arrivals, each with its prompt and the length of its answer.
//!
//! Invariant: everything is fixed by (seed, request id) and the trace, whatever order or pace it is
//! asked for in; a run that is repeated sends the same requests at the same times. Nothing is held
//! in memory but the arrival that is asked for, so an hour's trace costs what a minute's does.

mod arrival;
mod as_is;
mod conversation;
mod corpus;
mod dialogue;
mod draw;
mod prompt;
mod prose;
mod rate;
mod rescaled;
mod rows;
mod sessions;
mod spikes;
#[cfg(test)]
mod statistics;
pub mod trace;
mod users;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use arrival::{Arrival, Arrivals, Basis, Survey, arrivals, survey};
pub use conversation::{Conversation, Expect, Message, NoQuestion, Prompt, Role, Tool, ToolCall};
pub use corpus::corpus_schema_text;
pub use dialogue::Dialogue;
pub use prompt::{MAX_TOKENS, Prompts, Shape};
pub use sessions::{Given, MOST_CALLS, MOST_TURNS, Opening, Pause, Pauses, Toolbox};
pub use users::{Stay, Thinking, most_users, stays};

/// Why there is no traffic.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// The trace's file could not be opened or read.
    #[error("cannot read the trace {}: {source}; {hint}", path.display())]
    Unreadable {
        /// The trace.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// A row is not what the format says.
    #[error("{}, line {line}: {problem}", path.display())]
    Row {
        /// The trace.
        path: PathBuf,
        /// The line in the file, from 1; the header is line 1.
        line: u64,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// The trace has no rows.
    #[error("the trace {} has no rows; take a trace with at least one request", path.display())]
    Empty {
        /// The trace.
        path: PathBuf,
    },
    /// The trace has no times, and nothing else says when its requests are sent.
    #[error(
        "the trace {} has no times, and a trace is replayed by its times: give each row one (`at_s`, in \
         seconds, in the format `squall`), or say when its requests are sent: `arrivals` or `users` with \
         `prompts = {{ trace = … }}`", path.display(),
    )]
    NoTimes {
        /// The trace.
        path: PathBuf,
    },
    /// The trace ends before the run does.
    #[error(
        "the trace {} lasts {} at speed {speed}, the run {}; shorten the phases, replay it more slowly \
         (speed at most {:.3}), or take a longer trace",
        path.display(), humantime::format_duration(to_ms(*covers)),
        humantime::format_duration(to_ms(*needed)), speed * covers.as_secs_f64() / needed.as_secs_f64(),
    )]
    Short {
        /// The trace.
        path: PathBuf,
        /// From its first to its last row, at the speed of the replay.
        covers: Duration,
        /// The run's length.
        needed: Duration,
        /// The speed of the replay.
        speed: f64,
    },
    /// No gaps are of this kind.
    #[error("a coefficient of variation is a number more than 0, not {cv}; 1 is Poisson, more is burstier")]
    Gaps {
        /// The coefficient of variation.
        cv: f64,
    },
    /// The tokenizer can't be had, or no prompts be written for it.
    #[error(transparent)]
    Tokenizer(#[from] crate::tokens::TokenizerError),
    /// The corpus could not be opened or read.
    #[error("cannot read the corpus {}: {source}; paths are relative to the scenario's file", path.display())]
    UnreadableCorpus {
        /// The corpus.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Lines of the corpus are no conversations.
    #[error(
        "the corpus {} has bad lines (scenarios/corpora/README.md says what a line is):{mistakes}",
        path.display()
    )]
    Corpus {
        /// The corpus.
        path: PathBuf,
        /// Each on a line of its own: the number of the line in the file, from 1, and what is wrong.
        mistakes: String,
    },
    /// The corpus has no lines.
    #[error("the corpus {} has no lines; each is a conversation to ask with", path.display())]
    EmptyCorpus {
        /// The corpus.
        path: PathBuf,
    },
    /// Closed-loop users have no schedule: each sends when its last answer came.
    #[error("closed-loop users have no arrival schedule; run them with the closed loop")]
    ClosedLoop,
}

/// Whole milliseconds, for people.
fn to_ms(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_millis() as u64)
}
