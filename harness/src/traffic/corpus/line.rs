//! A line of a corpus, as it is typed, and what it means.
//!
//! These types mirror the file, and the committed schema is made from them; [`Line::entry`] is the only
//! place that validates.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::MAX_TOKENS;
use super::super::conversation::{Conversation, Expect, Message, Tool, ToolCall};

/// A line of a corpus: one conversation, whose last turn is what is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a line of a corpus")]
pub(super) struct Line {
    /// What people call it; Squall does nothing with it.
    #[schemars(example = &"order-late")]
    #[serde(default)]
    #[expect(dead_code, reason = "for people; read so that it is no unknown key")]
    id: Option<String>,
    /// The system prompt: what the operator says before the conversation.
    #[schemars(example = &"You answer in one sentence.")]
    #[serde(default)]
    system: Option<String>,
    /// What was said, oldest first; the last turn is what is asked. At least one.
    #[schemars(length(min = 1))]
    turns: Vec<Turn>,
    /// Tools that the model may call.
    #[serde(default)]
    tools: Vec<ToolLine>,
    /// What a right answer is, where it is known.
    #[serde(default)]
    expect: Option<ExpectLine>,
    /// Tokens of the answer at most; the scenario's `prompts.output` when it is left out.
    #[schemars(example = 120, range(min = 1))]
    #[serde(default)]
    output: Option<u32>,
}

/// A turn: what the user says, and what came of it. The last one's answer is what is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Turn {
    /// What the user says.
    #[schemars(example = &"Where is my order?")]
    user: String,
    /// Images that the user shows: URLs, `https:`, `http:` or `data:image/`.
    #[schemars(example = ["https://example.com/parcel.jpg"])]
    #[serde(default)]
    images: Vec<String>,
    /// Tools that the model called at this turn, with their results.
    #[serde(default)]
    calls: Vec<CallLine>,
    /// What the model answered; on every turn but the last.
    #[schemars(example = &"May I have the order's number?")]
    #[serde(default)]
    assistant: Option<String>,
}

/// A tool that was called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallLine {
    /// The tool; one of `tools`.
    #[schemars(example = &"find_order")]
    name: String,
    /// Its arguments.
    #[schemars(example = serde_json::json!({"number": "A-1024"}))]
    #[serde(default)]
    arguments: Map<String, Value>,
    /// What it gave.
    #[schemars(example = &"{\"status\": \"shipped\"}")]
    result: String,
}

/// A tool that the model may call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ToolLine {
    /// Its name: letters, digits, `_` and `-`, 64 at most.
    #[schemars(example = &"find_order")]
    name: String,
    /// What it is for.
    #[schemars(example = &"Finds an order by its number.")]
    #[serde(default)]
    description: Option<String>,
    /// Its parameters, as a JSON Schema.
    #[schemars(example = serde_json::json!({"type": "object", "properties": {"number": {"type": "string"}}}))]
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
}

/// What a right answer is: exactly one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum ExpectLine {
    /// This text stands in it, in capitals or not.
    Contains(String),
    /// It is this text, but for white space around it.
    Exactly(String),
}

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) conversation: Conversation,
    pub(super) tools: Arc<[Tool]>,
    pub(super) expect: Option<Expect>,
    pub(super) output: Option<u32>,
}

/// Reads a line; what is wrong with it, where it is no such conversation.
pub(super) fn read(line: &[u8]) -> Result<Entry, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| problem_of(&error))?;
    line.entry()
}

/// Lines are numbered by whoever reads them; the error's own line is always 1.
fn problem_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let bare = text.split(" at line 1 column").next().unwrap_or_default();
    format!("column {}: {bare}", error.column())
}

impl Line {
    fn entry(self) -> Result<Entry, String> {
        let tools = self.tools.into_iter().map(ToolLine::tool).collect::<Result<Arc<[_]>, _>>()?;
        let last = self.turns.len().checked_sub(1).ok_or("`turns` is empty; at least one is needed")?;
        let mut messages: Vec<Message> = self.system.into_iter().map(Message::system).collect();
        let mut calls = 0;
        for (index, turn) in self.turns.into_iter().enumerate() {
            turn.say(&mut messages, &tools, &mut calls, index == last)
                .map_err(|problem| format!("turn {}: {problem}", index + 1))?;
        }
        if self.output.is_some_and(|output| !(1..=MAX_TOKENS).contains(&output)) {
            return Err(format!("`output` must be 1 to {MAX_TOKENS}"));
        }
        Ok(Entry {
            conversation: Conversation::new(messages).map_err(|error| error.to_string())?,
            tools,
            expect: self.expect.map(ExpectLine::expect).transpose()?,
            output: self.output,
        })
    }
}

impl Turn {
    /// Says the turn. `calls` counts the calls of the conversation, which are named by that.
    fn say(
        self,
        messages: &mut Vec<Message>,
        tools: &[Tool],
        calls: &mut u32,
        last: bool,
    ) -> Result<(), String> {
        if self.user.trim().is_empty() && self.images.is_empty() {
            return Err("`user` is empty and there is no image; say what the user asks".into());
        }
        if let Some(url) = self.images.iter().find(|url| !is_image(url)) {
            let url: String = url.chars().take(40).collect();
            return Err(format!("the image `{url}` is no URL: expected `https://…` or `data:image/…`"));
        }
        messages.push(Message { images: self.images, ..Message::user(self.user) });
        if !self.calls.is_empty() {
            call(self.calls, messages, tools, calls)?;
        }
        match (self.assistant, last) {
            (Some(answer), false) => messages.push(Message::assistant(answer)),
            (None, true) => {}
            (None, false) => {
                return Err("`assistant` is missing: what was answered before the next turn".into());
            }
            (Some(_), true) => {
                return Err(
                    "the last turn has an `assistant`, but its answer is what is asked for; take it \
                            away, or say in `expect` what it must have"
                        .into(),
                );
            }
        }
        Ok(())
    }
}

