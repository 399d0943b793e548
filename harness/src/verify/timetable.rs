//! The storm's timetable, in pieces, and the slices of time in them.
//!
//! Within a piece nothing is meant to change: how far its slices differ is chance, and that is what the
//! bounds on shares and rates are widened by. Between pieces the storm changes what happens, in every run
//! of the same scenario at the same times: a phase begins, a fault is switched on or withdrawn, a node
//! dies or comes back. A piece that would be too short to show how its slices differ is no piece.

use std::time::Duration;

use super::view::Down;
use crate::clock::Nanos;
use crate::scenario::plan::Plan;

/// A slice of time is at least this long: what fails together fails within less, mostly.
const SLICE: Duration = Duration::from_secs(1);
/// Slices of the longest run.
const MOST_SLICES: u32 = 7_200;
/// Slices of the shortest piece.
const LEAST_SLICES: u32 = 4;

/// The pieces of a run.
#[derive(Clone, Debug)]
pub(super) struct Timetable {
    /// Where they begin, ascending.
    begins: Vec<Nanos>,
    phases: Vec<(Nanos, Nanos)>,
    slice: Duration,
}

impl Timetable {
    /// Of a run that was watched until `until`.
    pub(super) fn new(plan: &Plan, downs: &[Down], until: Nanos) -> Self {
        let slice =
            SLICE.max(Duration::from_secs(until.since(Nanos::ZERO).as_secs() / u64::from(MOST_SLICES)));
        let least = slice * LEAST_SLICES;
        let faults = plan.faults.iter().flat_map(|fault| [fault.on, fault.off]);
        let deaths = downs.iter().flat_map(|down| [Some(down.from), down.to]).flatten();
        let mut cuts: Vec<Nanos> = faults.chain(deaths).collect();
        cuts.sort_unstable();
        let mut begins = Vec::new();
        for phase in &plan.phases {
            let mut begin = phase.start;
            begins.push(begin);
            for cut in cuts.iter().filter(|cut| phase.start < **cut && **cut < phase.end()) {
                if cut.since(begin) >= least && phase.end().since(*cut) >= least {
                    begin = *cut;
                    begins.push(begin);
                }
            }
        }
        let phases = plan.phases.iter().map(|phase| (phase.start, phase.end().min(until))).collect();
        Self { begins, phases, slice }
    }

    /// The piece that a moment lies in.
    pub(super) fn piece(&self, at: Nanos) -> u32 {
        self.begins.partition_point(|begin| *begin <= at) as u32
    }

    /// The slice of a phase that a moment lies in, and its middle.
    pub(super) fn slice(&self, phase: usize, at: Nanos) -> (u64, Nanos) {
        let start = self.phases.get(phase).map_or(Nanos::ZERO, |(start, _)| *start);
        let length = Nanos::from(self.slice).0;
        let index = at.since(start).as_nanos() as u64 / length;
        (index, Nanos(start.0.saturating_add(index.saturating_mul(length)).saturating_add(length / 2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Nanos {
        Nanos(seconds * 1_000_000_000)
    }

    /// The storm of the tests: 20 s to 40 s, a death at 22 s, which is too near to its beginning.
    #[test]
    fn pieces_are_cut_where_the_storm_changes_and_not_too_short() {
        let plan = super::super::tests::plan();
        let down = Down { node: 0, from: at(22), to: Some(at(30)), again: None };
        let table = Timetable::new(&plan, &[down], at(60));
        assert_eq!(table.begins, [0, 20, 30, 40].map(at));
        assert_eq!(table.piece(at(29)), table.piece(at(20)));
        assert_ne!(table.piece(at(29)), table.piece(at(30)));
        assert_eq!(table.slice(1, Nanos(23_200_000_000)), (3, Nanos(23_500_000_000)));
        // Long runs have longer slices.
        let long = Timetable::new(&plan, &[], at(86_400));
        assert_eq!(long.slice(0, at(24)), (2, Nanos(30_000_000_000)));
    }
}
