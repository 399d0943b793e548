//! Synthetic prompts: text of a given length in tokens, unique in the run.
//!
//! A prompt is words of [`crate::words`], one token each, and ends with the request's tag
//! ([`correlation::tag`]), by which a proxy can tell the request when a gateway drops its header.

use rand_chacha::rand_core::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};

use super::conversation::Prompt;
use super::draw::{Purpose, stream};
use crate::correlation;
use crate::name::RequestId;
use crate::scenario::plan::{Length, Lengths};
use crate::words::WORDS;

/// The longest prompt and the longest answer: the largest context window of any model known.
pub const MAX_TOKENS: u32 = 10_000_000;

/// What a tag is counted as. Tokenizers split its hexadecimal digits as they fall, so that it is in
/// truth 8 to 16 tokens; the server's own `usage` says exactly.
const TAG_TOKENS: u32 = 10;
/// A word and the space after it, for the size of the buffer.
const BYTES_PER_WORD: usize = 6;

/// The prompt of request `id` and the tokens of its answer, both of a length drawn from `lengths`.
pub fn prompt(seed: u64, id: RequestId, lengths: Lengths) -> (Prompt, u32) {
    let (input, output) = draw_lengths(seed, id, lengths);
    (prompt_of(seed, id, input), output)
}

/// The prompt of request `id`, `input_tokens` long within a few; it is never shorter than its tag,
/// whatever was asked for. Plain ASCII that JSON need not escape.
pub fn prompt_of(seed: u64, id: RequestId, input_tokens: u32) -> Prompt {
    let tag = correlation::tag(seed, id);
    let words = input_tokens.min(MAX_TOKENS).saturating_sub(TAG_TOKENS) as usize;
    let mut text = String::with_capacity(words * BYTES_PER_WORD + tag.len());
    let mut random = stream(seed, Purpose::Words, id.0);
    let mut bytes = [0; 256];
    let mut left = words;
    while left > 0 {
        let take = left.min(bytes.len());
        random.fill_bytes(&mut bytes[..take]);
        for &byte in &bytes[..take] {
            text.push_str(WORDS[usize::from(byte)]);
            text.push(' ');
        }
        left -= take;
    }
    text.push_str(&tag);
    Prompt::question_alone(text, input_tokens)
}

/// Tokens of the prompt and of the answer of request `id`, each from 1 to [`MAX_TOKENS`].
pub(super) fn draw_lengths(seed: u64, id: RequestId, lengths: Lengths) -> (u32, u32) {
    let mut random = stream(seed, Purpose::Lengths, id.0);
    // Both normals are drawn always, so that a fixed prompt length does not shift the answer's.
    let (input, output) = (StandardNormal.sample(&mut random), StandardNormal.sample(&mut random));
    (length(lengths.input, input), length(lengths.output, output))
}

/// A length, given a standard normal draw.
fn length(length: Length, normal: f64) -> u32 {
    let tokens = match length {
        Length::Fixed(tokens) => tokens,
        Length::Lognormal { mean, sd } => {
            // The moments of the log-normal, solved for those of the normal beneath it.
            let variance = (sd / mean).powi(2).ln_1p();
            (mean.ln() - variance / 2.0 + variance.sqrt() * normal).exp().round() as u32
        }
    };
    tokens.clamp(1, MAX_TOKENS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prompt_has_about_the_tokens_it_was_asked_for() {
        let tokenizer = tiktoken_rs::o200k_base_singleton();
        for (seed, id) in [(7, 0), (7, 300), (0, 9_999_999), (u64::MAX, 12_345)] {
            for asked in [40, 1_155, 5_000] {
                let prompt = prompt_of(seed, RequestId(id), asked);
                let text = prompt.question();
                let got = tokenizer.encode_ordinary(text).len();
                assert!(got.abs_diff(asked as usize) <= 16, "asked {asked}, got {got}: {text:.80}");
            }
        }
    }

    #[test]
    fn a_prompt_is_fixed_by_seed_and_id_and_can_be_told() {
        let lengths =
            Lengths { input: Length::Fixed(50), output: Length::Lognormal { mean: 90.0, sd: 40.0 } };
        let (first, output) = prompt(7, RequestId(3), lengths);
        assert_eq!(prompt(7, RequestId(3), lengths), (first.clone(), output));
        assert_ne!(prompt(7, RequestId(4), lengths).0.question(), first.question());
        assert_ne!(prompt(8, RequestId(3), lengths).0.question(), first.question());
        assert_eq!(correlation::find_tag(7, first.question().as_bytes()), Some(RequestId(3)));
    }

    #[test]
    fn lognormal_lengths_have_the_moments_asked_for() {
        let lengths =
            Lengths { input: Length::Lognormal { mean: 600.0, sd: 400.0 }, output: Length::Fixed(1) };
        let n = 20_000;
        let drawn: Vec<f64> = (0..n).map(|id| f64::from(draw_lengths(1, RequestId(id), lengths).0)).collect();
        let mean = drawn.iter().sum::<f64>() / n as f64;
        let sd = (drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        assert!((mean - 600.0).abs() < 12.0, "mean {mean}");
        assert!((sd - 400.0).abs() < 30.0, "sd {sd}");
    }

    proptest! {
        #[test]
        fn any_length_gives_a_prompt_with_its_tag(
            seed: u64, id: u64, asked in 0_u32..3_000, mean in 0.1_f64..1e12, sd in 0.0_f64..1e12,
        ) {
            let prompt = prompt_of(seed, RequestId(id), asked);
            prop_assert_eq!(correlation::find_tag(seed, prompt.question().as_bytes()), Some(RequestId(id)));
            let length = Length::Lognormal { mean, sd };
            let (input, output) = draw_lengths(seed, RequestId(id), Lengths { input: length, output: length });
            prop_assert!((1..=MAX_TOKENS).contains(&input) && (1..=MAX_TOKENS).contains(&output));
        }
    }
}
