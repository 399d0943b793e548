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
use super::session::Session;
use crate::clock::Nanos;
use crate::record::Record;
use crate::traffic::{self, Arrivals};

/// Requests that are ready before they are due, at most.
const ASKS_AHEAD: usize = 64;

/// Sends all arrivals of the plan, and waits until the last request has ended.
pub(super) async fn run(session: &Arc<Session>) -> Result<(), LoadError> {
    let arrivals = traffic::arrivals(&session.plan)?;
    let (ended, end) = oneshot::channel();
    let pacer =
        Pacer { session: Arc::clone(session), runtime: Handle::current(), requests: TaskTracker::new() };
    let requests = pacer.requests.clone();
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
    paced
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

struct Pacer {
    session: Arc<Session>,
    runtime: Handle,
    requests: TaskTracker,
}

impl Pacer {
    fn pace(self, arrivals: Arrivals) -> Result<(), LoadError> {
        wake_exactly();
        let most = u64::from(self.session.plan.traffic.limits.in_flight);
        let requests = self.session.plan.traffic.limits.requests;
        let mut arrived = 0;
        let session = Arc::clone(&self.session);
        let asks = arrivals.map(move |arrival| {
            let arrival = arrival?;
            session.ask(arrival.id, arrival.at, &arrival.prompt, arrival.output_tokens)
        });
        let asks = Ahead::of(asks, ASKS_AHEAD).map_err(|error| LoadError::Pacer(error.to_string()))?;
        for ask in asks {
            let ask = ask?;
            arrived += 1;
            if !self.wait_until(ask.intended) {
                break;
            }
            self.session.recorder.record(Record::Arrival(ask.intended));
            let Some(place) = self.session.enter(most) else {
                self.session.shed(&ask);
                continue;
            };
            let session = Arc::clone(&self.session);
            let request = async move {
                session.exchange(ask).await;
                drop(place);
            };
            self.requests.spawn_on(request, &self.runtime);
        }
        // The last phase lasts as long as it says, also when nothing arrives any more: a node may have to come
        // back. A run that was to have so many requests is over with them.
        if requests != Some(arrived) {
            self.wait_until(self.session.plan.end());
        }
        Ok(())
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
