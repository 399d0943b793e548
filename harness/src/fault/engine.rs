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

use super::{
    Attempt, BodyVerdict, Call, ConnectVerdict, EventVerdict, Fault, Hooks, RequestHead, RequestVerdict,
    ResponseHead, ResponseVerdict, Ruling, Trap, Verdict,
};
use crate::clock::{Clock, Nanos};
use crate::correlation::Correlator;
use crate::record::{FaultRow, Record, Recorder};
use crate::scenario::plan::{FaultPlan, Matching, OnTrap};

/// Two draws of the same key must be independent: one chooses who is hit, one is the plugin's.
const SHARE_SALT: u64 = 0x5ea1_ed5a_17ed_0001;
const PLUGIN_SALT: u64 = 0x5ea1_ed5a_17ed_0002;

/// All faults of a run.
pub struct Engine {
    seed: u64,
    clock: Clock,
    recorder: Recorder,
    correlator: Arc<Correlator>,
    slots: Vec<Slot>,
    failure: watch::Sender<Option<Trap>>,
}

/// One fault of the scenario, with its plugin.
struct Slot {
    plan: FaultPlan,
    hooks: Hooks,
    fault: Mutex<Box<dyn Fault>>,
    on: AtomicBool,
    switched_on: AtomicU64,
    fired: AtomicU64,
    traps: AtomicU64,
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
    /// An engine over `faults`, all switched off.
    pub fn new(
        seed: u64,
        clock: Clock,
        recorder: Recorder,
        correlator: Arc<Correlator>,
        faults: Vec<(FaultPlan, Box<dyn Fault>)>,
    ) -> Arc<Self> {
        let slots = faults
            .into_iter()
            .map(|(plan, fault)| Slot {
                plan,
                hooks: fault.hooks(),
                fault: Mutex::new(fault),
                on: AtomicBool::new(false),
                switched_on: AtomicU64::new(0),
                fired: AtomicU64::new(0),
                traps: AtomicU64::new(0),
                first_trap: Mutex::new(None),
            })
            .collect();
        Arc::new(Self { seed, clock, recorder, correlator, slots, failure: watch::Sender::new(None) })
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
        slot.on.store(true, Ordering::Release);
    }

    /// Switches fault `index` off. What it did to nodes is the caller's to undo.
    pub fn switch_off(&self, index: usize) {
        self.slots[index].on.store(false, Ordering::Release);
    }

    /// Calls the tick hook of every fault that is on and asked for it.
    pub fn tick(&self) {
        let now = self.clock.now();
        for slot in &self.slots {
            if slot.wants_ticks() {
                let result = slot.fault.lock().tick(now);
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
        let mut met = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            if !slot.is_on() || !slot.plan.nodes.contains(&attempt.node) {
                continue;
            }
            if !chosen(self.draw(slot, &attempt, SHARE_SALT), slot.plan.share) {
                continue;
            }
            met.push(Met {
                slot: index,
                draw: self.draw(slot, &attempt, PLUGIN_SALT),
                since_start: attempt.at.since(Nanos(slot.switched_on.load(Ordering::Relaxed))),
            });
        }
        AttemptFaults { engine: Arc::clone(self), attempt, met, fired: 0 }
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
        slot.traps.fetch_add(1, Ordering::Relaxed);
        slot.first_trap.lock().get_or_insert_with(|| trap.clone());
        if slot.plan.on_trap == OnTrap::FailRun {
            slot.on.store(false, Ordering::Release);
            self.failure.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert(trap);
                is_first
            });
        }
    }
}

impl Slot {
    fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// A share of zero touches nothing, nodes included: it is not even told that time passes.
    fn wants_ticks(&self) -> bool {
        self.hooks.tick && self.is_on() && self.plan.share > 0.0
    }

    /// It trapped, and that ends the run.
    fn is_spent(&self) -> bool {
        self.plan.on_trap == OnTrap::FailRun && self.traps.load(Ordering::Relaxed) > 0
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
}

/// The faults that one attempt meets.
pub struct AttemptFaults {
    engine: Arc<Engine>,
    attempt: Attempt,
    met: Vec<Met>,
    fired: u32,
}

impl AttemptFaults {
    /// The attempt.
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// No fault meets it.
    pub fn is_empty(&self) -> bool {
        self.met.is_empty()
    }

    /// The hooks that any of them asked for.
    pub fn hooks(&self) -> Hooks {
        let mut all = Hooks::default();
        for met in &self.met {
            let hooks = self.engine.slots[met.slot].hooks;
            all.connect |= hooks.connect;
            all.request |= hooks.request;
            all.response |= hooks.response;
            all.event |= hooks.event;
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
        self.rule("connect", |hooks| hooks.connect, |fault, call| fault.connect(call))
    }

    /// The request has arrived. Faults whose matchers it does not meet leave the attempt here.
    pub fn request(&mut self, head: &RequestHead) -> Ruling<RequestVerdict> {
        let engine = Arc::clone(&self.engine);
        self.met.retain(|met| matches(&engine.slots[met.slot].plan.matching, head));
        self.rule("request", |hooks| hooks.request, |fault, call| fault.request(call, head))
    }

    /// The node's response head has arrived.
    pub fn response(&mut self, head: &ResponseHead) -> Ruling<ResponseVerdict> {
        self.rule("response", |hooks| hooks.response, |fault, call| fault.response(call, head))
    }

    /// Event `index` of the response has arrived.
    pub fn event(&mut self, index: u32, data: &Bytes) -> Ruling<EventVerdict> {
        self.rule("event", |hooks| hooks.event, |fault, call| fault.event(call, index, data))
    }

    /// The body of an answer that is no stream has arrived whole.
    pub fn body(&mut self, data: &Bytes) -> Ruling<BodyVerdict> {
        self.rule("body", |hooks| hooks.body, |fault, call| fault.body(call, data))
    }

    /// The attempt has ended.
    pub fn finish(&mut self) {
        for met in &self.met {
            let slot = &self.engine.slots[met.slot];
            // One that is over still learns how its attempts ended; one that trapped has nothing to learn with.
            if !slot.hooks.finish || slot.is_spent() {
                continue;
            }
            let call = Call { attempt: &self.attempt, draw: met.draw, since_start: met.since_start };
            let result = slot.fault.lock().finish(&call);
            if let Err(trap) = result {
                self.engine.trapped(slot, trap);
            }
        }
    }

    fn rule<V: Verdict + PartialEq>(
        &mut self,
        hook: &'static str,
        wanted: impl Fn(Hooks) -> bool,
        mut ask: impl FnMut(&mut dyn Fault, &Call<'_>) -> Result<V, Trap>,
    ) -> Ruling<V> {
        let mut ruling = Ruling { delay: Duration::ZERO, verdict: V::PASS };
        for met in &self.met {
            let slot = &self.engine.slots[met.slot];
            if !wanted(slot.hooks) || !slot.is_on() {
                continue;
            }
            let call = Call { attempt: &self.attempt, draw: met.draw, since_start: met.since_start };
            let result = ask(slot.fault.lock().as_mut(), &call);
            let verdict = match result {
                Ok(verdict) => verdict,
                Err(trap) => {
                    self.engine.trapped(slot, trap);
                    continue;
                }
            };
            if verdict == V::PASS {
                continue;
            }
            self.fired += 1;
            self.engine.log(slot, hook, &self.attempt, verdict.describe());
            if let Some(delay) = verdict.delay() {
                ruling.delay += delay;
            } else {
                ruling.verdict = verdict;
                break;
            }
        }
        ruling
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
