//! The page of a capacity: what holds, the curves, and every run.

use std::io::{self, Write};

use maud::{Markup, html};

use super::charts::figure;
use super::{Column, class, document, mark, section, table};
use crate::capacity::{ArmCapacity, Capacity};
use crate::chart::{self, ChartError};
use crate::format;

/// Writes the capacity as one HTML page.
pub fn write_capacity_html(capacity: &Capacity, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let page = page(capacity).map_err(io::Error::other)?;
    out.write_all(page.into_string().as_bytes())?;
    out.flush()
}

fn page(capacity: &Capacity) -> Result<Markup, ChartError> {
    let charts = chart::capacity(capacity)?;
    let curves = html! { div.curves { @for chart in &charts { (figure(chart)) } } };
    let body = html! {
        header class=(class(capacity.verdict)) {
            p.brand { "Squall" }
            h1 { (capacity.scenario) }
            div.verdict {
                p.word { (mark(capacity.verdict)) " survivable capacity" }
                ul.reasons { @for reason in &capacity.reasons { li { (reason) } } }
            }
        }
        main #main {
            (section("curves", "With and without the faults", &curves))
            @for arm in &capacity.arms { (runs(arm)) }
        }
    };
    Ok(document(&format!("Capacity: {}", capacity.scenario), &html! {}, &body))
}

fn runs(arm: &ArmCapacity) -> Markup {
    let head = [
        Column::figure("load"),
        Column::figure("requests/s"),
        Column::figure("succeeded"),
        Column::figure("ttft p95, ms"),
        Column::text("verdict"),
        Column::prose("why"),
        Column::text("folder"),
    ];
    let rows: Vec<Vec<Markup>> = arm
        .probes
        .iter()
        .map(|probe| {
            vec![
                html! { (format!("{:.2}", probe.load)) },
                html! { (format!("{:.1}", probe.rate_per_s)) },
                html! { (format::maybe(probe.success, format::share)) },
                html! { (format::maybe(probe.ttft_p95_ms, format::ms)) },
                html! { (mark(probe.verdict)) },
                html! { (probe.reason) },
                html! { code { (probe.path) } },
            ]
        })
        .collect();
    let title = format!("Runs of the {} arm", arm.arm);
    section(&arm.arm, &title, &table(&title, &head, &rows))
}
