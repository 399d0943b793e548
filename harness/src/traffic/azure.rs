//! The Azure LLM inference traces, read row by row.
//!
//! Three releases, one reader (<https://github.com/Azure/AzurePublicDataset>): columns are found by
//! name, a time without a zone is UTC, and further columns (2025 adds `NumImages`) are passed over.
//! Times keep every digit (2023 has 100 ns).
//!
//! Invariant: a row is right or an error that names its line; nothing is guessed or left out. What
//! cannot be told is a file cut inside its very last number, since the original ends without a line
//! end as well.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, ReaderBuilder, StringRecord, Terminator, Trim};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{MAX_TOKENS, TrafficError};
use crate::clock::Nanos;

const TIME: &str = "TIMESTAMP";
const INPUT: &str = "ContextTokens";
const OUTPUT: &str = "GeneratedTokens";

/// A request of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// From the first row's time to this row's, exact.
    pub at: Nanos,
    /// Tokens of the prompt, at least 1.
    pub input_tokens: u32,
    /// Tokens of the answer, at least 1.
    pub output_tokens: u32,
    /// Its line in the file; the header is line 1.
    pub line: u64,
}

/// A trace that is being read: an iterator over its rows, in the order of time. Ends after an error.
#[derive(Debug)]
pub struct AzureTrace<R = File> {
    path: PathBuf,
    reader: csv::Reader<R>,
    columns: Columns,
    record: StringRecord,
    first: Option<Timestamp>,
    last: Timestamp,
    broken: bool,
}

/// Where the columns are.
#[derive(Clone, Copy, Debug)]
struct Columns {
    time: usize,
    input: usize,
    output: usize,
}

impl AzureTrace<File> {
    /// Opens the trace at `path` and reads its header.
    pub fn open(path: &Path) -> Result<Self, TrafficError> {
        let unreadable = |source: std::io::Error| TrafficError::Unreadable {
            path: path.to_owned(),
            hint: match source.kind() {
                std::io::ErrorKind::NotFound => {
                    "check the path; one in a scenario is relative to the scenario's file"
                }
                std::io::ErrorKind::PermissionDenied => "make it readable for this user",
                _ => "it must be a plain CSV file",
            },
            source,
        };
        let file = File::open(path).map_err(unreadable)?;
        // A pipe or a device may never end.
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(unreadable(std::io::Error::other("not a regular file")));
        }
        Self::read(path, file)
    }
}

impl<R: Read> AzureTrace<R> {
    /// Reads a trace's header from `input`; `path` is for messages only.
    pub fn read(path: &Path, input: R) -> Result<Self, TrafficError> {
        // No quoting: the format has none, and a stray quote would swallow the rest of the file.
        // A record ends at LF, and trimming takes the CR: the csv crate's own CRLF counts lines late.
        let mut reader = ReaderBuilder::new()
            .quoting(false)
            .terminator(Terminator::Any(b'\n'))
            .trim(Trim::All)
            .from_reader(input);
        let columns = match reader.headers() {
            Ok(header) => Columns::find(header).map_err(|problem| TrafficError::Row {
                path: path.to_owned(),
                line: 1,
                problem,
            })?,
            Err(error) => return Err(failure(path, 1, error)),
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
            columns,
            record: StringRecord::new(),
            first: None,
            last: Timestamp::MIN,
            broken: false,
        })
    }

    /// No row has been read so far.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The row in `self.record`.
    fn row(&mut self) -> Result<Row, String> {
        let (record, columns) = (&self.record, self.columns);
        let text = field(record, columns.time, TIME)?;
        let time = time(text)?;
        if time < self.last {
            return Err(format!(
                "time goes backwards: {TIME} {text:?} is before {} of the row above; rows are sorted by time",
                self.last
            ));
        }
        let input_tokens = tokens(field(record, columns.input, INPUT)?, INPUT)?;
        let output_tokens = tokens(field(record, columns.output, OUTPUT)?, OUTPUT)?;
        let first = *self.first.get_or_insert(time);
        let since: SignedDuration = time.duration_since(first);
        let at = u64::try_from(since.as_nanos())
            .map_err(|_| format!("{TIME} {text:?} is more than 584 years after the first row"))?;
        self.last = time;
        let line = line(record);
        Ok(Row { at: Nanos(at), input_tokens, output_tokens, line })
    }
}

