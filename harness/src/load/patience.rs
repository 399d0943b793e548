//! The limits a client keeps on one exchange, and its end when the run ends.
//!
//! One timer an exchange. An event moves the deadline, which costs a store, and not the timer: that is
//! armed again only when it fires too early, or when a deadline comes before it. Invariant: whatever is
//! waited for ends by the total limit, or at once when the run is over.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use crate::clock::{Clock, Nanos};
use crate::record::TimeoutKind;
use crate::scenario::plan::Limits;

/// What made a client give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GaveUp {
    /// It ran into a limit.
    Limit(TimeoutKind),
    /// The run is over.
    Stopped,
    /// It wanted to leave by now.
    Left,
}

/// After the final marker a client has what it wanted. It waits this long for the message's end, so
/// that the connection can be used again, and then closes it.
const LINGER: Duration = Duration::from_secs(1);

/// The patience of one exchange.
pub(super) struct Patience<'a> {
    clock: Clock,
    limits: Limits,
    /// When the exchange ends at the latest.
    total: Nanos,
    /// When the client leaves on purpose, if it does.
    leave: Option<Nanos>,
    /// What is waited for now, and until when; none while only the total counts.
    next: Option<(Nanos, TimeoutKind)>,
    timer: Pin<&'a mut Sleep>,
    stopped: Pin<&'a mut (dyn Future<Output = ()> + Send + 'a)>,
}

