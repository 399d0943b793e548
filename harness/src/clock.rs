//! The one clock of a run.
//!
//! Every record is in nanoseconds of run time, counted from one monotonic start. Nothing else in
//! the harness reads a clock (`clippy.toml` bans it), so two records can always be compared.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// A moment in run time: nanoseconds since the run's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The run's start.
    pub const ZERO: Self = Self(0);

    /// Seconds since the run's start, for people.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Add<Duration> for Nanos {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(Self::from(duration).0))
    }
}

impl Sub for Nanos {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.as_secs_f64())
    }
}

/// The run's monotonic clock. Copies share the same start.
///
/// It stands at zero until the run begins: whatever happens while the fleet gets ready (a gateway's
/// first health checks) is recorded at zero. One that never begins is moved by hand.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    // A few bytes that live as long as the process, one a run, so that a clock is `Copy`.
    face: &'static Face,
}

#[derive(Debug)]
struct Face {
    start: OnceLock<Instant>,
    /// What it shows until it begins.
    standing: AtomicU64,
}

impl Clock {
    /// A clock that stands at zero until [`Clock::begin`].
    pub fn stopped() -> Self {
        Self { face: Box::leak(Box::new(Face { start: OnceLock::new(), standing: AtomicU64::new(0) })) }
    }

    /// A clock that begins now.
    pub fn start() -> Self {
        let clock = Self::stopped();
        clock.begin();
        clock
    }

    /// The run begins now. Once begun, this changes nothing.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn begin(&self) {
        self.face.start.get_or_init(Instant::now);
    }

    /// Moves a clock that stands, for replays. Once it has begun, this changes nothing.
    pub fn stand_at(&self, at: Nanos) {
        self.face.standing.store(at.0, Ordering::Relaxed);
    }

    /// Run time now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn now(&self) -> Nanos {
        match self.face.start.get() {
            Some(start) => Nanos::from(Instant::now() - *start),
            None => Nanos(self.face.standing.load(Ordering::Relaxed)),
        }
    }

    /// The instant of a moment in run time, for timers. Begins the clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn instant(&self, at: Nanos) -> Instant {
        *self.face.start.get_or_init(Instant::now) + Duration::from_nanos(at.0)
    }

    /// Sleeps until `at`; returns at once when it has passed.
    pub async fn sleep_until(&self, at: Nanos) {
        tokio::time::sleep_until(self.instant(at)).await;
    }
}
