//! Open loop: requests are sent when they are due, whatever became of those before.
//!
//! A thread of its own keeps the time, since the timers of an async runtime tick in milliseconds. Another
//! makes requests ready before they are due, so that when one is, only the send is left to do.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::LoadError;
use super::ahead::Ahead;
use super::exchange::Ask;
use super::session::Session;
use super::talk::{Talk, Talks};
use crate::clock::Nanos;
use crate::traffic::{self, Arrival, Arrivals};

/// Requests that are ready before they are due, at most.
const ASKS_AHEAD: usize = 64;

/// Sends all arrivals of the plan, and waits until the last request has ended.
pub(super) async fn run(session: &Arc<Session>) -> Result<(), LoadError> {
    let arrivals = traffic::arrivals(&session.plan)?;
    let (ended, end) = oneshot::channel();
    let requests = TaskTracker::new();
    let talks = Talks::of(session, &requests)?;
    let pacer = Pacer {
        session: Arc::clone(session),
        talks: talks.clone(),
        runtime: Handle::current(),
        requests: requests.clone(),
    };
    let thread = thread::Builder::new().name("squall-pace".into());
    let thread = thread.spawn(move || drop(ended.send(pacer.pace(arrivals))));
    let thread = thread.map_err(|error| LoadError::Pacer(error.to_string()))?;
    let paced = until_paced(session, &thread, end).await;
    if paced.is_err() {
        // The run has failed: nobody waits for what is in flight.
        session.over.cancel();
    }
    requests.close();
    requests.wait().await;
    // Why a session could not go on is why the load was over.
    talks.and_then(|talks| talks.failure()).map_or(paced, Err)
}

/// Waits for the thread, and wakes it when the load is over before its time.
async fn until_paced(
    session: &Session,
    thread: &JoinHandle<()>,
    mut end: oneshot::Receiver<Result<(), LoadError>>,
) -> Result<(), LoadError> {
    let paced = tokio::select! {
        paced = &mut end => paced,
        () = session.over.cancelled() => {
            thread.thread().unpark();
            end.await
        }
    };
    paced.unwrap_or_else(|_| Err(LoadError::Pacer("it panicked; this is a bug in squall".into())))
}

/// An arrival, ready to be sent.
struct Due {
    ask: Ask,
    /// The session that it begins.
    talk: Option<Talk>,
}

impl Due {
    fn of(arrival: Arrival, session: &Session, talks: Option<&Arc<Talks>>) -> Result<Self, LoadError> {
        if let (Some(talks), Some(opening)) = (talks, arrival.session) {
            let (talk, ask) = talks.begin(arrival, opening)?;
            return Ok(Self { ask, talk: Some(talk) });
        }
        let ask = session.ask(arrival.id, arrival.at, &arrival.prompt, arrival.output_tokens)?;
        Ok(Self { ask, talk: None })
    }

    /// All requests that come of it, if all goes well.
    fn requests(&self) -> u64 {
        self.talk.as_ref().map_or(1, |talk| talk.requests().into())
    }
}

struct Pacer {
    session: Arc<Session>,
    talks: Option<Arc<Talks>>,
    runtime: Handle,
    requests: TaskTracker,
}

impl Pacer {
    fn pace(self, arrivals: Arrivals) -> Result<(), LoadError> {
        wake_exactly();
        let requests = self.session.plan.traffic.limits.requests;
        let mut arrived = 0;
        let (session, talks) = (Arc::clone(&self.session), self.talks.clone());
        let asks = arrivals.map(move |arrival| Due::of(arrival?, &session, talks.as_ref()));
        let asks = Ahead::of(asks, ASKS_AHEAD).map_err(|error| LoadError::Pacer(error.to_string()))?;
        for due in asks {
            let due = due?;
            arrived += due.requests();
            if !self.wait_until(due.ask.intended) {
                break;
            }
            self.send(due);
        }
        // The last phase lasts as long as it says, also when nothing arrives any more: a node may have to come
        // back. A run that was to have so many requests is over with them.
        if requests != Some(arrived) {
            self.wait_until(self.session.plan.end());
        }
        Ok(())
    }

    /// Sends what is due, or sheds it at the cap.
    fn send(&self, Due { ask, talk }: Due) {
        match (self.session.arrive(&ask), talk) {
            (Some(place), None) => {
                let session = Arc::clone(&self.session);
                let request = async move {
                    session.exchange(ask).await;
                    drop(place);
                };
                self.requests.spawn_on(request, &self.runtime);
            }
            (Some(place), Some(talk)) => drop(self.requests.spawn_on(talk.live(ask, place), &self.runtime)),
            (None, Some(talk)) => talk.shed(),
            (None, None) => {}
        }
    }

    /// Sleeps until `at`; false when the load is over before.
    fn wait_until(&self, at: Nanos) -> bool {
        while !self.session.over.is_cancelled() {
            let left = at.since(self.session.clock.now());
            if left.is_zero() {
                return true;
            }
            thread::park_timeout(left);
        }
        false
    }
}

/// Asks the kernel to wake this thread when it is due: by default it may be 50 µs late, to save power.
fn wake_exactly() {
    #[cfg(target_os = "linux")]
    {
        // Where it is refused, requests are sent a little later, and the lag says so.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    }
}
