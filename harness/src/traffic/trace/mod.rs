//! Traces: recorded requests, read row by row, whatever their format.
//!
//! [`open`] finds the format, undoes the compression, and gives [`Row`]s in the order of time. A format
//! is a file of this folder that says what one line means; all else is here, once.
//!
//! Invariants: a row is right or an error that names its line; nothing is guessed, and nothing left out
//! unless that was asked for, and then it is counted. Memory does not depend on how long a file is.

mod azure;
mod burst_gpt;
mod distinct;
mod fields;
mod file;
mod format;
mod info;
mod json;
mod lines;
mod mooncake;
mod openai_batch;
mod row;
mod spread;
mod squall;
mod synth;
mod write;

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::TrafficError;
use crate::clock::Nanos;
use format::Parser;
use lines::Lines;
use row::Fields;

pub use format::Format;
pub use info::{Info, Lengths, Prefixes, Times, info};
pub use row::{AsIs, BLOCK_TOKENS, Row};
pub use spread::{Rows, Spread};
pub use synth::{SharedPrefixes, Synth};
pub use write::{WriteError, Writer};

/// A trace's file and how to read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The file; `.gz` and `.zst` are undone.
    pub path: PathBuf,
    /// Its format; found by its first line where it is not given.
    pub format: Option<Format>,
    /// What becomes of a bad row.
    pub bad_rows: BadRows,
    /// How far times that were rounded are spread again.
    pub spread: Option<Spread>,
}

impl Source {
    /// The trace at `path`, read strictly and as it is.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), format: None, bad_rows: BadRows::Refuse, spread: None }
    }
}

/// What becomes of a row that is not what the format says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadRows {
    /// It is an error, and ends the reading.
    #[default]
    Refuse,
    /// It is left out and counted.
    Skip,
}

/// Rows that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// How many.
    pub rows: u64,
    /// The first of them, with its line and what is wrong with it.
    pub first: Option<String>,
}

/// Whether a trace's rows have times, as its first row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timed {
    /// No row has been read.
    Unknown,
    Absent,
    /// They do, and count from this one.
    From(i128),
}

/// Opens a trace, spread as `source` says with draws of `seed`.
///
/// Fails when the file can't be read, has no rows, or is of no known format; a bad row is found when it
/// is reached.
pub fn open(source: &Source, seed: u64) -> Result<Rows, TrafficError> {
    Rows::open(source, seed)
}

/// Reads a trace to its end, from anywhere: the way in for tests and fuzzers. Gives the number of rows.
pub fn read_to_end(input: impl Read, format: Option<Format>, bad_rows: BadRows) -> Result<u64, TrafficError> {
    let mut rows = 0;
    for row in Trace::read(Path::new("trace"), BufReader::new(input), format, bad_rows)? {
        row?;
        rows += 1;
    }
    Ok(rows)
}

/// A trace that is being read, its times as they are: an iterator that ends after an error.
pub struct Trace<R = Box<dyn BufRead + Send>> {
    path: PathBuf,
    lines: Lines<R>,
    parser: Parser,
    bad_rows: BadRows,
    skipped: Skipped,
    times: Timed,
    last: i128,
    broken: bool,
}

impl<R> fmt::Debug for Trace<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("path", &self.path).field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Trace {
    /// Opens the file of `source`, without spreading its times.
    pub fn open(source: &Source) -> Result<Self, TrafficError> {
        let input = file::open(&source.path)?;
        Self::read(&source.path, input, source.format, source.bad_rows)
    }
}

impl<R: BufRead> Trace<R> {
    /// Reads `input`, uncompressed text, from its first line on; `path` is for messages only.
    pub fn read(
        path: &Path,
        input: R,
        format: Option<Format>,
        bad_rows: BadRows,
    ) -> Result<Self, TrafficError> {
        let mut lines = Lines::new(input);
        let parser = match lines.next() {
            Ok(Some(first)) => first.and_then(|first| Parser::of(first, format)),
            Ok(None) => return Err(TrafficError::Empty { path: path.to_owned() }),
            Err(source) => return Err(file::broken(path, source)),
        };
        let line = lines.number();
        let parser = parser.map_err(|problem| TrafficError::Row { path: path.to_owned(), line, problem })?;
        if !parser.has_header() {
            lines.put_back();
        }
        Ok(Self {
            path: path.to_owned(),
            lines,
            parser,
            bad_rows,
            skipped: Skipped::default(),
            times: Timed::Unknown,
            last: i128::MIN,
            broken: false,
        })
    }

    /// The trace's format.
    pub fn format(&self) -> Format {
        self.parser.format()
    }

    /// The rows that were left out so far.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// No row has been read so far.
    pub fn is_empty(&self) -> bool {
        self.times == Timed::Unknown
    }

    /// Its file, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next row, or what is wrong with it; none at the end.
    fn read_row(&mut self) -> Result<Option<Result<Row, String>>, TrafficError> {
        let line = match self.lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(None),
            Err(source) => return Err(file::broken(&self.path, source)),
        };
        let fields = line.and_then(|line| self.parser.row(line));
        Ok(Some(fields.and_then(|fields| self.place(fields))))
    }

    /// Places a row in the run's time.
    fn place(&mut self, fields: Fields) -> Result<Row, String> {
        let at = match (self.times, fields.time) {
            (Timed::Unknown, Some(time)) => {
                self.times = Timed::From(time);
                Some(Nanos::ZERO)
            }
            (Timed::From(first), Some(time)) => Some(self.offset(first, time)?),
            (Timed::Unknown | Timed::Absent, None) => {
                self.times = Timed::Absent;
                None
            }
            (Timed::From(_), None) => return Err("no time, though the rows above have one".into()),
            (Timed::Absent, Some(_)) => return Err("a time, though the rows above have none".into()),
        };
        self.last = fields.time.unwrap_or(self.last);
        let Fields { time: _, input_tokens, output_tokens, hash_ids, session, request } = fields;
        let line = self.lines.number();
        Ok(Row { at, input_tokens, output_tokens, hash_ids, session, request, line })
    }

    fn offset(&self, first: i128, time: i128) -> Result<Nanos, String> {
        if time < self.last {
            let back = (self.last - time) as f64 / 1e9;
            return Err(format!(
                "time goes backwards: {back} s before the row above; rows are sorted by time"
            ));
        }
        let since = time.checked_sub(first).and_then(|since| u64::try_from(since).ok());
        since.map(Nanos).ok_or_else(|| "a time more than 584 years after the first row".into())
    }
}

impl<R: BufRead> Iterator for Trace<R> {
    type Item = Result<Row, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            return None;
        }
        loop {
            let problem = match self.read_row() {
                Ok(None) => return None,
                Ok(Some(Ok(row))) => return Some(Ok(row)),
                Ok(Some(Err(problem))) => problem,
                Err(error) => {
                    self.broken = true;
                    return Some(Err(error));
                }
            };
            let line = self.lines.number();
            if self.bad_rows == BadRows::Refuse {
                self.broken = true;
                return Some(Err(TrafficError::Row { path: self.path.clone(), line, problem }));
            }
            self.skipped.rows += 1;
            self.skipped.first.get_or_insert_with(|| format!("line {line}: {problem}"));
        }
    }
}

#[cfg(test)]
mod tests;
