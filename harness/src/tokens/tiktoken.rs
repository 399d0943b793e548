//! tiktoken's encodings. The only file that names `tiktoken_rs`.

use tiktoken_rs::tokenizer::{Tokenizer, get_tokenizer};
use tiktoken_rs::{
    CoreBPE, cl100k_base_singleton, o200k_base_singleton, p50k_base_singleton, r50k_base_singleton,
};

use crate::scenario::plan::Encoding;

/// An encoding's tables, which are made when they are first asked for, and stay for the rest of the process.
pub(super) fn encoder(encoding: Encoding) -> &'static CoreBPE {
    match encoding {
        Encoding::O200kBase => o200k_base_singleton(),
        Encoding::Cl100kBase => cl100k_base_singleton(),
        Encoding::P50kBase => p50k_base_singleton(),
        Encoding::R50kBase => r50k_base_singleton(),
    }
}

/// The encoding that tiktoken has for a model of this name. Encodings that differ only in special tokens
/// are the same here, where a text is only ever text.
pub(crate) fn encoding_of(model: &str) -> Option<Encoding> {
    Some(match get_tokenizer(model)? {
        Tokenizer::O200kHarmony | Tokenizer::O200kBase => Encoding::O200kBase,
        Tokenizer::Cl100kBase => Encoding::Cl100kBase,
        Tokenizer::P50kBase | Tokenizer::P50kEdit => Encoding::P50kBase,
        Tokenizer::R50kBase | Tokenizer::Gpt2 => Encoding::R50kBase,
    })
}
