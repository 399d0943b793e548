//! Tables of rows: in memory while they are short, in a file beyond that.
//!
//! A verdict looks at the rows of a run many times and in several orders. Were they all in memory, it would take
//! more of it than the run did. So a [`Table`] holds a few thousand rows at most; those before them lie, each of
//! the same size, in a file without a name in the run's folder, and are read back by value in blocks. What is to
//! be looked at in another order is [sorted](sorted) in pieces of that size, and looked up by an [`Index`].
//!
//! Whoever reads rows need not care where they are: where no file can be written they stay in memory. One that can
//! no longer be read is noted by the [`Scratch`] that all tables of a verdict share; the rows then end early, and
//! nothing may rest on them ([`Scratch::whole`]).
//!
//! Mapping the file would need `unsafe`, and its pages count as the process's own; an embedded database takes
//! microseconds a row for what is tens of nanoseconds here, and libraries that sort outside memory keep no order to
//! look things up in.

mod index;
mod packed;
mod sorted;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use index::Index;
pub use packed::Packed;
pub(crate) use packed::{packed, packed_enum, size_of_field};
pub use sorted::{Sorter, sorted};

/// Bytes of rows that a table holds in memory.
const IN_MEMORY: usize = 2 << 20;
/// Bytes of a file that are read at once.
const BLOCK: usize = 1 << 16;

/// Where tables write the rows that they do not hold in memory. Copies share it.
///
/// The default has no such place: all rows stay in memory.
#[derive(Clone, Debug, Default)]
pub struct Scratch(Option<Arc<Place>>);

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    in_memory: usize,
    failed: Mutex<Option<io::Error>>,
}

impl Scratch {
    /// In files without names, in this folder: it is on the disk that the ledgers are on, which a folder for
    /// temporary files need not be.
    pub fn in_folder(folder: &Path) -> Self {
        Self::with_memory(folder, IN_MEMORY)
    }

    pub(crate) fn with_memory(folder: &Path, in_memory: usize) -> Self {
        let place = Place { folder: folder.to_owned(), in_memory, failed: Mutex::new(None) };
        Self(Some(Arc::new(place)))
    }

    /// A table of these rows.
    pub fn table<T: Packed>(&self, rows: impl IntoIterator<Item = T>) -> Table<T> {
        let mut table = Table::new(self);
        table.extend(rows);
        table
    }

    /// All that was written could be read back; otherwise the first error.
    pub fn whole(&self) -> io::Result<()> {
        let Some(place) = &self.0 else { return Ok(()) };
        let failed = place.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // Told as often as it is asked: nothing may ever rest on these rows.
        failed.as_ref().map_or(Ok(()), |error| Err(io::Error::new(error.kind(), error.to_string())))
    }

    fn failed(&self, error: io::Error) {
        if let Some(place) = &self.0 {
            place.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

/// Rows in the order in which they were added.
pub struct Table<T> {
    scratch: Scratch,
    /// Rows that were written.
    stored: Option<Stored>,
    /// Those that came after them.
    rest: Vec<T>,
    /// No more can be written.
    stuck: bool,
}

#[derive(Debug)]
struct Stored {
    file: File,
    rows: usize,
}

impl<T: Packed> Table<T> {
    /// Without rows.
    pub fn new(scratch: &Scratch) -> Self {
        Self { scratch: scratch.clone(), stored: None, rest: Vec::new(), stuck: false }
    }

    /// Adds a row.
    pub fn push(&mut self, row: T) {
        self.rest.push(row);
        if self.is_full() {
            self.store();
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.stored() + self.rest.len()
    }

    /// There is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All rows.
    pub fn iter(&self) -> Rows<'_, T> {
        self.rows(0..self.len())
    }

    /// The rows of some places; those that there are.
    pub fn rows(&self, places: Range<usize>) -> Rows<'_, T> {
        self.rows_in_blocks(places, BLOCK / T::SIZE.max(1))
    }

    fn rows_in_blocks(&self, places: Range<usize>, block: usize) -> Rows<'_, T> {
        let (next, end) = (places.start, places.end.min(self.len()));
        Rows { table: self, next, end, block: block.max(1), read: Vec::new(), at: 0 }
    }

    /// The row of a place.
    pub fn get(&self, place: usize) -> Option<T> {
        self.rows(place..place.saturating_add(1)).next()
    }

    /// The last row.
    pub fn last(&self) -> Option<T> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Of rows of which the first ones are `before`, and all others are not: how many are.
    pub fn partition_point(&self, before: impl Fn(&T) -> bool) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.get(middle).is_some_and(|row| before(&row)) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }

    fn stored(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.rows)
    }

    /// As many rows are in memory as may be.
    fn is_full(&self) -> bool {
        let most =
            self.scratch.0.as_ref().map_or(usize::MAX, |place| place.in_memory / size_of::<T>().max(1));
        !self.stuck && self.rest.len() >= most.max(1)
    }

    /// Writes the rows in memory; where that can't be done they stay there.
    fn store(&mut self) {
        let Some(place) = &self.scratch.0 else { return };
        let stored = match self.stored.take() {
            Some(stored) => Ok(stored),
            None => tempfile::tempfile_in(&place.folder).map(|file| Stored { file, rows: 0 }),
        };
        let written = stored.and_then(|mut stored| {
            let written = stored.write(&self.rest);
            // What was written before is still to be read.
            self.stored = Some(stored);
            written
        });
        match written {
            Ok(()) => self.rest.clear(),
            Err(error) => {
                let folder = place.folder.display();
                tracing::warn!(
                    "what the verdict needs stays in memory, since {folder} can't be written to: {error}"
                );
                self.stuck = true;
            }
        }
    }
}

impl Stored {
    fn write<T: Packed>(&mut self, rows: &[T]) -> io::Result<()> {
        let mut at = self.rows as u64 * T::SIZE as u64;
        let mut bytes = Vec::with_capacity(BLOCK + T::SIZE);
        for rows in rows.chunks((BLOCK / T::SIZE.max(1)).max(1)) {
            bytes.clear();
            for row in rows {
                row.pack(&mut bytes);
            }
            self.file.write_all_at(&bytes, at)?;
            at += bytes.len() as u64;
        }
        self.rows += rows.len();
        Ok(())
    }
}

impl<T: Packed> Default for Table<T> {
    fn default() -> Self {
        Self::new(&Scratch::default())
    }
}

impl<T: Packed> Extend<T> for Table<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.push(row));
    }
}

impl<'a, T: Packed> IntoIterator for &'a Table<T> {
    type Item = T;
    type IntoIter = Rows<'a, T>;
    fn into_iter(self) -> Rows<'a, T> {
        self.iter()
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stored, rest, .. } = self;
        f.debug_struct("Table")
            .field("stored", stored)
            .field("in_memory", &rest.len())
            .finish_non_exhaustive()
    }
}

/// Rows of a table, by value.
#[derive(Debug)]
pub struct Rows<'a, T> {
    table: &'a Table<T>,
    next: usize,
    end: usize,
    /// Rows that are read at once.
    block: usize,
    read: Vec<u8>,
    /// How much of what was read is used up.
    at: usize,
}

impl<T: Packed> Rows<'_, T> {
    /// The next row, which is in the file.
    fn stored(&mut self, stored: &Stored) -> io::Result<T> {
        if self.at == self.read.len() {
            let rows = self.block.min(self.end.min(stored.rows) - self.next);
            self.read.resize(rows * T::SIZE, 0);
            stored.file.read_exact_at(&mut self.read, self.next as u64 * T::SIZE as u64)?;
            self.at = 0;
        }
        let row = self.read.get(self.at..).and_then(|mut bytes| T::unpack(&mut bytes));
        self.at += T::SIZE;
        row.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a row is not as it was written"))
    }
}

impl<T: Packed> Iterator for Rows<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next >= self.end {
            return None;
        }
        let table = self.table;
        let row = match &table.stored {
            Some(stored) if self.next < stored.rows => self.stored(stored),
            // Few tables of a run are longer than what is in memory.
            stored => {
                let place = self.next - stored.as_ref().map_or(0, |stored| stored.rows);
                return table.rest.get(place).copied().inspect(|_| self.next += 1);
            }
        };
        match row {
            Ok(row) => {
                self.next += 1;
                Some(row)
            }
            Err(error) => {
                table.scratch.failed(error);
                self.end = self.next;
                None
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.end.saturating_sub(self.next)))
    }
}
