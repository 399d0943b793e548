//! What the faults changed: the run against its control arm.

use maud::{Markup, html};

use super::{Column, table};
use crate::comparison::{bounds, change, figure};
use crate::{Change, Report};

/// The section; nothing where there was no control arm.
pub(super) fn section(report: &Report) -> Markup {
    let Some(control) = &report.control else { return html! {} };
    let head = [
        Column::text("phase"),
        Column::text("figure"),
        Column::figure("without"),
        Column::figure("with faults"),
        Column::figure("change"),
        Column::figure("95 % interval"),
        Column::text(""),
    ];
    let rows: Vec<Vec<Markup>> = control
        .differences
        .iter()
        .map(|difference| {
            let (lower, upper) = bounds(difference);
            vec![
                html! { (difference.phase) },
                html! { (difference.what) },
                html! { (figure(difference.baseline, difference.unit)) },
                html! { (figure(difference.candidate, difference.unit)) },
                html! { (change(difference.change, difference.unit)) },
                html! { (lower) " … " (upper) },
                html! { span class={ "mark " (class(difference.verdict)) } { (difference.verdict.as_str()) } },
            ]
        })
        .collect();
    let content = html! {
        p.lead {
            "The same traffic was sent without the faults before, into " code { (control.baseline.path) } ". "
            (control.method) "."
        }
        (table("Differences to the control arm; latencies in ms", &head, &rows))
        @for note in &control.notes { p { (note) } }
    };
    super::section("control", "What the faults changed", &content)
}

fn class(change: Change) -> &'static str {
    match change {
        Change::Better | Change::Same => "pass",
        Change::Worse => "fail",
        Change::Undecided => "inconclusive",
    }
}
