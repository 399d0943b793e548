//! Requests of a trace that are sent as they are, and the tokenizer that counts them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::scene::{Scene, rows};
use crate::support::{Node, Result};

const BODY: &str = r#"{"model": "other", "temperature": 0.3, "messages": [
    {"role": "system", "content": "low lower"},
    {"role": "user", "content": [{"type": "text", "text": "low?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}],
    "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]}"#;

/// A Hugging Face tokenizer with a token for `low`, one for `er` and one for whatever else a letter is.
fn tokenizer() -> Value {
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": "?", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "vocab": {"?": 0, "l": 1, "o": 2, "w": 3, "e": 4, "r": 5, "lo": 6, "low": 7, "er": 8},
            "merges": ["l o", "lo w", "e r"]}
    })
}

/// A scenario that replays `t.jsonl` against a node that runs already, counted by `tokenizer.json`.
fn scenario(node: &Node) -> String {
    format!(
        "schema = 1\nname = \"as it is\"\nseed = 7\n\
         [target]\napi = \"openai-chat\"\nmodel = \"m\"\nnode = \"a\"\ntokenizer = \"tokenizer.json\"\n\
         [[node]]\nname = \"a\"\nurl = \"http://{}\"\n\
         [traffic]\ntrace = {{ path = \"t.jsonl\" }}\n\
         [[phase]]\nname = \"all\"\nduration = \"1s\"\n",
        node.address
    )
}

fn write_trace(folder: &Path) -> Result {
    let body: Value = serde_json::from_str(BODY)?;
    let row = |at_s: f64| json!({"at_s": at_s, "body": body, "output_tokens": 2});
    // The last is after the run, which a trace must not be shorter than.
    let rows = [row(0.0), row(0.2), row(1.5)];
    Ok(fs::write(folder.join("t.jsonl"), rows.map(|row| format!("{row}\n")).concat())?)
}

#[test]
fn a_node_gets_what_was_recorded_and_its_tokens_are_counted() -> Result {
    let (node, got) = Node::recording(&["lower low"])?;
    let scene = Scene::new(&scenario(&node))?;
    write_trace(scene.folder.path())?;
    fs::write(scene.folder.path().join("tokenizer.json"), tokenizer().to_string())?;
    let output = scene.run()?;

    let got = got.lock();
    assert_eq!(got.len(), 2, "{}", String::from_utf8_lossy(&output.stderr));
    let sent: Value = serde_json::from_str(&got[0])?;
    let content = json!([{"type": "text", "text": "low?\n\n(ref sq-7-0)"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]);
    assert_eq!(sent["messages"][0], json!({"role": "system", "content": "low lower"}));
    assert_eq!(sent["messages"][1], json!({"role": "user", "content": content}));
    assert_eq!(sent["tools"][0]["function"]["name"], "look");
    // How it is asked is the scenario's, and for how long an answer the row's.
    assert_eq!((&sent["model"], &sent["temperature"]), (&"m".into(), &Value::Null));
    assert!(
        got[0].contains("\"max_completion_tokens\":2") || got[0].contains("\"max_tokens\":2"),
        "{}",
        got[0]
    );

    // `low` `low` `er`, `low` `?`, and of the tag `(` `r` `e` `f` `s` `q` `-` `7` `-` `0` `)`.
    let rows = rows(&scene.out().join("requests.jsonl"))?;
    assert_eq!(rows[0]["input_tokens"], 3 + 2 + 11, "{}", rows[0]);
    // `low` `er` `low`.
    assert_eq!(
        (&rows[0]["output_tokens"], &rows[0]["counted_tokens"]),
        (&3.into(), &3.into()),
        "{}",
        rows[0]
    );
    Ok(())
}

#[test]
fn a_tokenizer_without_words_is_refused_where_some_are_to_be_written() -> Result {
    let node = Node::streaming(&[])?;
    let requests = "trace = { path = \"t.jsonl\" }";
    let at_a_rate = "arrivals = { constant = \"5/s\" }";
    for (traffic, refused) in [
        (requests.to_owned(), false),
        (format!("{at_a_rate}\nprompts = {{ {requests} }}"), false),
        (format!("{at_a_rate}\nprompts = {{ trace = {{ path = \"lengths.jsonl\" }} }}"), true),
        (format!("{at_a_rate}\nprompts = {{ corpus = \"corpus.jsonl\" }}\nsession = {{ turns = 2 }}"), false),
        (
            format!(
                "{at_a_rate}\nprompts = {{ corpus = \"corpus.jsonl\" }}\n\
                 session = {{ turns = 2, tools = {{ calls = 1 }} }}"
            ),
            true,
        ),
        (format!("{requests}\nspikes = [{{ at = \"0s\", for = \"1s\", rate = \"50/s\" }}]"), true),
        (at_a_rate.to_owned(), true),
    ] {
        let scene = Scene::new(&scenario(&node).replace(requests, &traffic))?;
        let folder = scene.folder.path();
        write_trace(folder)?;
        let row = fs::read_to_string(folder.join("t.jsonl"))?;
        let row = row.lines().next().unwrap_or_default().replace("\"at_s\":0.0,", "");
        fs::write(folder.join("lengths.jsonl"), format!("{row}\n{{\"input_tokens\": 50}}\n"))?;
        fs::write(folder.join("corpus.jsonl"), "{\"turns\": [{\"user\": \"low?\"}]}\n")?;
        fs::write(folder.join("tokenizer.json"), tokenizer().to_string())?;
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_squall"));
        let output = command.arg("check").arg(folder.join("scenario.toml")).output()?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(if refused { 2 } else { 0 }), "{traffic}: {said}");
        assert_eq!(said.contains("splits common English words"), refused, "{traffic}: {said}");
    }
    Ok(())
}

#[test]
fn a_tokenizer_that_is_none_is_named_with_its_cause() -> Result {
    let node = Node::streaming(&[])?;
    let scene = Scene::new(&scenario(&node))?;
    write_trace(scene.folder.path())?;
    let file = scene.folder.path().join("tokenizer.json");
    let mut text = tokenizer();
    text["model"]["vocab"] = "low".into();
    fs::write(&file, serde_json::to_string_pretty(&text)?)?;
    for verb in ["check", "run"] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_squall"));
        let output = command.arg(verb).arg(scene.folder.path().join("scenario.toml")).output()?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{verb}: {said}");
        assert!(said.contains(&format!("{} is no tokenizer: ", file.display())), "{verb}: {said}");
        assert!(said.contains("expected a Hugging Face `tokenizer.json`"), "{verb}: {said}");
    }
    assert_eq!(node.requests(), 0);
    Ok(())
}
