//! Calibration: what this machine's client can carry before its own figures can't be trusted.
//!
//! Measured by `squall calibrate`: the client alone against a simulated node on the same machine, by the
//! engine and with the records of a run, in steps that grow until a bound is broken. Stored once a machine;
//! a run that goes beyond it is inconclusive, with the figures. The node takes cores too, so the client
//! carries at least this.

mod host;
mod ladder;
mod measure;
mod step;
mod store;

use serde::{Deserialize, Serialize};
use squall_report::Peak;

pub use host::Host;
pub use measure::{CalibrationError, Effort, measure};
pub use step::{Bounds, Ladder, Step};
pub use store::{Found, StoreError, default_path, find, read, write};

/// The version of the stored form.
pub const SCHEMA: u32 = 1;

/// What a machine's client can carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The version of this form.
    pub schema: u32,
    /// The version of Squall that measured.
    pub squall: String,
    /// When, RFC 3339.
    pub measured_at: String,
    /// The machine.
    pub host: Host,
    /// What each step had to keep.
    pub bounds: Bounds,
    /// Requests a second.
    pub requests_per_s: f64,
    /// Events a second.
    pub events_per_s: f64,
    /// Streams open at once.
    pub open_streams: u64,
    /// The steps that it was found by, in their order.
    pub steps: Vec<Step>,
}

impl Calibration {
    /// For a run's report: the figures, and what a run with this peak went beyond.
    pub fn judge(&self, peak: &Peak) -> squall_report::Calibration {
        let Self { measured_at, requests_per_s, events_per_s, open_streams, .. } = self;
        let figures = [
            ("requests a second in its busiest five seconds", peak.requests_per_s, *requests_per_s),
            ("events a second in its busiest five seconds", peak.events_per_s, *events_per_s),
            ("requests in flight at once", peak.in_flight as f64, *open_streams as f64),
        ];
        let beyond = figures.into_iter().filter(|(_, was, carries)| was > carries);
        squall_report::Calibration {
            measured_at: measured_at.clone(),
            requests_per_s: *requests_per_s,
            events_per_s: *events_per_s,
            open_streams: *open_streams,
            exceeded: beyond
                .map(|(what, was, carries)| {
                    format!(
                        "{was:.0} {what}, it carries {carries:.0} (measure again with `squall calibrate` on an idle \
                         machine, give it more cores, or send less)"
                    )
                })
                .collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn known() -> Calibration {
        Calibration {
            schema: SCHEMA,
            squall: env!("CARGO_PKG_VERSION").into(),
            measured_at: "2026-11-24T12:00:00Z".into(),
            host: Host::here(),
            bounds: Bounds::default(),
            requests_per_s: 1_000.0,
            events_per_s: 50_000.0,
            open_streams: 2_000,
            steps: Vec::new(),
        }
    }

    #[test]
    fn a_run_within_what_the_machine_carries_goes_beyond_nothing() {
        let peak = Peak { requests_per_s: 1_000.0, events_per_s: 49_999.0, in_flight: 2_000 };
        let judged = known().judge(&peak);
        assert_eq!(judged.exceeded, Vec::<String>::new());
        assert_eq!((judged.open_streams, judged.measured_at.as_str()), (2_000, "2026-11-24T12:00:00Z"));
    }

    #[test]
    fn what_a_run_went_beyond_is_told_with_both_figures() {
        let peak = Peak { requests_per_s: 1_234.0, events_per_s: 10.0, in_flight: 2_001 };
        let exceeded = known().judge(&peak).exceeded;
        assert_eq!(exceeded.len(), 2, "{exceeded:?}");
        assert!(exceeded[0].contains("1234 requests a second") && exceeded[0].contains("carries 1000"));
        assert!(exceeded[1].contains("2001 requests in flight") && exceeded[1].contains("carries 2000"));
    }
}