impl<R: Read> Iterator for AzureTrace<R> {
    type Item = Result<Row, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            return None;
        }
        let row = match self.reader.read_record(&mut self.record) {
            Ok(false) => return None,
            Ok(true) => self.row().map_err(|problem| TrafficError::Row {
                path: self.path.clone(),
                line: line(&self.record),
                problem,
            }),
            Err(error) => Err(failure(&self.path, self.reader.position().line(), error)),
        };
        self.broken = row.is_err();
        Some(row)
    }
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, String> {
        let find = |name: &str| {
            header.iter().position(|column| column == name).ok_or_else(|| {
                let header: String = header.iter().collect::<Vec<_>>().join(",").chars().take(80).collect();
                format!(
                    "no column {name}; an Azure LLM trace begins with the header {TIME},{INPUT},{OUTPUT}, \
                     this file with {header:?}"
                )
            })
        };
        Ok(Self { time: find(TIME)?, input: find(INPUT)?, output: find(OUTPUT)? })
    }
}

/// The line a record begins on.
fn line(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn field<'a>(record: &'a StringRecord, column: usize, name: &str) -> Result<&'a str, String> {
    record.get(column).ok_or_else(|| format!("no {name}: the row is cut off"))
}

/// A time of any of the three releases.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    text.parse::<DateTime>().and_then(|time| TimeZone::UTC.to_timestamp(time)).map_err(|error| {
        format!("{TIME} {text:?} is not a time ({error}); expected one like 2023-11-16 18:15:46.6805900")
    })
}

fn tokens(text: &str, name: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(0) => Err(format!("{name} is 0; a request has at least one token in and one out")),
        Ok(tokens) if tokens <= MAX_TOKENS => Ok(tokens),
        _ => Err(format!("{name} {text:?} is not a whole number from 1 to {MAX_TOKENS}")),
    }
}

