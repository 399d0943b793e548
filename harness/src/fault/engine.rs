//! The fault engine: which faults an attempt meets, and what they decide together.
//!
//! Faults on one attempt apply in scenario order: delays add, and the first verdict that is neither
//! pass nor delay wins. Each verdict other than pass goes to the fault log, before it takes effect.
//!
//! Draws are keyed (seed, fault, request, ordinal), never taken in call order, so that a rerun
//! decides the same whatever the interleaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::ahead::{Ahead, Arrived};
use super::{
    Attempt, BodyVerdict, Call, ConnectVerdict, EventVerdict, Fault, Hooks, RequestHead, RequestVerdict,
    ResponseHead, ResponseVerdict, Ruling, Step, Trap, Verdict,
};
use crate::clock::{Clock, Nanos};
use crate::correlation::Correlator;
use crate::name::NodeName;
use crate::record::{FaultRow, Record, Recorder};
use crate::scenario::plan::{FaultPlan, Matching, OnTrap};

/// Two draws of the same key must be independent: one chooses who is hit, one is the plugin's.
const SHARE_SALT: u64 = 0x5ea1_ed5a_17ed_0001;
const PLUGIN_SALT: u64 = 0x5ea1_ed5a_17ed_0002;

/// With `on_trap = "skip"` a plugin starts afresh after a trap; so often, and it is broken, not unlucky.
const MOST_TRAPS: u64 = 1_000;

/// All faults of a run.
pub struct Engine {
    seed: u64,
    clock: Clock,
    recorder: Recorder,
    correlator: Arc<Correlator>,
    /// In the scenario's order.
    nodes: Vec<NodeName>,
    slots: Vec<Slot>,
    /// How often a fault was switched on: by it, an attempt that is under way sees that there is a new one.
    switches: AtomicU64,
    failure: watch::Sender<Option<Trap>>,
}

/// One fault of the scenario, with its plugin.
struct Slot {
    plan: FaultPlan,
    hooks: Hooks,
    acts: bool,
    /// The standard library's lock spins for about as long as a call takes before it gives the processor
    /// away; with one that yields at once, two busy threads spend more on switches than on plugins.
    fault: std::sync::Mutex<Box<dyn Fault>>,
    on: AtomicBool,
    /// The storm is paused in its time: it is off, and may come back.
    held: AtomicBool,
    switched_on: AtomicU64,
    /// The count of switches when it was switched on.
    switch: AtomicU64,
    fired: AtomicU64,
    traps: AtomicU64,
    /// It trapped and is not asked any more.
    spent: AtomicBool,
    first_trap: Mutex<Option<Trap>>,
}

/// What a fault did, for the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Verdicts other than pass.
    pub fired: u64,
    /// Calls that did not return.
    pub traps: u64,
    /// The first of them.
    pub first_trap: Option<Trap>,
}

impl Engine {
    /// An engine over `faults`, all switched off. `nodes` are in the scenario's order.
    pub fn new(
        seed: u64,
        clock: Clock,
        recorder: Recorder,
        correlator: Arc<Correlator>,
        nodes: Vec<NodeName>,
        faults: Vec<(FaultPlan, Box<dyn Fault>)>,
    ) -> Arc<Self> {
        let slots = faults
            .into_iter()
            .map(|(plan, fault)| Slot {
                plan,
                hooks: fault.hooks(),
                acts: fault.acts(),
                fault: std::sync::Mutex::new(fault),
                on: AtomicBool::new(false),
                held: AtomicBool::new(false),
                switched_on: AtomicU64::new(0),
                switch: AtomicU64::new(0),
                fired: AtomicU64::new(0),
                traps: AtomicU64::new(0),
                spent: AtomicBool::new(false),
                first_trap: Mutex::new(None),
            })
            .collect();
        Arc::new(Self {
            seed,
            clock,
            recorder,
            correlator,
            nodes,
            slots,
            switches: AtomicU64::new(0),
            failure: watch::Sender::new(None),
        })
    }

    /// Changes to the first trap of a fault whose `on_trap` is to fail the run.
    pub fn failure(&self) -> watch::Receiver<Option<Trap>> {
        self.failure.subscribe()
    }

