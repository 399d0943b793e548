//! A ledger on disk: JSON Lines, one row a line, written as it comes.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RecordError;

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

/// Reads a ledger back, row by row.
pub(super) fn read<T: DeserializeOwned>(
    folder: &Path,
    name: &str,
    mut take: impl FnMut(T) -> Result<(), String>,
) -> Result<(), RecordError> {
    let path = folder.join(name);
    let unreadable = |source| RecordError::Read { path: path.clone(), source };
    let mut lines = BufReader::with_capacity(1 << 16, File::open(&path).map_err(unreadable)?);
    let mut line = String::new();
    for number in 1_u64.. {
        line.clear();
        if lines.read_line(&mut line).map_err(unreadable)? == 0 {
            break;
        }
        let row = serde_json::from_str(&line).map_err(|error| error.to_string());
        row.and_then(&mut take).map_err(|why| RecordError::Row { path: path.clone(), line: number, why })?;
    }
    Ok(())
}
