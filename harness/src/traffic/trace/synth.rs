//! Traces made up: arrivals of a given rate and burstiness, lengths of given distributions.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Gamma};

use super::super::draw::{Purpose, stream};
use super::super::prompt::draw_lengths;
use super::{BLOCK_TOKENS, Row};
use crate::clock::Nanos;
use crate::name::RequestId;
use crate::scenario::plan;

/// What is made up.
#[derive(Clone, Copy, Debug)]
pub struct Synth {
    /// Rows a second, more than 0.
    pub rate: f64,
    /// Coefficient of variation of the gaps, 0 or more: 0 is a metronome, 1 is Poisson, more comes in
    /// bursts. Gaps are gamma distributed.
    pub cv: f64,
    /// Lengths of prompts and answers.
    pub lengths: plan::Lengths,
    /// What prompts begin with, where they share anything.
    pub prefixes: Option<SharedPrefixes>,
    /// Fixes all of it.
    pub seed: u64,
}

/// Prefixes that prompts share; each prompt begins with one, drawn evenly.
#[derive(Clone, Copy, Debug)]
pub struct SharedPrefixes {
    /// How many there are, at least 1.
    pub count: u64,
    /// Blocks of each. A prompt that is not longer has only as many of them as fit.
    pub blocks: u64,
}

impl Synth {
    /// The rows, without end. The first is at zero.
    pub fn rows(self) -> impl Iterator<Item = Row> {
        let mean = 1e9 / self.rate;
        // Shape and scale of a gamma distribution with this mean and CV; none for a metronome.
        let gamma = Gamma::new(self.cv.powi(-2), mean * self.cv.powi(2)).ok().filter(|_| self.cv > 1e-6);
        let mut random = stream(self.seed, Purpose::Arrivals, 0);
        let mut at = 0.0;
        let mut unique = self.prefixes.map_or(0, |prefixes| prefixes.count * prefixes.blocks);
        (0..).map(move |index: u64| {
            if index > 0 {
                at = gamma.map_or(index as f64 * mean, |gamma| at + gamma.sample(&mut random));
            }
            let (input, output) = draw_lengths(self.seed, RequestId(index), self.lengths);
            Row {
                at: Some(Nanos(at as u64)),
                input_tokens: Some(input),
                output_tokens: Some(output),
                hash_ids: self
                    .prefixes
                    .map(|prefixes| {
                        prefixes.ids(input, stream(self.seed, Purpose::Words, index), &mut unique)
                    })
                    .unwrap_or_default(),
                line: index + 1,
                ..Row::default()
            }
        })
    }
}

impl SharedPrefixes {
    /// The blocks of a prompt: a shared prefix, and what no other prompt has.
    fn ids(self, input_tokens: u32, mut random: ChaCha8Rng, unique: &mut u64) -> Vec<u64> {
        let blocks = u64::from(input_tokens.div_ceil(BLOCK_TOKENS));
        // The last block is short, or the prompt's own.
        let shared = self.blocks.min(blocks.saturating_sub(1));
        let first = random.random_range(0..self.count.max(1)) * self.blocks;
        let own = *unique;
        *unique += blocks - shared;
        (first..first + shared).chain(own..*unique).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::plan::{Length, Lengths};

    fn synth(cv: f64) -> Synth {
        let lengths =
            Lengths { input: Length::Lognormal { mean: 600.0, sd: 400.0 }, output: Length::Fixed(50) };
        Synth { rate: 20.0, cv, lengths, prefixes: None, seed: 7 }
    }

    fn gaps(synth: Synth, rows: usize) -> (f64, f64) {
        let times: Vec<f64> =
            synth.rows().take(rows).map(|row| row.at.expect("a time").as_secs_f64()).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        (mean, variance.sqrt() / mean)
    }

    #[test]
    fn gaps_have_the_mean_and_the_cv_asked_for() {
        for (cv, within) in [(0.0, 1e-6), (0.5, 0.03), (1.0, 0.05), (3.0, 0.3)] {
            let (mean, got) = gaps(synth(cv), 20_000);
            assert!((mean * 20.0 - 1.0).abs() < 0.06, "CV {cv}: mean {mean}");
            assert!((got - cv).abs() < within, "CV {cv}: {got}");
        }
    }

    #[test]
    fn it_is_fixed_by_its_seed_and_begins_at_zero() {
        let rows = |synth: Synth| synth.rows().take(50).collect::<Vec<_>>();
        assert_eq!(rows(synth(1.0)), rows(synth(1.0)));
        assert_ne!(rows(synth(1.0)), rows(Synth { seed: 8, ..synth(1.0) }));
        assert_eq!(rows(synth(1.0))[0].at, Some(Nanos::ZERO));
    }

    #[test]
    fn prompts_share_only_their_prefix() {
        let prefixes = Some(SharedPrefixes { count: 3, blocks: 2 });
        let rows: Vec<Row> = Synth { prefixes, ..synth(1.0) }.rows().take(200).collect();
        let mut own = std::collections::HashSet::new();
        for row in &rows {
            let blocks = row.input_tokens.expect("there").div_ceil(BLOCK_TOKENS) as usize;
            assert_eq!(row.hash_ids.len(), blocks);
            for (place, id) in row.hash_ids.iter().enumerate() {
                if place < 2.min(blocks - 1) {
                    assert!(*id < 6 && *id % 2 == place as u64, "{row:?}");
                } else {
                    assert!(*id >= 6 && own.insert(*id), "{row:?}");
                }
            }
        }
    }
}
