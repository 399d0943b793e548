//! What must hold of the trace readers, whatever a file holds.

use std::io::BufReader;
use std::path::Path;

use squall::traffic::trace::{BadRows, Format, Row, Skipped, Trace};

/// A file's first line, so that what follows is read as rows.
const HEADERS: [&str; 3] = [
    "",
    "TIMESTAMP,ContextTokens,GeneratedTokens\n",
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n",
];

/// Holds that a file is rows in the order of time or an error that names its line, in whatever pieces it is read.
pub(crate) fn check(file: &[u8]) {
    for header in HEADERS {
        let file = [header.as_bytes(), file].concat();
        for format in [None].into_iter().chain(Format::ALL.map(Some)) {
            for bad_rows in [BadRows::Refuse, BadRows::Skip] {
                read_as(&file, format, bad_rows);
            }
        }
    }
}

/// What a file was read as: its rows, those left out, and why it ended before its end.
type Reading = (Vec<Row>, Skipped, Option<String>);

fn read_as(file: &[u8], format: Option<Format>, bad_rows: BadRows) {
    let whole = read(file, format, bad_rows, file.len().max(1));
    let (rows, _, error) = &whole;
    assert!(rows.iter().all(|row| row.input_tokens != Some(0) && row.output_tokens != Some(0)), "{rows:?}");
    assert!(rows.is_sorted_by(|a, b| a.at <= b.at && a.line < b.line), "{rows:?}");
    let lines = file.split(|&byte| byte == b'\n').count() as u64;
    if let Some(error) = error {
        let place = error.strip_prefix("t, line ").and_then(|place| place.split_once(": "));
        let line = place.and_then(|(line, _)| line.parse::<u64>().ok());
        let is_empty = error.contains(" t ");
        assert!(
            is_empty || line.is_some_and(|line| (1..=lines).contains(&line)),
            "of {lines} lines: {error}"
        );
    }
    assert_eq!(read(file, format, bad_rows, 1), whole, "byte by byte");
}

fn read(file: &[u8], format: Option<Format>, bad_rows: BadRows, piece: usize) -> Reading {
    let (mut rows, mut error) = (Vec::new(), None);
    let input = BufReader::with_capacity(piece, file);
    let mut trace = match Trace::read(Path::new("t"), input, format, bad_rows) {
        Ok(trace) => trace,
        Err(refused) => return (rows, Skipped::default(), Some(refused.to_string())),
    };
    for row in trace.by_ref() {
        match row {
            Ok(row) => rows.push(row),
            Err(bad) => error = Some(bad.to_string()),
        }
    }
    assert!(trace.next().is_none(), "a trace that has ended begins again");
    (rows, trace.skipped().clone(), error)
}
