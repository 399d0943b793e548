//! Guards, and the one that ended the run, if one did.

use squall_report::{Breach, Stop};

use crate::record::Recorded;
use crate::scenario::plan::Plan;

/// The guards of the plan, in its order.
pub(super) fn stood(plan: &Plan, recorded: &Recorded) -> Vec<Stop> {
    let guards = plan.stops.iter().enumerate();
    guards
        .map(|(place, stop)| Stop {
            when: stop.text.clone(),
            over_s: stop.over.as_secs_f64(),
            least_samples: u64::from(stop.samples),
            breach: recorded.breach.as_ref().filter(|breach| breach.stop == place).map(|breach| Breach {
                at_s: breach.at.as_secs_f64(),
                samples: breach.samples,
                good: breach.good,
            }),
        })
        .collect()
}