    /// What fault `index` of the scenario did so far.
    pub fn tally(&self, index: usize) -> Tally {
        let slot = &self.slots[index];
        Tally {
            fired: slot.fired.load(Ordering::Relaxed),
            traps: slot.traps.load(Ordering::Relaxed),
            first_trap: slot.first_trap.lock().clone(),
        }
    }

    /// Switches fault `index` on.
    pub fn switch_on(&self, index: usize) {
        let slot = &self.slots[index];
        slot.switched_on.store(self.clock.now().0, Ordering::Relaxed);
        slot.switch.store(self.switches.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        slot.on.store(true, Ordering::Release);
        self.switches.fetch_add(1, Ordering::Release);
    }

    /// Switches fault `index` off. What it did to nodes is the caller's to undo.
    pub fn switch_off(&self, index: usize) {
        self.slots[index].on.store(false, Ordering::Release);
    }

    /// Switches fault `index` off until it is resumed. What it did to nodes is the caller's to undo.
    pub fn hold(&self, index: usize) {
        self.slots[index].held.store(true, Ordering::Release);
        self.switch_off(index);
    }

    /// Switches fault `index` on again: streams that are under way meet it, and its time counts from when it
    /// was switched on first. One that trapped stays off.
    pub fn resume(&self, index: usize) {
        let slot = &self.slots[index];
        slot.held.store(false, Ordering::Release);
        if slot.spent.load(Ordering::Acquire) {
            return;
        }
        slot.switch.store(self.switches.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        slot.on.store(true, Ordering::Release);
        self.switches.fetch_add(1, Ordering::Release);
    }

    /// Fault `index` is on.
    pub fn is_on(&self, index: usize) -> bool {
        self.slots[index].is_on()
    }

    /// Calls the tick hook of every fault that is on and asked for it.
    pub fn tick(&self) {
        let now = self.clock.now();
        for slot in &self.slots {
            if slot.wants_ticks() {
                let result = slot.fault().tick(now);
                if let Err(trap) = result {
                    self.trapped(slot, trap);
                }
            }
        }
    }

    /// A fault that is on asked to be told of new connections.
    pub fn wants_connect(&self) -> bool {
        self.slots.iter().any(|slot| slot.hooks.connect && slot.is_on())
    }

    /// A fault that is on asked to be told that time passes.
    pub fn wants_ticks(&self) -> bool {
        self.slots.iter().any(Slot::wants_ticks)
    }

    /// The faults that `attempt` meets, for the hooks of its life.
    pub fn meet(self: &Arc<Self>, attempt: Attempt) -> AttemptFaults {
        // Read first: a fault that is switched on meanwhile is met twice rather than never.
        let switches = self.switches.load(Ordering::Acquire);
        let slots = self.slots.iter().enumerate();
        let met = slots.filter_map(|(index, slot)| self.met(index, slot, &attempt)).collect();
        let place = self.nodes.iter().position(|node| *node == attempt.node).unwrap_or(self.nodes.len());
        let engine = Arc::clone(self);
        AttemptFaults {
            engine,
            attempt,
            node: place as u32,
            met,
            switches,
            head: None,
            arrived: Arrived::default(),
            passed: 0,
            fired: 0,
        }
    }

    /// A fault that is on meets the attempt, if it concerns its node and chance chooses it.
    fn met(&self, index: usize, slot: &Slot, attempt: &Attempt) -> Option<Met> {
        let concerns = slot.is_on() && slot.plan.nodes.contains(&attempt.node);
        if !concerns || !chosen(self.draw(slot, attempt, SHARE_SALT), slot.plan.share) {
            return None;
        }
        Some(Met {
            slot: index,
            draw: self.draw(slot, attempt, PLUGIN_SALT),
            since_start: attempt.at.since(Nanos(slot.switched_on.load(Ordering::Relaxed))),
            ahead: Ahead::default(),
        })
    }

    fn draw(&self, slot: &Slot, attempt: &Attempt, salt: u64) -> u64 {
        // An attempt that belongs to no request has no identity that a rerun would share.
        let identity = attempt.request.map_or(!attempt.id.0, |request| request.0);
        let mut key = [0_u8; 24];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&identity.to_le_bytes());
        key[16..20].copy_from_slice(&slot.plan.index.to_le_bytes());
        key[20..].copy_from_slice(&attempt.ordinal.to_le_bytes());
        xxh3_64_with_seed(&key, salt)
    }

    fn trapped(&self, slot: &Slot, trap: Trap) {
        let traps = slot.traps.fetch_add(1, Ordering::Relaxed) + 1;
        slot.first_trap.lock().get_or_insert_with(|| trap.clone());
        match slot.plan.on_trap {
            OnTrap::FailRun => {
                slot.give_up();
                self.failure.send_if_modified(|first| {
                    let is_first = first.is_none();
                    first.get_or_insert(trap);
                    is_first
                });
            }
            OnTrap::Skip if traps >= MOST_TRAPS => {
                slot.give_up();
                tracing::warn!("{trap}; it has trapped {traps} times and is off for the rest of the run");
            }
            OnTrap::Skip => start_afresh(slot),
        }
    }
}

/// A plugin that trapped goes on with nothing remembered.
fn start_afresh(slot: &Slot) {
    let revived = slot.fault().revive();
    if let Err(trap) = revived {
        slot.give_up();
        tracing::warn!("{trap}, when it was to start afresh; it is off for the rest of the run");
    }
}

impl Slot {
    /// The plugin, for one call. One that panicked in the host is as good as before: it holds no locks.
    fn fault(&self) -> std::sync::MutexGuard<'_, Box<dyn Fault>> {
        self.fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn is_to_come(&self) -> bool {
        self.switch.load(Ordering::Relaxed) == 0 || self.held.load(Ordering::Acquire)
    }

    fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// A share of zero touches nothing, nodes included: it is not even told that time passes.
    fn wants_ticks(&self) -> bool {
        self.hooks.tick && self.is_on() && self.plan.share > 0.0
    }

    /// It is not asked any more.
    fn give_up(&self) {
        self.on.store(false, Ordering::Release);
        self.spent.store(true, Ordering::Release);
    }
}

/// `share` of all draws: 0 chooses none, 1 chooses all.
fn chosen(draw: u64, share: f64) -> bool {
    share >= 1.0 || (draw as f64) < share * 2_f64.powi(64)
}

struct Met {
    slot: usize,
    draw: u64,
    since_start: Duration,
    ahead: Ahead,
}

/// The faults that one attempt meets.
pub struct AttemptFaults {
    engine: Arc<Engine>,
    attempt: Attempt,
    /// The node's place in the scenario.
    node: u32,
    met: Vec<Met>,
    /// The engine's count of switches when it was last looked which faults are on.
    switches: u64,
    /// For faults that begin while the attempt is under way: whether they match it.
    head: Option<Arc<RequestHead>>,
    arrived: Arrived,
    /// Events before this one pass, as far as all faults go.
    passed: u32,
    fired: u32,
}

impl AttemptFaults {
    /// The attempt.
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// A fault meets it, or one that has not begun yet could.
    pub fn may_rule(&self) -> bool {
        !self.met.is_empty() || self.engine.slots.iter().any(Slot::is_to_come)
    }

    /// The hooks that any of them asked for.
    pub fn hooks(&self) -> Hooks {
        let mut all = Hooks::default();
        for met in &self.met {
            let hooks = self.engine.slots[met.slot].hooks;
            all.connect |= hooks.connect;
            all.request |= hooks.request;
            all.response |= hooks.response;
            all.events |= hooks.events;
            all.sizes |= hooks.sizes;
            all.data |= hooks.data;
            all.ahead |= hooks.ahead;
            all.body |= hooks.body;
            all.finish |= hooks.finish;
            all.tick |= hooks.tick;
        }
        all
    }

    /// Verdicts other than pass so far.
    pub fn fired(&self) -> u32 {
        self.fired
    }

    /// A connection was accepted.
    pub fn connect(&mut self) -> Ruling<ConnectVerdict> {
        self.rule("connect", |hooks| hooks.connect, |asked| asked.slot.fault().connect(&asked.call))
    }

