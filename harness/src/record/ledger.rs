//! A ledger on disk: JSON Lines, one row a line, written as it comes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RecordError;

/// Lines that are in memory at once when a ledger is read back.
const AT_ONCE: usize = 1_024;
/// Of these, as many are parsed by one processor at a time.
const AT_A_TIME: usize = 64;

/// A file that rows are added to.
pub(super) struct Ledger {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Ledger {
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, RecordError> {
        let path = folder.join(name);
        match File::create_new(&path) {
            Ok(file) => Ok(Self { path, file: BufWriter::with_capacity(1 << 16, file) }),
            Err(source) => Err(RecordError::Write { path, source }),
        }
    }

    pub(super) fn add(&mut self, row: &impl Serialize) -> Result<(), RecordError> {
        let written = serde_json::to_writer(&mut self.file, row).map_err(io::Error::from);
        written.and_then(|()| self.file.write_all(b"\n")).map_err(|source| self.failed(source))
    }

    pub(super) fn flush(&mut self) -> Result<(), RecordError> {
        self.file.flush().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> RecordError {
        RecordError::Write { path: self.path.clone(), source }
    }
}

/// Reads a ledger back, row by row and in order. JSON is most of the work of a verdict: some lines are parsed by all
/// processors while the rows before them are taken.
pub(super) fn read<T: DeserializeOwned + Send>(
    folder: &Path,
    name: &str,
    mut take: impl FnMut(T) -> Result<(), String> + Send,
) -> Result<(), RecordError> {
    let path = folder.join(name);
    let unreadable = |source| RecordError::Read { path: path.clone(), source };
    let mut file = BufReader::with_capacity(1 << 16, File::open(&path).map_err(unreadable)?);
    let mut lines = vec![Vec::new(); AT_ONCE];
    let mut number = 0;
    let mut take = |rows: Vec<Result<T, String>>| {
        rows.into_iter().try_for_each(|row| {
            number += 1;
            row.and_then(&mut take).map_err(|why| RecordError::Row { path: path.clone(), line: number, why })
        })
    };
    let (mut rows, mut end) = parse(&mut file, &mut lines);
    while end.is_none() {
        let (taken, next) = rayon::join(|| take(rows), || parse(&mut file, &mut lines));
        taken?;
        (rows, end) = next;
    }
    take(rows)?;
    end.map_or(Ok(()), |end| end.map_err(unreadable))
}

/// The rows of as many lines as there is room for; and at the file's end, or where it can't be read on, that.
fn parse<T: DeserializeOwned + Send>(
    file: &mut impl BufRead,
    lines: &mut [Vec<u8>],
) -> (Vec<Result<T, String>>, Option<io::Result<()>>) {
    let (mut read, mut end) = (0, None);
    for line in lines.iter_mut() {
        line.clear();
        match file.read_until(b'\n', line) {
            Ok(0) => end = Some(Ok(())),
            Ok(_) => read += 1,
            Err(error) => end = Some(Err(error)),
        }
        if end.is_some() {
            break;
        }
    }
    let parsed = |line: &Vec<u8>| serde_json::from_slice(line).map_err(|error| error.to_string());
    (lines.par_iter().with_min_len(AT_A_TIME).take(read).map(parsed).collect(), end)
}
