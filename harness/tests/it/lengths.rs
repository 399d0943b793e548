//! Lengths that were asked for against prompts as a node gets them, counted by the tokenizer itself: a Hugging
//! Face file, by its own library and not by our reading of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use squall::correlation::find_tag;
use squall::name::RequestId;
use squall::scenario;
use squall::traffic::{Prompts, Shape};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::utils::truncation::TruncationParams;
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use crate::support::scene::{Scene, rows};
use crate::support::{Node, Result, SEED};

const FILE: &str = "tokenizer.json";

/// Over bytes, as GPT-2 and Llama 3 have it.
fn of_bytes() -> PreTokenizerWrapper {
    ByteLevel::new(false, true, true).into()
}

/// Over words with `▁` before them and over marks, as Llama 2 has it.
fn of_words() -> PreTokenizerWrapper {
    let words = Metaspace::new('▁', PrependScheme::First, true);
    let marks = Punctuation::new(SplitDelimiterBehavior::Isolated);
    Sequence::new(vec![words.into(), marks.into()]).into()
}

/// A scenario with this load on `node`; its tokenizer is the file beside it.
fn scene(node: &Node, traffic: &str) -> Result<Scene> {
    Scene::new(&format!(
        "schema = 1\nname = \"lengths\"\nseed = {SEED}\n\
         [target]\napi = \"openai-chat\"\nmodel = \"m\"\nnode = \"a\"\ntokenizer = \"{FILE}\"\n\
         [[node]]\nname = \"a\"\nurl = \"http://{}\"\n\
         [traffic]\n{traffic}\n\
         [[phase]]\nname = \"all\"\nduration = \"1s\"\n",
        node.address
    ))
}

/// Words as Squall writes them, without which no trained tokenizer has them as tokens.
fn words() -> Result<String> {
    let scene = scene(&Node::streaming(&[])?, "arrivals = { constant = \"1/s\" }")?;
    let path = scene.folder.path().join("scenario.toml");
    fs::write(&path, fs::read_to_string(&path)?.replace(FILE, "words"))?;
    let prompts = Prompts::of(&scenario::load(&path, None)?)?;
    let shape = Shape { tokens: 60_000, ..Shape::default() };
    Ok(prompts.shaped(RequestId(1), shape)?.question().to_owned())
}

/// Trains a tokenizer on `text` and saves it in `folder`: with a special token, and a limit to the length of what it
/// encodes, as the files of many models have them. Gives it as whoever counts a whole text uses it.
fn train(text: &str, split: PreTokenizerWrapper, folder: &Path) -> Result<Tokenizer> {
    let lost = |error: tokenizers::Error| error.to_string();
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(split));
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(6_000)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![AddedToken::from("<s>", true)])
        .build();
    // Words by themselves as well: the first of a text has no space before it.
    let texts = [text].into_iter().chain(text.split(' '));
    tokenizer.train(&mut TrainerWrapper::from(trainer), texts).map_err(lost)?;
    let limit = TruncationParams { max_length: 128, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(limit)).map_err(lost)?;
    let file = folder.join(FILE);
    tokenizer.save(&file, false).map_err(lost)?;
    let mut tokenizer = Tokenizer::from_file(&file).map_err(lost)?;
    tokenizer.with_truncation(None).map_err(lost)?;
    Ok(tokenizer)
}

fn count(tokenizer: &Tokenizer, message: &Value) -> Result<u64> {
    let text = message["content"].as_str().ok_or("no text")?;
    Ok(tokenizer.encode(text, false).map_err(|error| error.to_string())?.len() as u64)
}

/// A request as the node got it: its messages, each with its role and its tokens.
type OnTheWire = Vec<(String, u64)>;

