//! For authors of plugins: a project to begin with, its build, and what a plugin does when it is looked
//! at, replayed and measured outside a run.
//!
//! Nothing here prints, and WebAssembly is run by `fault/wasm/` alone.

pub mod anatomy;
pub mod bench;
pub mod build;
pub mod diff;
pub mod dry;
pub mod exchange;
pub mod parameters;
pub mod project;
pub mod replay;
pub mod toolchain;
