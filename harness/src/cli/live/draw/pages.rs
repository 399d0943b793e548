//! The pages of details: nodes, faults, phases, the client.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::Text;
use ratatui::widgets::{Cell, Row, Table, Widget as _};
use squall::fault::{FaultLive, NodeState};
use squall_report::course::Condition;
use squall_report::{Lag, Node, format};

use super::super::picture::{Phase, Picture};
use super::super::view::{Page, View};
use super::ink::Inks;
use super::{cells, events, put};

/// From here on there is room for every column.
const WIDE: u16 = 100;

/// A table: what its columns are called and how wide they are, and its rows. Figures stand at the right.
struct Content {
    head: Vec<(&'static str, u16, bool)>,
    rows: Vec<Vec<(String, Style)>>,
    /// What is said below it.
    note: &'static str,
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, picture: &Picture, view: &mut View, inks: Inks) {
    tabs(buffer, area, view.page);
    let wide = area.width >= WIDE;
    let content = match view.page {
        Page::Timeline | Page::Nodes => nodes(picture, wide, inks),
        Page::Faults => faults(picture, wide, inks),
        Page::Phases => phases(picture, inks),
        Page::Client => client(picture),
    };
    let below = u16::from(!content.note.is_empty());
    let table = Rect { y: area.y + 2, height: area.height.saturating_sub(2 + below), ..area };
    // Its head stays.
    let fitting = usize::from(table.height.saturating_sub(1));
    view.scroll = view.scroll.min(content.rows.len().saturating_sub(fitting));
    if below > 0 {
        put(buffer, (area.x, area.bottom() - 1), area.width, content.note, Inks::dim());
    }
    content.draw(buffer, table, view.scroll);
}

/// The pages by name, this one marked.
fn tabs(buffer: &mut Buffer, area: Rect, page: Page) {
    let mut x = area.x;
    for other in Page::ALL {
        let (text, style) = if other == page {
            (format!("[{}]", other.name()), Inks::loud())
        } else {
            (format!(" {} ", other.name()), Inks::dim())
        };
        put(buffer, (x, area.y), area.right().saturating_sub(x), &text, style);
        x += cells(&text) + 1;
    }
}

impl Content {
    fn draw(self, buffer: &mut Buffer, area: Rect, scroll: usize) {
        let cell = |text: String, style: Style, right: bool| {
            let text = Text::from(format::line(&text));
            Cell::from(if right { text.right_aligned() } else { text }).style(style)
        };
        let widths = self.head.iter().map(|(_, width, _)| match width {
            0 => Constraint::Fill(1),
            width => Constraint::Length(*width),
        });
        let head = self.head.iter().map(|(name, _, right)| cell((*name).into(), Inks::dim(), *right));
        let rows = self.rows.into_iter().skip(scroll).map(|row| {
            let cells = row.into_iter().zip(&self.head);
            Row::new(cells.map(|((text, style), (_, _, right))| cell(text, style, *right)))
        });
        Table::new(rows, widths.collect::<Vec<_>>()).header(Row::new(head)).render(area, buffer);
    }
}

fn plain(text: impl Into<String>) -> (String, Style) {
    (text.into(), Style::new())
}

fn nodes(picture: &Picture, wide: bool, inks: Inks) -> Content {
    let mut head = vec![("node", 0, false), ("state", 9, false), ("since", 8, true), ("attempts", 9, true)];
    let ends: &[(&str, u16)] = if wide {
        &[("complete", 9), ("cut", 7), ("reset", 7), ("unreached", 9), ("injected", 9), ("left", 7)]
    } else {
        &[("complete", 9), ("broken", 7), ("injected", 9)]
    };
    head.extend(ends.iter().map(|(name, width)| (*name, *width, true)));
    let row = |(node, state): (&Node, NodeState)| {
        let word = state.to_string();
        let style = if Condition::of(&word) == Condition::Up { inks.good() } else { inks.bad() };
        let since = node.states.last().map(|state| state.at_s);
        let of = node.ends;
        let zone = if node.zone.is_empty() { String::new() } else { format!(" ({})", node.zone) };
        let broken = of.cut + of.reset + of.unreachable;
        let counts: &[u64] = if wide {
            &[of.complete, of.cut, of.reset, of.unreachable, of.injected, of.client_left]
        } else {
            &[of.complete, broken, of.injected]
        };
        let mut row = vec![
            (format!("{}{zone}", node.name), Inks::strong()),
            (word, style),
            plain(format::maybe(since, format::run_time)),
            plain(format::count(node.attempts)),
        ];
        row.extend(counts.iter().map(|n| plain(format::count(*n))));
        row
    };
    let rows = picture.nodes.iter().zip(picture.states.iter().copied()).map(row).collect();
    Content { head, rows, note: "Attempts at work, without probes, by how they ended." }
}

fn faults(picture: &Picture, wide: bool, inks: Inks) -> Content {
    let mut head = vec![("fault", 0, false), ("on", if wide { 20 } else { 10 }, false)];
    if wide {
        head.push(("phase", 14, false));
    }
    head.extend([("time", 12, true), ("state", 8, false), ("fired", 8, true), ("traps", 5, true)]);
    let row = |live: &FaultLive| {
        let (sign, word) = events::stage(live, picture.now_s);
        let style = if live.on { inks.fault().patch(Inks::strong()) } else { Style::new() };
        let fault = &live.fault;
        let mut row = vec![(format!("{sign} {}", fault.plugin), style), plain(fault.nodes.join(", "))];
        if wide {
            row.push(plain(fault.phase.clone()));
        }
        let traps = if fault.traps > 0 { inks.bad().patch(Inks::strong()) } else { Style::new() };
        row.extend([
            plain(format::span(fault.start_s, fault.end_s)),
            (word.to_owned(), style),
            plain(format::count(fault.fired)),
            (format::count(fault.traps), traps),
        ]);
        row
    };
    let rows = picture.faults.iter().map(row).collect();
    let note = if picture.faults.is_empty() {
        "The scenario has no fault."
    } else {
        "Fired: verdicts other than pass, and actions on nodes."
    };
    Content { head, rows, note }
}

fn phases(picture: &Picture, inks: Inks) -> Content {
    let head = vec![
        ("phase", 0, false),
        ("time", 14, true),
        ("answered", 10, true),
        ("ok", 8, true),
        ("ttft p95", 10, true),
    ];
    let row = |(index, phase): (usize, &Phase)| {
        let now = picture.now_s.is_some() && picture.phase == Some(index);
        let live = phase.live;
        let sign = if now { "● " } else { "  " };
        let ok = if live.ok_share.is_some_and(|share| share < 1.0) { inks.bad() } else { Style::new() };
        let warmup = if phase.warmup { " (warm-up)" } else { "" };
        let time = match picture.requests {
            // Where it ends is not known.
            Some(_) => format::run_time(phase.span.start),
            None => format::span(phase.span.start, phase.span.end),
        };
        vec![
            (format!("{sign}{}{warmup}", phase.name), if now { Inks::strong() } else { Style::new() }),
            plain(time),
            plain(format::count(live.ended)),
            (format::maybe(live.ok_share, format::share), ok),
            plain(format::maybe(live.ttft_p95_ms, format::latency)),
        ]
    };
    let rows = picture.phases.iter().enumerate().map(row).collect();
    Content { head, rows, note: "Requests count in the phase in which they were due." }
}

fn client(picture: &Picture) -> Content {
    let head =
        vec![("the load generator itself", 0, false), ("p50", 9, true), ("p99", 9, true), ("most", 9, true)];
    let of = &picture.client;
    let lag = |name: &str, lag: Lag| {
        let figures = [lag.p50, lag.p99, lag.max].map(|us| plain(format::micros(us)));
        let mut row = vec![plain(name)];
        row.extend(figures);
        row
    };
    // The slices are up to a second old.
    let slices = picture.series.iter().filter_map(|slice| slice.in_flight);
    let most = slices.chain([picture.in_flight]).max().unwrap_or_default();
    let rows = vec![
        lag("sent late, last second", of.lag),
        lag("sent late, whole run", of.lag_of_run),
        lag("runtime woke late, last second", of.stall),
        lag("runtime woke late, whole run", of.stall_of_run),
        vec![
            plain("in flight, now and at most"),
            plain(""),
            plain(format::count(picture.in_flight)),
            plain(format::count(most)),
        ],
        vec![plain(format!("records: {}", picture.dir)), plain(""), plain(""), plain("")],
    ];
    Content { head, rows, note: "A client that is late makes a service look slow." }
}
