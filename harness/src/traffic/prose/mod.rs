//! Text of an exact number of tokens that reads like sentences.
//!
//! The known trick: a word which, with the space before it, is one token wherever it stands can be
//! written without asking the tokenizer again, and a text of n such words has n tokens. Which words those
//! are is found by trying each in a frame of neighbours, once for a tokenizer. The frames have every
//! border that a text can have: after a word, a comma and a full stop, before each of them, and at the
//! text's start. So writing costs a draw and a copy a token, and a long prompt is as exact as a short one.

mod lexicon;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

use super::draw::{Purpose, stream};
use crate::scenario::plan;
use crate::tokens::{Tokenizer, TokenizerError};
use lexicon::{
    ADJECTIVES, ADVERBS, CONJUNCTIONS, DETERMINERS, NOUNS, PATTERNS, PREPOSITIONS, STARTERS, VERBS,
};

/// Words without which no text reads like one.
const LEAST_WORDS: usize = 100;
/// Nouns of a block's beginning that say, with the starter before them, its id.
const NAME_NOUNS: usize = 3;

/// What stands at a place in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Starter,
    Determiner,
    Adjective,
    Noun,
    Verb,
    Adverb,
    Preposition,
    Conjunction,
    Comma,
    Stop,
}

impl Slot {
    /// What a letter of a pattern stands for.
    fn of(letter: u8) -> Self {
        match letter {
            b'S' => Self::Starter,
            b'D' => Self::Determiner,
            b'A' => Self::Adjective,
            b'N' => Self::Noun,
            b'V' => Self::Verb,
            b'R' => Self::Adverb,
            b'P' => Self::Preposition,
            b'C' => Self::Conjunction,
            b',' => Self::Comma,
            _ => Self::Stop,
        }
    }

    fn is_mark(self) -> bool {
        matches!(self, Self::Comma | Self::Stop)
    }
}

/// Texts that are counted before a vocabulary is believed, and their lengths in tokens.
const PROBES: u64 = 8;
const PROBE_TOKENS: usize = 300;

/// The vocabularies that were found.
static FOUND: LazyLock<Mutex<HashMap<plan::Tokenizer, Arc<Vocabulary>>>> = LazyLock::new(Mutex::default);

/// Words that are one token each, by where they stand in a sentence.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// By [`Slot`]; none is empty.
    pools: [Vec<&'static str>; 10],
    patterns: Vec<Vec<Slot>>,
    /// Texts have as many tokens as they have words and marks. Without it, whoever writes has to count.
    pub(super) adds_up: bool,
}

impl Vocabulary {
    /// The vocabulary for a tokenizer; found unless it was before.
    pub(super) fn load(which: &plan::Tokenizer) -> Result<Arc<Self>, TokenizerError> {
        if let Some(found) = FOUND.lock().get(which) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(Self::of(&*Tokenizer::load(which)?, &which.to_string())?);
        FOUND.lock().insert(which.clone(), Arc::clone(&found));
        Ok(found)
    }

    /// The words of the lexicon that are one token each of `tokenizer`, whose name is for the error.
    fn of(tokenizer: &Tokenizer, name: &str) -> Result<Self, TokenizerError> {
        // Where marks are no tokens of their own, words stand in their place.
        let marks = tokenizer.count("The the, the. The") == 6;
        let (comma, stop) = if marks { (",", ".") } else { (" and", " then") };
        let one = |word: &&str| {
            let frame = format!("The{word}{word}{comma}{word}{stop}{word}{stop} The{word}");
            tokenizer.count(&frame) == 10
        };
        // It may stand first in the text, and has no space before it there.
        let first = |word: &&str| {
            let frame = format!("{}{word} the{stop}{word} the{comma} the{stop}{word}", &word[1..]);
            tokenizer.count(&frame) == 10
        };
        let pool = |list: &'static str| words(list).filter(one).collect::<Vec<_>>();
        let pools = [
            words(STARTERS).filter(one).filter(first).collect(),
            pool(DETERMINERS),
            pool(ADJECTIVES),
            pool(NOUNS),
            pool(VERBS),
            pool(ADVERBS),
            pool(PREPOSITIONS),
            pool(CONJUNCTIONS),
            vec![comma],
            vec![stop],
        ];
        let words = pools.iter().map(Vec::len).sum();
        if words < LEAST_WORDS || pools.iter().any(Vec::is_empty) {
            return Err(TokenizerError::Unfit { name: name.to_owned(), words });
        }
        let patterns = PATTERNS.iter().map(|pattern| pattern.bytes().map(Slot::of).collect()).collect();
        let mut found = Self { pools, patterns, adds_up: true };
        found.adds_up = (0..PROBES).all(|probe| {
            let mut text = String::new();
            write(&mut text, found.prose(stream(0, Purpose::Words, probe), PROBE_TOKENS));
            tokenizer.count(&text) == PROBE_TOKENS
        });
        Ok(found)
    }

