//! Looking ahead changes no verdict: what comes together gets what it would get one by one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;
use crate::clock::{Clock, Nanos};
use crate::correlation::Correlator;
use crate::fault::{
    Attempt, AttemptFaults, BodyVerdict, ConnectVerdict, Engine, Hooks, RequestHead, RequestVerdict,
    ResponseHead, ResponseVerdict, Ruling, TrapKind,
};
use crate::name::{AttemptId, NodeName, RequestId};
use crate::record::Recorder;
use crate::scenario::plan::{FaultPlan, Matching, OnTrap, PluginRef};

/// What a scripted fault does at an event.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Pass,
    Delay(u64),
    Drop,
    Close,
    Trap,
}

/// What a scripted fault is, beside its script.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// It decides of what has come.
    Plain,
    /// It does more than decide.
    Acts,
    /// It decides of events before they come.
    Ahead,
}

type Calls = Arc<Mutex<Vec<(u32, usize)>>>;

/// Does at each event what its script says, and at those after it nothing.
struct Scripted {
    script: Vec<Act>,
    kind: Kind,
    /// Events in each call.
    calls: Calls,
}

impl Fault for Scripted {
    fn hooks(&self) -> Hooks {
        Hooks { events: true, ahead: self.kind == Kind::Ahead, ..Hooks::default() }
    }
    fn acts(&self) -> bool {
        self.kind == Kind::Acts
    }
    fn events(&mut self, _: &Call<'_>, batch: EventBatch<'_>) -> Result<Option<EventRuling>, Trap> {
        let EventBatch { first, count, payloads } = batch;
        self.calls.lock().push((first, count));
        assert_eq!(payloads.len(), if self.kind == Kind::Ahead { 0 } else { count });
        for place in 0..count {
            let index = first + place as u32;
            if let Some(payload) = payloads.get(place) {
                assert_eq!(payload[..], index.to_le_bytes(), "an event comes with its own payload");
            }
            let verdict = match self.script.get(index as usize).unwrap_or(&Act::Pass) {
                Act::Pass => continue,
                Act::Delay(ms) => EventVerdict::Delay(Duration::from_millis(*ms)),
                Act::Drop => EventVerdict::Drop,
                Act::Close => EventVerdict::Close,
                Act::Trap => {
                    let kind = TrapKind::Other(index.to_string());
                    return Err(Trap { plugin: "scripted".into(), hook: "events", kind });
                }
            };
            return Ok(Some(EventRuling { place, verdict }));
        }
        Ok(None)
    }
    fn connect(&mut self, _: &Call<'_>) -> Result<ConnectVerdict, Trap> {
        Ok(ConnectVerdict::Pass)
    }
    fn request(&mut self, _: &Call<'_>, _: &RequestHead) -> Result<RequestVerdict, Trap> {
        Ok(RequestVerdict::Pass)
    }
    fn response(&mut self, _: &Call<'_>, _: &ResponseHead) -> Result<ResponseVerdict, Trap> {
        Ok(ResponseVerdict::Pass)
    }
    fn body(&mut self, _: &Call<'_>, _: &Bytes) -> Result<BodyVerdict, Trap> {
        Ok(BodyVerdict::Pass)
    }
    fn finish(&mut self, _: &Call<'_>) -> Result<(), Trap> {
        Ok(())
    }
    fn tick(&mut self, _: Nanos) -> Result<(), Trap> {
        Ok(())
    }
    fn revive(&mut self) -> Result<(), Trap> {
        Ok(())
    }
}

/// A fault's kind and its script.
type Script = (Kind, Vec<Act>);

fn plain(scripts: &[Vec<Act>]) -> Vec<Script> {
    scripts.iter().map(|script| (Kind::Plain, script.clone())).collect()
}

/// An attempt that meets faults with these scripts, in this order, and what each is shown.
fn attempt(scripts: &[Script]) -> (Arc<Engine>, AttemptFaults, Vec<Calls>) {
    let (engine, calls) = engine(scripts);
    (0..scripts.len()).for_each(|index| engine.switch_on(index));
    let met = meet(&engine);
    (engine, met, calls)
}

