//! A trace's rows as prompts, where something else says when requests are sent.
//!
//! Request n asks what row n says, and after the last row comes the first again. Invariant: that is fixed by
//! the request's id, in whatever order requests are made. The trace is read as a stream; only rows that
//! others were ahead of are held, as many as there are users.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::TrafficError;
use super::prompt::read_request;
use super::trace::{self, Row, Rows, Skipped, Source};
use crate::name::RequestId;

/// The rows of a trace, by request.
#[derive(Debug)]
pub(super) struct AskedRows {
    pub(super) source: Source,
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rows: Box<Rows>,
    /// The request that the next row is for.
    next: u64,
    /// Rows of requests that others were ahead of.
    passed: HashMap<u64, Row>,
}

impl AskedRows {
    pub(super) fn open(source: &Source, seed: u64) -> Result<Self, TrafficError> {
        let rows = Box::new(trace::open(source, seed)?);
        let state = State { rows, next: 0, passed: HashMap::new() };
        Ok(Self { source: source.clone(), seed, state: Mutex::new(state) })
    }

    /// The row of request `id`, which is asked for once.
    pub(super) fn row(&self, id: RequestId) -> Result<Row, TrafficError> {
        let mut state = self.state.lock();
        if let Some(row) = state.passed.remove(&id.0) {
            return Ok(row);
        }
        loop {
            let Some(row) = state.rows.next() else {
                if state.rows.is_empty() {
                    return Err(TrafficError::Empty { path: self.source.path.clone() });
                }
                *state.rows = trace::open(&self.source, self.seed)?;
                continue;
            };
            let row = row?;
            let number = state.next;
            state.next += 1;
            if number >= id.0 {
                return Ok(row);
            }
            state.passed.insert(number, row);
        }
    }
}

/// What so many requests come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Bad rows that are left out.
    pub(super) skipped: Skipped,
    /// Some of what is asked has to be written.
    pub(super) written: bool,
}

/// Reads the rows that `requests` requests will ask, and finds every mistake in them.
pub(super) fn survey(source: &Source, seed: u64, requests: u64) -> Result<Asked, TrafficError> {
    let mut rows = trace::open(source, seed)?;
    let mut written = false;
    for _ in 0..requests {
        let Some(row) = rows.next() else { break };
        let row = row?;
        match &row.request {
            Some(request) => drop(read_request(request, &row, &source.path)?),
            None => written = true,
        }
    }
    if rows.is_empty() && requests > 0 {
        return Err(TrafficError::Empty { path: source.path.clone() });
    }
    Ok(Asked { skipped: rows.skipped().clone(), written })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn trace(text: &str) -> (tempfile::NamedTempFile, Source) {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(text.as_bytes()).expect("written");
        let source = Source::new(file.path());
        (file, source)
    }

    fn of(rows: u32) -> (tempfile::NamedTempFile, Source) {
        let rows = (1..=rows).map(|n| format!("{{\"input_tokens\": {n}, \"output_tokens\": 5}}\n"));
        trace(&rows.collect::<String>())
    }

    proptest! {
        #[test]
        fn each_request_has_its_row_in_whatever_order_and_the_first_follows_the_last(
            rows in 1_u32..9, ids in Just((0..40_u64).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let (_file, source) = of(rows);
            let asked = AskedRows::open(&source, 7).expect("opens");
            for id in ids {
                let row = asked.row(RequestId(id)).expect("a row");
                prop_assert_eq!(row.input_tokens, Some((id % u64::from(rows)) as u32 + 1));
            }
            prop_assert!(asked.state.lock().passed.is_empty());
        }
    }

    #[test]
    fn a_survey_finds_a_bad_row_if_the_run_comes_to_it() {
        let (_file, source) =
            trace("{\"input_tokens\": 1}\n{\"input_tokens\": 2}\n{\"input_tokens\": \"many\"}\n");
        let both = survey(&source, 7, 2).expect("both are right");
        assert_eq!(both, Asked { skipped: Skipped::default(), written: true });
        assert!(matches!(survey(&source, 7, 3), Err(TrafficError::Row { line: 3, .. })));
        let skip = Source { bad_rows: trace::BadRows::Skip, ..source };
        assert_eq!(survey(&skip, 7, 9).expect("it is left out").skipped.rows, 1);
    }

    #[test]
    fn a_trace_without_rows_asks_nothing() {
        let (_file, source) = trace("TIMESTAMP,ContextTokens,GeneratedTokens\n");
        assert!(matches!(survey(&source, 7, 3), Err(TrafficError::Empty { .. })));
        let asked = AskedRows::open(&source, 7).expect("opens");
        assert!(matches!(asked.row(RequestId(0)), Err(TrafficError::Empty { .. })));
    }
}
