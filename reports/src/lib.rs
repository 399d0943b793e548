//! What a Squall run found: the [`Report`], its JSON schema, and its renderers.
//!
//! Everything that is shown comes from one `Report` value. It is computed once, by the harness; a
//! renderer takes it and a `Write`, and decides nothing.

mod annotations;
mod capacity;
mod chart;
mod comparison;
pub mod course;
mod files;
pub mod format;
mod html;
mod json;
mod junit;
mod markdown;
mod model;
mod repeats;
pub mod scale;
mod terminal;
mod told;

pub use annotations::{Annotation, Level, write_annotation, write_annotations};
pub use capacity::*;
pub use chart::{TracePicture, write_repeats_svg, write_trace_svg};
pub use comparison::*;
pub use files::{RenderError, write_all};
pub use html::write_html;
pub use json::{schema, schema_text, write_json};
pub use junit::write_junit;
pub use markdown::{write_markdown, write_markdown_within};
pub use model::*;
pub use repeats::*;
pub use terminal::write_terminal;
