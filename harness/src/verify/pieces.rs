//! When the requests of each piece of the ledger were under way: what has to do with a few seconds of a long run
//! is found without a look at all of it, for each of maybe a thousand deaths.

use std::ops::Range;

use crate::clock::Nanos;
use crate::record::RequestFact;
use crate::table::Table;

/// Requests of a piece. They lie in the order of their ends, so a piece is of some seconds of the run; were they in
/// none, more pieces would be read, and nothing would change.
const PIECE: usize = if cfg!(test) { 4 } else { 1_024 };

/// The earliest and the latest moment of each piece's requests.
#[derive(Debug, Default)]
pub(super) struct Pieces(Vec<(Nanos, Nanos)>);

impl Pieces {
    pub(super) fn add(&mut self, place: usize, request: &RequestFact) {
        let moments = [Some(request.intended), Some(request.end), request.sent, request.first_byte];
        let moments = moments.into_iter().flatten();
        let (first, last) =
            moments.fold((request.end, request.end), |(first, last), at| (first.min(at), last.max(at)));
        match self.0.get_mut(place / PIECE) {
            Some(piece) => *piece = (piece.0.min(first), piece.1.max(last)),
            None => self.0.push((first, last)),
        }
    }

    /// The requests of which one may have a moment from `from` to `to`: all that have one, and others.
    pub(super) fn between<'a>(
        &self,
        requests: &'a Table<RequestFact>,
        from: Nanos,
        to: Nanos,
    ) -> impl Iterator<Item = RequestFact> + use<'a> {
        let mut places: Vec<Range<usize>> = Vec::new();
        for (piece, (first, last)) in self.0.iter().enumerate() {
            if *first > to || *last < from {
                continue;
            }
            let (start, end) = (piece * PIECE, (piece + 1) * PIECE);
            match places.last_mut() {
                Some(before) if before.end == start => before.end = end,
                _ => places.push(start..end),
            }
        }
        places.into_iter().flat_map(|places| requests.rows(places))
    }
}
