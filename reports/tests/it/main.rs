//! What users and programs see of a run.

mod any;
mod contract;
mod page;
mod sample;
mod shown;
