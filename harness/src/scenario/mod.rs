//! From the scenario's file to a validated [`plan::Plan`].
//!
//! `de.rs` reads TOML into the types of `raw.rs`, which mirror the file; `resolve.rs` turns them into
//! the plan, and is the only place that validates. Every mistake on the way is a [`ScenarioError`]'s,
//! with its line and what would be right; a plan that exists is valid.

mod de;
mod diagnostic;
mod either;
mod evidence;
mod lines;
pub mod openslo;
mod place;
pub mod plan;
mod raw;
mod resolve;
mod schema;
mod suggest;
mod units;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use diagnostic::Diagnostic;
pub use diagnostic::{Mistake, ScenarioError};
pub use evidence::samples_for_a_pass;
pub use lines::Lines;
use plan::{Length, Plan, PluginRef, Schedule, Tokenizer};
use raw::NumberOrText;
pub use schema::{schema, schema_text};

/// No scenario is larger; whatever is, was given by mistake.
const LARGEST: u64 = 4 << 20;

/// Reads the scenario at `path` and resolves it into its plan; `seed` takes the place of the
/// scenario's own.
pub fn load(path: &Path, seed: Option<u64>) -> Result<Plan, ScenarioError> {
    let source = read_text(path)?;
    let raw = read_toml(&source, path)?;
    let lines = Lines::new(&raw, &source);
    resolve::plan(&raw, path, seed, lines)
        .map_err(|mistakes| ScenarioError::new(path, Some(&source), mistakes))
}

/// The same for a scenario's text that is in no file; `path` stands for it in messages, and paths in
/// it are relative to the folder of `path`.
pub fn parse(source: &str, path: &Path, seed: Option<u64>) -> Result<Plan, ScenarioError> {
    let raw = read_toml(source, path)?;
    resolve::plan(&raw, path, seed, Lines::default())
        .map_err(|mistakes| ScenarioError::new(path, Some(source), mistakes))
}

fn read_toml(source: &str, path: &Path) -> Result<raw::Scenario, ScenarioError> {
    de::from_toml(source).map_err(|mistakes| ScenarioError::new(path, Some(source), mistakes))
}

/// A kind of file, in the words of its mistakes.
struct TextFile {
    what: &'static str,
    is: &'static str,
}

impl TextFile {
    const SCENARIO: Self = Self { what: "scenario", is: "a scenario is a small TOML file" };
    const OPENSLO: Self = Self { what: "OpenSLO file", is: "SLOs are in small YAML files" };
}

fn read(path: &Path, kind: &TextFile) -> Result<String, Diagnostic> {
    let unreadable = |error: io::Error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "check the path; it is relative to the working directory",
            io::ErrorKind::PermissionDenied => "make it readable for this user",
            io::ErrorKind::IsADirectory => "name the file in it",
            _ => kind.is,
        };
        Diagnostic::new(format!("the {} can't be read: {error}", kind.what)).help(help)
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        let title = format!("the file is larger than {} MiB", LARGEST >> 20);
        return Err(Diagnostic::new(title).help(format!("{}; name the right one", kind.is)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = memchr::memchr_iter(b'\n', valid).count() + 1;
        Diagnostic::new(format!("line {line} is not UTF-8 text")).help("save the file as UTF-8")
    })
}

/// The text of the scenario at `path`, which nothing has looked at.
pub fn read_text(path: &Path) -> Result<String, ScenarioError> {
    read(path, &TextFile::SCENARIO).map_err(|mistake| ScenarioError::new(path, None, vec![mistake]))
}

/// What identifies a plan: SHA-256 of its JSON, in hex. Paths count as they are relative to the
/// scenario, so that the digest does not depend on where the scenario lies.
pub fn digest(plan: &Plan) -> String {
    let folder = plan.path.parent().unwrap_or(Path::new(""));
    let relative = |path: &mut PathBuf| {
        if let Ok(inside) = path.strip_prefix(folder) {
            *path = inside.to_owned();
        }
    };
    let mut plan = plan.clone();
    if let Schedule::Trace { trace, .. } = &mut plan.traffic.schedule {
        relative(&mut trace.path);
    }
    if let Tokenizer::File(path) = &mut plan.target.tokenizer {
        relative(path);
    }
    if let Some(path) = &mut plan.traffic.corpus {
        relative(path);
    }
    if let Some(trace) = &mut plan.traffic.rows {
        relative(&mut trace.path);
    }
    for fault in &mut plan.faults {
        if let PluginRef::File(path) = &mut fault.plugin {
            relative(path);
        }
    }
    // A plan has string keys only, so it always has a JSON text.
    let json = serde_json::to_vec(&plan).unwrap_or_default();
    Sha256::digest(&json).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Reads a duration as a scenario has it: `1m30s`. The error says what would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text).map_err(|wrong| wrong.to_string())
}

/// Reads a rate as a scenario has it, in requests a second: `40/s`. The error says what would be right.
pub fn rate(text: &str) -> Result<f64, String> {
    units::rate(text).map_err(|wrong| wrong.to_string())
}

/// Reads a length in tokens as a scenario has it: `200`, `lognormal(600, 400)`. The error says what would
/// be right.
pub fn length(text: &str) -> Result<Length, String> {
    let value = text.trim().parse().map_or_else(|_| NumberOrText::Text(text.into()), NumberOrText::Integer);
    units::length(&value).map_err(|wrong| wrong.to_string())
}
