//! Mooncake: JSONL (<https://github.com/kvcache-ai/Mooncake>, FAST'25 release).
//!
//! `timestamp` in ms from the start, `input_length` and `output_length` in tokens, and `hash_ids`, one
//! for each block of the prompt. Further keys are passed over.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{blocks, input, nanos, output};
use super::json::{raw, read};
use super::row::Fields;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    timestamp: &'a RawValue,
    #[serde(borrow)]
    input_length: &'a RawValue,
    #[serde(borrow)]
    output_length: &'a RawValue,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

pub(super) fn row(line: &str) -> Result<Fields, String> {
    let Line { timestamp, input_length, output_length, hash_ids } = read(line)?;
    let time = nanos(timestamp.get(), 6)
        .ok_or_else(|| format!("timestamp {} is not a number of milliseconds", raw(timestamp)))?;
    let input_tokens = input(input_length.get().parse().ok(), &raw(input_length), "input_length")?;
    blocks(&hash_ids, input_tokens)?;
    Ok(Fields {
        time: Some(time),
        input_tokens: Some(input_tokens),
        output_tokens: output(output_length.get().parse().ok(), &raw(output_length), "output_length")?,
        hash_ids,
        ..Fields::default()
    })
}
