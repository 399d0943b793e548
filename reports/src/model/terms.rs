//! The words that figures are told by: outcomes, cohorts, metrics, clocks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A complete, honest answer.
    Ok,
    /// A status of 400 or more.
    HttpError,
    /// An error object inside a response with status 200.
    InBandError,
    /// No connection to the target.
    ConnectFailed,
    /// The connection was reset.
    Reset,
    /// It ended without its final marker.
    Cut,
    /// It ended with a final marker that no node sent.
    Invented,
    /// It ran into a limit: first token, idle or total.
    Timeout,
    /// The content differs from what was expected.
    Corrupt,
    /// It ended with a genuine final marker, and without any content: a model that stops at once, as one does that
    /// was asked in another model's chat format.
    Empty,
    /// Not sent: the in-flight cap was reached.
    Shed,
    /// The run ended first.
    Aborted,
}

impl Outcome {
    /// The outcome's name in the ledgers and the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::HttpError => "http_error",
            Self::InBandError => "in_band_error",
            Self::ConnectFailed => "connect_failed",
            Self::Reset => "reset",
            Self::Cut => "cut",
            Self::Invented => "invented",
            Self::Timeout => "timeout",
            Self::Corrupt => "corrupt",
            Self::Empty => "empty",
            Self::Shed => "shed",
            Self::Aborted => "aborted",
        }
    }
}

/// Which requests a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cohort {
    /// A verdict other than pass touched one of its attempts, or its node was down.
    Faulted,
    /// The rest.
    Collateral,
    /// Both.
    All,
}

impl Cohort {
    /// The cohort's name in the ledgers and the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Faulted => "faulted",
            Self::Collateral => "collateral",
            Self::All => "all",
        }
    }
}

/// A latency metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// To the first event with content.
    Ttft,
    /// To the first byte of the response.
    Ttfb,
    /// Each gap between content events.
    Itl,
    /// (last − first content) / (output tokens − 1), one sample a request.
    Tpot,
    /// To the last content event of a complete stream.
    E2e,
}

impl Metric {
    /// The metric's name in objectives, ledgers and the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Ttfb => "ttfb",
            Self::Itl => "itl",
            Self::Tpot => "tpot",
            Self::E2e => "e2e",
        }
    }

    /// It is measured from the request's start, so that it exists on two clocks.
    pub fn has_clock(self) -> bool {
        matches!(self, Self::Ttft | Self::Ttfb | Self::E2e)
    }
}

/// Where a latency counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The scheduled arrival.
    Intended,
    /// The actual send.
    Sent,
    /// Inside the answer: gaps between events have no start.
    Stream,
}
