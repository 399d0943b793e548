//! A rate over time, as pieces on which it changes evenly.
//!
//! Every curve of the plan is such pieces, made as they are asked for, so that one rule (rescaling,
//! [`super::rescaled`]) serves them all and an endless curve takes no memory. Times are seconds of the
//! run, rates requests a second.

use std::f64::consts::TAU;
use std::vec;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;
use rand_distr::{Distribution as _, Exp1};

use super::draw::{Purpose, stream};
use crate::scenario::plan::{Curve, Plan, Step};

/// Pieces a day of the daily curve: one every five minutes of a real day. Between its points the curve
/// is then off by less than 0.01 % of its swing, and over a whole day by nothing.
const PIECES_A_DAY: u64 = 288;
/// A day, in seconds.
const DAY: f64 = 86_400.0;

/// A stretch of time on which the rate changes evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    /// How long it is; infinite only when the rate stays as it is.
    pub(super) lasts: f64,
    /// The rate at its start.
    pub(super) from: f64,
    /// The rate at its end.
    pub(super) to: f64,
}

impl Piece {
    fn level(rate: f64, lasts: f64) -> Self {
        Self { lasts, from: rate, to: rate }
    }

    /// Requests to expect in it.
    pub(super) fn mass(self) -> f64 {
        let mean = f64::midpoint(self.from, self.to);
        // An endless silence is no requests, not an undefined number of them.
        if mean > 0.0 { mean * self.lasts } else { 0.0 }
    }

    /// The time into it by which `mass` requests are to be expected; `mass` is within its own.
    pub(super) fn time_of(self, mass: f64) -> f64 {
        // The root of from·t + slope·t²/2 = mass, in the form that loses no digits to a small slope.
        let slope = (self.to - self.from) / self.lasts;
        let root = (self.from * self.from + 2.0 * slope * mass).max(0.0).sqrt();
        if mass > 0.0 { (2.0 * mass / (self.from + root)).min(self.lasts) } else { 0.0 }
    }

    /// The first `lasts` of it, and the rest.
    fn cut(self, lasts: f64) -> (Self, Self) {
        let between = self.from + (self.to - self.from) * (lasts / self.lasts);
        (
            Self { lasts, from: self.from, to: between },
            Self { lasts: self.lasts - lasts, from: between, to: self.to },
        )
    }

    fn times(self, factor: f64) -> Self {
        Self { lasts: self.lasts, from: self.from * factor, to: self.to * factor }
    }
}

/// The pieces of a curve, without an end.
#[derive(Debug)]
enum Shape {
    Listed(vec::IntoIter<Piece>),
    Daily { mean: f64, swing: f64, peak: f64, day: f64, next: u64 },
    Bursts(Box<Bursts>),
}

impl Shape {
    fn of(curve: &Curve, seed: u64) -> Self {
        match curve {
            Curve::Level(rate) => Self::Listed(vec![Piece::level(*rate, f64::INFINITY)].into_iter()),
            Curve::Ramp { from, to, over } => {
                let ramp = Piece { lasts: over.as_secs_f64(), from: *from, to: *to };
                Self::Listed(vec![ramp, Piece::level(*to, f64::INFINITY)].into_iter())
            }
            Curve::Steps(steps) => Self::Listed(stairs(steps).into_iter()),
            Curve::Daily { mean, swing, peak_at, starts_at, day } => Self::Daily {
                mean: *mean,
                swing: *swing,
                peak: (peak_at.as_secs_f64() - starts_at.as_secs_f64()) / DAY,
                day: day.as_secs_f64(),
                next: 0,
            },
            Curve::Bursts { low, high, low_for, high_for } => Self::Bursts(Box::new(Bursts::new(
                [*low, *high],
                [low_for.as_secs_f64(), high_for.as_secs_f64()],
                seed,
            ))),
        }
    }

