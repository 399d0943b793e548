//! What a request asks, whatever API it is asked by: a conversation, the tools it may call, and what a
//! right answer is.
//!
//! Invariants: a conversation has a user message, and the last one is the question. Whoever makes a
//! request puts its tag ([`crate::correlation::tag`]) at the end of that message, so that the question is
//! unique in the run; a simulated node's answer is fixed by it ([`crate::answer`]).

use std::sync::Arc;

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The operator: instructions that stand before the conversation.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool that the model has called; what it gave.
    Tool,
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What; may be empty where the model only calls tools.
    pub text: String,
    /// Images that go with the text, by URL (`https:` or `data:`), in order.
    pub images: Vec<String>,
    /// Tools that the model calls; of assistants only.
    pub calls: Vec<ToolCall>,
    /// The call that this is the result of; of tools only.
    pub call: Option<String>,
}

impl Message {
    /// A message that is text and nothing else.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), images: Vec::new(), calls: Vec::new(), call: None }
    }

    /// What the operator says.
    pub fn system(text: impl Into<String>) -> Self {
        Self::text(Role::System, text)
    }

    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::text(Role::User, text)
    }

    /// What the model says.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::text(Role::Assistant, text)
    }

    /// What the tool gave that was called by `call`.
    pub fn tool(call: impl Into<String>, text: impl Into<String>) -> Self {
        Self { call: Some(call.into()), ..Self::text(Role::Tool, text) }
    }
}

/// A tool that the model calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Names the call in its conversation; the result refers to it.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments: a JSON object, as text.
    pub arguments: String,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its parameters, as a JSON Schema; none where it takes nothing.
    pub parameters: Option<serde_json::Value>,
}

/// What a right answer is, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// This text stands in it.
    Contains(String),
    /// It is this text, but for white space around it.
    Exactly(String),
}

/// A conversation without a user message: there is nothing to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the conversation has no user message; a request is an answer to the last one")]
pub struct NoQuestion;

/// Messages, oldest first, with a question among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    messages: Vec<Message>,
    /// The place of the last user message.
    question: usize,
}

impl Conversation {
    /// These messages, oldest first.
    pub fn new(messages: Vec<Message>) -> Result<Self, NoQuestion> {
        let question = messages.iter().rposition(|message| message.role == Role::User).ok_or(NoQuestion)?;
        Ok(Self { messages, question })
    }

    /// A question without a history.
    pub fn question_alone(text: impl Into<String>) -> Self {
        Self { messages: vec![Message::user(text)], question: 0 }
    }

    /// The messages, oldest first.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The text of the last user message.
    pub fn question(&self) -> &str {
        &self.messages[self.question].text
    }

    /// The same, to add to it.
    pub fn question_mut(&mut self) -> &mut String {
        &mut self.messages[self.question].text
    }

    /// Ends the question with the request's tag, which makes it unique.
    pub fn sign(&mut self, tag: &str) {
        let question = self.question_mut();
        question.truncate(question.trim_end().len());
        if !question.is_empty() {
            question.push_str("\n\n");
        }
        question.push_str(tag);
    }

    /// What is said next. From a user, it is the question from now on.
    pub fn push(&mut self, message: Message) {
        if message.role == Role::User {
            self.question = self.messages.len();
        }
        self.messages.push(message);
    }
}

/// What a request asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What was said, and what is asked; the question ends with the request's tag.
    pub conversation: Conversation,
    /// Tools that the model may call; shared by the prompts that offer the same.
    pub tools: Arc<[Tool]>,
    /// What a right answer is, where that is known.
    pub expect: Option<Expect>,
    /// Its length in tokens, as the schedule asked for it.
    pub input_tokens: u32,
}

impl Prompt {
    /// A question and nothing else.
    pub fn question_alone(text: impl Into<String>, input_tokens: u32) -> Self {
        let conversation = Conversation::question_alone(text);
        Self { conversation, tools: Arc::default(), expect: None, input_tokens }
    }

    /// The text of the last user message; unique in the run.
    pub fn question(&self) -> &str {
        self.conversation.question()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_the_last_user_message_wherever_it_stands() {
        let messages = vec![
            Message::system("be brief"),
            Message::user("first"),
            Message::assistant("yes?"),
            Message::user("second"),
            Message::tool("c1", "5"),
        ];
        let mut conversation = Conversation::new(messages).expect("it has a question");
        assert_eq!(conversation.question(), "second");
        conversation.push(Message::assistant("five"));
        assert_eq!(conversation.question(), "second");
        conversation.push(Message::user("third"));
        conversation.question_mut().push_str(" (ref)");
        assert_eq!(conversation.question(), "third (ref)");
        assert_eq!(conversation.messages().len(), 7);
    }

    #[test]
    fn without_a_user_there_is_no_conversation() {
        assert_eq!(Conversation::new(vec![Message::system("be brief")]), Err(NoQuestion));
        assert_eq!(Conversation::new(Vec::new()), Err(NoQuestion));
    }
}
