//! Continuous batching: who holds a slot, who waits, and when each token is there.
//!
//! A request takes a slot, is prefilled beside the others (`ttft` + prompt tokens / `prefill`), which
//! gives its first token, and joins the batch when its next step begins. Every step gives each request
//! of the batch one token; a step of a fuller batch takes longer. A request that finds no slot waits
//! in line; when the line is full it is refused.
//!
//! tokio's timer ticks in milliseconds, so the steps have a thread of their own. It hands over no
//! tokens, since the answer is fixed: only how many there are by now ([`Progress`]), and whoever
//! writes the answer reads that. Steps follow each other by the clock, not by when the thread woke,
//! so being late once does not slow the node down.
//!
//! Invariant: `in_slots` is the number of jobs that hold a slot, and nobody waits while one is free.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::clock::{Clock, Nanos};
use crate::scenario::plan::SimSpec;

/// The thread makes up for steps it was late for, up to this; a process that stood still for longer
/// (paused by a fault) goes on from where it stopped.
const CATCH_UP: Duration = Duration::from_millis(20);
/// Less than a thread can sleep (the kernel's timer slack): such a prefill takes no time.
const SHORTEST_SLEEP: Duration = Duration::from_micros(50);

/// How many tokens of one answer there are by now.
#[derive(Default)]
pub(super) struct Progress {
    given: AtomicU32,
    reader: AtomicWaker,
}

impl Progress {
    fn give(&self, tokens: u32) {
        self.given.store(tokens, Ordering::Release);
        self.reader.wake();
    }

    /// Ready when there are more than `seen`.
    fn poll_beyond(&self, seen: u32, context: &Context<'_>) -> Poll<u32> {
        // Registered first: a token given in between wakes the reader again.
        self.reader.register(context.waker());
        match self.given.load(Ordering::Acquire) {
            given if given > seen => Poll::Ready(given),
            _ => Poll::Pending,
        }
    }
}

/// All slots are taken and the line is full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A request's place in the engine; dropping it gives the place up.
pub(super) struct Ticket {
    engine: Arc<Engine>,
    id: u64,
    progress: Arc<Progress>,
}

impl Ticket {
    /// Ready with the tokens there are by now, when these are more than `seen`.
    pub(super) fn poll_beyond(&self, seen: u32, context: &Context<'_>) -> Poll<u32> {
        self.progress.poll_beyond(seen, context)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.engine.leave(self.id);
    }
}

/// How busy the engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    /// Requests that hold a slot.
    pub(super) running: u32,
    /// Requests in line.
    pub(super) waiting: u32,
}

/// The batching engine of one node.
pub(super) struct Engine {
    spec: SimSpec,
    clock: Clock,
    state: Mutex<State>,
    /// A deadline may have become earlier, or the engine is stopped.
    changed: Condvar,
}

impl Engine {
    /// Nothing runs yet. A node without a slot could never answer: it has at least one.
    pub(super) fn new(mut spec: SimSpec, clock: Clock) -> Arc<Self> {
        spec.slots = spec.slots.max(1);
        Arc::new(Self { spec, clock, state: Mutex::new(State::default()), changed: Condvar::new() })
    }

    /// Starts the thread of the steps. It ends after [`Engine::stop`].
    pub(super) fn start(self: &Arc<Self>) -> io::Result<JoinHandle<()>> {
        let engine = Arc::clone(self);
        std::thread::Builder::new().name("sim-engine".into()).spawn(move || engine.run())
    }

