//! BurstGPT: CSV (<https://github.com/HPMLL/BurstGPT>).
//!
//! Two versions, one reader: `Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`, and
//! release 3 with `Session ID` (empty for API calls) and `Elapsed time` before the model. Times are
//! seconds since midnight of the first day, whole ones though release 3 writes `5.0`. No response tokens
//! mean that the request failed: it was sent all the same, so it is a row.

use super::fields::{Columns, input_tokens, nanos, optional_column, output_tokens};
use super::row::Fields;

const TIME: &str = "Timestamp";
pub(super) const INPUT: &str = "Request tokens";
const OUTPUT: &str = "Response tokens";
const SESSION: &str = "Session ID";

/// Reads rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct BurstGpt {
    columns: Columns<3>,
    session: Option<usize>,
}

impl BurstGpt {
    pub(super) fn new(header: &str) -> Result<Self, String> {
        let columns = Columns::find(header, [TIME, INPUT, OUTPUT], "a BurstGPT trace")?;
        Ok(Self { columns, session: optional_column(header, SESSION) })
    }

    pub(super) fn row(self, line: &str) -> Result<Fields, String> {
        let [time, input, output] = self.columns.fields(line)?;
        let session = self.session.and_then(|column| line.split(',').nth(column)).map_or("", str::trim);
        Ok(Fields {
            time: Some(nanos(time, 9).ok_or_else(|| format!("{TIME} {time:?} is not a number of seconds"))?),
            input_tokens: Some(input_tokens(input, INPUT)?),
            output_tokens: output_tokens(output, OUTPUT)?,
            session: (!session.is_empty()).then(|| session.into()),
            ..Fields::default()
        })
    }
}
