//! A Hugging Face `tokenizer.json`. The only file that names `tokenizers`.

use std::path::Path;

use super::TokenizerError;

/// A tokenizer that counts a whole text, as text.
pub(super) struct Encoder(tokenizers::Tokenizer);

impl Encoder {
    /// Reads a `tokenizer.json`.
    pub(super) fn read(path: &Path) -> Result<Self, TokenizerError> {
        let wrong = |error: tokenizers::Error| TokenizerError::File {
            path: path.to_owned(),
            problem: error.to_string(),
        };
        let mut tokenizer = tokenizers::Tokenizer::from_file(path).map_err(wrong)?;
        // Such files may ask to cut or to fill what is encoded: then a long text would count for a short one.
        tokenizer.with_truncation(None).map_err(wrong)?.with_padding(None);
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

    use tokenizers::PreTokenizerWrapper;
    use tokenizers::models::TrainerWrapper;
    use tokenizers::models::bpe::{BPE, BpeTrainer};
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;
    use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
    use tokenizers::utils::truncation::TruncationParams;

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

    /// A tokenizer over words with `▁` before them, as Llama 2 has it.
    pub(crate) fn trained_on_words(texts: &[&str]) -> tempfile::NamedTempFile {
        trained(texts, Metaspace::new('▁', PrependScheme::First, true))
    }

    #[test]
    fn a_file_counts_whole_texts_though_it_says_to_cut_them() {
        let file = trained_on_bytes(&["the end of the day is the end"]);
        let encoder = Encoder::read(file.path()).expect("a tokenizer");
        let text = " the end".repeat(1_000);
        assert_eq!((encoder.count(&text), encoder.encode(&text).len()), (2_000, 2_000));
        assert_eq!(encoder.count(""), 0);
    }

    #[test]
    fn what_is_no_tokenizer_is_named() {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(b"{\"version\": \"1.0\"}").expect("written");
        let error = Encoder::read(file.path()).err().expect("no tokenizer").to_string();
        assert!(error.contains("is no tokenizer") && error.contains("tokenizer.json"), "{error}");
        assert!(Encoder::read(Path::new("/nowhere.json")).is_err());
    }
}