    /// Ends the thread; no token is given after it.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_one();
    }

    /// How long the prefill of such a prompt takes.
    pub(super) fn prefill(&self, prompt_tokens: u32) -> Duration {
        let prompt = f64::from(prompt_tokens) / f64::from(self.spec.prefill.max(1));
        self.spec.ttft.saturating_add(Duration::from_secs_f64(prompt))
    }

    /// Whether a whole answer takes no time that could be told: it then needs no slot.
    pub(super) fn is_instant(&self, prompt_tokens: u32) -> bool {
        self.spec.itl.is_zero() && self.prefill(prompt_tokens) < SHORTEST_SLEEP
    }

    /// Takes a slot, or a place in line. `tokens` is at least one.
    pub(super) fn submit(self: &Arc<Self>, prompt_tokens: u32, tokens: u32) -> Result<Ticket, Full> {
        let progress = Arc::new(Progress::default());
        let mut state = self.state.lock();
        let free = state.in_slots < self.spec.slots;
        if !free && state.waiting.len() >= self.spec.queue as usize {
            return Err(Full);
        }
        let id = state.next_id;
        state.next_id += 1;
        let prefill = self.prefill(prompt_tokens);
        let job = Job { progress: Arc::clone(&progress), tokens, given: 0, prefill, in_slot: false };
        state.jobs.insert(id, job);
        state.waiting.push_back(id);
        self.admit(&mut state);
        drop(state);
        Ok(Ticket { engine: Arc::clone(self), id, progress })
    }

    pub(super) fn load(&self) -> Load {
        let state = self.state.lock();
        Load { running: state.in_slots, waiting: u32::try_from(state.waiting.len()).unwrap_or(u32::MAX) }
    }

    /// The slots there are.
    pub(super) fn slots(&self) -> u32 {
        self.spec.slots
    }

    fn leave(&self, id: u64) {
        let mut state = self.state.lock();
        let Some(job) = state.jobs.remove(&id) else { return };
        if job.in_slot {
            state.in_slots -= 1;
            self.admit(&mut state);
        } else {
            state.waiting.retain(|waiting| *waiting != id);
        }
    }

    /// Gives free slots to those who wait.
    fn admit(&self, state: &mut State) {
        while state.in_slots < self.spec.slots
            && let Some(id) = state.waiting.pop_front()
        {
            let Some(job) = state.jobs.get_mut(&id) else { continue };
            job.in_slot = true;
            let ready = self.clock.now() + job.prefill;
            state.in_slots += 1;
            state.prefilling.push(Reverse((ready, id)));
            self.changed.notify_one();
        }
    }

    fn run(&self) {
        let mut state = self.state.lock();
        while !state.stopped {
            let now = self.clock.now();
            match state.next_deadline() {
                None => self.changed.wait(&mut state),
                Some(at) if at > now => {
                    self.changed.wait_for(&mut state, at - now);
                }
                Some(at) => {
                    self.due(&mut state, at, now);
                    // However far behind: whoever wants in or out goes first.
                    MutexGuard::bump(&mut state);
                }
            }
        }
    }

    /// Does what was due at `at`.
    fn due(&self, state: &mut State, at: Nanos, now: Nanos) {
        match state.prefilling.peek() {
            Some(&Reverse((ready, id))) if ready == at => {
                state.prefilling.pop();
                let first = if self.spec.itl.is_zero() { u32::MAX } else { 1 };
                if state.give(id, first) {
                    state.joining.push(id);
                    if state.step_end.is_none() {
                        self.begin_step(state, at, now);
                    }
                }
            }
            _ => {
                let mut batch = std::mem::take(&mut state.batch);
                batch.retain(|id| state.give(*id, 1));
                state.batch = batch;
                self.begin_step(state, at, now);
            }
        }
        self.admit(state);
    }

    /// The next step begins at `at`, with those who have been prefilled by now.
    fn begin_step(&self, state: &mut State, at: Nanos, now: Nanos) {
        let State { batch, joining, jobs, .. } = state;
        batch.append(joining);
        batch.retain(|id| jobs.contains_key(id));
        let begin = if now - at > CATCH_UP { now } else { at };
        let length = step_length(&self.spec, batch.len());
        state.step_end = (!state.batch.is_empty()).then(|| begin + length);
    }
}

/// How long a step takes with `batch` requests: `itl` for one, `itl * (1 + slowdown)` for all slots.
fn step_length(spec: &SimSpec, batch: usize) -> Duration {
    let others = batch.saturating_sub(1) as f64;
    let most = f64::from(spec.slots.saturating_sub(1).max(1));
    let slower = 1.0 + spec.slowdown * others / most;
    Duration::try_from_secs_f64(spec.itl.as_secs_f64() * slower).unwrap_or(Duration::MAX)
}

struct Job {
    progress: Arc<Progress>,
    tokens: u32,
    given: u32,
    prefill: Duration,
    in_slot: bool,
}

/// Jobs that ended or left are gone from `jobs` at once, from the other places when met there.
#[derive(Default)]
struct State {
    jobs: HashMap<u64, Job>,
    next_id: u64,
    in_slots: u32,
    waiting: VecDeque<u64>,
    /// By the end of the prefill.
    prefilling: BinaryHeap<Reverse<(Nanos, u64)>>,
    /// Prefilled since the step began.
    joining: Vec<u64>,
    batch: Vec<u64>,
    step_end: Option<Nanos>,
    stopped: bool,
}

impl State {
    fn next_deadline(&self) -> Option<Nanos> {
        let prefilled = self.prefilling.peek().map(|Reverse((ready, _))| *ready);
        prefilled.into_iter().chain(self.step_end).min()
    }

    /// Gives a job its next tokens; false when it has all or is gone, and its slot is free.
    fn give(&mut self, id: u64, tokens: u32) -> bool {
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        job.given = job.given.saturating_add(tokens).min(job.tokens);
        job.progress.give(job.given);
        let more = job.given < job.tokens;
        if !more {
            self.jobs.remove(&id);
            self.in_slots -= 1;
        }
        more
    }
}

#[cfg(test)]
mod tests;
