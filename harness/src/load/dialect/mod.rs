//! Dialects: what an API is asked, and what the pieces of its answer mean.
//!
//! Pure: from bytes to meaning, without a clock or a socket. One file an API; what they have in common
//! is here, so that nothing outside this folder knows how a chunk is spelled.

mod anthropic_messages;
mod json;
mod openai_chat;
mod openai_chunk;
mod openai_completions;
mod openai_embeddings;
mod openai_responses;

use std::borrow::Cow;

use http::header::{HeaderName, HeaderValue};

use crate::scenario::plan::Api;
use crate::traffic::{Message, Role, Tool};

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// The model.
    pub(super) model: &'a str,
    /// The conversation, oldest first; it has a user message.
    pub(super) messages: &'a [Message],
    /// Tools that the model may call.
    pub(super) tools: &'a [Tool],
    /// Tokens of the answer, at most.
    pub(super) tokens: u32,
    /// As a stream.
    pub(super) stream: bool,
}

impl Question<'_> {
    /// The last user message.
    fn last(&self) -> &str {
        let user = self.messages.iter().rfind(|message| message.role == Role::User);
        user.map(|message| message.text.as_str()).unwrap_or_default()
    }

    /// All that was said, as one text.
    fn all(&self) -> Cow<'_, str> {
        match self.messages {
            [message] => Cow::Borrowed(&message.text),
            messages => {
                let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
                Cow::Owned(texts.join("\n\n"))
            }
        }
    }

    /// What fixes the answer of a simulated node: the last user message, or, where an API knows no
    /// messages, all of the text.
    pub(super) fn fixes_answer(&self, api: Api) -> Cow<'_, str> {
        if api == Api::OpenaiCompletions { self.all() } else { Cow::Borrowed(self.last()) }
    }
}

/// What a piece of an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// A part of the answer; for an answer that is no stream, all of it.
    Part(Part<'a>),
    /// An error in place of an answer; what it says.
    Error(String),
    /// Not what this API sends; why.
    Unreadable(String),
}

/// A part of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// The text that a reader sees.
    pub(super) text: Cow<'a, str>,
    /// It has content that is no text of the answer: reasoning, a refusal, arguments of a tool.
    pub(super) other: bool,
    /// The model says that it has finished.
    pub(super) finished: bool,
    /// Tokens of the whole answer, as the server counts them.
    pub(super) tokens: Option<u32>,
    /// It is the last event of a whole stream.
    pub(super) last: bool,
    /// The model that it says it is of.
    pub(super) model: Option<Cow<'a, str>>,
}

impl Said<'_> {
    /// The last event of a stream, which says nothing else.
    pub(super) const LAST: Self = Self::Part(Part {
        text: Cow::Borrowed(""),
        other: false,
        finished: false,
        tokens: None,
        last: true,
        model: None,
    });
}

impl Part<'_> {
    /// There is content in it. A role, an empty text or a finish alone is none.
    pub(super) fn has_content(&self) -> bool {
        !self.text.is_empty() || self.other
    }
}

/// The body of a request.
pub(super) fn body(api: Api, question: Question<'_>) -> serde_json::Result<Vec<u8>> {
    match api {
        Api::OpenaiChat => openai_chat::body(question),
        Api::OpenaiCompletions => openai_completions::body(question),
        Api::OpenaiResponses => openai_responses::body(question),
        Api::OpenaiEmbeddings => openai_embeddings::body(question),
        Api::AnthropicMessages => anthropic_messages::body(question),
    }
}

/// What an event of a stream says: its `event` field and its data.
pub(super) fn event<'a>(api: Api, kind: Option<&[u8]>, data: &'a [u8]) -> Said<'a> {
    match api {
        Api::OpenaiChat => openai_chat::event(kind, data),
        Api::OpenaiCompletions => openai_completions::event(kind, data),
        Api::OpenaiResponses => openai_responses::event(kind, data),
        Api::OpenaiEmbeddings => Said::Unreadable("embeddings are no stream".into()),
        Api::AnthropicMessages => anthropic_messages::event(kind, data),
    }
}

/// What the body of an answer that is no stream says.
pub(super) fn whole(api: Api, body: &[u8]) -> Said<'_> {
    match api {
        Api::OpenaiChat => openai_chat::whole(body),
        Api::OpenaiCompletions => openai_completions::whole(body),
        Api::OpenaiResponses => openai_responses::whole(body),
        Api::OpenaiEmbeddings => openai_embeddings::whole(body),
        Api::AnthropicMessages => anthropic_messages::whole(body),
    }
}

/// Headers that an API asks for, beside those of all.
pub(super) fn headers(api: Api) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let version = (api == Api::AnthropicMessages).then_some(anthropic_messages::VERSION);
    version.into_iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::ToolCall;

    /// A request of these messages for seven tokens as a stream.
    pub(super) fn question<'a>(messages: &'a [Message], tools: &'a [Tool]) -> Question<'a> {
        Question { model: "m", messages, tools, tokens: 7, stream: true }
    }

    pub(super) fn json_of(
        body: fn(Question<'_>) -> serde_json::Result<Vec<u8>>,
        question: Question<'_>,
    ) -> serde_json::Value {
        serde_json::from_slice(&body(question).expect("json")).expect("json")
    }

    /// A conversation with all that there is: an operator, an image, a call of a tool and its result.
    pub(super) fn tools() -> (Vec<Message>, Vec<Tool>) {
        let call = ToolCall { id: "c1".into(), name: "look".into(), arguments: "{\"at\":1}".into() };
        let messages = vec![
            Message::system("be kind"),
            Message { images: vec!["https://x/y.png".into()], ..Message::user("what is this?") },
            Message { calls: vec![call], ..Message::assistant("") },
            Message::tool("c1", "a cat"),
            Message::assistant("a cat"),
            Message::user("and now?"),
        ];
        let schema = Some(serde_json::json!({"type": "object"}));
        (messages, vec![Tool { name: "look".into(), description: Some("looks".into()), parameters: schema }])
    }

    #[test]
    fn the_last_user_message_fixes_the_answer_and_where_there_are_none_all_of_the_text() {
        let messages =
            [Message::system("x"), Message::user("first"), Message::user("last"), Message::tool("c", "5")];
        let question = question(&messages, &[]);
        for api in Api::ALL {
            let expected = if api == Api::OpenaiCompletions { "x\n\nfirst\n\nlast\n\n5" } else { "last" };
            assert_eq!(question.fixes_answer(api), expected);
        }
    }

    #[test]
    fn only_anthropic_asks_for_headers_of_its_own() {
        assert_eq!(headers(Api::OpenaiChat).count(), 0);
        assert_eq!(headers(Api::AnthropicMessages).count(), 1);
    }
}
