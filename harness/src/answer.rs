//! The answer that a simulated node gives, and that the load generator expects.
//!
//! It is a sequence of words fixed by the last user message and its index, the same on every node.
//! So a truncated, duplicated or spliced answer is decidable whichever node gave it.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::words::WORDS;

/// Tokens of an answer when the request sets no limit: at least this many.
const FREE_LENGTH_MIN: u32 = 16;
/// And fewer than this many more.
const FREE_LENGTH_SPREAD: u64 = 240;

/// The answer to one message: an endless sequence of tokens, of which a node sends the first `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    key: u64,
}

impl Answer {
    /// The answer to `last_user_message`.
    pub fn to(last_user_message: &str) -> Self {
        Self { key: xxh3_64(last_user_message.as_bytes()) }
    }

    /// Token `index`, a word without the space that goes before it.
    pub fn token(self, index: u32) -> &'static str {
        let hash = xxh3_64_with_seed(&index.to_le_bytes(), self.key);
        WORDS[(hash % WORDS.len() as u64) as usize]
    }

    /// How many tokens the answer has when the request sets no limit.
    pub fn free_length(self) -> u32 {
        FREE_LENGTH_MIN + (self.key % FREE_LENGTH_SPREAD) as u32
    }
}
