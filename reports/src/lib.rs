//! What a Squall run found: the [`Report`], its JSON schema, and its renderers.
//!
//! Everything that is shown comes from one `Report` value. It is computed once, by the harness; a
//! renderer takes it and a `Write`, and decides nothing.

mod model;

pub use model::*;
