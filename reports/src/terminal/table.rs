//! Tables for a terminal; the only file that names comfy-table.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table as Inner, TableStyle,
};

use crate::format;

/// How a column is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// To the left, as wide as it needs, within reason.
    Text,
    /// To the right, as wide as it needs.
    Figure,
    /// To the left, in what the others leave.
    Wrapping,
}

/// A space at which no line breaks; it is written as a plain one.
pub(crate) const TIE: &str = "\u{a0}";
/// Space between columns.
const GAP: u16 = 2;
/// Longer texts wrap in any column.
const LONGEST: usize = 24;
/// Indents the whole table.
const INDENT: u16 = 2;
/// Only a rule below the head.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A list that breaks after its commas only.
pub(crate) fn kept_together(list: &str) -> String {
    list.replace(' ', TIE).replace(&format!(",{TIE}"), ", ")
}

/// Rows under a head.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// No rows yet.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.iter().map(|cell| format::line(cell)).collect());
    }

    /// There is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table in lines of at most `width` columns, as far as its figures fit.
    pub(crate) fn lines(&self, width: u16) -> Vec<String> {
        let shown: Vec<usize> = (0..self.columns.len()).filter(|index| self.is_told(*index)).collect();
        let mut table = Inner::new();
        table
            .load_style(STYLE)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width)
            .set_header(shown.iter().map(|index| self.columns[*index].0))
            .add_rows(self.rows.iter().map(|row| shown.iter().map(|index| row[*index].clone())));
        for (place, index) in shown.iter().enumerate() {
            let Some(column) = table.column_mut(place) else { continue };
            column.set_padding((if place == 0 { INDENT } else { GAP }, 0));
            match self.columns[*index].1 {
                Align::Text if self.longest(*index) <= LONGEST => {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
                Align::Text | Align::Wrapping => {}
                Align::Figure => {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table.lines().map(|line| line.replace(TIE, " ").trim_end().to_owned()).collect()
    }

    fn longest(&self, index: usize) -> usize {
        self.rows.iter().map(|row| row.get(index).map_or(0, |cell| cell.chars().count())).max().unwrap_or(0)
    }

    /// A column is left out when no row has anything in it.
    fn is_told(&self, index: usize) -> bool {
        self.rows.iter().any(|row| row.get(index).is_some_and(|cell| !cell.is_empty()))
    }
}
