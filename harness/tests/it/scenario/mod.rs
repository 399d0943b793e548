//! Scenarios as their authors meet them: mistakes, the plan, the schema, and the two verbs.

mod check;
mod mistakes;
mod plan;
mod schema;

use std::fs;
use std::path::{Path, PathBuf};

use squall::scenario::load;

/// The committed scenarios' folder.
fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// A small scenario without a mistake; the tests below make one each.
const GOOD: &str = r#"schema = 1
name = "small"

[target]
model = "sim"
router = {}

[[node]]
name = "alpha"
sim = {}

[[node]]
name = "beta"
url = "http://127.0.0.1:8000"

[traffic]
arrivals = { poisson = "40/s" }

[[phase]]
name = "steady"
duration = "20s"

[[phase]]
name = "storm"
duration = "10s"
fault = [{ plugin = "latency", nodes = ["alpha"], at = "2s", with = { fixed = "20ms" } }]

[[slo]]
name = "first token"
objective = "p95(ttft) <= 800ms"
during = "steady"
"#;

/// [`GOOD`] with `old` replaced.
fn with(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old:?} is not in the good scenario");
    GOOD.replacen(old, new, 1)
}

/// What a user sees of the mistakes in `text`; the temporary folder is left out.
fn mistakes(text: &str) -> String {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    fs::write(&path, text).expect("written");
    let error = load(&path, None).expect_err("a mistake");
    assert_eq!(error.to_string(), error.render(false).trim_end());
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}
