//! Randomness keyed by purpose: a stream of its own for each (seed, purpose, item).
//!
//! Two purposes never share a stream, so that a change to one draws nothing differently in another.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Gaps between arrivals; one stream for the run.
    Arrivals,
    /// When bursts begin and end; one stream for the run.
    Bursts,
    /// Gaps between a spike's arrivals; one stream a spike.
    Spikes,
    /// Times to think; one stream a user.
    Thinking,
    /// How many turns a session has; one stream a session.
    Turns,
    /// How long tools work, and times to think; one stream a session.
    Pauses,
    /// Results of tools; one stream each.
    Results,
    /// Lengths of a request's prompt and answer.
    Lengths,
    /// Words of a request's prompt.
    Words,
    /// Words of a block that prompts share.
    Blocks,
    /// Which line of a corpus a request takes.
    Corpus,
    /// Places of rows in a bin of a rounded trace; a stream a bin.
    Spread,
}

/// The stream of `purpose` for `item` (a request, a spike or a user, or 0 where the run has only one).
pub(super) fn stream(seed: u64, purpose: Purpose, item: u64) -> ChaCha8Rng {
    let purpose: [u8; 8] = match purpose {
        Purpose::Arrivals => *b"arrivals",
        Purpose::Bursts => *b"bursts..",
        Purpose::Spikes => *b"spikes..",
        Purpose::Thinking => *b"thinking",
        Purpose::Turns => *b"turns...",
        Purpose::Pauses => *b"pauses..",
        Purpose::Results => *b"results.",
        Purpose::Lengths => *b"lengths.",
        Purpose::Words => *b"words...",
        Purpose::Blocks => *b"blocks..",
        Purpose::Corpus => *b"corpus..",
        Purpose::Spread => *b"spread..",
    };
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&purpose);
    key[16..24].copy_from_slice(&item.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}
