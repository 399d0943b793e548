//! What a trace is like, found in one pass and in memory that does not grow with it.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::distinct::Distinct;
use super::{BLOCK_TOKENS, Format, Row, Skipped, Source, open};
use crate::traffic::{MAX_TOKENS, TrafficError};

/// Lengths of a slot of the rate over time, seconds; each divides the next.
const SLOTS_S: [f64; 9] = [0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0];
/// Slots at most; then they are joined.
const MOST_SLOTS: usize = 1_200;

/// What a trace is like.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// Its format.
    pub format: Format,
    /// Rows that were read.
    pub rows: u64,
    /// Rows that were left out.
    pub skipped: Skipped,
    /// How far its times were spread, where that was asked for, in seconds.
    pub spread_s: Option<f64>,
    /// Its times; none where it has none.
    pub times: Option<Times>,
    /// Lengths of prompts, where rows have them.
    pub input_tokens: Option<Lengths>,
    /// Lengths of answers, where rows have them.
    pub output_tokens: Option<Lengths>,
    /// What prompts share, where rows have `hash_ids`.
    pub prefixes: Option<Prefixes>,
    /// Conversations, where rows name them; within 1 % beyond half a million.
    pub sessions: Option<u64>,
    /// Rows that hold their request as it is.
    pub requests: u64,
}

/// When requests were sent.
#[derive(Clone, Debug, Serialize)]
pub struct Times {
    /// From the first row to the last.
    pub span_s: f64,
    /// Rows a second of the span.
    pub rate: f64,
    /// Mean gap between rows.
    pub mean_gap_s: f64,
    /// Coefficient of variation of the gaps: standard deviation over mean. 0 is a metronome, 1 is Poisson.
    pub gap_cv: f64,
    /// The longest gap.
    pub longest_gap_s: f64,
    /// Rows with exactly the time of the row above.
    pub same_time: u64,
    /// The length of a slot of `slots`.
    pub slot_s: f64,
    /// Rows in each slot from the first row on; the last slot may be cut short by the trace's end.
    pub slots: Vec<u64>,
}

/// How long prompts or answers are, in tokens. Percentiles are within 0.1 %.
#[derive(Clone, Debug, Serialize)]
pub struct Lengths {
    /// Rows that say.
    pub rows: u64,
    /// Exact.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Exact.
    pub min: u64,
    /// Exact.
    pub max: u64,
    /// The percentiles 0, 1, … 100.
    pub percentiles: Vec<u64>,
}

/// What prompts share.
#[derive(Clone, Debug, Serialize)]
pub struct Prefixes {
    /// Tokens of a block.
    pub block_tokens: u32,
    /// Blocks of all prompts.
    pub blocks: u64,
    /// Different ones among them.
    pub distinct: u64,
    /// Share of the blocks that a cache which forgets nothing would have had: those in an unbroken run
    /// from their prompt's start that earlier prompts held already. Where it is estimated, all that
    /// earlier prompts held: the same, as long as an id stands for its block and all before it.
    pub hit_rate: f64,
    /// Too many different blocks to hold: `distinct` and `hit_rate` are estimates, within 1 %.
    pub estimated: bool,
}

/// Reads the trace of `source` to its end, and says what it is like. `seed` fixes how it is spread.
pub fn info(source: &Source, seed: u64) -> Result<Info, TrafficError> {
    let mut rows = open(source, seed)?;
    let mut survey = Survey::default();
    for row in rows.by_ref() {
        survey.add(&row?);
    }
    if survey.rows == 0 && rows.skipped().rows == 0 {
        return Err(TrafficError::Empty { path: source.path.clone() });
    }
    Ok(Info {
        format: rows.format(),
        rows: survey.rows,
        skipped: rows.skipped().clone(),
        spread_s: rows.bin().map(|bin| bin.as_secs_f64()),
        times: survey.clock.times(survey.rows),
        input_tokens: survey.input.lengths(),
        output_tokens: survey.output.lengths(),
        prefixes: survey.blocks.prefixes(),
        sessions: Some(survey.sessions.count()).filter(|count| *count > 0),
        requests: survey.requests,
    })
}

#[derive(Default)]
struct Survey {
    rows: u64,
    clock: Clock,
    input: Tally,
    output: Tally,
    blocks: Blocks,
    sessions: Distinct,
    requests: u64,
}

impl Survey {
    fn add(&mut self, row: &Row) {
        self.rows += 1;
        if let Some(at) = row.at {
            self.clock.add(at.0);
        }
        self.input.add(row.input_tokens);
        self.output.add(row.output_tokens);
        self.blocks.add(&row.hash_ids);
        if let Some(session) = &row.session {
            self.sessions.add(session.as_bytes());
        }
        self.requests += u64::from(row.request.is_some());
    }
}