    /// The request has arrived. Faults whose matchers it does not meet leave the attempt here.
    pub fn request(&mut self, head: &Arc<RequestHead>) -> Ruling<RequestVerdict> {
        let engine = Arc::clone(&self.engine);
        self.met.retain(|met| matches(&engine.slots[met.slot].plan.matching, head));
        self.head = Some(Arc::clone(head));
        self.rule("request", |hooks| hooks.request, |asked| asked.slot.fault().request(&asked.call, head))
    }

    /// Meets the faults that were switched on since it was last looked; true when there is one. They rule on
    /// what is still to come of the attempt.
    pub fn catch_up(&mut self) -> bool {
        let switches = self.engine.switches.load(Ordering::Acquire);
        if switches == self.switches {
            return false;
        }
        let seen = std::mem::replace(&mut self.switches, switches);
        // What passes as far as the others go says nothing of one that is on now.
        self.passed = 0;
        let before = self.met.len();
        for (index, slot) in self.engine.slots.iter().enumerate() {
            let is_new = slot.switch.load(Ordering::Relaxed) > seen && !self.meets(index);
            let head = self.head.as_ref().filter(|head| is_new && matches(&slot.plan.matching, head));
            if head.is_some() {
                self.met.extend(self.engine.met(index, slot, &self.attempt));
            }
        }
        // Faults rule in the scenario's order.
        self.met.sort_unstable_by_key(|met| met.slot);
        self.met.len() > before
    }

    fn meets(&self, slot: usize) -> bool {
        self.met.iter().any(|met| met.slot == slot)
    }

    /// The node's response head has arrived.
    pub fn response(&mut self, head: &ResponseHead) -> Ruling<ResponseVerdict> {
        self.rule("response", |hooks| hooks.response, |asked| asked.slot.fault().response(&asked.call, head))
    }

    /// All events before `first` have had their turn. [`AttemptFaults::arrives`] hands over each of those that arrive
    /// together, before [`AttemptFaults::event`] is asked about the first of them.
    pub fn arrive_from(&mut self, first: u32) {
        self.arrived.begin(first);
    }

    /// The next of the events that arrive together.
    pub fn arrives(&mut self, payload: Bytes) {
        self.arrived.push(payload);
    }

    /// Event `index` of the response, which has arrived, is the next to be passed on.
    pub fn event(&mut self, index: u32) -> Ruling<EventVerdict> {
        if index < self.passed {
            return Ruling::pass();
        }
        let arrived = std::mem::take(&mut self.arrived);
        let hooks = self.met.iter().map(|met| self.engine.slots[met.slot].hooks).filter(|hooks| hooks.events);
        let others = hooks.clone().count() > 1;
        // A fault is shown no event that one before it may still change. Where all decide by places, what they say
        // reaches beyond what has come.
        let mut until = if hooks.clone().all(|hooks| hooks.ahead) { u32::MAX } else { arrived.end() };
        let ruling = self.rule(
            "events",
            |hooks| hooks.events,
            |asked| {
                // One that acts is shown none either that one after it may keep from coming.
                let shown_until = if others && asked.slot.acts { index + 1 } else { until };
                let verdict = asked.event(&arrived, index, shown_until);
                until = until.min(asked.ahead.passed).max(index + 1);
                verdict
            },
        );
        self.arrived = arrived;
        self.passed = until;
        ruling
    }

    /// The body of an answer that is no stream has arrived whole.
    pub fn body(&mut self, data: &Bytes) -> Ruling<BodyVerdict> {
        self.rule("body", |hooks| hooks.body, |asked| asked.slot.fault().body(&asked.call, data))
    }

    /// The attempt has ended.
    pub fn finish(&mut self) {
        for met in &self.met {
            let slot = &self.engine.slots[met.slot];
            // One that is over still learns how its attempts ended; one that trapped has nothing to learn with.
            if !slot.hooks.finish || slot.spent.load(Ordering::Acquire) {
                continue;
            }
            let result = slot.fault().finish(&self.call(met));
            if let Err(trap) = result {
                self.engine.trapped(slot, trap);
            }
        }
    }