    fn next(&mut self) -> Option<Piece> {
        match self {
            Self::Listed(pieces) => pieces.next(),
            Self::Daily { mean, swing, peak, day, next } => {
                let at = |index: u64| {
                    let moment = (index % PIECES_A_DAY) as f64 / PIECES_A_DAY as f64;
                    *mean * (1.0 + *swing * (TAU * (moment - *peak)).cos())
                };
                // A swing of 1 touches zero, which rounding must not pass.
                let (from, to) = (at(*next).max(0.0), at(*next + 1).max(0.0));
                *next += 1;
                Some(Piece { lasts: *day / PIECES_A_DAY as f64, from, to })
            }
            Self::Bursts(bursts) => Some(bursts.next()),
        }
    }
}

fn stairs(steps: &[Step]) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(2 * steps.len() + 1);
    let mut level = 0.0;
    for step in steps {
        if !step.ramp.is_zero() {
            pieces.push(Piece { lasts: step.ramp.as_secs_f64(), from: level, to: step.rate });
        }
        level = step.rate;
        match step.lasts {
            Some(lasts) if lasts.is_zero() => {}
            lasts => pieces.push(Piece::level(level, lasts.map_or(f64::INFINITY, |d| d.as_secs_f64()))),
        }
    }
    pieces.push(Piece::level(level, f64::INFINITY));
    pieces
}

/// Two levels, each held for an exponential time.
#[derive(Debug)]
pub(super) struct Bursts {
    rates: [f64; 2],
    means: [f64; 2],
    state: usize,
    random: ChaCha8Rng,
}

impl Bursts {
    /// The process has run for ever when the run begins: it starts in either state with the share of
    /// time that it spends there, so that the mean rate is the same at all times.
    pub(super) fn new(rates: [f64; 2], means: [f64; 2], seed: u64) -> Self {
        let mut random = stream(seed, Purpose::Bursts, 0);
        let high = means[1] / (means[0] + means[1]);
        let state = usize::from(uniform(&mut random) < high);
        Self { rates, means, state, random }
    }

    /// The state now, 0 low and 1 high, and its piece; the states alternate.
    fn next(&mut self) -> Piece {
        let stay: f64 = Exp1.sample(&mut self.random);
        let piece = Piece::level(self.rates[self.state], stay * self.means[self.state]);
        self.state = 1 - self.state;
        piece
    }
}

/// From 0 to 1, without 1.
pub(super) fn uniform(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// The rate of a run: its curve, multiplied by the load of each phase. Ends with the run.
#[derive(Debug)]
pub(super) struct Pieces {
    shape: Shape,
    /// What is left of the shape's piece.
    rest: Piece,
    /// Stretches of one load each: seconds and factor.
    loads: vec::IntoIter<(f64, f64)>,
    /// What is left of the stretch, and its factor.
    stretch: (f64, f64),
}

impl Pieces {
    pub(super) fn of(curve: &Curve, plan: &Plan) -> Self {
        let nothing = Piece::level(0.0, 0.0);
        Self {
            shape: Shape::of(curve, plan.seed),
            rest: nothing,
            loads: loads(plan).into_iter(),
            stretch: (0.0, 1.0),
        }
    }
}

/// How long each load holds. Neighbours with the same load are one, so that a rate that does not
/// change is one piece, and no rounding comes between.
fn loads(plan: &Plan) -> Vec<(f64, f64)> {
    plan.phases
        .chunk_by(|a, b| a.load.to_bits() == b.load.to_bits())
        .filter_map(|alike| {
            let (first, last) = (alike.first()?, alike.last()?);
            Some((last.end().since(first.start).as_secs_f64(), first.load))
        })
        .collect()
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        while self.stretch.0 <= 0.0 {
            self.stretch = self.loads.next()?;
        }
        while self.rest.lasts <= 0.0 {
            self.rest = self.shape.next()?;
        }
        let (left, factor) = self.stretch;
        let (piece, rest) = self.rest.cut(self.rest.lasts.min(left));
        self.stretch.0 -= piece.lasts;
        self.rest = rest;
        Some(piece.times(factor))
    }
}
