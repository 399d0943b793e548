//! `report.html`: one page that needs no network and no script. The verdict comes first, then how
//! the run went over time, then what the verdict rests on.
//!
//! Text from outside is escaped by maud; only the drawings and the style sheet go in as they are.

mod capacity;
mod charts;
mod control;
mod head;
mod latency;
mod notes;
mod periods;
mod runbook;
mod tables;
mod worst;

use std::io::{self, Write};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::{self, ChartError, Ink};
use crate::{Report, Verdict, format};

pub use capacity::write_capacity_html;

const STYLE: &str = include_str!("style.css");

/// Writes the report as one HTML page.
pub fn write_html(report: &Report, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let page = page(report).map_err(io::Error::other)?;
    out.write_all(page.into_string().as_bytes())?;
    out.flush()
}

fn page(report: &Report) -> Result<Markup, ChartError> {
    let title = format!("{}: {}", report.verdict.to_string().to_uppercase(), report.scenario.name);
    let generator = html! { meta name="generator" content={ "squall " (report.squall) }; };
    let body = html! {
        (head::header(report))
        main #main {
            (charts::timeline(report)?)
            (runbook::section_of(report))
            (tables::slos(report))
            (tables::budgets(report))
            (tables::failover(report))
            (charts::periods(report)?)
            (charts::curves(report)?)
            (periods::nodes(report))
            (worst::section_of(report))
            (tables::invariants(report))
            (tables::faults(report))
            (control::section(report))
            (latency::section(report))
            (tables::counts(report))
            (tables::sessions(report))
            (tables::answers(report))
            (tables::client(report))
            (notes::definitions())
            (notes::files())
        }
        footer {
            p { "Written by Squall " (report.squall) ", report schema " (report.schema) "." }
        }
    };
    Ok(document(&title, &generator, &body))
}

/// A page with its style: what is in `body` follows a link to its `#main`.
fn document(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                (head)
                title { (title) " – Squall" }
                style { (PreEscaped(style())) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                (body)
            }
        }
    }
}

/// The style sheet with the palette of the drawings in both schemes.
fn style() -> String {
    let (light, dark) = (chart::variables(Ink::light), chart::variables(Ink::dark));
    format!(
        ":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{}\n{STYLE}",
        chart::classes()
    )
}

/// A part of the page that can be linked to.
fn section(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            (content)
        }
    }
}

/// A table that scrolls in its own frame. The first column names the row.
fn table(caption: &str, head: &[Column], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll role="region" aria-label=(caption) tabindex="0" {
            table {
                caption { (caption) }
                thead {
                    tr { @for column in head { th scope="col" class=[column.class()] { (column.title) } } }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, (cell, column)) in row.iter().zip(head).enumerate() {
                                @if index == 0 { th scope="row" class=[column.class()] { (cell) } }
                                @else { td class=[column.class()] { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
struct Column {
    title: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Figure,
    /// Sentences, which may wrap.
    Prose,
}

impl Column {
    const fn text(title: &'static str) -> Self {
        Self { title, kind: Kind::Text }
    }

    const fn figure(title: &'static str) -> Self {
        Self { title, kind: Kind::Figure }
    }

    const fn prose(title: &'static str) -> Self {
        Self { title, kind: Kind::Prose }
    }

    fn class(self) -> Option<&'static str> {
        match self.kind {
            Kind::Text => None,
            Kind::Figure => Some("figure"),
            Kind::Prose => Some("prose"),
        }
    }
}

/// A verdict as a mark and a word.
fn mark(verdict: Verdict) -> Markup {
    html! { span class={ "mark " (class(verdict)) } { (format::mark(verdict)) } }
}

/// The class that colours a verdict.
fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotChecked => "not-checked",
    }
}
