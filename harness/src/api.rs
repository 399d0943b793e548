//! The APIs that every side of a run must know: what they are called, where they are asked, and what
//! ends their streams.
//!
//! Load generator, simulated node, router and proxy all ask here, so that a client, a node and whatever
//! judges between them agree on what a final marker is. A proxy tells the API of an attempt by its path,
//! since a gateway may ask nodes by another API than its clients ask it.
//!
//! Sources: <https://platform.openai.com/docs/api-reference>,
//! <https://platform.openai.com/docs/api-reference/responses-streaming>,
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>.

use std::fmt;

use serde::Serialize;

/// An API for asking a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// `POST /v1/chat/completions`.
    OpenaiChat,
    /// `POST /v1/completions`.
    OpenaiCompletions,
    /// `POST /v1/responses`.
    OpenaiResponses,
    /// `POST /v1/embeddings`; never a stream.
    OpenaiEmbeddings,
    /// `POST /v1/messages`.
    AnthropicMessages,
}

/// The last event of a stream of chat completions and of completions.
const DONE: &[u8] = b"[DONE]";

impl Api {
    /// All of them, the most common first.
    pub const ALL: [Self; 5] = [
        Self::OpenaiChat,
        Self::OpenaiCompletions,
        Self::OpenaiResponses,
        Self::OpenaiEmbeddings,
        Self::AnthropicMessages,
    ];

    /// As scenarios and people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiCompletions => "openai-completions",
            Self::OpenaiResponses => "openai-responses",
            Self::OpenaiEmbeddings => "openai-embeddings",
            Self::AnthropicMessages => "anthropic-messages",
        }
    }

    /// The one of this name.
    pub fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.name() == name)
    }

    /// Where it is asked, after a base URL that ends with `/v1`.
    pub const fn path(self) -> &'static str {
        match self {
            Self::OpenaiChat => "/chat/completions",
            Self::OpenaiCompletions => "/completions",
            Self::OpenaiResponses => "/responses",
            Self::OpenaiEmbeddings => "/embeddings",
            Self::AnthropicMessages => "/messages",
        }
    }

    /// The one that is asked at this path, whatever stands before it.
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default();
        // In this order a chat completion is not taken for a completion.
        Self::ALL.into_iter().find(|api| path.ends_with(api.path()))
    }

    /// It can answer with a stream.
    pub const fn streams(self) -> bool {
        !matches!(self, Self::OpenaiEmbeddings)
    }

    /// An event is the last of a whole stream, told by its `event` field, or by its data as far as
    /// it is given: an event that has its `type` first, or `[DONE]`.
    pub(crate) fn is_last(self, kind: Option<&[u8]>, data: &[u8]) -> bool {
        let called = |names: &[&[u8]]| type_of(data).or(kind).is_some_and(|kind| names.contains(&kind));
        match self {
            Self::OpenaiChat | Self::OpenaiCompletions | Self::OpenaiEmbeddings => data == DONE,
            Self::OpenaiResponses => called(&[b"response.completed", b"response.incomplete"]),
            Self::AnthropicMessages => called(&[b"message_stop"]),
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The value of an object's `type`, where that comes first.
fn type_of(json: &[u8]) -> Option<&[u8]> {
    let rest = after(after(json, b"{")?, b"\"type\"")?;
    let rest = after(after(rest, b":")?, b"\"")?;
    rest.split(|byte| *byte == b'"').next().filter(|name| name.len() < rest.len())
}

/// What comes after `token`, with which `json` begins but for white space.
fn after<'a>(json: &'a [u8], token: &[u8]) -> Option<&'a [u8]> {
    json.trim_ascii_start().strip_prefix(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_api_is_found_by_its_name_and_by_its_path() {
        for api in Api::ALL {
            assert_eq!(Api::called(api.name()), Some(api));
            assert_eq!(Api::of_path(&format!("/v1{}", api.path())), Some(api));
            assert_eq!(Api::of_path(&format!("/openai/v1{}?api-version=1", api.path())), Some(api));
            assert_eq!(serde_json::to_value(api).ok(), Some(api.name().into()));
        }
        assert_eq!(Api::called("openai"), None);
        assert_eq!(Api::of_path("/v1/models"), None);
    }

    #[test]
    fn each_stream_has_its_own_last_event() {
        for api in [Api::OpenaiChat, Api::OpenaiCompletions] {
            assert!(api.is_last(None, b"[DONE]"));
            assert!(!api.is_last(Some(b"message_stop"), b"{}"));
        }
        let messages = Api::AnthropicMessages;
        assert!(messages.is_last(Some(b"message_stop"), b"{\"type\":\"message_stop\"}"));
        assert!(messages.is_last(None, b" { \"type\" : \"message_stop\""));
        assert!(!messages.is_last(None, b"{\"text\":\"message_stop\",\"type\":\"message_stop\"}"));
        assert!(!messages.is_last(Some(b"message_delta"), b"{\"type\":\"message_delta\"}"));
        assert!(!messages.is_last(None, b"{\"type\":\"message_stop"), "the word has not ended");
        let responses = Api::OpenaiResponses;
        assert!(responses.is_last(None, b"{\"type\":\"response.completed\",\"sequence_number\":9"));
        assert!(responses.is_last(Some(b"response.incomplete"), b"{\"response\":{}}"));
        assert!(!responses.is_last(Some(b"response.failed"), b"{\"type\":\"response.failed\"}"));
        assert!(!responses.is_last(None, b"[DONE]"));
    }
}
