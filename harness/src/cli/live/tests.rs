//! The dashboard, as snapshots of what it looks like. After a change: look, then
//! `INSTA_UPDATE=always cargo test -p squall --bin squall live`.

use std::sync::Arc;

use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use squall::fault::{FaultLive, NodeState, Storm};
use squall::record::{ClientLive, PhaseLive};
use squall_report::course::Span;
use squall_report::{AttemptEnds, Fault, Lag, Node, NodeState as ReportedState, Pause, Percentiles, Slice};

use super::draw;
use super::draw::ink::Inks;
use super::picture::{Phase, Picture};
use super::view::{Page, View};

/// Node `a` dies at 22 s and is back at 31 s.
const DIED: u32 = 22;
const BACK: u32 = 31;

/// Something between 0 and 1 that looks like chance.
fn noise(second: u32, salt: u32) -> f64 {
    let mixed = (second + 1).wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503)) >> 8;
    f64::from(mixed % 1_000) / 1_000.0
}

fn slice(second: u32) -> Slice {
    let stress = match second {
        DIED..BACK => 2.6 - 0.15 * f64::from(second - DIED),
        20..40 => 1.35,
        _ => 1.0,
    };
    let scheduled = 38 + (12.0 * noise(second, 1)) as u64;
    let failed = match second {
        DIED => 9,
        23 | 27 | 33 => 2,
        _ => 0,
    };
    let p50 = (74.0 + 10.0 * noise(second, 2)) * stress;
    let spike = if second == DIED { 3.2 } else { 1.0 };
    Slice {
        start_s: f64::from(second),
        scheduled,
        ok: scheduled - failed - u64::from(second == DIED) * 6,
        failed,
        ttft: Percentiles {
            p50_ms: Some(p50),
            p95_ms: Some(p50 * (1.9 + 0.4 * noise(second, 3)) * spike),
            p99_ms: Some(p50 * (2.5 + 0.9 * noise(second, 4)) * spike),
            ..Percentiles::default()
        },
        node_attempts: vec![scheduled / 3; 3],
        in_flight: Some((31.0 * stress + 6.0 * noise(second, 5)) as u64),
    }
}

fn node(name: &str, zone: &str, states: &[(f64, &str)]) -> Node {
    let state = |(at_s, state): &(f64, &str)| ReportedState { at_s: *at_s, state: (*state).into() };
    Node {
        name: name.into(),
        zone: zone.into(),
        attempts: 481,
        ends: AttemptEnds { complete: 462, cut: 9, injected: 7, client_left: 3, ..AttemptEnds::default() },
        states: states.iter().map(state).collect(),
    }
}

fn fault(plugin: &str, node: &str, (start_s, end_s): (f64, f64), now: f64) -> FaultLive {
    let fault = Fault {
        plugin: plugin.into(),
        sha256: String::new(),
        phase: "storm".into(),
        nodes: vec![node.into()],
        start_s,
        end_s,
        fired: if now > start_s { 63 } else { 0 },
        traps: 0,
        trap: None,
        counters: Vec::new(),
    };
    FaultLive { fault, on: start_s <= now && now < end_s }
}

fn phase(name: &str, start: f64, live: PhaseLive) -> Phase {
    Phase { name: name.into(), warmup: false, span: Span { start, end: start + 20.0 }, live }
}

/// The run at a moment, in whole seconds.
fn picture(now: u32) -> Picture {
    let at = f64::from(now) + 0.4;
    let states = [(0.0, "up"), (22.0, "down"), (30.2, "starting"), (31.0, "up")];
    let known: Vec<_> = states.into_iter().filter(|(from, _)| *from <= at).collect();
    let dead = (22.0..30.2).contains(&at);
    let some = PhaseLive { ended: 851, ok_share: Some(1.0), ttft_p95_ms: Some(178.4) };
    let storm = PhaseLive { ended: 562, ok_share: Some(0.9715), ttft_p95_ms: Some(412.0) };
    Picture {
        name: "one node of three dies under chat traffic".into(),
        dir: "runs/today".into(),
        phases: vec![
            phase("steady", 0.0, some),
            phase("storm", 20.0, if at > 20.0 { storm } else { PhaseLive::default() }),
            phase("recovery", 40.0, PhaseLive::default()),
        ],
        requests: None,
        now_s: Some(at),
        phase: Some((now / 20) as usize),
        in_flight: 47,
        rate: 43.1,
        last: Some((Span { start: at - 1.0, end: at }, slice(now - 1))),
        series: (0..=now).map(slice).collect(),
        made_s: at,
        nodes: Arc::new([
            node("a", "z1", &known),
            node("b", "z1", &[(0.0, "up")]),
            node("c", "z2", &[(0.0, "up")]),
        ]),
        states: vec![if dead { NodeState::Down } else { NodeState::Up }, NodeState::Up, NodeState::Up],
        faults: vec![
            fault("node-kill", "a", (22.0, 40.0), at),
            fault("latency", "b", (20.0, 40.0), at),
            fault("http-error", "b", (36.0, 38.0), at),
        ],
        storm: Storm::Going,
        pauses: Arc::default(),
        client: ClientLive {
            lag: Lag { p50: 41.0, p99: 180.0, max: 240.0 },
            lag_of_run: Lag { p50: 38.0, p99: 212.0, max: 1_840.0 },
            stall: Lag { p50: 1_020.0, p99: 1_900.0, max: 2_100.0 },
            stall_of_run: Lag { p50: 1_020.0, p99: 2_310.0, max: 6_400.0 },
        },
    }
}