/// An engine of faults that are off.
fn engine(scripts: &[Script]) -> (Arc<Engine>, Vec<Calls>) {
    let calls: Vec<Calls> = scripts.iter().map(|_| Calls::default()).collect();
    let faults = (0..).zip(scripts).zip(&calls).map(|((index, (kind, script)), calls)| {
        let plan = FaultPlan {
            index,
            plugin: PluginRef::BuiltIn("scripted".into()),
            phase: 0,
            nodes: vec![NodeName::from("a")],
            on: Nanos::ZERO,
            off: Nanos(u64::MAX),
            share: 1.0,
            matching: Matching::default(),
            with: serde_json::Value::Null,
            on_trap: OnTrap::Skip,
        };
        let fault = Scripted { script: script.clone(), kind: *kind, calls: Arc::clone(calls) };
        (plan, Box::new(fault) as Box<dyn Fault>)
    });
    let (recorder, records) = Recorder::channel();
    // Nobody reads the log here.
    drop(records);
    let nodes = vec![NodeName::from("a")];
    let engine =
        Engine::new(1, Clock::stopped(), recorder, Arc::new(Correlator::new()), nodes, faults.collect());
    (engine, calls)
}

fn meet(engine: &Arc<Engine>) -> AttemptFaults {
    engine.meet(Attempt {
        id: AttemptId(1),
        node: NodeName::from("a"),
        request: Some(RequestId(1)),
        ordinal: 0,
        at: Nanos::ZERO,
    })
}

/// Events that come together, from `first` on and before `end`.
fn arrive(faults: &mut AttemptFaults, first: u32, end: u32) {
    faults.arrive_from(first);
    (first..end).for_each(|index| faults.arrives(Bytes::copy_from_slice(&index.to_le_bytes())));
}

/// What each event gets when they arrive in chunks of these lengths, no more after one that ends the stream; and how
/// often the first fault failed.
fn rulings(scripts: &[Script], chunks: &[usize]) -> (Vec<Ruling<EventVerdict>>, u64) {
    let (engine, mut faults, _) = attempt(scripts);
    let (mut all, mut first) = (Vec::new(), 0);
    for chunk in chunks {
        let end = first + *chunk as u32;
        arrive(&mut faults, first, end);
        for index in first..end {
            all.push(faults.event(index));
            if all.last().is_some_and(|ruling| ruling.verdict == EventVerdict::Close) {
                return (all, engine.tally(0).traps);
            }
        }
        first = end;
    }
    (all, engine.tally(0).traps)
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => Just(Act::Pass),
        2 => (1..5_u64).prop_map(Act::Delay),
        1 => Just(Act::Drop),
        1 => Just(Act::Close),
        1 => Just(Act::Trap),
    ]
}

proptest! {
    #[test]
    fn events_that_arrive_together_get_what_they_get_one_by_one(
        scripts in prop::collection::vec(
            (prop_oneof![Just(Kind::Plain), Just(Kind::Ahead)], prop::collection::vec(act(), 0..40)),
            1..4,
        ),
        chunks in prop::collection::vec(1..20_usize, 1..6),
    ) {
        let (together, _) = rulings(&scripts, &chunks);
        let shown_by_itself: Vec<Script> = scripts.into_iter().map(|(_, script)| (Kind::Plain, script)).collect();
        let (one_by_one, _) = rulings(&shown_by_itself, &vec![1; chunks.iter().sum()]);
        prop_assert_eq!(together, one_by_one);
    }

    #[test]
    fn a_failure_is_counted_once_however_events_arrive(
        script in prop::collection::vec(prop_oneof![8 => act(), 1 => Just(Act::Trap)], 0..40),
        chunks in prop::collection::vec(1..20_usize, 1..6),
    ) {
        let scripts = [(Kind::Plain, script)];
        let (_, together) = rulings(&scripts, &chunks);
        let (_, one_by_one) = rulings(&scripts, &vec![1; chunks.iter().sum()]);
        prop_assert_eq!(together, one_by_one);
    }
}

/// The calls that each of the faults gets for `events` events at once.
fn calls(scripts: &[Vec<Act>], events: u32) -> Vec<Vec<(u32, usize)>> {
    shown(attempt(&plain(scripts)), events)
}

fn shown(
    (_, mut faults, calls): (Arc<Engine>, AttemptFaults, Vec<Calls>),
    events: u32,
) -> Vec<Vec<(u32, usize)>> {
    arrive(&mut faults, 0, events);
    (0..events).for_each(|index| drop(faults.event(index)));
    calls.iter().map(|calls| calls.lock().clone()).collect()
}

#[test]
fn what_passes_is_shown_in_large_calls() {
    assert_eq!(calls(&[vec![]], 200), [vec![(0, 64), (64, 64), (128, 64), (192, 8)]]);
}

#[test]
fn one_that_decides_ahead_is_not_asked_again_for_each_that_comes() {
    let passes = [vec![Act::Pass; 70], vec![Act::Drop]].concat();
    let (_, mut faults, calls) = attempt(&[(Kind::Ahead, passes), (Kind::Ahead, vec![])]);
    for index in 0..72 {
        arrive(&mut faults, index, index + 1);
        let verdict = faults.event(index).verdict;
        assert_eq!(
            verdict,
            if index == 70 { EventVerdict::Drop } else { EventVerdict::Pass },
            "event {index}"
        );
    }
    let calls: Vec<_> = calls.iter().map(|calls| calls.lock().clone()).collect();
    assert_eq!(calls, [vec![(0, 64), (64, 64), (71, 6)], vec![(0, 64), (64, 64)]]);
}

