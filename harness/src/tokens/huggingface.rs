//! A Hugging Face `tokenizer.json`. The only file that names `tokenizers`.

use std::panic;
use std::path::Path;

use serde::de::IgnoredAny;

use super::TokenizerError;

/// A tokenizer that counts a whole text, as text.
pub(super) struct Encoder(tokenizers::Tokenizer);

impl Encoder {
    /// Reads a `tokenizer.json`.
    pub(super) fn read(path: &Path) -> Result<Self, TokenizerError> {
        let bytes = std::fs::read(path)
            .map_err(|error| TokenizerError::Read { path: path.to_owned(), problem: error.to_string() })?;
        let wrong = |problem: String| TokenizerError::File { path: path.to_owned(), problem };
        let said = |error: tokenizers::Error| wrong(error.to_string());
        serde_json::from_slice::<IgnoredAny>(&bytes).map_err(|error| wrong(error.to_string()))?;
        // The library panics at some parts that are not what it knows.
        let read = panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(bytes));
        let read = read.map_err(|_| wrong("a part of it is of a kind that is not known".into()))?;
        let mut tokenizer = read.map_err(said)?;
        // Such files may ask to cut or to fill what is encoded: then a long text would count for a short one.
        tokenizer.with_truncation(None).map_err(said)?.with_padding(None);
        // What a text says is never a special token, whatever it looks like.
        tokenizer.set_encode_special_tokens(true);
        Ok(Self(tokenizer))
    }

    /// The tokens of `text`; where it can't be encoded, its bytes.
    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        match self.0.encode_fast(text, false) {
            Ok(encoding) => encoding.get_ids().to_vec(),
            Err(_) => text.bytes().map(u32::from).collect(),
        }
    }

    /// How many they are.
    pub(super) fn count(&self, text: &str) -> usize {
        self.0.encode_fast(text, false).map_or(text.len(), |encoding| encoding.len())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use serde_json::{Value, json};
    use tokenizers::models::TrainerWrapper;
    use tokenizers::models::bpe::{BPE, BpeTrainer};
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;
    use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
    use tokenizers::pre_tokenizers::punctuation::Punctuation;
    use tokenizers::pre_tokenizers::sequence::Sequence;
    use tokenizers::utils::truncation::TruncationParams;
    use tokenizers::{PreTokenizerWrapper, SplitDelimiterBehavior};

    use super::*;

    fn trained(texts: &[&str], split: impl Into<PreTokenizerWrapper>) -> tempfile::NamedTempFile {
        let mut tokenizer = tokenizers::Tokenizer::new(BPE::default());
        tokenizer.with_pre_tokenizer(Some(split));
        let trainer = BpeTrainer::builder()
            .show_progress(false)
            .vocab_size(6_000)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        tokenizer.train(&mut TrainerWrapper::from(trainer), texts.iter()).expect("trained");
        // As the files of many models have it; it must not count.
        let truncation = Some(TruncationParams { max_length: 128, ..TruncationParams::default() });
        tokenizer.with_truncation(truncation).expect("a limit");
        let file = tempfile::NamedTempFile::with_suffix(".json").expect("temporary file");
        tokenizer.save(file.path(), false).expect("saved");
        file
    }

    /// A tokenizer over bytes, as GPT-2 and Llama 3 have it.
    pub(crate) fn trained_on_bytes(texts: &[&str]) -> tempfile::NamedTempFile {
        trained(texts, ByteLevel::new(false, true, true))
    }

    /// A tokenizer over words with `▁` before them and over marks, as Llama 2 has it.
    pub(crate) fn trained_on_words(texts: &[&str]) -> tempfile::NamedTempFile {
        let words = Metaspace::new('▁', PrependScheme::First, true);
        let marks = Punctuation::new(SplitDelimiterBehavior::Isolated);
        trained(texts, Sequence::new(vec![words.into(), marks.into()]))
    }

    /// A tokenizer whose tokens can be told by hand; it begins each text with a special token, and cuts.
    fn by_hand() -> Value {
        let special = json!({"SpecialToken": {"id": "<s>", "type_id": 0}});
        json!({
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
            "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
                "pad_id": 0, "pad_type_id": 0, "pad_token": "?"},
            "added_tokens": [{"id": 12, "content": "<s>", "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true}],
            "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": {"type": "TemplateProcessing",
                "single": [&special, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [&special, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [12], "tokens": ["<s>"]}}},
            "decoder": null,
            "model": {"type": "BPE", "dropout": null, "unk_token": "?", "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                "vocab": {"?": 0, "l": 1, "o": 2, "w": 3, "e": 4, "r": 5, "lo": 6, "low": 7, "er": 8,
                    "<": 9, "s": 10, ">": 11, "<s>": 12},
                "merges": ["l o", "lo w", "e r"]}
        })
    }

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::with_suffix(".json").expect("temporary file");
        file.write_all(bytes).expect("written");
        file
    }

    #[test]
    fn a_text_has_the_tokens_that_the_file_says_and_no_more() {
        let file = file(by_hand().to_string().as_bytes());
        let encoder = Encoder::read(file.path()).expect("a tokenizer");
        for (text, tokens) in [
            ("", &[][..]),
            ("low", &[7]),
            ("Low lower", &[7, 7, 8]),
            ("lowlow  slow", &[7, 7, 10, 7]),
            ("wol, x", &[3, 2, 1, 0, 0]),
            ("<s> low", &[9, 10, 11, 7]),
        ] {
            assert_eq!(
                (encoder.encode(text), encoder.count(text)),
                (tokens.to_vec(), tokens.len()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_trained_file_counts_whole_texts_though_it_says_to_cut_them() {
        let file = trained_on_bytes(&["the end of the day is the end"]);
        let encoder = Encoder::read(file.path()).expect("a tokenizer");
        let text = " the end".repeat(1_000);
        assert_eq!((encoder.count(&text), encoder.encode(&text).len()), (2_000, 2_000));
    }

    #[test]
    fn what_is_no_tokenizer_is_named_with_its_cause() {
        let broken = file(b"{\n\"version\": \"1.0\",}");
        let error = Encoder::read(broken.path()).err().expect("no tokenizer").to_string();
        assert!(error.starts_with(&format!("{} is no tokenizer: ", broken.path().display())), "{error}");
        assert!(error.contains("at line 2 column 18") && error.contains("`tokenizer.json`"), "{error}");
        let missing = Encoder::read(Path::new("/nowhere.json")).err().expect("no file").to_string();
        assert_eq!(
            missing,
            "the tokenizer /nowhere.json can't be read: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn a_file_that_was_cut_or_lacks_a_part_is_an_error_and_no_panic() {
        let whole = by_hand();
        let text = whole.to_string();
        for end in 0..text.len() {
            assert!(Encoder::read(file(&text.as_bytes()[..end]).path()).is_err(), "{end}");
        }
        let mistakes = [
            ("/model/vocab", json!({"l": 0})),
            ("/model/merges", json!(["l"])),
            ("/decoder", json!({"type": "Words"})),
            ("/normalizer", json!({"type": "Precompiled", "precompiled_charsmap": 5})),
            (
                "/pre_tokenizer",
                json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false}),
            ),
        ];
        for (part, mistake) in mistakes {
            let mut broken = whole.clone();
            *broken.pointer_mut(part).expect("it has one") = mistake;
            let broken = file(broken.to_string().as_bytes());
            let error = Encoder::read(broken.path()).err().expect(part).to_string();
            assert!(error.contains("is no tokenizer: "), "{part}: {error}");
        }
    }
}