/// The storm is paused since 28.5 s.
fn paused() -> Picture {
    let mut picture = picture(33);
    picture.storm = Storm::Paused;
    picture.pauses = Arc::new([Pause { from_s: 28.5, to_s: 33.4 }]);
    picture.faults.iter_mut().for_each(|fault| fault.on = false);
    picture
}

fn shown(picture: &Picture, view: &mut View, (width, height): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test's terminal");
    let inks = Inks::without_colours();
    terminal.draw(|frame| draw(frame, picture, view, inks)).expect("drawn");
    terminal
}

fn page(page: Page) -> View {
    View { page, ..View::default() }
}

#[test]
fn the_timeline_fits_what_there_is_room_for() {
    for (width, height) in [(60, 15), (80, 24), (120, 40)] {
        let shown = shown(&picture(27), &mut View::default(), (width, height));
        assert_snapshot!(format!("timeline-{width}x{height}"), shown.backend());
    }
}

#[test]
fn a_storm_that_is_paused_says_so() {
    assert_snapshot!("paused-80x24", shown(&paused(), &mut View::default(), (80, 24)).backend());
    assert_snapshot!("paused-faults-80x24", shown(&paused(), &mut page(Page::Faults), (80, 24)).backend());
}

#[test]
fn details_have_a_page_each() {
    for (name, of) in [("nodes", Page::Nodes), ("faults", Page::Faults), ("phases", Page::Phases)] {
        assert_snapshot!(format!("{name}-80x24"), shown(&picture(27), &mut page(of), (80, 24)).backend());
    }
    assert_snapshot!("client-60x15", shown(&picture(27), &mut page(Page::Client), (60, 15)).backend());
    assert_snapshot!("nodes-120x24", shown(&picture(27), &mut page(Page::Nodes), (120, 24)).backend());
}

#[test]
fn help_says_what_keys_do() {
    let mut view = View { help: true, ..View::default() };
    assert_snapshot!("help-80x24", shown(&picture(27), &mut view, (80, 24)).backend());
    assert_snapshot!("help-60x15", shown(&picture(27), &mut view, (60, 15)).backend());
}

#[test]
fn a_run_that_has_not_begun_and_one_that_is_being_ended_say_so() {
    let mut picture = picture(27);
    let mut view = View { ending: Some("interrupted by the key q".into()), ..View::default() };
    assert_snapshot!("ending-80x24", shown(&picture, &mut view, (80, 24)).backend());
    picture.now_s = None;
    (picture.series, picture.last) = (Arc::default(), None);
    picture.nodes = ["a", "b", "c"].map(|name| node(name, "", &[])).into();
    picture.states = vec![NodeState::Starting; 3];
    picture.faults.iter_mut().for_each(|fault| fault.on = false);
    assert_snapshot!("getting-ready-60x15", shown(&picture, &mut View::default(), (60, 15)).backend());
}

#[test]
fn a_run_of_so_many_requests_has_an_axis_that_grows() {
    let mut picture = picture(27);
    (picture.requests, picture.phases[0].span.end) = (Some(2_000), 86_400.0);
    picture.phases.truncate(1);
    picture.faults.clear();
    picture.phase = Some(0);
    assert_snapshot!("requests-80x24", shown(&picture, &mut View::default(), (80, 24)).backend());
    let end = |now: f64| Picture { now_s: Some(now), ..picture.clone() }.end_s() as u32;
    assert_eq!([1.0, 16.0, 59.0].map(end), [15, 30, 60]);
}

#[test]
fn a_slice_that_goes_on_ends_where_it_was_looked_at() {
    let mut picture = picture(27);
    picture.series = [0.0, 20.0].map(|start_s| Slice { start_s, ..slice(7) }).into();
    let spans = |picture: &Picture| -> Vec<(u32, u32)> {
        picture.slices().iter().map(|(span, _)| (span.start as u32, span.end as u32)).collect()
    };
    assert_eq!(spans(&picture), [(0, 20), (20, 27)]);
    picture.made_s = 21.0;
    assert_eq!(spans(&picture), [(0, 20)], "too short to say anything");
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    let shown = shown(&picture(27), &mut View::default(), (50, 10));
    assert_snapshot!("too-small-50x10", shown.backend());
}

#[test]
fn any_size_is_drawn_and_any_number_of_nodes_and_faults() {
    let mut picture = picture(27);
    let (node, fault) = (picture.nodes[0].clone(), picture.faults[0].clone());
    picture.nodes = vec![node; 40].into();
    picture.states = vec![NodeState::Paused; 40];
    picture.faults = vec![fault; 30];
    for width in (1..200).step_by(7) {
        for height in (1..70).step_by(3) {
            for of in Page::ALL {
                shown(&picture, &mut View { scroll: 1_000, ..page(of) }, (width, height));
            }
        }
    }
    assert_snapshot!("many-80x24", shown(&picture, &mut View::default(), (80, 24)).backend());
    assert_snapshot!("many-nodes-80x24", shown(&picture, &mut page(Page::Nodes), (80, 24)).backend());
}

#[test]
fn without_colours_there_are_none() {
    for of in Page::ALL {
        let shown = shown(&paused(), &mut page(of), (80, 24));
        let cells = shown.backend().buffer().content();
        assert!(cells.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
    }
}
