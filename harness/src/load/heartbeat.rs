//! The runtime's heartbeat: a task that wakes every few milliseconds and records how late it was.
//!
//! Events are stamped when the runtime gets round to reading them, so whatever holds the runtime up makes
//! the service look slow, and no request says so. A late heartbeat does. A tick of the runtime's timer, a
//! millisecond, is its floor. Beside that it takes the load's pace: how much the client carried.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::session::Session;
use crate::clock::Nanos;
use crate::record::Record;

/// Between two beats.
const BEAT: Duration = Duration::from_millis(5);
/// A stall counts for each beat that it swallowed, since anything might have happened in each; up to so
/// many, which is ten seconds. A machine that slept for longer has been found out by then.
const MOST_MISSED: u32 = 2_000;
/// Between two looks at the pace.
const LOOK: Duration = Duration::from_secs(1);

/// Beats for as long as the handle lives.
pub(super) fn start(session: &Arc<Session>) -> AbortOnDropHandle<()> {
    session.meter.pace(session.clock.now());
    AbortOnDropHandle::new(tokio::spawn(beat(Arc::clone(session))))
}

async fn beat(session: Arc<Session>) {
    let clock = session.clock;
    let mut due = clock.now() + BEAT;
    let mut look = clock.now();
    loop {
        clock.sleep_until(due).await;
        let now = clock.now();
        for late in stalls(due, now) {
            session.meter.stalled(late);
            let in_flight = session.in_flight.load(Ordering::Relaxed);
            session.recorder.record(Record::Beat { at: now, late, in_flight });
        }
        if now.since(look) >= LOOK {
            session.meter.pace(now);
            look = now;
        }
        due = next(due, now);
    }
}

/// How late each beat was that was due from `due` until `now`.
fn stalls(due: Nanos, now: Nanos) -> impl Iterator<Item = Duration> {
    let late = now.since(due);
    (0..MOST_MISSED).map_while(move |missed| late.checked_sub(BEAT * missed))
}

/// The first beat after `now`, in step with `due`.
fn next(due: Nanos, now: Nanos) -> Nanos {
    let missed = now.since(due).as_nanos() / BEAT.as_nanos();
    due + BEAT * u32::try_from(missed + 1).unwrap_or(u32::MAX)
}

/// How much a load carries: its busiest few seconds.
#[derive(Debug, Default)]
pub(super) struct Pace {
    looks: VecDeque<Look>,
    requests_per_s: f64,
    events_per_s: f64,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Nanos,
    requests: u64,
    events: u64,
}

impl Pace {
    /// A pace is one of so long; a shorter burst waits in queues, and the lag says so.
    const OVER: Duration = Duration::from_secs(5);
    /// A run that is shorter than this has no pace.
    const LEAST: Duration = Duration::from_secs(1);

    /// Takes the counts at `now`.
    pub(super) fn look(&mut self, at: Nanos, requests: u64, events: u64) {
        self.looks.push_back(Look { at, requests, events });
        // The oldest look that is a whole window away is the window's start.
        while self.looks.get(1).is_some_and(|second| at.since(second.at) >= Self::OVER) {
            self.looks.pop_front();
        }
        let Some(first) = self.looks.front().copied() else { return };
        if at.since(first.at) >= Self::OVER {
            self.window(first, Look { at, requests, events });
        }
    }

    fn window(&mut self, first: Look, last: Look) {
        let seconds = last.at.since(first.at).as_secs_f64();
        let rate = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
        self.requests_per_s = self.requests_per_s.max(rate(first.requests, last.requests));
        self.events_per_s = self.events_per_s.max(rate(first.events, last.events));
    }

    /// Requests and events a second in the busiest window; of a run that is shorter, over all of it.
    pub(super) fn busiest(&self) -> (f64, f64) {
        let mut pace = Self { looks: VecDeque::new(), ..*self };
        if let (Some(first), Some(last)) = (self.looks.front(), self.looks.back())
            && last.at.since(first.at) >= Self::LEAST
            && self.requests_per_s == 0.0
        {
            pace.window(*first, *last);
        }
        (pace.requests_per_s, pace.events_per_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_stall_counts_for_every_beat_that_it_swallowed() {
        let late = |due: u64, now: u64| -> Vec<u64> {
            stalls(Nanos(due * MS), Nanos(now * MS)).map(|late| late.as_millis() as u64).collect()
        };
        assert_eq!(late(10, 11), [1]);
        assert_eq!(late(10, 22), [12, 7, 2]);
        assert_eq!(late(10, 9), [0], "a timer that is early is not late");
        assert_eq!(late(0, 3_600_000).len(), 2_000);
        assert_eq!(next(Nanos(10 * MS), Nanos(11 * MS)), Nanos(15 * MS));
        assert_eq!(next(Nanos(10 * MS), Nanos(22 * MS)), Nanos(25 * MS));
    }

    #[test]
    fn the_pace_is_that_of_the_busiest_five_seconds() {
        let mut pace = Pace::default();
        let (mut requests, mut events) = (0, 0);
        for second in 0..30 {
            pace.look(Nanos(second * 1_000 * MS), requests, events);
            // One second of 500 among seconds of 100.
            requests += if second == 12 { 500 } else { 100 };
            events += 1_000;
        }
        assert_eq!(pace.busiest(), (180.0, 1_000.0));
    }

    #[test]
    fn a_short_run_has_the_pace_of_all_of_it_and_a_shorter_one_none() {
        let mut pace = Pace::default();
        pace.look(Nanos(0), 0, 0);
        pace.look(Nanos(500 * MS), 100, 0);
        assert_eq!(pace.busiest(), (0.0, 0.0));
        pace.look(Nanos(2_000 * MS), 300, 8);
        assert_eq!(pace.busiest(), (150.0, 4.0));
    }
}
