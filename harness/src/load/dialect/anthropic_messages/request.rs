//! The body of a message's request.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::Question;
use crate::traffic::{Message, Role, Tool, ToolCall};

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    max_tokens: u32,
    /// What the operator says has a place of its own here.
    #[serde(skip_serializing_if = "String::is_empty")]
    system: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    messages: Vec<Value>,
    stream: bool,
}

pub(in super::super) fn body(question: Question<'_>) -> serde_json::Result<Vec<u8>> {
    let (system, turns): (Vec<&Message>, Vec<&Message>) =
        question.messages.iter().partition(|message| message.role == Role::System);
    let system: Vec<&str> = system.iter().map(|message| message.text.as_str()).collect();
    serde_json::to_vec(&Request {
        model: question.model,
        max_tokens: question.tokens,
        system: system.join("\n\n"),
        tools: question.tools.iter().map(tool).collect(),
        messages: turns.into_iter().map(turn).collect::<serde_json::Result<_>>()?,
        stream: question.stream,
    })
}

fn turn(message: &Message) -> serde_json::Result<Value> {
    let Message { role, text, images, calls, call } = message;
    let role = match role {
        Role::System | Role::User => "user",
        Role::Assistant => "assistant",
        // Several of them in a row are one turn of the user, as the API sees it.
        Role::Tool => {
            let result = json!({ "type": "tool_result", "tool_use_id": call, "content": text });
            return Ok(json!({ "role": "user", "content": [result] }));
        }
    };
    if images.is_empty() && calls.is_empty() {
        return Ok(json!({ "role": role, "content": text }));
    }
    let mut blocks: Vec<Value> = images.iter().map(|url| image(url)).collect();
    if !text.is_empty() {
        blocks.push(json!({ "type": "text", "text": text }));
    }
    for ToolCall { id, name, arguments } in calls {
        let input: Value = serde_json::from_str(arguments)?;
        blocks.push(json!({ "type": "tool_use", "id": id, "name": name, "input": input }));
    }
    Ok(json!({ "role": role, "content": blocks }))
}

/// An image by its URL, or, of a `data:` URL, as what that holds.
fn image(url: &str) -> Value {
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let source = match data {
        Some((kind, data)) => json!({ "type": "base64", "media_type": kind, "data": data }),
        None => json!({ "type": "url", "url": url }),
    };
    json!({ "type": "image", "source": source })
}

fn tool(Tool { name, description, parameters }: &Tool) -> Value {
    let nothing = json!({ "type": "object", "properties": {} });
    let schema = parameters.as_ref().unwrap_or(&nothing);
    match description {
        Some(description) => json!({ "name": name, "description": description, "input_schema": schema }),
        None => json!({ "name": name, "input_schema": schema }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{json_of, question, tools};
    use super::*;

    #[test]
    fn a_question_alone_is_one_message() {
        let json = json_of(body, question(&[Message::user("hi")], &[]));
        let expected = json!({"model": "m", "max_tokens": 7, "stream": true,
            "messages": [{"role": "user", "content": "hi"}]});
        assert_eq!(json, expected);
    }

    #[test]
    fn a_conversation_is_turns_of_blocks() {
        let (messages, tools) = tools();
        let json = json_of(body, question(&messages, &tools));
        assert_eq!(json["system"], "be kind");
        let expected = json!([
            {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                {"type": "text", "text": "what is this?"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "a cat"}]},
            {"role": "assistant", "content": "a cat"},
            {"role": "user", "content": "and now?"},
        ]);
        assert_eq!(json["messages"], expected);
        let tool = json!({"name": "look", "description": "looks", "input_schema": {"type": "object"}});
        assert_eq!(json["tools"], json!([tool]));
    }

    #[test]
    fn an_image_may_be_in_its_url() {
        let source = image("data:image/png;base64,AAAA")["source"].clone();
        assert_eq!(source, json!({"type": "base64", "media_type": "image/png", "data": "AAAA"}));
    }
}
