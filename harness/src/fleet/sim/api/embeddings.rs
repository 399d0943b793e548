//! `POST /v1/embeddings`. Source: <https://platform.openai.com/docs/api-reference/embeddings>.

use std::borrow::Cow;

use serde::Deserialize;

use super::completions::OneText;
use super::{ApiError, Asked, count_words, parse};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    input: OneText<'a>,
    #[serde(borrow)]
    encoding_format: Option<Cow<'a, str>>,
}

pub(super) fn read(body: &[u8]) -> Result<Asked<'_>, ApiError> {
    let request: Request<'_> = parse(body, "an embedding request of one text")?;
    if request.encoding_format.is_some_and(|format| format != "float") {
        return Err(ApiError::invalid("`encoding_format` must be `float`: this node writes numbers"));
    }
    let question = request.input.text();
    Ok(Asked {
        model: request.model,
        words: count_words(&question),
        question,
        // The prefill is all the work there is.
        limit: Some(("tokens", 1)),
        stream: false,
        include_usage: false,
    })
}
