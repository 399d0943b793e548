//! Rows found by their key.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use super::{Packed, Scratch, Table, sorted};

/// Rows that are read at once, and of which the first one's key is kept.
const BLOCK: usize = 256;
/// Blocks that are kept. What is looked up is near to what was looked up before: ids of requests that were under
/// way at once, of which there may be tens of thousands.
const KEPT: usize = 256;

/// A table in ascending order of a key, with what it takes to find rows in it.
pub struct Index<T> {
    table: Table<T>,
    key: fn(&T) -> u64,
    /// The key of each block's first row.
    firsts: Vec<u64>,
    /// Blocks that were read, each at its number modulo [`KEPT`].
    kept: RefCell<Vec<Option<Block<T>>>>,
}

struct Block<T> {
    number: usize,
    rows: Vec<T>,
}

impl<T: Packed> Index<T> {
    /// Of these rows; those of one key stay in the order in which they came.
    pub fn new(scratch: &Scratch, rows: impl IntoIterator<Item = T>, key: fn(&T) -> u64) -> Self {
        let table = sorted(scratch, rows, key);
        let firsts = table.iter().step_by(BLOCK).map(|row| key(&row)).collect();
        let kept = RefCell::new((0..KEPT).map(|_| None).collect());
        Self { table, key, firsts, kept }
    }

    /// The places of the rows of a key.
    pub fn places(&self, key: u64) -> Range<usize> {
        self.place(|of| of < key)..self.place(|of| of <= key)
    }

    /// The place of the first row of this key or a larger one.
    pub fn first_from(&self, key: u64) -> usize {
        self.place(|of| of < key)
    }

    /// The row of a place.
    pub fn get(&self, place: usize) -> Option<T> {
        self.with_block(place / BLOCK, |rows| rows.get(place % BLOCK).copied())?
    }

    /// The last row of a key.
    pub fn last(&self, key: u64) -> Option<T> {
        let places = self.places(key);
        (!places.is_empty()).then(|| self.get(places.end - 1))?
    }

    /// Rows whose key is `before`: the first ones.
    fn place(&self, before: impl Fn(u64) -> bool) -> usize {
        let Some(block) = self.firsts.partition_point(|first| before(*first)).checked_sub(1) else {
            return 0;
        };
        let within = self.with_block(block, |rows| rows.partition_point(|row| before((self.key)(row))));
        block * BLOCK + within.unwrap_or_default()
    }

    fn with_block<R>(&self, number: usize, look: impl FnOnce(&[T]) -> R) -> Option<R> {
        let mut kept = self.kept.borrow_mut();
        let block = kept.get_mut(number % KEPT)?;
        if block.as_ref().is_none_or(|block| block.number != number) {
            let rows = self.table.rows(number * BLOCK..(number + 1) * BLOCK).collect();
            *block = Some(Block { number, rows });
        }
        block.as_ref().map(|block| look(&block.rows))
    }
}

impl<T> fmt::Debug for Index<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("table", &self.table).finish_non_exhaustive()
    }
}
