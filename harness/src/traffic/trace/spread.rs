//! Times that were rounded when they were recorded, spread again.
//!
//! A trace that knows only whole seconds sends all requests of a second at once, which no users did. Spread,
//! the requests of one recorded time lie in its bin (from that time on, as long as the rounding) as
//! independent uniform draws, in order: a Poisson process, given how many there are.
//!
//! Invariants: order stays; no row leaves its bin or passes the next recorded time; draws are keyed by
//! seed and bin, so a trace spreads the same way whoever reads it.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt as _;
use serde::Serialize;

use super::super::TrafficError;
use super::super::draw::{Purpose, stream};
use super::{BadRows, Format, Row, Skipped, Source, Trace};
use crate::clock::Nanos;

/// Rows that may share one time: so many are held at once.
const MOST: usize = 16_384;
/// Rows that are looked at to find the rounding.
const SAMPLE: usize = 100_000;

/// How far times are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// By the rounding that the trace shows: the smallest gap between two different times in its first
    /// 100,000 rows. Times that were not rounded lie so close that nothing moves.
    Found,
    /// By this much.
    By(Duration),
}

/// The rows of a trace, spread where that was asked for: an iterator that ends after an error.
#[derive(Debug)]
pub struct Rows {
    trace: Trace,
    bin: Option<u64>,
    seed: u64,
    bins: u64,
    ready: VecDeque<Row>,
    /// What was read after the rows of a bin.
    ahead: Option<Result<Row, TrafficError>>,
}

impl Rows {
    pub(super) fn open(source: &Source, seed: u64) -> Result<Self, TrafficError> {
        let bin = match source.spread {
            None => None,
            Some(Spread::By(bin)) => Some(Nanos::from(bin).0),
            Some(Spread::Found) => rounding(source)?.map(|bin| bin.0),
        };
        let trace = Trace::open(source)?;
        Ok(Self { trace, bin, seed, bins: 0, ready: VecDeque::new(), ahead: None })
    }

    /// The trace's format.
    pub fn format(&self) -> Format {
        self.trace.format()
    }

    /// The rows that were left out so far.
    pub fn skipped(&self) -> &Skipped {
        self.trace.skipped()
    }

    /// No row has been read so far.
    pub fn is_empty(&self) -> bool {
        self.trace.is_empty()
    }

    /// How far times are spread; none where they are as they were recorded.
    pub fn bin(&self) -> Option<Duration> {
        self.bin.map(Duration::from_nanos)
    }

    fn pull(&mut self) -> Option<Result<Row, TrafficError>> {
        self.ahead.take().or_else(|| self.trace.next())
    }

    /// Reads the next bin's rows and places them.
    fn fill(&mut self, first: Row, bin: u64) -> Result<(), TrafficError> {
        let start = first.at;
        self.ready.push_back(first);
        loop {
            match self.trace.next() {
                Some(Ok(row)) if row.at == start => {
                    if self.ready.len() == MOST {
                        return Err(TrafficError::Row {
                            path: self.trace.path().to_owned(),
                            line: row.line,
                            problem: format!(
                                "more than {MOST} rows have this row's time; that many can't be spread"
                            ),
                        });
                    }
                    self.ready.push_back(row);
                }
                ahead => {
                    self.ahead = ahead;
                    break;
                }
            }
        }
        let Some(start) = start else { return Ok(()) };
        let next = match &self.ahead {
            Some(Ok(row)) => row.at,
            _ => None,
        };
        let width = next.map_or(bin, |next| bin.min(next.0.saturating_sub(start.0)));
        let mut random = stream(self.seed, Purpose::Spread, self.bins);
        self.bins += 1;
        let mut places: Vec<u64> =
            self.ready.iter().map(|_| (random.random::<f64>() * width as f64) as u64).collect();
        places.sort_unstable();
        for (row, place) in self.ready.iter_mut().zip(places) {
            row.at = Some(Nanos(start.0.saturating_add(place)));
        }
        Ok(())
    }
}

impl Iterator for Rows {
    type Item = Result<Row, TrafficError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(bin) = self.bin else { return self.trace.next() };
        if self.ready.is_empty() {
            match self.pull()? {
                // Without times there is nothing to spread, and nothing to gather.
                Ok(row) if row.at.is_none() => return Some(Ok(row)),
                Ok(row) => {
                    if let Err(error) = self.fill(row, bin) {
                        self.ready.clear();
                        self.trace.broken = true;
                        return Some(Err(error));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

/// The rounding of a trace's times; none where it has no two different ones.
fn rounding(source: &Source) -> Result<Option<Nanos>, TrafficError> {
    // Whoever reads the rows meets the bad ones.
    let trace = Trace::open(&Source { bad_rows: BadRows::Skip, ..source.clone() })?;
    let mut smallest: Option<u64> = None;
    let mut last: Option<Nanos> = None;
    for row in trace.take(SAMPLE) {
        let Some(at) = row?.at else { return Ok(None) };
        if let Some(gap) = last.map(|last| at.0 - last.0).filter(|gap| *gap > 0) {
            smallest = Some(smallest.map_or(gap, |smallest| smallest.min(gap)));
        }
        last = Some(at);
    }
    Ok(smallest.map(Nanos))
}
