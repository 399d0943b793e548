//! That tables, sorted tables and indices are what a vector would be, wherever their rows are.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Nanos;
use crate::name::RequestId;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    id: RequestId,
    at: Option<Nanos>,
    took: Option<Duration>,
    node: Option<u16>,
    share: f64,
    right: Option<bool>,
    way: Way,
}
packed!(Row { id, at, took, node, share, right, way });

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    There,
    Back,
}
packed_enum!(Way { There, Back });

fn any_row() -> impl Strategy<Value = Row> {
    let way = prop_oneof![Just(Way::There), Just(Way::Back)];
    let times = (any::<Option<u64>>(), any::<Option<Duration>>());
    (0_u64..40, times, any::<Option<u16>>(), 0.0..1.0, any::<Option<bool>>(), way).prop_map(
        |(id, (at, took), node, share, right, way)| Row {
            id: RequestId(id),
            at: at.map(Nanos),
            took,
            node,
            share,
            right,
            way,
        },
    )
}

/// A few rows of memory, for a table of dozens.
fn scratch(folder: &Path, rows: usize) -> Scratch {
    Scratch::with_memory(folder, rows * size_of::<Row>())
}

proptest! {
    #[test]
    fn a_table_is_its_rows(rows in prop::collection::vec(any_row(), 0..60), memory in 1_usize..80) {
        let folder = tempfile::tempdir().expect("a folder");
        let table = scratch(folder.path(), memory).table(rows.iter().copied());
        prop_assert_eq!(table.len(), rows.len());
        prop_assert_eq!(table.iter().collect::<Vec<_>>(), rows.clone());
        prop_assert_eq!(table.rows_in_blocks(3..50, 2).collect::<Vec<_>>(), rows.get(3..rows.len().min(50)).unwrap_or_default());
        prop_assert_eq!((0..61).map(|place| table.get(place)).collect::<Vec<_>>(), (0..61).map(|place| rows.get(place).copied()).collect::<Vec<_>>());
        prop_assert_eq!(table.last(), rows.last().copied());
        prop_assert!(table.rest.len() < memory.max(2), "{table:?}");
    }

    #[test]
    fn sorting_is_stable_and_an_index_finds_all(
        rows in prop::collection::vec(any_row(), 0..900),
        memory in 1_usize..300,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let scratch = scratch(folder.path(), memory);
        let mut expected = rows.clone();
        expected.sort_by_key(|row| row.id);
        let table = sorted(&scratch, rows.iter().copied(), |row| row.id);
        prop_assert_eq!(table.iter().collect::<Vec<_>>(), expected.clone());
        let index = Index::new(&scratch, rows, |row| row.id.0);
        for id in 0..41 {
            let first = expected.partition_point(|row| row.id.0 < id);
            let end = expected.partition_point(|row| row.id.0 <= id);
            prop_assert_eq!(index.places(id), first..end);
            prop_assert_eq!(index.first_from(id), first);
            prop_assert_eq!(table.partition_point(|row| row.id.0 < id), first);
            prop_assert_eq!(index.get(first), expected.get(first).copied());
            prop_assert_eq!(index.last(id), expected[first..end].last().copied());
        }
        prop_assert!(scratch.whole().is_ok());
    }
}

#[test]
fn where_nothing_can_be_written_rows_stay_in_memory() {
    let nowhere = Scratch::with_memory(Path::new("/dev/null/nowhere"), 100);
    let rows = || (0..1_000_u64).rev();
    assert!(nowhere.table(rows()).iter().eq(rows()));
    assert!(sorted(&nowhere, rows(), |row| *row).iter().eq(0..1_000));
    assert!(nowhere.whole().is_ok());
}

#[test]
fn what_can_no_longer_be_read_is_noted_for_good() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let scratch = Scratch::with_memory(folder.path(), 800);
    let table = scratch.table(0..1_000_u64);
    let stored = table.stored.as_ref().ok_or_else(|| io::Error::other("nothing was written"))?;
    stored.file.set_len(4_000)?;
    assert!(table.iter().count() < 1_000);
    assert_eq!(table.get(900), None);
    assert!(scratch.whole().is_err());
    assert!(scratch.whole().is_err());
    Ok(())
}

/// A byte that stands for nothing is no value, and too few bytes are none either.
#[test]
fn other_bytes_are_no_rows() {
    let mut bytes = Vec::new();
    let row =
        Row { id: RequestId(1), at: None, took: None, node: None, share: 0.5, right: None, way: Way::Back };
    row.pack(&mut bytes);
    assert_eq!(bytes.len(), Row::SIZE);
    assert_eq!(Row::unpack(&mut bytes.as_slice()), Some(row));
    assert_eq!(Row::unpack(&mut &bytes[..bytes.len() - 1]), None);
    if let Some(last) = bytes.last_mut() {
        *last = 2;
    }
    assert_eq!(Row::unpack(&mut bytes.as_slice()), None);
}
