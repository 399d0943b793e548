//! The answer that a simulated node gives, and that the load generator expects.
//!
//! It is a sequence of words fixed by the last user message and its index, the same on every node.
//! So a truncated, duplicated or spliced answer is decidable whichever node gave it. Of a message that carries
//! a request's tag only that counts: gateways put a system's words before it, or trim what is too long.

use std::fmt;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::correlation::last_tag;
use crate::words::WORDS;

/// Numbers of an embedding.
pub const VECTOR_LENGTH: u32 = 64;
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
        let message = last_user_message.as_bytes();
        Self { key: xxh3_64(last_tag(message).unwrap_or(message)) }
    }

    /// Token `index`, a word without the space that goes before it.
    pub fn token(self, index: u32) -> &'static str {
        let hash = xxh3_64_with_seed(&index.to_le_bytes(), self.key);
        WORDS[(hash % WORDS.len() as u64) as usize]
    }

    /// Token `index` as it stands in the text: with the space before it, unless it is the first.
    pub fn piece(self, index: u32) -> Piece {
        Piece { space: if index == 0 { "" } else { " " }, word: self.token(index) }
    }

    /// The text of the first `tokens` tokens.
    pub fn text(self, tokens: u32) -> String {
        (0..tokens).flat_map(|index| self.piece(index).parts()).collect()
    }

    /// The embedding of the message: a vector of [`VECTOR_LENGTH`] numbers from -0.5 to 0.5. Each is a multiple
    /// of 1/256, which decimal and binary fractions both hold exactly.
    pub fn vector(self) -> Vec<f32> {
        let bytes = (0..VECTOR_LENGTH)
            .map(|index| xxh3_64_with_seed(&index.to_le_bytes(), !self.key).to_le_bytes()[0]);
        bytes.map(|byte| f32::from(i16::from(byte) - 128) / 256.0).collect()
    }

    /// How many tokens the answer has when the request sets no limit.
    pub fn free_length(self) -> u32 {
        FREE_LENGTH_MIN + (self.key % FREE_LENGTH_SPREAD) as u32
    }
}

/// The text of one token. Display gives it whole; it holds no character that JSON escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    space: &'static str,
    word: &'static str,
}

impl Piece {
    /// The space, empty before the first word, and the word.
    pub fn parts(self) -> [&'static str; 2] {
        [self.space, self.word]
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.space)?;
        f.write_str(self.word)
    }
}

impl PartialEq<str> for Piece {
    fn eq(&self, text: &str) -> bool {
        text.strip_prefix(self.space) == Some(self.word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlation::tag;
    use crate::name::RequestId;

    #[test]
    fn a_message_that_a_gateway_wrote_more_into_has_the_same_answer() {
        let (first, second) = (RequestId(1), RequestId(2));
        let asked = |before: &str, id| Answer::to(&format!("{before}who are you? {}", tag(7, id)));
        assert_eq!(asked("", first), asked("You are brief.\n", first));
        assert_ne!(asked("", first), asked("", second));
        assert_ne!(
            Answer::to("hello"),
            Answer::to("You are brief.\nhello"),
            "without a tag all of it counts"
        );
    }

    #[test]
    fn the_pieces_make_the_text_and_each_equals_its_own_text() {
        let answer = Answer::to("hello");
        let text = answer.text(20);
        let words: Vec<&str> = text.split(' ').collect();
        assert_eq!(words, (0..20).map(|index| answer.token(index)).collect::<Vec<_>>());
        assert_eq!((0..20).map(|index| answer.piece(index).to_string()).collect::<String>(), text);
        assert!(answer.piece(0) == *answer.token(0));
        assert!(answer.piece(1) == *format!(" {}", answer.token(1)));
        assert!(answer.piece(1) != *answer.token(1));
    }
}
