//! The formats, and how a file's first line tells which it is.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::azure::{self, Azure};
use super::burst_gpt::{self, BurstGpt};
use super::fields::{optional_column, start};
use super::row::Fields;
use super::{json, mooncake, openai_batch, squall};

/// A trace's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Azure's LLM inference traces of 2023, 2024 and 2025: CSV.
    Azure,
    /// BurstGPT, with or without sessions: CSV.
    BurstGpt,
    /// Mooncake: JSONL with ids of blocks.
    Mooncake,
    /// OpenAI's batch API: JSONL of requests as they are, without times.
    OpenaiBatch,
    /// Squall's own: JSONL.
    Squall,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Azure, Self::BurstGpt, Self::Mooncake, Self::OpenaiBatch, Self::Squall];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Azure => "azure",
            Self::BurstGpt => "burst-gpt",
            Self::Mooncake => "mooncake",
            Self::OpenaiBatch => "openai-batch",
            Self::Squall => "squall",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What turns lines into rows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parser {
    Azure(Azure),
    BurstGpt(BurstGpt),
    Mooncake,
    OpenaiBatch,
    Squall,
}

impl Parser {
    /// The parser of a file that begins with the line `first`.
    pub(super) fn of(first: &str, format: Option<Format>) -> Result<Self, String> {
        Ok(match format.map_or_else(|| detect(first), Ok)? {
            Format::Azure => Self::Azure(Azure::new(first)?),
            Format::BurstGpt => Self::BurstGpt(BurstGpt::new(first)?),
            Format::Mooncake => Self::Mooncake,
            Format::OpenaiBatch => Self::OpenaiBatch,
            Format::Squall => Self::Squall,
        })
    }

    /// The first line is no row.
    pub(super) fn has_header(self) -> bool {
        matches!(self, Self::Azure(_) | Self::BurstGpt(_))
    }

    pub(super) fn format(self) -> Format {
        match self {
            Self::Azure(_) => Format::Azure,
            Self::BurstGpt(_) => Format::BurstGpt,
            Self::Mooncake => Format::Mooncake,
            Self::OpenaiBatch => Format::OpenaiBatch,
            Self::Squall => Format::Squall,
        }
    }

    pub(super) fn row(self, line: &str) -> Result<Fields, String> {
        match self {
            Self::Azure(azure) => azure.row(line),
            Self::BurstGpt(burst_gpt) => burst_gpt.row(line),
            Self::Mooncake => mooncake::row(line),
            Self::OpenaiBatch => openai_batch::row(line),
            Self::Squall => squall::row(line),
        }
    }
}

/// The keys that tell formats of JSONL apart.
#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_length: Option<&'a RawValue>,
    #[serde(borrow, default)]
    custom_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
}

fn detect(first: &str) -> Result<Format, String> {
    if first.starts_with('{') {
        let keys: Keys<'_> = json::read(first)?;
        return Ok(if keys.timestamp.is_some() || keys.input_length.is_some() {
            Format::Mooncake
        } else if keys.custom_id.is_some() || keys.method.is_some() {
            Format::OpenaiBatch
        } else {
            Format::Squall
        });
    }
    let has = |column| optional_column(first, column).is_some();
    if has(azure::TIME) || has(azure::INPUT) {
        Ok(Format::Azure)
    } else if has(burst_gpt::INPUT) {
        Ok(Format::BurstGpt)
    } else {
        Err(format!(
            "no trace that Squall knows begins with {:?}: expected the header of a CSV ({},{},{} for Azure, \
             or BurstGPT's) or JSON objects, one a line",
            start(first),
            azure::TIME,
            azure::INPUT,
            azure::OUTPUT,
        ))
    }
}
