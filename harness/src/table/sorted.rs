//! Sorting more rows than memory should hold: runs of sorted rows are written, and merged as they are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::{BLOCK, Packed, Rows, Scratch, Table};

/// A table of these rows in ascending order of a key; rows of one key stay in the order in which they came.
pub fn sorted<T: Packed, K: Ord>(
    scratch: &Scratch,
    rows: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Table<T> {
    let mut sorter = Sorter::new(scratch, key);
    rows.into_iter().for_each(|row| sorter.push(row));
    sorter.finish()
}

/// Rows that come one by one, to be sorted as [`sorted`] does it.
pub struct Sorter<T, F> {
    runs: Table<T>,
    /// Rows of each run that was written.
    run: usize,
    key: F,
}

impl<T: Packed, K: Ord, F: Fn(&T) -> K> Sorter<T, F> {
    /// Without rows.
    pub fn new(scratch: &Scratch, key: F) -> Self {
        Self { runs: Table::new(scratch), run: 0, key }
    }

    /// Adds a row.
    pub fn push(&mut self, row: T) {
        self.runs.rest.push(row);
        if self.runs.is_full() {
            self.run = self.runs.rest.len();
            self.runs.rest.sort_by_key(&self.key);
            self.runs.store();
        }
    }

    /// All of them, in order.
    pub fn finish(mut self) -> Table<T> {
        self.runs.rest.sort_by_key(&self.key);
        if self.runs.stored() == 0 { self.runs } else { merged(&self.runs, self.run, self.key) }
    }
}

/// Runs of this many rows, and what is in memory, as one.
fn merged<T: Packed, K: Ord>(runs: &Table<T>, run: usize, key: impl Fn(&T) -> K) -> Table<T> {
    // However many there are, their blocks take as much as a run together.
    let block = (run * run / runs.len().max(1)).min(BLOCK / T::SIZE.max(1));
    let ends = (run..=runs.stored()).step_by(run.max(1));
    let stored = ends.map(|end| runs.rows_in_blocks(end - run..end, block));
    let sources = stored.chain(std::iter::once(runs.rows(runs.stored()..runs.len())));
    let mut heads: Vec<(T, Rows<'_, T>)> =
        sources.filter_map(|mut rows| Some((rows.next()?, rows))).collect();
    // The smallest first; of equal ones that of the first run.
    let mut order: BinaryHeap<Reverse<(K, usize)>> =
        heads.iter().enumerate().map(|(place, (row, _))| Reverse((key(row), place))).collect();
    let mut merged = Table::new(&runs.scratch);
    while let Some(mut first) = order.peek_mut() {
        let Some((head, rows)) = heads.get_mut(first.0.1) else { break };
        merged.push(*head);
        if let Some(next) = rows.next() {
            first.0.0 = key(&next);
            *head = next;
        } else {
            PeekMut::pop(first);
        }
    }
    merged
}
