//! Tokenizers: how many tokens a text has, as the model under test counts them.
//!
//! Three kinds: tiktoken's encodings, which ship in the program; a Hugging Face `tokenizer.json`; and
//! [`words`], by which simulated nodes count. Each is loaded once in the process: a file when it is first asked
//! for, since it may be none; an encoding, of which nothing can be wrong, when it first counts.
//! Special tokens are not known here: a text is only ever text, and what a chat template adds around
//! messages is the server's own.

mod huggingface;
mod tiktoken;
pub mod words;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use crate::scenario::plan::{self, Encoding};

#[cfg(test)]
pub(crate) use huggingface::tests::{trained_on_bytes, trained_on_words};
pub(crate) use tiktoken::encoding_of;

/// Why there is no tokenizer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file can't be read.
    #[error("the tokenizer {} can't be read: {problem}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The file is none, or is of a kind that is not known.
    #[error("{} is no tokenizer: {problem}; expected a Hugging Face `tokenizer.json`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Prompts can't be written for it.
    #[error(
        "the tokenizer {name} splits common English words ({words} of them are one token each): prompts of \
         an exact length can't be written for it; take another `tokenizer`, or a corpus"
    )]
    Unfit {
        /// The tokenizer.
        name: String,
        /// Words of Squall's vocabulary that are one token.
        words: usize,
    },
}

/// A tokenizer, ready to count.
pub struct Tokenizer(Kind);

enum Kind {
    Words,
    Encoding(Encoding),
    File(Box<huggingface::Encoder>),
}

/// What was loaded; a tokenizer is megabytes, and takes tenths of a second.
static LOADED: LazyLock<Mutex<HashMap<plan::Tokenizer, Arc<Tokenizer>>>> = LazyLock::new(Mutex::default);

impl Tokenizer {
    /// The tokenizer that a plan asks for; loaded unless it was before.
    pub fn load(which: &plan::Tokenizer) -> Result<Arc<Self>, TokenizerError> {
        let mut loaded = LOADED.lock();
        if let Some(tokenizer) = loaded.get(which) {
            return Ok(Arc::clone(tokenizer));
        }
        let tokenizer = Arc::new(Self(match which {
            plan::Tokenizer::Words => Kind::Words,
            plan::Tokenizer::Encoding(encoding) => Kind::Encoding(*encoding),
            plan::Tokenizer::File(path) => Kind::File(Box::new(huggingface::Encoder::read(path)?)),
        }));
        loaded.insert(which.clone(), Arc::clone(&tokenizer));
        Ok(tokenizer)
    }

    /// Loads what is not loaded yet: whoever has no tenths of a second to lose when it first counts does so
    /// beforehand.
    pub fn get_ready(&self) {
        if let Kind::Encoding(encoding) = &self.0 {
            tiktoken::encoder(*encoding);
        }
    }

    /// How many tokens `text` has. Never fails: what a tokenizer can't take counts as its bytes.
    pub fn count(&self, text: &str) -> usize {
        match &self.0 {
            Kind::Words => words::count(text),
            Kind::Encoding(encoding) => tiktoken::encoder(*encoding).count_ordinary(text),
            Kind::File(encoder) => encoder.count(text),
        }
    }

    /// The tokens of `text`. Those of [`words`] are hashes of their texts.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match &self.0 {
            Kind::Words => words::encode(text),
            Kind::Encoding(encoding) => tiktoken::encoder(*encoding).encode_ordinary(text),
            Kind::File(encoder) => encoder.encode(text),
        }
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            Kind::Words => "Tokenizer(words)",
            Kind::Encoding(_) => "Tokenizer(tiktoken)",
            Kind::File(_) => "Tokenizer(file)",
        })
    }
}
