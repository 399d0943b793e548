//! The nodes as the failover policy sees them: who is in, who is out, and who takes the next attempt.
//!
//! A node is `Up`, `Ejected` for a time, or on trial (`HalfOpen`): one request at a time until enough
//! have succeeded. What comes back from a trial is `Up` under a cap that grows by one with each
//! success, since the least busy node would otherwise take every request until it had caught up.
//!
//! Invariants: at most one trial of a node is open; what an attempt reports counts only in the spell
//! it began in, so that the remains of a death can't eject the node that came back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::Tuning;
use super::meters::{InFlight, Meters};
use crate::clock::{Clock, Nanos};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection could be made.
    Unreachable,
    /// The connection was lost before the answer began.
    Lost,
    /// It answered 5xx, broke off an answer that had begun, or began none in time.
    Failed,
    /// Health checks failed.
    Unhealthy,
}

/// The nodes and the state of each.
#[derive(Debug)]
pub(super) struct Pool {
    tuning: Tuning,
    clock: Clock,
    pub(super) meters: Arc<Meters>,
    inner: Mutex<Inner>,
    /// One for each node: check it now.
    suspects: Vec<Notify>,
    /// For each node the first spell that began after it was last found unable to serve at all.
    spells: Vec<watch::Sender<u32>>,
}

#[derive(Debug)]
struct Inner {
    seats: Vec<Seat>,
    /// The node that ties go to, or the next one after it.
    turn: usize,
}

/// A node's state.
#[derive(Clone, Debug)]
struct Seat {
    state: State,
    /// Counts ejections; tells which spell a report belongs to.
    spell: u32,
    failures: u32,
    missed_checks: u32,
    /// Ejections since the node was last fully back.
    ejections: u32,
    /// A health check has succeeded; until one has, the node is only presumed to be up.
    proven: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up { cap: Option<usize> },
    Ejected { until: Nanos },
    HalfOpen { successes: u32, trial: bool },
}

impl Pool {
    pub(super) fn new(tuning: Tuning, clock: Clock, meters: Arc<Meters>) -> Arc<Self> {
        // Presumed up: the first checks are on their way, and the first request need not wait.
        let seat = Seat {
            state: State::Up { cap: None },
            spell: 0,
            failures: 0,
            missed_checks: 0,
            ejections: 0,
            proven: false,
        };
        let nodes = meters.nodes.len();
        Arc::new(Self {
            tuning,
            clock,
            inner: Mutex::new(Inner { seats: vec![seat; nodes], turn: 0 }),
            suspects: (0..nodes).map(|_| Notify::new()).collect(),
            spells: (0..nodes).map(|_| watch::Sender::new(0)).collect(),
            meters,
        })
    }

    /// The least busy node that may take an attempt and is not among `tried`. None when there is
    /// none: all are out, on trial, or tried.
    pub(super) fn pick(self: &Arc<Self>, tried: &[usize]) -> Option<Ticket> {
        let mut inner = self.inner.lock();
        let nodes = inner.seats.len();
        let busy: Vec<usize> = self.meters.nodes.iter().map(|node| node.in_flight()).collect();
        inner.lift_caps(&busy);
        let turn = inner.turn;
        let open = |&node: &usize| !tried.contains(&node) && inner.seats[node].is_open();
        let order = (0..nodes).map(|step| (turn + step) % nodes).filter(open);
        // A cap yields when nobody else is there: it keeps a herd away, not the last request.
        let node = order.min_by_key(|&node| (inner.seats[node].is_full(busy[node]), busy[node]))?;
        inner.turn = (node + 1) % nodes;
        let seat = &mut inner.seats[node];
        let trial = matches!(seat.state, State::HalfOpen { .. });
        if let State::HalfOpen { trial, .. } = &mut seat.state {
            *trial = true;
        }
        let spell = seat.spell;
        let in_flight = self.meters.nodes[node].enter();
        Some(Ticket { pool: Arc::clone(self), node, spell, trial, _in_flight: in_flight })
    }

    /// A health check of `node` has ended.
    pub(super) fn checked(&self, node: usize, result: Result<(), Trouble>) {
        let now = self.clock.now();
        let mut inner = self.inner.lock();
        let seat = &mut inner.seats[node];
        match result {
            Ok(()) => {
                seat.missed_checks = 0;
                seat.proven = true;
                if seat.may_return(now) {
                    seat.state = State::HalfOpen { successes: 0, trial: false };
                    drop(inner);
                    tracing::info!(node = %self.meters.nodes[node].name, "healthy again, on trial");
                }
            }
            Err(trouble) => {
                seat.missed_checks += 1;
                if trouble == Trouble::Unreachable || seat.missed_checks >= self.tuning.checks_to_eject {
                    self.eject(&mut inner, node, now, trouble);
                }
            }
        }
    }

    /// Waits until somebody has doubts about `node`.
    pub(super) async fn suspected(&self, node: usize) {
        self.suspects[node].notified().await;
    }

    /// For each node, whether it is fully in rotation.
    pub(super) fn healthy(&self) -> Vec<bool> {
        self.inner.lock().seats.iter().map(|seat| matches!(seat.state, State::Up { .. })).collect()
    }

    /// Whether any node that a check found healthy is in, or on trial.
    pub(super) fn any_alive(&self) -> bool {
        let alive = |seat: &Seat| seat.proven && !matches!(seat.state, State::Ejected { .. });
        self.inner.lock().seats.iter().any(alive)
    }

