//! Each mistake, as its author sees it: file, line, column, what is wrong, what would be right.

mod faults;
mod fleet;
mod objectives;
mod schedule;
mod sessions;
mod text;
mod values;
