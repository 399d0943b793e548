//! Rates: how much came a second, and what is known of it.
//!
//! By batch means: the time is cut into blocks of equal length, about twenty of them, long enough that one
//! says little of the next (Law, "Simulation Modeling and Analysis", section 9.5.3); the mean of all has
//! the interval of Student's t that their spread gives it. A request counts when it was due, where the
//! objective is on what users get of what they ask for (goodput), and when it ended, where it is on what
//! the service puts out (throughput). Tokens count as they came: evenly from the first to the last.

use std::time::Duration;

use super::super::stats::{Cell, RISK, Ratio, t_quantile};
use super::super::view::{View, ok};
use super::samples::{self, Which};
use super::{Bounds, Span};
use crate::clock::Nanos;
use crate::record::RequestFact;
use crate::scenario::plan::{Counted, Objective, Slo};
use crate::table::{Table, packed, sorted};

/// Blocks that the time is cut into, where it is long enough.
const BLOCKS: u32 = 20;
/// No block is shorter.
const BLOCK_MIN: Duration = Duration::from_secs(1);
/// With fewer blocks nothing is proven.
pub(super) const LEAST_BLOCKS: u64 = 5;

/// What came: so much, evenly from a moment to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    from: Nanos,
    to: Nanos,
    amount: f64,
}
packed!(Came { from, to, amount });

/// What is known of a rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) blocks: u64,
    /// Blocks that reach what is claimed.
    pub(super) good: u64,
    pub(super) block: Duration,
    pub(super) mean: Option<f64>,
    pub(super) bounds: Bounds,
}

/// All that an objective on a rate counts, by when it came.
pub(super) fn came(view: &View<'_>, slo: &Slo, of: Counted) -> Table<Came> {
    // A request that was due in one phase may end in another: when it counts, says in which it counts.
    let selected = samples::selected(view, slo, Which::AnyPhase).filter(ok);
    let at = |at: Nanos| Came { from: at, to: at, amount: 1.0 };
    let came = |request: RequestFact| match of {
        Counted::Requests => Some(at(request.end)),
        Counted::GoodRequests => meets_all(view, &request).then(|| at(request.intended)),
        Counted::Tokens => Some(Came {
            from: request.first_content.unwrap_or(request.end),
            to: request.last_content.unwrap_or(request.end),
            amount: f64::from(request.output_tokens),
        }),
    };
    sorted(&view.facts.scratch, selected.filter_map(came), |came| came.from)
}

/// It is within the bound of every objective on a latency of its kind that counts it. Gaps are judged by
/// themselves.
fn meets_all(view: &View<'_>, request: &RequestFact) -> bool {
    view.plan.slos.iter().filter(|slo| samples::counts(view, slo, request, Which::ItsPhases)).all(|slo| {
        let Objective::Latency { metric, bound, .. } = slo.objective else { return true };
        request.latency(metric).is_none_or(|latency| latency <= bound)
    })
}

/// The rate in these spans together; its upper bound is wrong in a share `risk` of cases.
pub(super) fn judge(view: &View<'_>, came: &Table<Came>, spans: &[Span], least: f64, risk: f64) -> Rate {
    let length: Duration = spans.iter().map(|span| span.to - span.from).sum();
    let whole = Duration::from_secs((length / BLOCKS).as_secs());
    let block = BLOCK_MIN.max(whole);
    let mut cells = Vec::new();
    for span in spans {
        let own = cut(view, span, block);
        cells.extend(fill(&own, came));
    }
    let good = cells.iter().filter(|cell| cell.good >= least * cell.of).count() as u64;
    let blocks = cells.len() as u64;
    let (of, all) = cells.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.of, sum.1 + cell.good));
    let mean = (of > 0.0).then(|| all / of);
    let bounds = match (Ratio::of(&cells), mean) {
        (Some(Ratio { variance, degrees, .. }), Some(mean)) if blocks >= LEAST_BLOCKS => {
            let off = |risk: f64| t_quantile(1.0 - risk, degrees) * variance.sqrt();
            Bounds { lower: (mean - off(RISK)).max(0.0), upper: mean + off(risk) }
        }
        // As far as is known, anything: nobody asks for more than this.
        _ => Bounds { lower: 0.0, upper: f64::MAX },
    };
    Rate { blocks, good, block, mean, bounds }
}

/// A block, from and to, and its piece of the timetable.
type Block = (Nanos, Nanos, u32);

/// Blocks of about this length that fill the span.
fn cut(view: &View<'_>, span: &Span, block: Duration) -> Vec<Block> {
    let length = span.to - span.from;
    let number =
        (length.as_nanos() / block.as_nanos()).clamp(u128::from(!length.is_zero()), 1_000_000) as u32;
    let begin = |index: u32| span.from + length * index / number;
    (0..number)
        .map(|index| {
            let (from, to) = (begin(index), begin(index + 1));
            (from, to, view.timetable.piece(from + (to - from) / 2))
        })
        .collect()
}

/// What came in each block, of what came in order.
fn fill(blocks: &[Block], came: impl IntoIterator<Item = Came>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = blocks
        .iter()
        .map(|(from, to, piece)| Cell { piece: *piece, of: (*to - *from).as_secs_f64(), good: 0.0 })
        .collect();
    for came in came {
        // The first block that ends after it began.
        let first = blocks.partition_point(|(_, to, _)| *to <= came.from);
        if first == blocks.len() {
            // Nor does what follows come in any.
            break;
        }
        for (block, cell) in blocks.iter().zip(&mut cells).skip(first) {
            if block.0 > came.to {
                break;
            }
            cell.good += came.amount * part(&came, block);
        }
    }
    cells
}

/// The part of what came that came in this block.
fn part(came: &Came, (from, to, _): &Block) -> f64 {
    let whole = came.to.since(came.from);
    if whole.is_zero() {
        return if *from <= came.from && came.from < *to { 1.0 } else { 0.0 };
    }
    let inside = came.to.min(*to).since(came.from.max(*from));
    inside.as_secs_f64() / whole.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Nanos {
        Nanos((seconds * 1e9) as u64)
    }

    #[test]
    fn what_came_over_several_blocks_counts_in_each() {
        let blocks: Vec<Block> = vec![(at(0.0), at(1.0), 0), (at(1.0), at(2.0), 0), (at(2.0), at(3.0), 0)];
        let came = [
            Came { from: at(0.5), to: at(2.5), amount: 40.0 },
            Came { from: at(1.0), to: at(1.0), amount: 1.0 },
            Came { from: at(3.0), to: at(3.0), amount: 7.0 },
        ];
        let got: Vec<f64> = fill(&blocks, came).iter().map(|cell| cell.good).collect();
        assert_eq!(got, [10.0, 21.0, 10.0]);
    }
}