/// The calls of one turn, made at once, and their results.
fn call(
    lines: Vec<CallLine>,
    messages: &mut Vec<Message>,
    tools: &[Tool],
    calls: &mut u32,
) -> Result<(), String> {
    let mut made = Vec::new();
    let mut results = Vec::new();
    for line in lines {
        if !tools.iter().any(|tool| tool.name == line.name) {
            return Err(format!("calls the tool `{}`, which `tools` does not list", line.name));
        }
        *calls += 1;
        let id = format!("call_{calls}");
        let arguments = Value::Object(line.arguments).to_string();
        results.push(Message::tool(id.clone(), line.result));
        made.push(ToolCall { id, name: line.name, arguments });
    }
    messages.push(Message { calls: made, ..Message::assistant("") });
    messages.append(&mut results);
    Ok(())
}

fn is_image(url: &str) -> bool {
    ["https://", "http://", "data:image/"].iter().any(|scheme| url.starts_with(scheme))
}

impl ToolLine {
    fn tool(self) -> Result<Tool, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(allowed) {
            return Err(format!(
                "`{}` is no name for a tool: letters, digits, `_` and `-`, 64 at most",
                self.name.escape_debug()
            ));
        }
        let parameters = self.parameters.map(Value::Object);
        Ok(Tool { name: self.name, description: self.description, parameters })
    }
}

impl ExpectLine {
    fn expect(self) -> Result<Expect, String> {
        let (expect, text) = match self {
            Self::Contains(text) => (Expect::Contains as fn(String) -> Expect, text),
            Self::Exactly(text) => (Expect::Exactly as fn(String) -> Expect, text),
        };
        if text.trim().is_empty() {
            return Err("`expect` is empty: every answer would be right".into());
        }
        Ok(expect(text))
    }
}

/// The schema of a line.
pub(super) fn schema() -> schemars::Schema {
    schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<Line>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::conversation::Role;
    use super::*;

    fn problem(line: &str) -> String {
        read(line.as_bytes()).expect_err("a mistake")
    }

    #[test]
    fn a_line_is_a_conversation_with_all_that_belongs_to_it() {
        let line = r#"{"id": "x", "system": "be brief", "turns": [
            {"user": "late?", "calls": [{"name": "find", "arguments": {"n": 1}, "result": "no"},
                {"name": "find", "result": "yes"}], "assistant": "No."},
            {"user": "look", "images": ["https://example.com/a.png"]}],
            "tools": [{"name": "find", "description": "finds", "parameters": {"type": "object"}}],
            "expect": {"contains": "parcel"}, "output": 9}"#;
        let entry = read(line.as_bytes()).expect("good");
        let roles: Vec<Role> = entry.conversation.messages().iter().map(|message| message.role).collect();
        let user = Role::User;
        assert_eq!(
            roles,
            [Role::System, user, Role::Assistant, Role::Tool, Role::Tool, Role::Assistant, user]
        );
        let calls = &entry.conversation.messages()[2].calls;
        assert_eq!((calls[0].id.as_str(), calls[0].arguments.as_str()), ("call_1", "{\"n\":1}"));
        assert_eq!((calls[1].id.as_str(), calls[1].arguments.as_str()), ("call_2", "{}"));
        assert_eq!(entry.conversation.messages()[4].call.as_deref(), Some("call_2"));
        assert_eq!(entry.conversation.question(), "look");
        assert_eq!((entry.expect, entry.output), (Some(Expect::Contains("parcel".into())), Some(9)));
        assert_eq!(entry.tools[0].name, "find");
    }

    #[test]
    fn every_mistake_says_what_is_wrong() {
        let turn = r#""turns": [{"user": "hi"}]"#;
        let of = |rest: &str| problem(&format!("{{{turn}, {rest}}}"));
        assert_eq!(problem("{"), "column 1: EOF while parsing an object");
        assert!(problem("{}").contains("missing field `turns`"));
        assert!(of(r#""promt": 1"#).contains("unknown field `promt`"), "{}", of(r#""promt": 1"#));
        assert!(problem(r#"{"turns": []}"#).contains("at least one"));
        assert!(problem(r#"{"turns": [{"user": " "}]}"#).starts_with("turn 1: `user` is empty"));
        assert!(
            problem(r#"{"turns": [{"user": "a"}, {"user": "b"}]}"#).starts_with("turn 1: `assistant` is")
        );
        assert!(problem(r#"{"turns": [{"user": "a", "assistant": "b"}]}"#).contains("what is asked for"));
        assert!(problem(r#"{"turns": [{"user": "a", "images": ["a.png"]}]}"#).contains("`a.png` is no URL"));
        let call = r#"{"turns": [{"user": "a", "calls": [{"name": "f", "result": ""}]}]}"#;
        assert!(problem(call).contains("the tool `f`, which `tools` does not list"));
        assert!(of(r#""tools": [{"name": "a b"}]"#).contains("`a b` is no name"));
        assert!(of(r#""expect": {"contains": ""}"#).contains("every answer"));
        assert!(of(r#""expect": {"contains": "a", "exactly": "b"}"#).starts_with("column"));
        assert!(of(r#""output": 0"#).contains("must be 1 to"));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&line);
        }

        #[test]
        fn no_json_panics(text in r#"\{"turns": \[\{"user": "[a-z ]{0,4}"(, "images": \["[a-z:/]{0,12}"\])?\}\](, "output": [0-9]{1,12})?\}"#) {
            let _ = read(text.as_bytes());
        }
    }
}
