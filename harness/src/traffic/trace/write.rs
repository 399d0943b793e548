//! Writing traces: rows in a format that holds all they say.
//!
//! Invariant: what is written reads back as the same rows, or is refused by name; nothing is dropped in
//! silence.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::file::Sink;
use super::{AsIs, Format, Row, azure};

/// Why a trace could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file could not be written.
    #[error("cannot write the trace {}: {source}; check the folder and the space on its disk", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The format has no place for what a row says.
    #[error("line {line}: the format {format} {problem}; convert to `squall`, which holds every row")]
    Unfit {
        /// The row's line in the trace that it comes from.
        line: u64,
        /// The format.
        format: Format,
        /// What does not fit.
        problem: &'static str,
    },
    /// Nothing is written in this format.
    #[error("traces are not written as {0}; take `squall`, `azure` or `mooncake`")]
    Unsupported(Format),
}

/// A trace that is being written, beside its place: it appears there whole, by [`Writer::finish`], or not
/// at all.
pub struct Writer {
    path: PathBuf,
    beside: Beside,
    format: Format,
    sink: Sink,
    line: Vec<u8>,
}

/// A file that goes when it is dropped.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        // What was moved to its place is gone from here, and that is well.
        let _ = fs::remove_file(&self.0);
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("path", &self.path)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Begins the file at `path`, compressed as its name says.
    pub fn create(path: &Path, format: Format) -> Result<Self, WriteError> {
        if matches!(format, Format::BurstGpt | Format::OpenaiBatch) {
            return Err(WriteError::Unsupported(format));
        }
        let unwritable = |source| WriteError::Unwritable { path: path.to_owned(), source };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let beside = path.with_file_name(name);
        let sink = Sink::create(&beside, path).map_err(unwritable)?;
        let beside = Beside(beside);
        let mut writer = Self { path: path.to_owned(), beside, format, sink, line: Vec::new() };
        if format == Format::Azure {
            writer.line = format!("{},{},{}\n", azure::TIME, azure::INPUT, azure::OUTPUT).into_bytes();
            writer.put()?;
        }
        Ok(writer)
    }

    /// Writes a row.
    pub fn write(&mut self, row: &Row) -> Result<(), WriteError> {
        self.line.clear();
        let written = match self.format {
            Format::Azure => azure_row(row, &mut self.line),
            Format::Mooncake => mooncake_row(row, &mut self.line),
            Format::Squall | Format::BurstGpt | Format::OpenaiBatch => squall_row(row, &mut self.line),
        };
        if let Err(problem) = written {
            return Err(WriteError::Unfit { line: row.line, format: self.format, problem });
        }
        self.line.push(b'\n');
        self.put()
    }

    /// Writes what is left, and puts the file in its place, where it replaces what is there.
    pub fn finish(self) -> Result<(), WriteError> {
        let Self { path, beside, sink, .. } = self;
        let moved = sink.finish().and_then(|()| fs::rename(&beside.0, &path));
        moved.map_err(|source| WriteError::Unwritable { path, source })
    }

    fn put(&mut self) -> Result<(), WriteError> {
        self.sink
            .write_all(&self.line)
            .map_err(|source| WriteError::Unwritable { path: self.path.clone(), source })
    }
}

/// Time from the first row and lengths, of a row that has nothing else to say.
fn plain(row: &Row) -> Result<(u64, u32, u32), &'static str> {
    if row.session.is_some() {
        return Err("has no place for sessions");
    }
    if row.request.is_some() {
        return Err("has no place for requests as they are");
    }
    let at = row.at.ok_or("needs a time on every row")?;
    let input = row.input_tokens.ok_or("needs the length of every prompt")?;
    Ok((at.0, input, row.output_tokens.unwrap_or(0)))
}

/// The first row is sent at the start of 1970: where it was sent, a trace does not keep.
fn azure_row(row: &Row, out: &mut Vec<u8>) -> Result<(), &'static str> {
    if !row.hash_ids.is_empty() {
        return Err("has no place for hash_ids");
    }
    let (at, input, output) = plain(row)?;
    let time = Timestamp::from_nanosecond(at.into()).map_err(|_| "has no times beyond the year 9999")?;
    // Writing into a Vec can't fail.
    let _ = write!(out, "{time:.9},{input},{output}");
    Ok(())
}

fn mooncake_row(row: &Row, out: &mut Vec<u8>) -> Result<(), &'static str> {
    const MILLISECOND: u64 = 1_000_000;
    #[derive(Serialize)]
    struct Line<'a> {
        timestamp: u64,
        input_length: u32,
        output_length: u32,
        hash_ids: &'a [u64],
    }
    let (at, input_length, output_length) = plain(row)?;
    if at % MILLISECOND != 0 {
        return Err("knows whole milliseconds only");
    }
    let line = Line { timestamp: at / MILLISECOND, input_length, output_length, hash_ids: &row.hash_ids };
    serde_json::to_writer(out, &line).map_err(|_| "can't hold it")
}

fn squall_row(row: &Row, out: &mut Vec<u8>) -> Result<(), &'static str> {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        at_s: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        input_tokens: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        output_tokens: Option<u32>,
        #[serde(skip_serializing_if = "<[u64]>::is_empty")]
        hash_ids: &'a [u64],
        #[serde(skip_serializing_if = "Option::is_none")]
        session: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<&'a RawValue>,
    }
    let number = row.at.and_then(|at| RawValue::from_string(seconds(at.0)).ok());
    let body = row.request.as_ref().map(|AsIs { body, .. }| serde_json::from_str::<&RawValue>(body));
    let line = Line {
        at_s: number.as_deref(),
        input_tokens: row.input_tokens,
        output_tokens: row.output_tokens,
        hash_ids: &row.hash_ids,
        session: row.session.as_deref(),
        url: row.request.as_ref().map(|request| &*request.url),
        body: body.transpose().map_err(|_| "holds JSON bodies only")?,
    };
    serde_json::to_writer(out, &line).map_err(|_| "can't hold it")
}

/// Seconds as a decimal number, without zeros that say nothing.
fn seconds(nanos: u64) -> String {
    let (whole, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{whole}.{fraction:09}").trim_end_matches('0').to_owned()
}
