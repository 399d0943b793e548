//! What a trace says of one request, whatever its format.

use crate::clock::Nanos;

/// Tokens that one of a row's `hash_ids` stands for, as Mooncake's traces have it
/// (<https://github.com/kvcache-ai/Mooncake>, FAST'25 release).
pub const BLOCK_TOKENS: u32 = 512;

/// A request of a trace. What the trace does not say is none, or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// From the first row's time to this row's, exact. Rows come in the order of time, and a trace has
    /// times on all rows or on none.
    pub at: Option<Nanos>,
    /// Tokens of the prompt, at least 1.
    pub input_tokens: Option<u32>,
    /// Tokens of the answer, at least 1. None as well where the recorded request got no answer: how
    /// long it would have been is not known.
    pub output_tokens: Option<u32>,
    /// An id for each block of [`BLOCK_TOKENS`] of the prompt, from its start; the last may be shorter.
    /// Equal ids are equal blocks, so they say which prefix is shared. Never more ids than blocks.
    pub hash_ids: Vec<u64>,
    /// The conversation it belongs to.
    pub session: Option<Box<str>>,
    /// The request as it is to be sent.
    pub request: Option<AsIs>,
    /// Its line in the file, from 1; a header is line 1.
    pub line: u64,
}

impl Row {
    /// The same row at the whole millisecond before its time.
    #[must_use]
    pub fn at_whole_ms(self) -> Self {
        let at = self.at.map(|at| Nanos(at.0 - at.0 % 1_000_000));
        Self { at, ..self }
    }
}

/// A request as it is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsIs {
    /// Its path, as in `/v1/chat/completions`.
    pub url: Box<str>,
    /// Its body: the text of a JSON object.
    pub body: Box<str>,
}

/// What a line says: a row whose time is still the format's own, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) time: Option<i128>,
    pub(super) input_tokens: Option<u32>,
    pub(super) output_tokens: Option<u32>,
    pub(super) hash_ids: Vec<u64>,
    pub(super) session: Option<Box<str>>,
    pub(super) request: Option<AsIs>,
}
