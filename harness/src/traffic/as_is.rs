//! Requests as they were written for an API, as conversations.
//!
//! What is asked is kept: messages, images, tools and calls. How it is asked (temperature, formats, limits) is
//! the scenario's. Sources: <https://platform.openai.com/docs/api-reference/chat/create>, and the texts that
//! `/completions`, `/responses` and `/embeddings` take.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::conversation::{Conversation, Message, Role, Tool, ToolCall};
use super::trace::AsIs;

#[derive(Deserialize)]
struct Chat {
    messages: Vec<ChatMessage>,
    #[serde(default)]
    tools: Vec<ChatTool>,
}

#[derive(Deserialize)]
struct ChatMessage {
    role: String,
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    tool_calls: Vec<Call>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text { text: String },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Deserialize)]
struct ImageUrl {
    url: String,
}

#[derive(Deserialize)]
struct Call {
    id: String,
    function: Called,
}

#[derive(Deserialize)]
struct Called {
    name: String,
    arguments: String,
}

#[derive(Deserialize)]
struct ChatTool {
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Value>,
}

/// What a request without messages asks.
#[derive(Deserialize)]
struct Text {
    #[serde(alias = "input")]
    prompt: String,
}

/// What a request asks, and the tools that it offers; or what is wrong with it.
pub(super) fn read(request: &AsIs) -> Result<(Conversation, Arc<[Tool]>), String> {
    let problem = |error: serde_json::Error| format!("body: {error}");
    if !request.url.ends_with("/chat/completions") {
        let Text { prompt } = serde_json::from_str(&request.body).map_err(|error| {
            format!(
                "body: {error}; of requests to {} only those are taken that ask with one text",
                request.url
            )
        })?;
        return Ok((Conversation::question_alone(prompt), Arc::default()));
    }
    let Chat { messages, tools } = serde_json::from_str(&request.body).map_err(problem)?;
    let messages = messages.into_iter().map(ChatMessage::message).collect::<Result<Vec<_>, _>>()?;
    let conversation = Conversation::new(messages).map_err(|error| format!("body: {error}"))?;
    Ok((conversation, tools.into_iter().map(Tool::from).collect()))
}

impl ChatMessage {
    fn message(self) -> Result<Message, String> {
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            other => return Err(format!("body: the role {other:?} is not known")),
        };
        let mut texts = Vec::new();
        let mut images = Vec::new();
        match self.content {
            None => {}
            Some(Content::Text(text)) => texts.push(text),
            Some(Content::Parts(parts)) => parts.into_iter().for_each(|part| match part {
                Part::Text { text } => texts.push(text),
                Part::ImageUrl { image_url } => images.push(image_url.url),
            }),
        }
        let calls = self.tool_calls.into_iter().map(ToolCall::from).collect();
        Ok(Message { role, text: texts.join("\n"), images, calls, call: self.tool_call_id })
    }
}

impl From<Call> for ToolCall {
    fn from(Call { id, function: Called { name, arguments } }: Call) -> Self {
        Self { id, name, arguments }
    }
}

impl From<ChatTool> for Tool {
    fn from(ChatTool { function: Function { name, description, parameters } }: ChatTool) -> Self {
        Self { name, description, parameters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, body: &str) -> Result<(Conversation, Arc<[Tool]>), String> {
        read(&AsIs { url: url.into(), body: body.into() })
    }

    #[test]
    fn a_chat_is_read_whole_and_how_it_is_asked_is_not_minded() {
        let (conversation, tools) = of(
            "/v1/chat/completions",
            r#"{"model": "m", "temperature": 0, "messages": [{"role": "developer", "content": "be brief"},
                {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "text", "text": "here"},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}]},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
                    "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c", "content": "5"}],
               "tools": [{"type": "function", "function": {"name": "f"}}]}"#,
        )
        .expect("good");
        let messages = conversation.messages();
        assert_eq!(messages[0], Message::system("be brief"));
        assert_eq!(conversation.question(), "look\nhere");
        assert_eq!(messages[1].images, ["https://example.com/a.png"]);
        assert_eq!((messages[2].calls[0].name.as_str(), messages[3].call.as_deref()), ("f", Some("c")));
        assert_eq!(tools[0], Tool { name: "f".into(), description: None, parameters: None });
    }

    #[test]
    fn requests_with_one_text_are_questions_and_others_say_what_is_wrong() {
        let (conversation, _) = of("/v1/embeddings", r#"{"input": "hi"}"#).expect("good");
        assert_eq!(conversation.question(), "hi");
        let (conversation, _) = of("/v1/completions", r#"{"prompt": "hi"}"#).expect("good");
        assert_eq!(conversation.question(), "hi");
        let wrong = |url: &str, body: &str| of(url, body).expect_err("a mistake");
        assert!(wrong("/v1/embeddings", r#"{"input": [1, 2]}"#).contains("one text"));
        assert!(wrong("/v1/chat/completions", r#"{"messages": []}"#).contains("no user message"));
        let audio = r#"{"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}"#;
        assert!(wrong("/v1/chat/completions", audio).starts_with("body: "));
        assert!(wrong("/v1/chat/completions", r#"{"messages": [{"role": "robot"}]}"#).contains("robot"));
    }
}
