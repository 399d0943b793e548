//! What is found out of an answer's text once it has ended.

use std::io::Write as _;

use super::server::{say, stream_of, whole};
use super::{Bench, FEW, PATIENT, Result, TARGET_URL, load, plan};

/// Two events of five tokens.
const SAID: [&str; 2] = ["It rains", " in Oslo."];

#[tokio::test]
async fn without_a_usage_the_tokenizer_counts_and_with_one_it_counts_some() -> Result {
    let counts = |load: &super::Load| -> Vec<_> {
        let rows = load.rows.iter();
        rows.map(|row| (row.output_tokens, row.usage_tokens, row.counted_tokens)).collect()
    };
    let silent = load(say(stream_of(&whole(&SAID))).await?).await?;
    assert_eq!(silent.alike().events, 2);
    assert_eq!(counts(&silent), [(5, None, Some(5)); 5]);
    let mut events = whole(&SAID);
    let usage = "data: {\"choices\":[],\"usage\":{\"completion_tokens\":9}}\n\n";
    events.insert(events.len() - 1, usage.into());
    let counted = counts(&load(say(stream_of(&events)).await?).await?);
    // Of five requests, the first is in the sample.
    assert_eq!(counted[0], (9, Some(9), Some(5)));
    assert_eq!(counted[1..], [(9, Some(9), None); 4]);
    Ok(())
}

#[tokio::test]
async fn an_answer_is_right_when_it_is_what_its_corpus_expects() -> Result {
    for (expected, right) in [("oslo", Some(true)), ("Bergen", Some(false)), ("", None)] {
        let mut corpus = tempfile::NamedTempFile::new()?;
        let expect = match expected {
            "" => String::new(),
            text => format!(", \"expect\": {{\"contains\": \"{text}\"}}"),
        };
        writeln!(corpus, "{{\"turns\": [{{\"user\": \"Where does it rain?\"}}]{expect}}}")?;
        let mut plan = plan(TARGET_URL, FEW, PATIENT, true)?;
        plan.traffic.corpus = Some(corpus.path().to_owned());
        let load = Bench::new(plan).run(say(stream_of(&whole(&SAID))).await?).await?;
        assert!(load.rows.iter().all(|row| row.right == right), "{expected}: {:?}", load.rows);
    }
    Ok(())
}
