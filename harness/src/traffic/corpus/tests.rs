//! Corpora as files: the committed ones, chosen lines, mistakes.

use std::collections::HashMap;
use std::io::Write as _;

use super::super::conversation::Role;
use super::*;
use crate::scenario::plan;

fn words() -> Arc<Tokenizer> {
    Tokenizer::load(&plan::Tokenizer::Words).expect("built in")
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/corpora")
}

#[test]
fn every_committed_corpus_is_good_and_its_prompts_can_be_told() {
    let mut corpora = 0;
    for entry in std::fs::read_dir(committed()).expect("scenarios/corpora") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        corpora += 1;
        let corpus = Corpus::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(corpus.index.lines() >= 8, "{}", path.display());
        for id in (0..50).map(RequestId) {
            let (prompt, _) = corpus.prompt(7, id, &words()).expect("a prompt");
            assert_eq!(correlation::find_tag(7, prompt.question().as_bytes()), Some(id));
            let texts = prompt.conversation.messages().iter().map(|message| words().count(&message.text));
            assert_eq!(texts.sum::<usize>(), prompt.input_tokens as usize);
        }
    }
    assert!(corpora >= 3, "chat, triage and fraud review");
}

#[test]
fn lines_are_chosen_evenly_and_by_seed_and_request() {
    let lines: String =
        (0..10).map(|n| format!("{{\"turns\": [{{\"user\": \"question {n}\"}}]}}\n\n")).collect();
    let file = file(&lines);
    let corpus = Corpus::load(file.path()).expect("good");
    assert_eq!(corpus.index.lines(), 10);
    let ask = |seed, id| corpus.prompt(seed, RequestId(id), &words()).expect("a prompt").0;
    assert_eq!(ask(7, 3), ask(7, 3));
    let mut chosen = HashMap::new();
    for id in 0..10_000 {
        let prompt = ask(7, id);
        let line = prompt.question().lines().next().expect("text").to_owned();
        *chosen.entry(line).or_insert(0_u32) += 1;
    }
    // 1,000 each on average, with a standard deviation of 30.
    assert_eq!(chosen.len(), 10);
    assert!(chosen.values().all(|times| times.abs_diff(1_000) < 150), "{chosen:?}");
}

#[test]
fn a_line_after_a_step_is_found_and_a_last_line_needs_no_end() {
    let file =
        file("\n{\"turns\": [{\"user\": \"a\"}]}\n\n  \n{\"turns\": [{\"user\": \"b \"}], \"output\": 5}");
    let mut corpus = Corpus::read(file.path(), File::open(file.path()).expect("opens")).expect("good");
    assert_eq!(corpus.entry(1).expect("there").output, Some(5));
    // An index that knows the first line only.
    let mut sparse = Index::with_room_for(1);
    sparse.push(1);
    sparse.push(99);
    corpus.index = sparse;
    assert_eq!(corpus.entry(1).expect("there").output, Some(5));
    assert_eq!(corpus.entry(0).expect("there").conversation.messages()[0].role, Role::User);
}

#[test]
fn every_bad_line_is_named() {
    let file = file("{\"turns\": [{\"user\": \"a\"}]}\n{\"turns\": []}\n\n{\"turn\": 1}\n[]\n");
    let error = Corpus::load(file.path()).expect_err("mistakes").to_string();
    let lines: Vec<&str> = error.lines().skip(1).collect();
    assert_eq!(lines.len(), 3, "{error}");
    for (line, number) in lines.iter().zip([2, 4, 5]) {
        assert!(line.trim_start().starts_with(&format!("line {number}, ")), "{error}");
    }
    let many = "{}\n".repeat(SHOWN_MISTAKES + 7);
    let file = self::file(&many);
    let error = Corpus::load(file.path()).expect_err("mistakes").to_string();
    assert!(error.ends_with("\n  and 7 more"), "{error}");
}

#[test]
fn no_lines_and_no_file_are_said() {
    let file = file("\n \n");
    assert!(matches!(Corpus::load(file.path()), Err(TrafficError::EmptyCorpus { .. })));
    let gone = Corpus::load(Path::new("/nowhere/chat.jsonl")).expect_err("gone").to_string();
    assert!(gone.starts_with("cannot read the corpus /nowhere/chat.jsonl"), "{gone}");
}