#[test]
fn what_was_decided_ahead_binds_no_fault_that_is_switched_on_later() {
    let drops = [vec![Act::Pass; 5], vec![Act::Drop]].concat();
    let (engine, _) = engine(&[(Kind::Ahead, vec![]), (Kind::Plain, drops)]);
    engine.switch_on(0);
    let mut faults = meet(&engine);
    let head = Arc::new(RequestHead {
        method: http::Method::POST,
        path: "/".into(),
        headers: http::HeaderMap::new(),
        model: String::new(),
        streaming: true,
        max_tokens: None,
        body_bytes: 0,
    });
    faults.request(&head);
    let passes = |faults: &mut AttemptFaults, index: u32| {
        arrive(faults, index, index + 1);
        faults.event(index).verdict == EventVerdict::Pass
    };
    assert!((0..3).all(|index| passes(&mut faults, index)));
    engine.switch_on(1);
    assert!(faults.catch_up());
    assert_eq!((3..7).map(|index| passes(&mut faults, index)).collect::<Vec<_>>(), [true, true, false, true]);
    // So it is with one that was off for a while.
    let drops = [vec![Act::Pass; 9], vec![Act::Drop]].concat();
    let (engine, _) = self::engine(&[(Kind::Ahead, vec![]), (Kind::Ahead, drops)]);
    (0..2).for_each(|index| engine.switch_on(index));
    let mut faults = meet(&engine);
    engine.hold(1);
    assert!((0..3).all(|index| passes(&mut faults, index)));
    engine.resume(1);
    faults.catch_up();
    assert_eq!((3..11).position(|index| !passes(&mut faults, index)), Some(6));
}

#[test]
fn a_fault_is_shown_nothing_that_one_before_it_may_still_change() {
    let first = [vec![Act::Pass; 3], vec![Act::Delay(1)]].concat();
    let [first, second] = calls(&[first, vec![]], 8).try_into().expect("two");
    assert_eq!(first, [(0, 8), (4, 3), (7, 1)]);
    // Event 3 is held, which changes none of it; those after it wait for what the first says of them.
    assert_eq!(second, [(0, 3), (3, 1), (4, 3), (7, 1)]);
}

#[test]
fn a_fault_that_rules_on_each_event_is_shown_each_once_or_so() {
    let [calls] = calls(&[vec![Act::Delay(1); 64]], 64).try_into().expect("one");
    assert_eq!(calls.len(), 64);
    assert_eq!(calls.iter().map(|(_, shown)| shown).sum::<usize>(), 64 + 63);
}

#[test]
fn after_a_call_that_failed_events_are_shown_by_themselves() {
    let script = vec![Act::Trap, Act::Delay(1), Act::Trap, Act::Pass];
    let [calls] = calls(std::slice::from_ref(&script), 4).try_into().expect("one");
    assert_eq!(calls, [(0, 4), (0, 1), (1, 1), (2, 1), (3, 1)]);
    let (rulings, traps) = rulings(&plain(&[script]), &[4]);
    let delays: Vec<u128> = rulings.iter().map(|ruling| ruling.delay.as_millis()).collect();
    assert_eq!((delays, traps), (vec![0, 1, 0, 0], 2));
}

#[test]
fn after_a_failure_too_a_fault_is_shown_nothing_that_one_before_it_may_still_change() {
    let first = vec![Act::Trap, Act::Pass, Act::Drop, Act::Pass];
    let [first, second] = calls(&[first, vec![]], 4).try_into().expect("two");
    assert_eq!(first, [(0, 4), (0, 1), (1, 1), (2, 1), (3, 1)]);
    assert_eq!(second, [(0, 1), (1, 1), (3, 1)]);
}

#[test]
fn a_fault_that_acts_is_shown_nothing_that_another_may_keep_from_coming() {
    let closes = vec![Act::Pass, Act::Pass, Act::Close];
    let acting = |script: Vec<Act>| (Kind::Acts, script);
    let [acts, _] = shown(attempt(&[acting(vec![]), acting(closes)]), 3).try_into().expect("two");
    assert_eq!(acts, [(0, 1), (1, 1), (2, 1)]);
    let [alone] = shown(attempt(&[acting(vec![])]), 3).try_into().expect("one");
    assert_eq!(alone, [(0, 3)]);
}