    fn call(&self, met: &Met) -> Call<'_> {
        Call { attempt: &self.attempt, node: self.node, draw: met.draw, since_start: met.since_start }
    }

    fn rule<V: Verdict + PartialEq>(
        &mut self,
        hook: &'static str,
        wanted: impl Fn(Hooks) -> bool,
        mut ask: impl FnMut(&mut Asked<'_>) -> Result<V, Trap>,
    ) -> Ruling<V> {
        let Self { engine, attempt, node, met, fired, .. } = self;
        let mut ruling = Ruling::pass();
        for met in met {
            let slot = &engine.slots[met.slot];
            if !wanted(slot.hooks) || !slot.is_on() {
                continue;
            }
            let Met { draw, since_start, ahead, .. } = met;
            let call = Call { attempt, node: *node, draw: *draw, since_start: *since_start };
            let verdict = match ask(&mut Asked { engine, slot, call, ahead }) {
                Ok(verdict) => verdict,
                Err(trap) => {
                    engine.trapped(slot, trap);
                    continue;
                }
            };
            if verdict == V::PASS {
                continue;
            }
            *fired += 1;
            engine.log(slot, hook, attempt, verdict.describe());
            match verdict.step() {
                Step::Pass => {}
                Step::Delay(delay) => ruling.delay += delay,
                // `extend` appends the values of one name, and takes the place of those that were there.
                Step::Headers(headers) => ruling.headers.extend(headers),
                Step::Final(verdict) => {
                    ruling.verdict = verdict;
                    break;
                }
            }
        }
        ruling
    }
}

/// A fault that is asked of an attempt.
struct Asked<'a> {
    engine: &'a Engine,
    slot: &'a Slot,
    call: Call<'a>,
    ahead: &'a mut Ahead,
}

impl Asked<'_> {
    /// What it decides of event `index`; it may be shown those after it, before `until`.
    fn event(&mut self, arrived: &Arrived, index: u32, until: u32) -> Result<EventVerdict, Trap> {
        if !self.ahead.knows(index)
            && let Err(trap) = self.look(arrived, index, until)
        {
            if !self.ahead.asks_again(index) {
                return self.failed(trap, index);
            }
            self.engine.trapped(self.slot, trap);
            if !self.slot.is_on() {
                return Ok(EventVerdict::Pass);
            }
            if let Err(trap) = self.look(arrived, index, until) {
                return self.failed(trap, index);
            }
        }
        Ok(self.ahead.take(index))
    }

    /// It failed when it was shown event `index` by itself: that counts, unless it is why a call about several did.
    fn failed(&mut self, trap: Trap, index: u32) -> Result<EventVerdict, Trap> {
        if !self.ahead.explains(index) {
            return Err(trap);
        }
        start_afresh(self.slot);
        Ok(EventVerdict::Pass)
    }

    fn look(&mut self, arrived: &Arrived, index: u32, until: u32) -> Result<(), Trap> {
        self.ahead.look(self.slot.fault().as_mut(), &self.call, arrived, index, until)
    }
}

impl Engine {
    fn log(&self, slot: &Slot, hook: &str, attempt: &Attempt, verdict: String) {
        slot.fired.fetch_add(1, Ordering::Relaxed);
        if let Some(request) = attempt.request {
            self.correlator.touch(request);
        }
        self.recorder.record(Record::Fault(Box::new(FaultRow {
            at_ns: self.clock.now(),
            plugin: slot.plan.plugin.name(),
            fault: slot.plan.index,
            hook: hook.into(),
            verdict,
            attempt: Some(attempt.id),
            request: attempt.request,
            ordinal: Some(attempt.ordinal),
            node: Some(attempt.node.clone()),
        })));
    }
}

fn matches(matching: &Matching, head: &RequestHead) -> bool {
    matching.model.as_ref().is_none_or(|model| *model == head.model)
        && matching.path.as_ref().is_none_or(|path| head.path.starts_with(path.as_str()))
        && matching.streaming.is_none_or(|streaming| streaming == head.streaming)
        && matching.header.as_ref().is_none_or(|(name, value)| {
            head.headers.get_all(name).iter().any(|v| v.as_bytes() == value.as_bytes())
        })
}
