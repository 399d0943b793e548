//! The drawings, each with its keys, in the width that fits.

use maud::{Markup, PreEscaped, html};

use super::section;
use crate::Report;
use crate::chart::{self, ChartError, Figure, Key};

/// The run over time, on one axis.
pub(super) fn timeline(report: &Report) -> Result<Markup, ChartError> {
    let charts = chart::timeline(report)?;
    let content = html! {
        @if report.series.is_empty() { p.empty { "Nothing was recorded that could be drawn over time." } }
        @else { div.timeline { @for chart in &charts { (figure(chart)) } } }
    };
    Ok(section("timeline", "Timeline", &content))
}

/// Before, during and after the faults.
pub(super) fn periods(report: &Report) -> Result<Markup, ChartError> {
    if report.periods.is_empty() {
        return Ok(html! {});
    }
    let charts = chart::periods(report)?;
    let content = html! {
        p.lead {
            "From the first fault that did something until all is over and the service level holds. Failed \
             requests are the largest samples: a curve ends where they begin."
        }
        @if !charts.is_empty() { div.curves { @for chart in &charts { (figure(chart)) } } }
        (super::periods::table_of(report))
    };
    Ok(section("periods", "Before, during, after", &content))
}

/// Latency by percentile.
pub(super) fn curves(report: &Report) -> Result<Markup, ChartError> {
    let charts = chart::curves(report)?;
    let content = html! {
        @if charts.is_empty() { p.empty { "No request of this run had a latency." } }
        @else {
            p.lead {
                "Latency of the requests that have it, by phase. Each nine to the right is one request in \
                 ten times as many."
            }
            div.curves { @for chart in &charts { (figure(chart)) } }
        }
    };
    Ok(section("curves", "Percentiles by phase", &content))
}

pub(super) fn figure(figure: &Figure) -> Markup {
    html! {
        figure {
            figcaption {
                h3 { (figure.title) }
                @if !figure.note.is_empty() { p { (figure.note) } }
                @if !figure.keys.is_empty() {
                    ul.keys { @for item in &figure.keys { li { (key(item)) (item.text) } } }
                }
            }
            @for drawing in &figure.drawings {
                div class={ "drawing " (drawing.class) } { (PreEscaped(&drawing.svg)) }
            }
        }
    }
}

fn key(key: &Key) -> Markup {
    let ink = key.ink.name();
    html! {
        svg.key viewBox="0 0 240 120" aria-hidden="true" {
            @if key.line { path class={ "s " (ink) } d="M0 60H240" stroke-width="24" fill="none" {} }
            @else { rect class={ "f " (ink) } width="240" height="120" rx="20" {} }
        }
    }
}
