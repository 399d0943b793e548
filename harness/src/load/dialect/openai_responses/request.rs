//! The body of a response's request.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::Question;
use crate::traffic::{Message, Role, Tool, ToolCall};

/// Nothing is to be stored: a load test asks for no conversation again.
#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    max_output_tokens: u32,
    stream: bool,
    store: bool,
}

pub(in super::super) fn body(question: Question<'_>) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Request {
        model: question.model,
        input: match question.messages {
            [message] if message.images.is_empty() => Value::from(message.text.as_str()),
            messages => messages.iter().flat_map(items).collect(),
        },
        tools: question.tools.iter().map(tool).collect(),
        max_output_tokens: question.tokens,
        stream: question.stream,
        store: false,
    })
}

/// A message is an item, and so is each call of a tool and each result.
fn items(message: &Message) -> Vec<Value> {
    let Message { role, text, images, calls, call } = message;
    let role = match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => {
            return vec![json!({ "type": "function_call_output", "call_id": call, "output": text })];
        }
    };
    let mut items = Vec::new();
    if !images.is_empty() {
        let text = Some(json!({ "type": "input_text", "text": text })).filter(|_| !text.is_empty());
        let images = images.iter().map(|url| json!({ "type": "input_image", "image_url": url }));
        items.push(json!({ "role": role, "content": text.into_iter().chain(images).collect::<Value>() }));
    } else if !text.is_empty() || calls.is_empty() {
        items.push(json!({ "role": role, "content": text }));
    }
    items.extend(calls.iter().map(|ToolCall { id, name, arguments }| {
        json!({ "type": "function_call", "call_id": id, "name": name, "arguments": arguments })
    }));
    items
}

fn tool(Tool { name, description, parameters }: &Tool) -> Value {
    json!({ "type": "function", "name": name, "description": description, "parameters": parameters })
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{json_of, question, tools};
    use super::*;

    #[test]
    fn a_question_alone_is_one_text() {
        let json = json_of(body, question(&[Message::user("hi")], &[]));
        let expected =
            json!({"model": "m", "input": "hi", "max_output_tokens": 7, "stream": true, "store": false});
        assert_eq!(json, expected);
    }

    #[test]
    fn a_conversation_is_items() {
        let (messages, tools) = tools();
        let json = json_of(body, question(&messages, &tools));
        let expected = json!([
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": [{"type": "input_text", "text": "what is this?"},
                {"type": "input_image", "image_url": "https://x/y.png"}]},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{\"at\":1}"},
            {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
            {"role": "assistant", "content": "a cat"},
            {"role": "user", "content": "and now?"},
        ]);
        assert_eq!(json["input"], expected);
        let tool = json!({"type": "function", "name": "look", "description": "looks", "parameters": {"type": "object"}});
        assert_eq!(json["tools"], json!([tool]));
    }
}
