//! Arrivals at a rate that changes: a process of rate 1, its time rescaled by the rate.
//!
//! Arrival k of the process of rate 1 is sent when k's place on its axis is the number of requests
//! that the rate has made to expect since the run's start. So one process follows every curve: Poisson
//! becomes the inhomogeneous Poisson process of that rate, a gamma process keeps its burstiness through
//! ramps. (D. Daley, D. Vere-Jones, An Introduction to the Theory of Point Processes, 2nd ed., 7.4, on
//! random time change.)

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp1, Gamma};

use super::TrafficError;
use super::draw::{Purpose, stream};
use super::rate::{Piece, Pieces, uniform};
use crate::clock::Nanos;
use crate::scenario::plan::{Arrivals, Plan, Process};

/// The times of arrivals at a rate, in order, until the run's end.
#[derive(Debug)]
pub(super) struct Rescaled {
    unit: Unit,
    pieces: Pieces,
    piece: Piece,
    /// When the piece begins, in seconds.
    begins: f64,
    /// Requests to expect before it.
    before: f64,
}

impl Rescaled {
    pub(super) fn of(arrivals: &Arrivals, plan: &Plan) -> Result<Self, TrafficError> {
        Ok(Self {
            unit: Unit::of(arrivals.process, plan.seed)?,
            pieces: Pieces::of(&arrivals.rate, plan),
            piece: Piece { lasts: 0.0, from: 0.0, to: 0.0 },
            begins: 0.0,
            before: 0.0,
        })
    }
}

impl Iterator for Rescaled {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        let place = self.unit.next();
        while place - self.before >= self.piece.mass() {
            self.before += self.piece.mass();
            self.begins += self.piece.lasts;
            self.piece = self.pieces.next()?;
        }
        let at = self.begins + self.piece.time_of(place - self.before);
        // Rounded, since sums of pieces may fall short of a whole number by a bit.
        Some(Nanos((at * 1e9).round() as u64))
    }
}

/// A process of rate 1: the places of its arrivals on its axis.
#[derive(Debug)]
enum Unit {
    /// 0, 1, 2, …: counted, not added up, so that no rounding error grows with the run.
    Constant { next: u64 },
    /// A renewal process.
    Renewal { place: f64, gaps: Gaps, random: Box<ChaCha8Rng> },
}

#[derive(Debug)]
enum Gaps {
    Exponential,
    Gamma {
        gaps: Gamma<f64>,
        /// The gap that the run's start falls into, until it is drawn: longer gaps are likelier to be it.
        around_start: Option<Gamma<f64>>,
    },
}

impl Unit {
    fn of(process: Process, seed: u64) -> Result<Self, TrafficError> {
        let gaps = match process {
            Process::Constant => return Ok(Self::Constant { next: 0 }),
            Process::Poisson => Gaps::Exponential,
            Process::Gamma { cv } => {
                let (shape, scale) = (1.0 / (cv * cv), cv * cv);
                let gamma = |shape| Gamma::new(shape, scale).map_err(|_| TrafficError::Gaps { cv });
                // The length-biased gamma of shape k is the gamma of shape k + 1.
                Gaps::Gamma { gaps: gamma(shape)?, around_start: Some(gamma(shape + 1.0)?) }
            }
        };
        Ok(Self::Renewal { place: 0.0, gaps, random: Box::new(stream(seed, Purpose::Arrivals, 0)) })
    }

    fn next(&mut self) -> f64 {
        match self {
            Self::Constant { next } => {
                *next += 1;
                (*next - 1) as f64
            }
            Self::Renewal { place, gaps, random } => {
                *place += gaps.next(random);
                *place
            }
        }
    }
}

impl Gaps {
    fn next(&mut self, random: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::Exponential => Exp1.sample(random),
            Self::Gamma { gaps, around_start } => match around_start.take() {
                // The process has run for ever when the run begins, so that its rate is right from the
                // first second: what is left of the gap around the start is a uniform part of it.
                Some(around) => uniform(random) * around.sample(random),
                None => gaps.sample(random),
            },
        }
    }
}

#[cfg(test)]
mod tests;