    fn eject(&self, inner: &mut Inner, node: usize, now: Nanos, trouble: Trouble) {
        let seat = &mut inner.seats[node];
        if matches!(seat.state, State::Ejected { .. }) {
            return;
        }
        let backoff = seat.eject(now, &self.tuning);
        if matches!(trouble, Trouble::Unreachable | Trouble::Unhealthy) {
            self.spells[node].send_replace(seat.spell);
        }
        let meters = &self.meters.nodes[node];
        meters.ejections.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(node = %meters.name, ?trouble, ?backoff, "ejected");
    }

    fn succeeded(&self, node: usize, spell: u32) {
        let mut inner = self.inner.lock();
        let seat = &mut inner.seats[node];
        if seat.spell == spell && seat.succeed(self.tuning.trials) {
            drop(inner);
            tracing::info!(node = %self.meters.nodes[node].name, "back in rotation");
        }
    }

    fn troubled(&self, node: usize, spell: u32, trouble: Trouble) {
        let now = self.clock.now();
        let mut inner = self.inner.lock();
        // The last node that is in stays in whatever it answers: out, it could only answer less.
        let last = inner.is_last(node);
        let seat = &mut inner.seats[node];
        if seat.spell != spell {
            return;
        }
        seat.failures += 1;
        let enough = match trouble {
            Trouble::Unreachable => true,
            // A lost connection alone may be one that was kept too long: the check that follows tells.
            Trouble::Lost | Trouble::Failed | Trouble::Unhealthy => {
                let on_trial = matches!(seat.state, State::HalfOpen { .. });
                on_trial || (seat.failures >= self.tuning.failures_to_eject && !last)
            }
        };
        if enough {
            self.eject(&mut inner, node, now, trouble);
        }
        drop(inner);
        self.suspects[node].notify_one();
    }

    fn release(&self, node: usize, spell: u32) {
        let mut inner = self.inner.lock();
        let seat = &mut inner.seats[node];
        if seat.spell == spell
            && let State::HalfOpen { trial, .. } = &mut seat.state
        {
            *trial = false;
        }
    }
}

impl Inner {
    /// No node but this one is up.
    fn is_last(&self, node: usize) -> bool {
        let up = |(index, seat): (usize, &Seat)| index != node && matches!(seat.state, State::Up { .. });
        !self.seats.iter().enumerate().any(up)
    }

    /// Lifts the cap of each node that has caught up with the busiest other.
    fn lift_caps(&mut self, busy: &[usize]) {
        for node in 0..self.seats.len() {
            let others = busy.iter().enumerate().filter(|&(other, _)| other != node).map(|(_, &busy)| busy);
            let busiest = others.max().unwrap_or_default();
            if let State::Up { cap } = &mut self.seats[node].state {
                *cap = cap.filter(|&cap| cap <= busiest);
            }
        }
    }
}

impl Seat {
    fn is_open(&self) -> bool {
        matches!(self.state, State::Up { .. } | State::HalfOpen { trial: false, .. })
    }

    fn is_full(&self, busy: usize) -> bool {
        matches!(self.state, State::Up { cap: Some(cap) } if busy >= cap)
    }

    fn may_return(&self, now: Nanos) -> bool {
        matches!(self.state, State::Ejected { until } if now >= until)
    }

    fn eject(&mut self, now: Nanos, tuning: &Tuning) -> Duration {
        let backoff = tuning.backoff.saturating_mul(1 << self.ejections.min(16)).min(tuning.backoff_max);
        self.state = State::Ejected { until: now + backoff };
        self.spell += 1;
        self.ejections += 1;
        self.failures = 0;
        backoff
    }

    /// True when this success brought the node back.
    fn succeed(&mut self, trials: u32) -> bool {
        self.failures = 0;
        match &mut self.state {
            State::Up { cap } => *cap = cap.map(|cap| cap + 1),
            State::HalfOpen { successes, trial } => {
                *trial = false;
                *successes += 1;
                if *successes >= trials {
                    self.state = State::Up { cap: Some(trials as usize + 1) };
                    self.ejections = 0;
                    return true;
                }
            }
            State::Ejected { .. } => {}
        }
        false
    }
}

/// The right to send one attempt to one node; what came of it is reported through it. In flight
/// until it goes.
#[derive(Debug)]
pub(super) struct Ticket {
    pool: Arc<Pool>,
    pub(super) node: usize,
    spell: u32,
    trial: bool,
    _in_flight: InFlight,
}

impl Ticket {
    /// The node took the work and its answer has begun.
    pub(super) fn succeeded(&mut self) {
        self.trial = false;
        self.pool.succeeded(self.node, self.spell);
    }

    /// Waits until the node is found unreachable or unhealthy: it may never answer.
    pub(super) async fn node_gone(&self) {
        let mut spells = self.pool.spells[self.node].subscribe();
        if spells.wait_for(|&first| first > self.spell).await.is_err() {
            // The pool is gone, and the process with it.
            std::future::pending::<()>().await;
        }
    }

    /// The attempt showed trouble with its node.
    pub(super) fn troubled(&mut self, trouble: Trouble) {
        self.pool.troubled(self.node, self.spell, trouble);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // A trial that showed nothing (the client left, the node was busy) makes room for another.
        if self.trial {
            self.pool.release(self.node, self.spell);
        }
    }
}

#[cfg(test)]
mod tests;