/// Gaps by Welford's method, and rows in slots that grow with the trace.
#[derive(Default)]
struct Clock {
    last: Option<u64>,
    gaps: u64,
    mean: f64,
    squares: f64,
    longest: u64,
    same: u64,
    slot: usize,
    slots: Vec<u64>,
    /// Slots that one of the longest length was joined from, where even that is too short.
    joined: f64,
}

impl Clock {
    fn add(&mut self, at: u64) {
        if let Some(last) = self.last {
            let gap = at.saturating_sub(last);
            self.gaps += 1;
            let off = gap as f64 - self.mean;
            self.mean += off / self.gaps as f64;
            self.squares += off * (gap as f64 - self.mean);
            self.longest = self.longest.max(gap);
            self.same += u64::from(gap == 0);
        }
        self.last = Some(at);
        while at as f64 / 1e9 / self.slot_s() >= MOST_SLOTS as f64 {
            self.join();
        }
        let slot = (at as f64 / 1e9 / self.slot_s()) as usize;
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, 0);
        }
        self.slots[slot] += 1;
    }

    fn slot_s(&self) -> f64 {
        SLOTS_S[self.slot] * self.joined.max(1.0)
    }

    /// Makes slots longer.
    fn join(&mut self) {
        let before = self.slot_s();
        if self.slot + 1 < SLOTS_S.len() {
            self.slot += 1;
        } else {
            self.joined = self.joined.max(1.0) * 10.0;
        }
        let factor = (self.slot_s() / before).round() as usize;
        self.slots = self.slots.chunks(factor).map(|slots| slots.iter().sum()).collect();
    }

    fn times(&self, rows: u64) -> Option<Times> {
        let span_s = Duration::from_nanos(self.last?).as_secs_f64();
        let per = |sum: f64, count: f64| if count > 0.0 { sum / count } else { 0.0 };
        let sd = per(self.squares, self.gaps as f64).sqrt();
        Some(Times {
            span_s,
            rate: per(rows as f64, span_s),
            mean_gap_s: self.mean / 1e9,
            gap_cv: per(sd, self.mean),
            longest_gap_s: self.longest as f64 / 1e9,
            same_time: self.same,
            slot_s: self.slot_s(),
            slots: self.slots.clone(),
        })
    }
}

#[derive(Default)]
struct Tally {
    histogram: Option<Histogram<u64>>,
    rows: u64,
    sum: f64,
    squares: f64,
    min: u64,
    max: u64,
}

impl Tally {
    fn add(&mut self, tokens: Option<u32>) {
        let Some(tokens) = tokens else { return };
        if self.histogram.is_none() {
            // Three digits of at most MAX_TOKENS: bounds that are always right.
            self.histogram = Histogram::new_with_bounds(1, MAX_TOKENS.into(), 3).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(tokens.into());
        }
        let tokens = u64::from(tokens);
        self.min = if self.rows == 0 { tokens } else { self.min.min(tokens) };
        self.max = self.max.max(tokens);
        self.rows += 1;
        self.sum += tokens as f64;
        self.squares += (tokens as f64).powi(2);
    }

    fn lengths(&self) -> Option<Lengths> {
        let histogram = self.histogram.as_ref()?;
        let mean = self.sum / self.rows as f64;
        Some(Lengths {
            rows: self.rows,
            mean,
            sd: (self.squares / self.rows as f64 - mean * mean).max(0.0).sqrt(),
            min: self.min,
            max: self.max,
            percentiles: (0..=100)
                .map(|percent| {
                    histogram.value_at_quantile(f64::from(percent) / 100.0).clamp(self.min, self.max)
                })
                .collect(),
        })
    }
}

#[derive(Default)]
struct Blocks {
    distinct: Distinct,
    all: u64,
    hits: u64,
}

impl Blocks {
    fn add(&mut self, ids: &[u64]) {
        let mut unbroken = true;
        for id in ids {
            unbroken &= self.distinct.add(&id.to_le_bytes());
            self.hits += u64::from(unbroken);
        }
        self.all += ids.len() as u64;
    }