/// Carries out a run with this load, and gives what came to the node, and the ledger's rows, by request.
fn carried_out(
    text: &str,
    split: PreTokenizerWrapper,
    traffic: &str,
    files: &[(&str, String)],
) -> Result<(BTreeMap<u64, OnTheWire>, Vec<Value>)> {
    let (node, got) = Node::recording(&["It", " rains."])?;
    let scene = scene(&node, traffic)?;
    for (name, content) in files {
        fs::write(scene.folder.path().join(name), content)?;
    }
    let tokenizer = train(text, split, scene.folder.path())?;
    let output = scene.run()?;
    assert!(scene.report().is_ok(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut on_the_wire = BTreeMap::new();
    for body in got.lock().iter() {
        let RequestId(id) = find_tag(SEED, body.as_bytes()).ok_or("no tag")?;
        let sent: Value = serde_json::from_str(body)?;
        let messages = sent["messages"].as_array().ok_or("no messages")?.iter().map(|message| {
            let role = message["role"].as_str().ok_or("no role")?;
            Ok((role.to_owned(), count(&tokenizer, message)?))
        });
        on_the_wire.insert(id, messages.collect::<Result<_>>()?);
    }
    let rows = rows(&scene.out().join("requests.jsonl"))?;
    assert_eq!(on_the_wire.len(), rows.len());
    Ok((on_the_wire, rows))
}

/// What the ledger says of a request is what was counted on the wire, the answer of the node included, which has no
/// `usage` with it.
fn holds_of(row: &Value, messages: &OnTheWire) {
    let tokens: u64 = messages.iter().map(|(_, tokens)| tokens).sum();
    assert_eq!(row["input_tokens"], tokens, "{row}");
    if let Some((_, answer)) = messages.iter().find(|(role, _)| role == "assistant") {
        assert_eq!((&row["counted_tokens"], &row["output_tokens"]), (&(*answer).into(), &(*answer).into()));
    }
}

#[test]
fn prompts_that_are_written_have_the_lengths_that_were_drawn() -> Result {
    let text = words()?;
    for split in [of_bytes(), of_words()] {
        for (input, exact) in [("137", Some(137)), ("\"lognormal(900, 700)\"", None)] {
            let traffic =
                format!("arrivals = {{ constant = \"30/s\" }}\nprompts = {{ input = {input}, output = 3 }}");
            let (on_the_wire, rows) = carried_out(&text, split.clone(), &traffic, &[])?;
            assert_eq!(rows.len(), 30);
            let mut lengths = Vec::new();
            for row in &rows {
                let messages = &on_the_wire[&row["id"].as_u64().ok_or("no id")?];
                holds_of(row, messages);
                assert_eq!(messages.len(), 1);
                lengths.push(messages[0].1);
            }
            lengths.sort_unstable();
            match exact {
                Some(exact) => assert!(lengths.iter().all(|tokens| *tokens == exact), "{lengths:?}"),
                None => assert!(lengths[2] < 500 && lengths[27] > 1_100, "{lengths:?}"),
            }
        }
    }
    Ok(())
}

#[test]
fn rows_of_a_trace_have_their_lengths_and_share_their_blocks() -> Result {
    let text = words()?;
    let asked: Vec<u64> = (0..20).map(|n| 512 + 40 + n * n * 7).collect();
    let row = |(n, tokens): (usize, &u64)| {
        let block = [3, 4 + n as u64 % 2];
        json!({"at_s": n as f64 / 25.0, "input_tokens": tokens, "output_tokens": 3, "hash_ids": block})
            .to_string()
    };
    let end = json!({"at_s": 2, "input_tokens": 600}).to_string();
    let trace: Vec<String> = asked.iter().enumerate().map(row).chain([end]).collect();
    let trace = [("t.jsonl", trace.join("\n"))];
    for split in [of_bytes(), of_words()] {
        let (on_the_wire, rows) = carried_out(&text, split, "trace = { path = \"t.jsonl\" }", &trace)?;
        for row in &rows {
            holds_of(row, &on_the_wire[&row["id"].as_u64().ok_or("no id")?]);
        }
        let counted: Vec<u64> = on_the_wire.values().map(|messages| messages[0].1).collect();
        assert_eq!(counted, asked);
    }
    Ok(())
}

#[test]
fn the_turns_of_a_session_and_what_its_tools_give_have_theirs() -> Result {
    let traffic = "arrivals = { constant = \"5/s\" }\nprompts = { input = 60, output = 3 }\n\
                   session = { turns = 3, tools = { calls = 2, result = 33 } }";
    let (on_the_wire, rows) = carried_out(&words()?, of_bytes(), traffic, &[])?;
    for row in &rows {
        let messages = &on_the_wire[&row["id"].as_u64().ok_or("no id")?];
        holds_of(row, messages);
        let said =
            |role: &str| messages.iter().filter(|(by, _)| by == role).map(|(_, tokens)| *tokens).collect();
        let turn = row["turn"].as_u64().ok_or("no turn")? as usize;
        let (asked, given): (Vec<u64>, Vec<u64>) = (said("user"), said("tool"));
        assert_eq!((asked, given), (vec![60; turn + 1], vec![33; 2 * turn]), "{row}");
    }
    assert!(rows.iter().any(|row| row["turn"] == 2), "{rows:?}");
    Ok(())
}
