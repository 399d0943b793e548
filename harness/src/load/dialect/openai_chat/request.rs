//! The body of a chat completion's request.

use serde::Serialize;

use super::super::Question;
use super::super::openai_chunk::StreamOptions;
use crate::traffic::{self, Role};

/// The length is asked for with `max_tokens`: every server takes it, though `OpenAI` itself has declared it
/// deprecated (and its reasoning models refuse it). `max_completion_tokens` is ignored without a word by
/// older servers, and whoever measures would get answers without a limit.
#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Function<Tool<'a>>>,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Part<'a>>),
    /// What an assistant says that only calls tools.
    Nothing(()),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: &'a str,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    #[serde(flatten)]
    function: Function<Called<'a>>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Tools and calls alike: functions are the only type that there is.
#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct Function<T> {
    function: T,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a serde_json::Value>,
}

pub(in super::super) fn body(question: Question<'_>) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Request {
        model: question.model,
        messages: question.messages.iter().map(Message::from).collect(),
        tools: question.tools.iter().map(|tool| Function { function: tool.into() }).collect(),
        max_tokens: question.tokens,
        stream: question.stream,
        stream_options: StreamOptions::of(question.stream),
    })
}

impl<'a> From<&'a traffic::Message> for Message<'a> {
    fn from(message: &'a traffic::Message) -> Self {
        let traffic::Message { role, text, images, calls, call } = message;
        Self {
            role: match role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::Tool => "tool",
            },
            content: if !images.is_empty() {
                Content::Parts(parts(text, images))
            } else if text.is_empty() && !calls.is_empty() {
                Content::Nothing(())
            } else {
                Content::Text(text)
            },
            tool_calls: calls.iter().map(Call::from).collect(),
            tool_call_id: call.as_deref(),
        }
    }
}

/// Text first: a model is told what to look for before it is shown where.
fn parts<'a>(text: &'a str, images: &'a [String]) -> Vec<Part<'a>> {
    let text = Some(text).filter(|text| !text.is_empty()).map(|text| Part::Text { text });
    let images = images.iter().map(|url| Part::ImageUrl { image_url: ImageUrl { url } });
    text.into_iter().chain(images).collect()
}

impl<'a> From<&'a traffic::ToolCall> for Call<'a> {
    fn from(call: &'a traffic::ToolCall) -> Self {
        let traffic::ToolCall { id, name, arguments } = call;
        Self { id, function: Function { function: Called { name, arguments } } }
    }
}

impl<'a> From<&'a traffic::Tool> for Tool<'a> {
    fn from(tool: &'a traffic::Tool) -> Self {
        let traffic::Tool { name, description, parameters } = tool;
        Self { name, description: description.as_deref(), parameters: parameters.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::traffic::{Message, Tool, ToolCall};

    fn json_of(question: Question<'_>) -> serde_json::Value {
        serde_json::from_slice(&body(question).expect("json")).expect("json")
    }

    #[test]
    fn a_request_asks_for_one_message_of_so_many_tokens() {
        let messages = [Message::user("say \"hi\"")];
        let question = Question { model: "m", messages: &messages, tools: &[], tokens: 7, stream: true };
        let expected = json!({"model": "m", "messages": [{"role": "user", "content": "say \"hi\""}],
            "max_tokens": 7, "stream": true, "stream_options": {"include_usage": true}});
        assert_eq!(json_of(question), expected);
        let json = json_of(Question { stream: false, ..question });
        assert_eq!((&json["stream"], json.get("stream_options")), (&json!(false), None));
    }

    #[test]
    fn a_conversation_is_told_whole_with_its_images_tools_and_calls() {
        let call =
            ToolCall { id: "c1".into(), name: "weather".into(), arguments: "{\"city\":\"Oslo\"}".into() };
        let look =
            Message { images: vec!["https://example.com/a.png".into()], ..Message::user("what is it?") };
        let bare = Message { images: vec!["data:image/png;base64,AA==".into()], ..Message::user("") };
        let messages = [
            Message::system("be brief"),
            look,
            bare,
            Message { calls: vec![call], ..Message::assistant("") },
            Message::tool("c1", "rain"),
            Message::assistant("It rains."),
        ];
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        let tools = [
            Tool {
                name: "weather".into(),
                description: Some("now".into()),
                parameters: Some(parameters.clone()),
            },
            Tool { name: "time".into(), description: None, parameters: None },
        ];
        let json =
            json_of(Question { model: "m", messages: &messages, tools: &tools, tokens: 1, stream: false });
        let messages = json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "what is it?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
                "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}}]},
            {"role": "tool", "content": "rain", "tool_call_id": "c1"},
            {"role": "assistant", "content": "It rains."},
        ]);
        let tools = json!([
            {"type": "function", "function": {"name": "weather", "description": "now", "parameters": parameters}},
            {"type": "function", "function": {"name": "time"}},
        ]);
        assert_eq!((&json["messages"], &json["tools"]), (&messages, &tools));
    }
}
