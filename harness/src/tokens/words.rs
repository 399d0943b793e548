//! Counting as simulated nodes do: a word or a number is a token, and so is each mark.
//!
//! It needs no table and no memory, is as fast as the text can be read, and splits as the pre-tokenizers
//! of real ones do, so that a text of common words has as many tokens here as in theirs.

use xxhash_rust::xxh3::xxh3_64;

/// How many tokens `text` has.
pub fn count(text: &str) -> usize {
    let mut tokens = 0;
    let mut in_word = false;
    for c in text.chars() {
        let is_word = c.is_alphanumeric();
        tokens += usize::from(if is_word { !in_word } else { !c.is_whitespace() });
        in_word = is_word;
    }
    tokens
}

/// The tokens of `text`: of each a hash, so that equal texts are equal tokens.
pub fn encode(text: &str) -> Vec<u32> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if first.is_alphanumeric() {
            rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(end);
        tokens.push(xxh3_64(token.as_bytes()) as u32);
        rest = after.trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_numbers_and_marks_are_tokens_and_space_is_none() {
        assert_eq!(count(""), 0);
        assert_eq!(count(" \n\t"), 0);
        assert_eq!(count("The end."), 3);
        assert_eq!(count("a, b -- 12é3"), 6);
        assert_eq!(count("(ref sq-7-1f)"), 8);
    }

    proptest! {
        #[test]
        fn a_count_is_that_of_the_tokens_and_equal_words_are_equal(text in "\\PC{0,60}", word in "[a-z]{1,9}") {
            prop_assert_eq!(encode(&text).len(), count(&text));
            let twice = encode(&format!("{word}, {word}"));
            prop_assert_eq!((twice.len(), twice[0]), (3, twice[2]));
        }
    }
}
