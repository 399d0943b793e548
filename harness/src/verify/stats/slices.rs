//! A ratio over slices of time, and how much it varies from slice to slice.
//!
//! The linearised variance of a ratio estimator over clusters in strata (Cochran, "Sampling Techniques",
//! 3rd edition, 1977, sections 6 and 11): of slices with values y and sizes x, R = Σy/Σx, the residuals
//! e = y − R·x say how far each is from what the whole says; their spread within each stratum, added up
//! and divided by (Σx)², is the variance of R. A stratum is a piece of the storm's timetable: that its
//! pieces differ is the storm's design, and no chance.

use std::collections::BTreeMap;

/// A slice of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Cell {
    /// The piece of the timetable that it lies in.
    pub(in super::super) piece: u32,
    /// Its size: samples, or seconds.
    pub(in super::super) of: f64,
    /// What was counted in it.
    pub(in super::super) good: f64,
}

/// What slices say together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Ratio {
    pub(in super::super) value: f64,
    /// Of the ratio.
    pub(in super::super) variance: f64,
    /// Degrees of freedom of the variance: slices without one for each piece; 1 or more.
    pub(in super::super) degrees: f64,
}

#[derive(Default)]
struct Piece {
    slices: f64,
    sum: f64,
    squares: f64,
}

impl Ratio {
    /// None where no piece has two slices, so that nothing is known of how they differ.
    pub(in super::super) fn of(cells: &[Cell]) -> Option<Self> {
        let (of, good) = cells.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.of, sum.1 + cell.good));
        let ratio = good / of;
        let mut pieces: BTreeMap<u32, Piece> = BTreeMap::new();
        for cell in cells.iter().filter(|cell| cell.of > 0.0) {
            let residual = cell.good - ratio * cell.of;
            let piece = pieces.entry(cell.piece).or_default();
            piece.slices += 1.0;
            piece.sum += residual;
            piece.squares += residual * residual;
        }
        let degrees: f64 = pieces.values().map(|piece| piece.slices - 1.0).sum();
        if degrees < 1.0 {
            return None;
        }
        let spread = |piece: &Piece| match piece.slices {
            // Alone in its piece: all of its residual may be chance.
            1.0 => piece.squares,
            slices => {
                let around = (piece.squares - piece.sum * piece.sum / slices).max(0.0);
                around * slices / (slices - 1.0)
            }
        };
        let variance = pieces.values().map(spread).sum::<f64>() / (of * of);
        Some(Self { value: ratio, variance, degrees })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(piece: u32, of: f64, good: f64) -> Cell {
        Cell { piece, of, good }
    }

    /// By hand: R = 30/40; residuals 2.5, −5, 2.5 have mean 0, so the variance is 3/2 · 37.5 / 40².
    #[test]
    fn the_variance_is_that_of_the_residuals() {
        let found = Ratio::of(&[cell(0, 10.0, 10.0), cell(0, 20.0, 10.0), cell(0, 10.0, 10.0)]);
        let expected = Ratio { value: 0.75, variance: 1.5 * 37.5 / 1600.0, degrees: 2.0 };
        assert_eq!(found, Some(expected));
    }

    /// By hand: all good in one piece, half good in the other, as it is in every run of the same storm.
    #[test]
    fn that_pieces_differ_is_no_chance() {
        let cells = [cell(0, 10.0, 10.0), cell(0, 10.0, 10.0), cell(1, 10.0, 5.0), cell(1, 10.0, 5.0)];
        assert_eq!(Ratio::of(&cells), Some(Ratio { value: 0.75, variance: 0.0, degrees: 2.0 }));
        let one = cells.map(|cell| Cell { piece: 0, ..cell });
        let variance = Ratio::of(&one).map_or(0.0, |ratio| ratio.variance);
        assert!((variance - 4.0 / 3.0 * 25.0 / 1600.0).abs() < 1e-12, "{variance}");
        // A slice alone in its piece has nothing beside it to be held against.
        let alone = [cell(0, 10.0, 10.0), cell(0, 10.0, 10.0), cell(1, 20.0, 10.0)];
        assert_eq!(Ratio::of(&alone).map(|ratio| ratio.variance), Some(25.0 / 1600.0));
    }

    #[test]
    fn of_one_slice_or_none_nothing_is_known() {
        assert_eq!(Ratio::of(&[]), None);
        assert_eq!(Ratio::of(&[cell(0, 10.0, 5.0), cell(1, 10.0, 5.0), cell(1, 0.0, 0.0)]), None);
    }
}
