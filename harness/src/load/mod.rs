//! Load: sends the traffic, open loop or closed loop, and measures every exchange.
//!
//! Invariants: every arrival is recorded once, and ends in one row: at the in-flight cap it is shed,
//! never skipped. Latency counts from the intended send, and how late the client itself was is measured
//! beside it. When [`run`] returns, all rows have been recorded.
//!
//! `open.rs` paces a schedule from a thread of its own, `talk.rs` carries on the sessions that its arrivals
//! begin, `closed.rs` lets users wait for their answers; all send by `exchange.rs`, whose pure parts (what an event means, how content compares, what an end
//! is called) have files of their own.

mod ahead;
mod closed;
mod content;
mod dialect;
mod exchange;
mod heartbeat;
mod hedge;
mod kept;
mod meter;
mod open;
mod outcome;
mod patience;
mod policy;
mod seen;
mod session;
mod talk;
mod wire;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use squall_report::{Lag, Peak};
use tokio_util::sync::CancellationToken;

pub use crate::access::AccessError;
use crate::clock::Clock;
use crate::correlation::Correlator;
use crate::name::RequestId;
use crate::record::Recorder;
use crate::scenario::plan::{Plan, Schedule};
use crate::traffic;
use session::Session;

/// What a load needs.
pub struct LoadContext {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The run's clock; it has begun.
    pub clock: Clock,
    /// Where the target is: its base URL, up to and with `/v1`.
    pub base_url: String,
    /// Takes arrivals and rows.
    pub recorder: Recorder,
    /// The join with the proxies.
    pub correlator: Arc<Correlator>,
    /// Ends the load: no more arrivals, and what is in flight ends at once as aborted.
    pub stop: CancellationToken,
    /// Requests in flight, for whoever watches.
    pub in_flight: Arc<AtomicU64>,
}

/// How the client itself did.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadSummary {
    /// How much later than intended requests were sent.
    pub lag: Lag,
    /// How late a task of the async runtime woke.
    pub stall: Lag,
    /// The most that it carried.
    pub peak: Peak,
    /// Why no verdict can rest on this load, if none can: the client could not keep its schedule.
    pub why_saturated: Option<String>,
}

/// Why a load could not be sent, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The schedule could not be made, or not to its end.
    #[error(transparent)]
    Traffic(#[from] traffic::TrafficError),
    /// A key, a header or the certificates can't be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The base URL is none.
    #[error("the target's base URL is not one: {0}")]
    Address(String),
    /// The HTTP client could not be made.
    #[error("could not set up the HTTP client: {0}")]
    Client(String),
    /// A request could not be made.
    #[error("could not make request {id}: {error}; this is a bug in squall")]
    Request {
        /// Which.
        id: RequestId,
        /// Why.
        error: String,
    },
    /// The pacing thread could not be started, or did not end as it should.
    #[error("the pacing thread failed: {0}")]
    Pacer(String),
    /// The closed loop could not be run.
    #[error("the users of the closed loop could not be run: {0}")]
    Users(String),
}

/// Sends the load of a plan until its end, or until it is stopped, and waits for what is in flight.
pub async fn run(context: LoadContext) -> Result<LoadSummary, LoadError> {
    let session = Arc::new(Session::new(context)?);
    // Whatever is left of this load when it is dropped ends.
    let _end = session.over.clone().drop_guard();
    let beating = heartbeat::start(&session);
    match &session.plan.traffic.schedule {
        Schedule::Users(users) => Box::pin(closed::run(&session, users)).await?,
        Schedule::Trace { .. } | Schedule::Arrivals(_) => open::run(&session).await?,
    }
    drop(beating);
    let meter = &session.meter;
    meter.pace(session.clock.now());
    Ok(LoadSummary {
        lag: meter.lag(),
        stall: meter.stall(),
        peak: meter.peak(),
        why_saturated: meter.why_saturated(),
    })
}