    /// A text of `tokens` tokens, drawn from `random`.
    pub(super) fn prose(&self, random: ChaCha8Rng, tokens: usize) -> Prose<'_> {
        Prose { vocabulary: self, random, sentence: &[], left: tokens, after_mark: true }
    }

    /// The block `id` of `tokens` tokens, drawn from `random`. Two blocks differ from their first or one
    /// of the next few tokens on, whatever is drawn, as their beginnings say their ids.
    pub(super) fn block(
        &self,
        id: u64,
        random: ChaCha8Rng,
        tokens: usize,
    ) -> impl Iterator<Item = &'static str> {
        let mut rest = id;
        let mut digit = move |pool: &Vec<&'static str>| {
            let digit = rest % pool.len() as u64;
            rest /= pool.len() as u64;
            pool[digit as usize]
        };
        let nouns = &self.pools[Slot::Noun as usize];
        let mut name = vec![digit(&self.pools[Slot::Starter as usize])];
        name.extend((0..NAME_NOUNS).map(|_| digit(nouns)));
        name.push(self.pools[Slot::Stop as usize][0]);
        let rest = self.prose(random, tokens.saturating_sub(name.len()));
        name.into_iter().chain(rest).take(tokens)
    }
}

/// The words of a list, each with the space before it.
fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    let ends = list.match_indices(' ').skip(1).map(|(at, _)| at).chain([list.len()]);
    let mut start = 0;
    ends.map(move |end| {
        let word = &list[start..end];
        start = end;
        word
    })
}

/// The tokens of a text, one after the other; each but a mark has a space before it.
#[derive(Debug)]
pub(super) struct Prose<'a> {
    vocabulary: &'a Vocabulary,
    random: ChaCha8Rng,
    /// What is left of the sentence.
    sentence: &'a [Slot],
    left: usize,
    /// Nothing or a mark was before: two marks in a row may be one token.
    after_mark: bool,
}

impl Prose<'_> {
    fn draw<T: Copy>(random: &mut ChaCha8Rng, from: &[T]) -> T {
        let drawn = u64::from(random.next_u32()) * from.len() as u64;
        from[(drawn >> u32::BITS) as usize]
    }
}

impl Iterator for Prose<'_> {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        self.left = self.left.checked_sub(1)?;
        if self.sentence.is_empty() {
            let patterns = &self.vocabulary.patterns;
            let drawn = u64::from(self.random.next_u32()) * patterns.len() as u64;
            self.sentence = &patterns[(drawn >> u32::BITS) as usize];
        }
        let (slot, rest) = self.sentence.split_first()?;
        self.sentence = rest;
        // The text ends with a sentence's end, wherever in it that is.
        let slot = if self.left == 0 && !self.after_mark { Slot::Stop } else { *slot };
        self.after_mark = slot.is_mark();
        Some(Self::draw(&mut self.random, &self.vocabulary.pools[slot as usize]))
    }
}

/// Adds tokens to a text; at its start without the space.
pub(super) fn write(text: &mut String, tokens: impl Iterator<Item = &'static str>) {
    for token in tokens {
        let bare = if text.is_empty() { token.trim_start() } else { token };
        text.push_str(bare);
    }
}