impl<'a> Patience<'a> {
    /// For a request that is sent at `sent`; `stopped` ends when the run does. Whenever `timer` is due, it is armed right from here on.
    pub(super) fn new(
        clock: Clock,
        limits: Limits,
        sent: Nanos,
        timer: Pin<&'a mut Sleep>,
        stopped: Pin<&'a mut (dyn Future<Output = ()> + Send + 'a)>,
    ) -> Self {
        Self { clock, limits, total: sent + limits.total, leave: None, next: None, timer, stopped }
    }

    /// The client leaves at this moment, whatever has come.
    pub(super) fn leave_at(&mut self, at: Nanos) {
        self.leave = Some(at);
        self.arm();
    }

    /// The first content is due, counted from `sent`.
    pub(super) fn until_first_token(&mut self, sent: Nanos) {
        self.set(sent + self.limits.first_token, TimeoutKind::FirstToken);
    }

    /// Something came at `at`, after the first content.
    pub(super) fn idle_from(&mut self, at: Nanos) {
        self.set(at + self.limits.idle, TimeoutKind::Idle);
    }

    /// The final marker came at `at`.
    pub(super) fn linger_from(&mut self, at: Nanos) {
        self.set(at + LINGER.min(self.limits.idle), TimeoutKind::Idle);
    }

    fn set(&mut self, deadline: Nanos, kind: TimeoutKind) {
        self.next = Some((deadline, kind));
        self.arm();
    }

    /// The timer is due no later than what is waited for.
    fn arm(&mut self) {
        let due = self.clock.instant(self.deadline().0);
        if due < self.timer.deadline() {
            self.timer.as_mut().reset(due);
        }
    }

    /// What came at `at` came in time. A stream that never pauses would not be looked at otherwise.
    pub(super) fn check(&self, at: Nanos) -> Result<(), GaveUp> {
        match self.leave {
            Some(leave) if at >= leave => Err(GaveUp::Left),
            _ if at >= self.total => Err(GaveUp::Limit(TimeoutKind::Total)),
            _ => Ok(()),
        }
    }

    /// The outcome of `future`, unless a limit is reached or the run is over before.
    pub(super) async fn wait<F: Future>(&mut self, future: F) -> Result<F::Output, GaveUp> {
        let mut future = std::pin::pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            self.poll_gave_up(context).map(Err)
        })
        .await
    }

    fn poll_gave_up(&mut self, context: &mut Context<'_>) -> Poll<GaveUp> {
        if self.stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(GaveUp::Stopped);
        }
        while self.timer.as_mut().poll(context).is_ready() {
            let (deadline, why) = self.deadline();
            if self.clock.now() >= deadline {
                return Poll::Ready(why);
            }
            self.timer.as_mut().reset(self.clock.instant(deadline));
        }
        Poll::Pending
    }

    fn deadline(&self) -> (Nanos, GaveUp) {
        let (limit, kind) =
            self.next.filter(|next| next.0 < self.total).unwrap_or((self.total, TimeoutKind::Total));
        match self.leave {
            Some(leave) if leave < limit => (leave, GaveUp::Left),
            _ => (limit, GaveUp::Limit(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    const LIMITS: Limits = Limits {
        in_flight: 1,
        requests: None,
        connect: Duration::from_secs(1),
        first_token: Duration::from_secs(5),
        idle: Duration::from_secs(3),
        total: Duration::from_mins(1),
    };

    /// Runs `test` with a patience from time zero on a paused clock; the result and the seconds it took.
    async fn with<T>(test: impl AsyncFnOnce(&mut Patience<'_>) -> T) -> (T, f64) {
        let clock = Clock::start();
        let stop = CancellationToken::new();
        let timer = std::pin::pin!(tokio::time::sleep_until(clock.instant(Nanos::ZERO + LIMITS.total)));
        let stopped = std::pin::pin!(stop.cancelled());
        let mut patience = Patience::new(clock, LIMITS, Nanos::ZERO, timer, stopped);
        let result = test(&mut patience).await;
        (result, clock.now().as_secs_f64())
    }

    async fn after(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    fn near(seconds: f64, expected: f64) {
        assert!((seconds - expected).abs() < 0.01, "{seconds} is not about {expected}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_leaves_when_it_said_unless_a_limit_comes_first() {
        let forever = std::future::pending::<()>;
        let (gave_up, at) = with(async |patience| {
            patience.leave_at(Nanos::from(Duration::from_secs(2)));
            patience.until_first_token(Nanos::ZERO);
            patience.wait(forever()).await
        })
        .await;
        assert_eq!(gave_up, Err(GaveUp::Left));
        near(at, 2.0);
        let (gave_up, at) = with(async |patience| {
            patience.leave_at(Nanos::from(Duration::from_secs(20)));
            patience.until_first_token(Nanos::ZERO);
            patience.wait(forever()).await
        })
        .await;
        assert_eq!(gave_up, Err(GaveUp::Limit(TimeoutKind::FirstToken)));
        near(at, 5.0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_token_idle_and_total_limits_are_kept() {
        let forever = std::future::pending::<()>;
        let (result, seconds) = with(async |patience| {
            patience.until_first_token(Nanos::ZERO);
            patience.wait(forever()).await
        })
        .await;
        assert_eq!(result, Err(GaveUp::Limit(TimeoutKind::FirstToken)));
        near(seconds, 5.0);
        let (result, seconds) = with(async |patience| patience.wait(forever()).await).await;
        assert_eq!(result, Err(GaveUp::Limit(TimeoutKind::Total)));
        near(seconds, 60.0);
    }

    #[tokio::test(start_paused = true)]
    async fn each_event_moves_the_idle_limit_and_none_moves_the_total() {
        let (result, seconds) = with(async |patience| {
            loop {
                if let Err(gave_up) = patience.wait(after(2)).await {
                    return gave_up;
                }
                patience.idle_from(patience.clock.now());
            }
        })
        .await;
        assert_eq!(result, GaveUp::Limit(TimeoutKind::Total));
        near(seconds, 60.0);
        let (result, seconds) = with(async |patience| {
            patience.idle_from(Nanos::ZERO);
            patience.wait(after(2)).await?;
            patience.idle_from(patience.clock.now());
            patience.wait(after(4)).await
        })
        .await;
        assert_eq!(result, Err(GaveUp::Limit(TimeoutKind::Idle)));
        near(seconds, 5.0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_pauses_ends_by_the_total_limit() {
        let (result, _) = with(async |patience| {
            after(61).await;
            assert_eq!(patience.wait(async {}).await, Ok(()));
            patience.check(patience.clock.now())
        })
        .await;
        assert_eq!(result, Err(GaveUp::Limit(TimeoutKind::Total)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_run_ends_it_at_once() {
        let clock = Clock::start();
        let stop = CancellationToken::new();
        let timer = std::pin::pin!(tokio::time::sleep_until(clock.instant(Nanos::ZERO)));
        let stopped = std::pin::pin!(stop.cancelled());
        let mut patience = Patience::new(clock, LIMITS, Nanos::ZERO, timer, stopped);
        stop.cancel();
        assert_eq!(patience.wait(std::future::pending::<()>()).await, Err(GaveUp::Stopped));
    }
}
