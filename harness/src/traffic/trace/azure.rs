//! The Azure LLM inference traces: CSV.
//!
//! Three releases, one reader (<https://github.com/Azure/AzurePublicDataset>): columns are found by
//! name, a time without a zone is UTC, and further columns (2025 adds `NumImages`) are passed over.
//! Times keep every digit (2023 has 100 ns). What cannot be told is a file cut inside its very last
//! number, since the original ends without a line end as well.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::fields::{Columns, input_tokens, output_tokens};
use super::row::Fields;

pub(super) const TIME: &str = "TIMESTAMP";
pub(super) const INPUT: &str = "ContextTokens";
pub(super) const OUTPUT: &str = "GeneratedTokens";

/// Reads rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Azure(Columns<3>);

impl Azure {
    pub(super) fn new(header: &str) -> Result<Self, String> {
        Columns::find(header, [TIME, INPUT, OUTPUT], "an Azure LLM trace").map(Self)
    }

    pub(super) fn row(self, line: &str) -> Result<Fields, String> {
        let [at, input, output] = self.0.fields(line)?;
        Ok(Fields {
            time: Some(time(at)?),
            input_tokens: Some(input_tokens(input, INPUT)?),
            output_tokens: output_tokens(output, OUTPUT)?,
            ..Fields::default()
        })
    }
}

/// A time of any of the three releases, in nanoseconds since 1970.
fn time(text: &str) -> Result<i128, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_nanosecond());
    }
    let time = text.parse::<DateTime>().and_then(|time| TimeZone::UTC.to_timestamp(time));
    time.map(Timestamp::as_nanosecond).map_err(|error| {
        format!("{TIME} {text:?} is not a time ({error}); expected one like 2023-11-16 18:15:46.6805900")
    })
}
