//! The timeline: lanes above each other on one axis, as the report has them, as many as there is room for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use squall::fault::NodeState;
use squall_report::Node;
use squall_report::course::Condition;

use super::super::picture::Picture;
use super::axis::Axis;
use super::ink::Inks;
use super::lanes::{self, Lane};
use super::{events, put, ttft};

/// For names and figures at the left; less on a narrow terminal.
const GUTTER: u16 = 18;
const NARROW_GUTTER: u16 = 17;
const NARROW: u16 = 80;
/// Rows of faults and of nodes at most; all are in the details.
const MOST: u16 = 12;

/// How many rows each kind of lane gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) faults: u16,
    pub(super) nodes: u16,
    pub(super) load: u16,
    pub(super) failed: u16,
    pub(super) ttft: u16,
    pub(super) in_flight: u16,
}

impl Rows {
    /// Shares `rows` out: first what every run has, then what happened to it, then height.
    pub(super) fn share(rows: u16, faults: usize, nodes: usize) -> Self {
        let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).min(MOST);
        let (faults, nodes) = (count(faults), count(nodes));
        let mut shared = Self { load: 2, ttft: 2, failed: 1, ..Self::default() };
        let mut left = rows.saturating_sub(shared.sum());
        let half = left.div_ceil(2);
        let mut take = |row: &mut u16, wanted: u16| {
            let taken = wanted.saturating_sub(*row).min(left);
            *row += taken;
            left -= taken;
        };
        // Neither takes all of a small screen.
        take(&mut shared.nodes, nodes.min(half.max(3)));
        take(&mut shared.faults, faults.min(4));
        take(&mut shared.in_flight, 1);
        for (load, ttft, failed, in_flight) in
            [(2, 3, 1, 1), (3, 4, 2, 2), (3, 5, 3, 2), (4, 6, 3, 3), (5, 8, 3, 3), (6, 10, 4, 4)]
        {
            take(&mut shared.ttft, ttft);
            take(&mut shared.load, load);
            take(&mut shared.faults, faults);
            take(&mut shared.nodes, nodes);
            take(&mut shared.failed, failed);
            take(&mut shared.in_flight, in_flight);
        }
        shared
    }

    fn sum(self) -> u16 {
        self.faults + self.nodes + self.load + self.failed + self.ttft + self.in_flight
    }
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, picture: &Picture, inks: Inks) {
    let gutter = if area.width < NARROW { NARROW_GUTTER } else { GUTTER };
    let axis = Axis::new(picture, area.x + gutter, area.width - gutter);
    // The phases above, the axis below.
    let rows = Rows::share(area.height - 2, picture.faults.len(), picture.nodes.len());
    let spare = (area.height - 2).saturating_sub(rows.sum());
    events::phases(buffer, area.y, &axis, picture);
    let mut place = Place { y: area.y + 1, spare, area };
    faults(buffer, place.take(rows.faults, false), &axis, picture, inks);
    nodes(buffer, place.take(rows.nodes, rows.faults > 0), &axis, picture, inks);
    let slices = picture.slices();
    let mut lane = |rows: u16| {
        let area = place.take(rows, true);
        (area.y..area.bottom()).for_each(|row| axis.mark(buffer, row));
        Lane { area, axis: &axis, slices: &slices, last: picture.last.as_ref(), inks }
    };
    let (load, failed) = (lane(rows.load), lane(rows.failed));
    let (ttft, in_flight) = (lane(rows.ttft), lane(rows.in_flight));
    lanes::load(buffer, &load, picture.rate);
    lanes::failed(buffer, &failed);
    ttft::draw(buffer, &ttft);
    if rows.in_flight > 0 {
        lanes::in_flight(buffer, &in_flight, picture.in_flight);
    }
    axis.draw(buffer, place.y.min(area.bottom() - 1));
}

/// Where the next lane goes.
struct Place {
    y: u16,
    /// Rows that no lane has, for gaps between them.
    spare: u16,
    area: Rect,
}

impl Place {
    fn take(&mut self, rows: u16, gap: bool) -> Rect {
        if gap && rows > 0 && self.spare > 0 {
            self.spare -= 1;
            self.y += 1;
        }
        let area = Rect { y: self.y, height: rows, ..self.area };
        self.y += rows;
        area
    }
}

/// So many of all, and how many more there are in the last row.
fn shown(rows: u16, all: usize) -> (usize, usize) {
    let rows = usize::from(rows);
    if all <= rows { (all, 0) } else { (rows.saturating_sub(1), all - rows.saturating_sub(1)) }
}

fn faults(buffer: &mut Buffer, area: Rect, axis: &Axis, picture: &Picture, inks: Inks) {
    let (first, more) = shown(area.height, picture.faults.len());
    let row = |row: u16| Rect { y: area.y + row, height: 1, ..area };
    for (index, live) in (0..).zip(picture.faults.iter().take(first)) {
        events::fault(buffer, row(index), axis, picture, live, inks);
    }
    if more > 0 && area.height > 0 {
        put(buffer, (area.x, area.bottom() - 1), axis.left - area.x, &format!("+{more} faults"), Inks::dim());
    }
}

fn nodes(buffer: &mut Buffer, area: Rect, axis: &Axis, picture: &Picture, inks: Inks) {
    let mut nodes: Vec<(&Node, NodeState)> =
        picture.nodes.iter().zip(picture.states.iter().copied()).collect();
    let (first, more) = shown(area.height, nodes.len());
    if more > 0 {
        // Those that something happened to.
        let happened = |(node, _): &(&Node, NodeState)| {
            node.states.iter().all(|state| Condition::of(&state.state) != Condition::Down)
        };
        nodes.sort_by_key(happened);
    }
    let row = |row: u16| Rect { y: area.y + row, height: 1, ..area };
    for (index, node) in (0..).zip(nodes.into_iter().take(first)) {
        events::node(buffer, row(index), axis, node, inks);
    }
    if more > 0 && area.height > 0 {
        put(buffer, (area.x, area.bottom() - 1), axis.left - area.x, &format!("+{more} nodes"), Inks::dim());
    }
}
