//! What to do about each check that did not pass.

use maud::{Markup, html};

use super::{class, mark, section};
use crate::told::{self, Part};
use crate::{Advice, Report, Verdict, format};

pub(super) fn section_of(report: &Report) -> Markup {
    if report.runbook.is_empty() {
        return html! {};
    }
    let failed = report.runbook.iter().filter(|advice| advice.verdict == Verdict::Fail).count();
    let open = report.runbook.len() - failed;
    let content = html! {
        p.lead {
            (format::counted(failed as u64, "check")) " failed"
            @if open > 0 { ", " (format::count(open as u64)) " not decided" }
            ". What was seen is of this run; what it means follows by rule from the two ledgers."
        }
        @for advice in &report.runbook { (entry(advice)) }
    };
    section("runbook", "Runbook", &content)
}

fn entry(advice: &Advice) -> Markup {
    html! {
        article class={ "advice " (class(advice.verdict)) } {
            h3 { (mark(advice.verdict)) " " (ticked(&told::advised_on(advice))) }
            p.seen { (ticked(&advice.seen)) }
            div.steps {
                (list("What it usually means", &advice.means))
                (list("Look at", &advice.look))
                (list("Change", &advice.change))
            }
        }
    }
}

fn list(title: &str, sentences: &[String]) -> Markup {
    html! {
        @if !sentences.is_empty() {
            div {
                h4 { (title) }
                ul { @for sentence in sentences { li { (ticked(sentence)) } } }
            }
        }
    }
}

/// A sentence of ours.
pub(super) fn ticked(sentence: &str) -> Markup {
    html! {
        @for part in told::parts(sentence) {
            @match part {
                Part::Words(words) => (words),
                Part::Code(words) => code { (words) },
            }
        }
    }
}