/// An error of the csv crate, in our words.
fn failure(path: &Path, at: u64, error: csv::Error) -> TrafficError {
    let at = error.position().map_or(at, csv::Position::line);
    let row = |problem| TrafficError::Row { path: path.to_owned(), line: at, problem };
    match error.into_kind() {
        ErrorKind::Io(source) => TrafficError::Unreadable {
            path: path.to_owned(),
            source,
            hint: "it was readable until here; check the disk",
        },
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let cut = if len < expected_len { "; the row is cut off" } else { "" };
            row(format!("{len} fields where the header has {expected_len}{cut}"))
        }
        ErrorKind::Utf8 { .. } => row("not UTF-8 text; expected numbers and a time".to_owned()),
        other => row(format!("not CSV: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: impl AsRef<[u8]>) -> Result<Vec<Row>, TrafficError> {
        AzureTrace::read(Path::new("t.csv"), text.as_ref())?.collect()
    }

    fn message(text: impl AsRef<[u8]>) -> String {
        rows(text).expect_err("must be refused").to_string()
    }

    #[test]
    fn reads_all_three_releases_exactly() {
        let y2023 = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n\
                     2023-11-16 18:15:50.9951691,396,109";
        let y2024 = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 23:59:59.999999+00:00,374,44\n\
                     2024-05-11 00:00:04.314578+00:00,396,109\n";
        let y2025 = "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2025-01-01T00:00:00.1Z,0,374,44\n\
                     2025-01-01T00:00:00.1000001Z,3,396,109\n";
        for (text, gap) in [(y2023, 4_314_579_100), (y2024, 4_314_579_000), (y2025, 100)] {
            let want = [
                Row { at: Nanos::ZERO, input_tokens: 374, output_tokens: 44, line: 2 },
                Row { at: Nanos(gap), input_tokens: 396, output_tokens: 109, line: 3 },
            ];
            assert_eq!(rows(text).expect("valid"), want);
        }
    }

    #[test]
    fn every_mistake_names_its_line_and_what_is_expected() {
        let with = |row: &str| {
            message(format!(
                "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n\
                 2023-11-16 18:15:47.0000000,374,44\r\n{row}\r\n2023-11-16 18:15:50.9951690,396,109\r\n"
            ))
        };
        assert_eq!(
            with("2023-11-16 18:15:48.1,374"),
            "t.csv, line 4: 2 fields where the header has 3; the row is cut off"
        );
        assert_eq!(
            with("2023-11-16 18:15:48.1,374,4x"),
            "t.csv, line 4: GeneratedTokens \"4x\" is not a whole number from 1 to 10000000"
        );
        assert_eq!(
            with("2023-11-16 18:15:48.1,0,4"),
            "t.csv, line 4: ContextTokens is 0; a request has at least one token in and one out"
        );
        assert!(with("2023-11-16 18:15:46.7,3,4").starts_with("t.csv, line 4: time goes backwards"));
        assert!(with("noon,3,4").starts_with("t.csv, line 4: TIMESTAMP \"noon\" is not a time"));
        assert!(with("2023-11-16 18:15:48.1,3,99999999999").contains("not a whole number"));
        assert!(with("2023-11-16 18:15:48.1,-3,9").contains("ContextTokens \"-3\""));
        assert!(with("\"2023-11-16 18:15:48.1,3,9").contains("line 4"), "a quote swallows nothing");
    }

    #[test]
    fn a_trace_cut_anywhere_is_whole_rows_or_an_error_on_its_last_line() {
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n\
                    2023-11-16 18:15:50.9951690,396,109\r\n";
        let second = text.find("2023-11-16 18:15:50").expect("there");
        for cut in second + 1..text.rfind(",1").expect("there") + 2 {
            let message = message(&text[..cut]);
            assert!(message.starts_with("t.csv, line 3: "), "cut at {cut}: {message}");
        }
        assert_eq!(rows(&text[..second]).expect("valid").len(), 1);
    }

    #[test]
    fn a_file_of_another_kind_is_refused_by_its_header() {
        assert_eq!(
            message("a,b\n1,2\n"),
            "t.csv, line 1: no column TIMESTAMP; an Azure LLM trace begins with the header \
             TIMESTAMP,ContextTokens,GeneratedTokens, this file with \"a,b\""
        );
        assert!(message("").contains("no column TIMESTAMP"));
        assert!(message([0xff, 0xfe, 0x00]).contains("not UTF-8"));
    }

    #[test]
    fn a_missing_trace_says_what_to_do() {
        let error = AzureTrace::open(Path::new("/nowhere/t.csv")).expect_err("missing").to_string();
        assert!(error.starts_with("cannot read the trace /nowhere/t.csv: No such file"), "{error}");
        assert!(error.contains("relative to the scenario's file"), "{error}");
        assert!(AzureTrace::open(Path::new("/")).expect_err("a folder").to_string().contains("regular file"));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = rows(&bytes);
            let _ = rows([b"TIMESTAMP,ContextTokens,GeneratedTokens\n".as_slice(), &bytes].concat());
        }

        #[test]
        fn random_rows_never_panic_and_stay_sorted(text in "([-0-9 :.,TZ+\r\n]|2023-11-16 18:15:46,1,2\n){0,40}") {
            let text = format!("TIMESTAMP,ContextTokens,GeneratedTokens\n{text}");
            if let Ok(rows) = rows(text) {
                prop_assert!(rows.is_sorted_by_key(|row| row.at));
            }
        }
    }
}
