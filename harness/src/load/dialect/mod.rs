//! Dialects: what an API is asked, and what the pieces of its answer mean.
//!
//! Pure: from bytes to meaning, without a clock or a socket. One file an API; what they have in common
//! is here, so that nothing outside this folder knows how a chunk is spelled.

mod openai_chat;

use std::borrow::Cow;

use crate::scenario::plan::Api;
use crate::traffic::{Message, Tool};

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

/// What a piece of an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// A part of the answer; for an answer that is no stream, all of it.
    Part(Part<'a>),
    /// An error in place of an answer; what it says.
    Error(String),
    /// The word that ends a stream.
    Done,
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
}

impl Part<'_> {
    /// There is content in it. A role, an empty text or a finish alone is none.
    pub(super) fn has_content(&self) -> bool {
        !self.text.is_empty() || self.other
    }
}

/// Where requests go, after the base URL.
pub(super) fn path(api: Api) -> &'static str {
    match api {
        Api::OpenaiChat => openai_chat::PATH,
    }
}

/// The body of a request.
pub(super) fn body(api: Api, question: Question<'_>) -> serde_json::Result<Vec<u8>> {
    match api {
        Api::OpenaiChat => openai_chat::body(question),
    }
}

/// What an event of a stream says: its `event` field and its data.
pub(super) fn event<'a>(api: Api, kind: Option<&[u8]>, data: &'a [u8]) -> Said<'a> {
    match api {
        Api::OpenaiChat => openai_chat::event(kind, data),
    }
}

/// What the body of an answer that is no stream says.
pub(super) fn whole(api: Api, body: &[u8]) -> Said<'_> {
    match api {
        Api::OpenaiChat => openai_chat::whole(body),
    }
}
