//! Mistakes in a scenario, and how they are shown: file, line, column, what is wrong, and what
//! would be right.
//!
//! A [`Diagnostic`] knows bytes of the file; line and column are found when it is shown. This is the
//! only file that names annotate-snippets.

use std::fmt::{self, Write as _};
use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::place::Span;

/// Mistakes shown at most: whoever has more is helped by the first of them.
const SHOWN: usize = 20;
/// Wide enough for every terminal in use; longer source lines are cut around the mistake.
const WIDTH: usize = 100;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diagnostic {
    title: String,
    labels: Vec<Label>,
    help: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Label {
    span: Span,
    text: String,
}

impl Diagnostic {
    /// A mistake; `title` says what is wrong in a sentence without a full stop.
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), labels: Vec::new(), help: Vec::new() }
    }

    /// Points at the mistake; the first place is where it is, the others belong to it.
    pub(super) fn at(mut self, span: &Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span: span.clone(), text: text.into() });
        self
    }

    /// Says what would be right.
    pub(super) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// The byte of the file at which it is; the start, when it is about the whole file.
    pub(super) fn start(&self) -> usize {
        self.labels.first().map_or(0, |label| label.span.start)
    }

    fn group<'a>(&'a self, path: &'a str, source: Option<&'a str>) -> Group<'a> {
        let title = Level::ERROR.primary_title(self.title.as_str());
        let group = match source {
            Some(source) if !self.labels.is_empty() => {
                let annotations = self.labels.iter().enumerate().map(|(i, label)| {
                    let kind = if i == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                    let text = (!label.text.is_empty()).then_some(label.text.as_str());
                    kind.span(within(source, &label.span)).label(text)
                });
                title.element(Snippet::source(source).path(path).annotations(annotations))
            }
            Some(_) => title.element(Origin::path(path).line(1).char_column(1)),
            None => title.element(Origin::path(path)),
        };
        group.elements(self.help.iter().map(|help| Level::HELP.message(help.as_str())))
    }
}

/// The part of `span` that lies in `source`, at borders of characters.
fn within(source: &str, span: &Span) -> Span {
    let start = source.floor_char_boundary(span.start.min(source.len()));
    let end = source.ceil_char_boundary(span.end.min(source.len()));
    start..end.max(start)
}

/// Why a scenario has no plan: every mistake that was found.
#[derive(Clone, Debug)]
pub struct ScenarioError {
    path: String,
    source: Option<String>,
    diagnostics: Vec<Diagnostic>,
    /// What came of it.
    outcome: &'static str,
}

/// One mistake, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The scenario's file.
    pub file: String,
    /// From 1; none when the file could not be read.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What it says at the place itself.
    pub label: Option<String>,
    /// What would be right.
    pub help: Vec<String>,
}

impl ScenarioError {
    pub(super) fn new(path: &Path, source: Option<&str>, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(Diagnostic::start);
        let (path, source) = (path.display().to_string(), source.map(str::to_owned));
        Self { path, source, diagnostics, outcome: "nothing was run" }
    }

    /// What was asked for was a file, not a run.
    pub(super) fn nothing_written(self) -> Self {
        Self { outcome: "nothing was written", ..self }
    }

    /// The mistakes, in the order of the file.
    pub fn mistakes(&self) -> Vec<Mistake> {
        self.diagnostics.iter().map(|diagnostic| self.mistake(diagnostic)).collect()
    }

    fn mistake(&self, diagnostic: &Diagnostic) -> Mistake {
        let place = self.source.as_ref().map(|source| line_and_column(source, diagnostic.start()));
        Mistake {
            file: self.path.clone(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message: diagnostic.title.clone(),
            label: diagnostic.labels.first().map(|label| label.text.clone()).filter(|text| !text.is_empty()),
            help: diagnostic.help.clone(),
        }
    }

    /// All mistakes as a compiler shows them, with the lines they are on. Ends with a line end.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
        let mut text = String::new();
        for diagnostic in self.diagnostics.iter().take(SHOWN) {
            let group = diagnostic.group(&self.path, self.source.as_deref());
            // Writing to a string can't fail.
            let _ = writeln!(text, "{}\n", renderer.render(&[group]));
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    fn summary(&self) -> String {
        let count = match self.diagnostics.len() {
            1 => "1 mistake".to_owned(),
            n if n > SHOWN => format!("{n} mistakes, the first {SHOWN} are shown"),
            n => format!("{n} mistakes"),
        };
        format!("{}: {count}, {}", self.path, self.outcome)
    }
}

/// All mistakes, without colours, as [`ScenarioError::render`] shows them.
impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for ScenarioError {}

/// Line and column of a byte, both from 1, the column in characters.
pub(super) fn line_and_column(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..source.floor_char_boundary(at.min(source.len()))];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let source = "é = 1\r\nb\n";
        assert_eq!(line_and_column(source, 0), (1, 1));
        assert_eq!(line_and_column(source, 3), (1, 3));
        assert_eq!(line_and_column(source, 8), (2, 1));
        assert_eq!(line_and_column(source, 999), (3, 1));
    }

    #[test]
    fn a_place_outside_of_the_text_is_no_panic() {
        for (source, span) in
            [("", 0..5), ("é", 1..1), ("a\n", 2..2), ("ab", Span { start: 2, end: 1 }), ("\u{feff}x", 1..2)]
        {
            let error = ScenarioError::new(
                Path::new("x.toml"),
                Some(source),
                vec![Diagnostic::new("t").at(&span, "l")],
            );
            assert!(error.render(false).contains("x.toml:"), "{source:?}");
        }
    }
}
