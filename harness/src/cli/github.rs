//! `squall run --ci github`: what a run says to the GitHub runner that started it, in whatever step that was.
//!
//! Annotations go to stdout, where the runner reads its commands. The summary and the outputs are appended
//! to the files that it names (`GITHUB_STEP_SUMMARY`, `GITHUB_OUTPUT`); without these there are neither. None
//! of it needs a token, so that it works for a pull request from a fork. It has no say in the exit code.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use squall::scenario::{Mistake, ScenarioError};
use squall_report::{Annotation, Level, Report, write_annotation, write_annotations, write_markdown_within};

/// A step's summary may be as large; GitHub drops it as a whole when it is larger.
const LARGEST_SUMMARY: u64 = 1 << 20;
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";
const OUTPUT: &str = "GITHUB_OUTPUT";
const WORKSPACE: &str = "GITHUB_WORKSPACE";

/// Keeps the runner from taking what is printed for commands, until it is dropped: a name or an error message
/// from outside could be one.
pub(super) struct Quiet(String);

impl Quiet {
    pub(super) fn new() -> Self {
        let quiet = Self(unforeseen());
        say(&format!("::stop-commands::{}", quiet.0));
        quiet
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        say(&format!("::{}::", self.0));
    }
}

/// Tells of a run that has a report in `dir`.
pub(super) fn report(report: &Report, dir: &Path) -> anyhow::Result<()> {
    let file = within_workspace(Path::new(&report.scenario.path));
    write_annotations(report, &file, &mut io::stdout().lock()).context("printing the annotations")?;
    summary(|most, out| write_markdown_within(report, most, out))?;
    let path = |name: &str| dir.join(name).display().to_string();
    outputs(&[
        ("verdict", report.verdict.to_string()),
        ("dir", dir.display().to_string()),
        ("report", path("report.html")),
        ("json", path("report.json")),
        ("junit", path("junit.xml")),
        ("summary", path("summary.md")),
    ])
}

/// Tells of a run that happened and can't be judged.
pub(super) fn unjudged(scenario: &Path, why: &str) -> anyhow::Result<()> {
    one(scenario, Level::Warning, "The run can't be judged", why)?;
    outputs(&[("verdict", "inconclusive".to_owned())])
}

/// Tells why there was no run, each mistake in the scenario at its place.
pub(super) fn error(scenario: &Path, error: &anyhow::Error, said: &str) -> anyhow::Result<()> {
    const TITLE: &str = "Squall could not run";
    let Some(mistakes) = error.downcast_ref::<ScenarioError>() else {
        return one(scenario, Level::Error, TITLE, said);
    };
    let file = within_workspace(scenario);
    let mut out = io::stdout().lock();
    for mistake in mistakes.mistakes() {
        let annotation = annotation(mistake);
        write_annotation(&annotation, Some(&file), &mut out).context("printing the annotations")?;
    }
    summary(|most, out| short(out, most, TITLE, &mistakes.to_string()))
}

fn annotation(mistake: Mistake) -> Annotation {
    Annotation {
        level: Level::Error,
        line: mistake.line.map(|line| line as u64),
        column: mistake.column.map(|column| column as u64),
        title: mistake.message,
        message: mistake.label.into_iter().chain(mistake.help).collect(),
    }
}

fn one(scenario: &Path, level: Level, title: &str, said: &str) -> anyhow::Result<()> {
    let message = said.lines().map(str::to_owned).collect();
    let annotation = Annotation { level, line: None, column: None, title: title.to_owned(), message };
    let file = within_workspace(scenario);
    write_annotation(&annotation, Some(&file), &mut io::stdout().lock())
        .context("printing the annotations")?;
    summary(|most, out| short(out, most, title, said))
}

/// A summary of a heading and a text as it is; nothing where there is no room for it.
fn short(out: &mut File, most: usize, title: &str, said: &str) -> io::Result<()> {
    // Indented by four it is a text as it is, whatever is in it.
    let lines: String = said.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!("# ⛔ {title}\n\n{lines}");
    if text.len() <= most { out.write_all(text.as_bytes()) } else { Ok(()) }
}

/// Appends to the step's summary, as long as it stays within what GitHub takes.
fn summary(write: impl FnOnce(usize, &mut File) -> io::Result<()>) -> anyhow::Result<()> {
    let Some(path) = file(SUMMARY) else { return Ok(()) };
    let there = fs::metadata(&path).map_or(0, |about| about.len());
    let most = usize::try_from(LARGEST_SUMMARY.saturating_sub(there)).unwrap_or(0);
    append(&path).and_then(|mut out| write(most, &mut out)).with_context(|| about(SUMMARY, &path))
}

/// Sets the step's outputs.
fn outputs(outputs: &[(&str, String)]) -> anyhow::Result<()> {
    let Some(path) = file(OUTPUT) else { return Ok(()) };
    let mut text = String::new();
    for (name, value) in outputs {
        // Whatever a folder is called, it can't end its own value.
        let end = unforeseen();
        writeln!(text, "{name}<<{end}\n{value}\n{end}")?;
    }
    append(&path).and_then(|mut out| out.write_all(text.as_bytes())).with_context(|| about(OUTPUT, &path))
}

fn file(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn about(variable: &str, path: &Path) -> String {
    format!("writing to {}, which {variable} names", path.display())
}

/// The path as the repository knows the file: GitHub shows annotations on no other.
fn within_workspace(path: &Path) -> String {
    let inside = || {
        let workspace = fs::canonicalize(file(WORKSPACE)?).ok()?;
        Some(fs::canonicalize(path).ok()?.strip_prefix(workspace).ok()?.to_owned())
    };
    inside().as_deref().unwrap_or(path).display().to_string()
}

/// A word that nothing printed holds by chance or by intent.
fn unforeseen() -> String {
    format!("squall-{:032x}", rand::random::<u128>())
}

fn say(line: &str) {
    // Nothing is left to tell when stdout is closed.
    let _ = writeln!(io::stdout().lock(), "{line}");
}