    fn prefixes(&self) -> Option<Prefixes> {
        if self.all == 0 {
            return None;
        }
        let (blocks, distinct) = (self.all, self.distinct.count().min(self.all));
        let estimated = !self.distinct.is_exact();
        let hits = if estimated { blocks - distinct } else { self.hits };
        Some(Prefixes {
            block_tokens: BLOCK_TOKENS,
            blocks,
            distinct,
            hit_rate: hits as f64 / blocks as f64,
            estimated,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Spread;
    use super::*;

    fn of(name: &str) -> Info {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces").join(name);
        info(&Source::new(path), 7).expect("readable")
    }

    fn of_text(text: &str) -> Info {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("t.jsonl");
        std::fs::write(&path, text).expect("written");
        info(&Source::new(&path), 7).expect("readable")
    }

    #[test]
    fn the_committed_trace_has_the_figures_of_its_rows() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/traces/azure_llm_2023_conv.csv");
        let text = std::fs::read_to_string(&path).expect("there");
        let column = |column: usize| {
            text.lines().skip(1).map(move |line| line.split(',').nth(column).expect("there").parse::<f64>())
        };
        let mean =
            |of: usize| column(of).map(|n| n.expect("a number")).sum::<f64>() / column(of).count() as f64;
        let info = info(&Source::new(path), 7).expect("readable");
        let (input, output) = (info.input_tokens.expect("there"), info.output_tokens.expect("there"));
        assert_eq!(info.rows, 2_868);
        assert!((input.mean - mean(1)).abs() < 1e-6 && (output.mean - mean(2)).abs() < 1e-6);
        let times = info.times.expect("there");
        assert_eq!(times.slots.iter().sum::<u64>(), info.rows);
        assert!((times.span_s - 600.2).abs() < 0.1, "{}", times.span_s);
        let mut sorted: Vec<f64> = column(1).map(|n| n.expect("a number")).collect();
        sorted.sort_by(f64::total_cmp);
        for percent in [10, 50, 90, 99] {
            let exact = sorted[(sorted.len() * percent).div_ceil(100) - 1];
            let got = input.percentiles[percent] as f64;
            assert!((got / exact - 1.0).abs() < 2e-3, "p{percent}: {got} for {exact}");
        }
    }

    #[test]
    fn gaps_and_slots_are_those_of_the_times() {
        let info = of_text("{\"at_s\": 0}\n{\"at_s\": 1}\n{\"at_s\": 1}\n{\"at_s\": 4}\n");
        let times = info.times.expect("there");
        assert_eq!((times.span_s, times.longest_gap_s, times.same_time), (4.0, 3.0, 1));
        assert!((times.rate - 1.0).abs() < 1e-12);
        // Gaps 1, 0, 3: mean 4/3, variance 14/9.
        assert!((times.gap_cv - (14.0_f64 / 9.0).sqrt() / (4.0 / 3.0)).abs() < 1e-12, "{}", times.gap_cv);
        assert!((times.slot_s - 0.01).abs() < 1e-12);
        let year = of_text("{\"at_s\": 0}\n{\"at_s\": 100}\n{\"at_s\": 700000000}\n").times.expect("there");
        assert_eq!((year.slots.first(), year.slots.last()), (Some(&2), Some(&1)));
        assert!(year.slots.len() <= MOST_SLOTS && (year.slot_s - 864_000.0).abs() < 1e-6, "{}", year.slot_s);
    }

    #[test]
    fn a_block_is_a_hit_only_in_an_unbroken_run_from_the_start() {
        let row = |ids: &str| format!("{{\"input_tokens\": 2000, \"hash_ids\": {ids}}}\n");
        let text = [row("[1, 2, 3]"), row("[1, 2, 4]"), row("[9, 2, 3]"), row("[]")].concat();
        let info = of_text(&text);
        let prefixes = info.prefixes.expect("there");
        assert_eq!((prefixes.blocks, prefixes.distinct, prefixes.estimated), (9, 5, false));
        assert!((prefixes.hit_rate - 2.0 / 9.0).abs() < 1e-12);
        assert!(info.times.is_none() && info.output_tokens.is_none());
    }

    #[test]
    fn what_formats_say_is_counted() {
        let burst = of("burstgpt_3.csv");
        assert_eq!((burst.rows, burst.sessions), (4, Some(2)));
        assert_eq!(burst.output_tokens.expect("there").rows, 3, "a failed request has no answer");
        let batch = of("openai_batch.jsonl");
        assert_eq!((batch.requests, batch.times.is_none()), (3, true));
        let source = Source {
            spread: Some(Spread::Found),
            ..Source::new(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("tests/fixtures/traces/mooncake_conversation.jsonl"),
            )
        };
        let spread = info(&source, 7).expect("readable");
        assert_eq!((spread.spread_s, spread.times.expect("there").same_time), (Some(3.0), 0));
    }
}
