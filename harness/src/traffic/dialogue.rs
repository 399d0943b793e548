//! Conversations of several turns, as a user has them: each turn's question stands after all that was
//! said before.
//!
//! Pure: the closed loop asks, and tells what was answered. Invariant: questions and answers alternate. A
//! turn without an answer ends the conversation, since nobody can go on from what was never said.

use super::conversation::{Conversation, Message, Prompt, Role, ToolCall};
use super::sessions::Given;

/// A user's conversations, one after the other.
#[derive(Debug)]
pub struct Dialogue {
    /// Turns of a conversation, at least 1.
    turns: u32,
    /// What was said in this one; empty between two.
    said: Vec<Message>,
    /// The length of that, in tokens.
    tokens: u32,
    /// Turns that were asked in this one.
    asked: u32,
}

impl Dialogue {
    /// Conversations of `turns` turns.
    pub fn of(turns: u32) -> Self {
        Self { turns, said: Vec::new(), tokens: 0, asked: 0 }
    }

    /// `prompt` as the next turn: what was said before stands before it. What the operator says stands
    /// once, at the start.
    pub fn ask(&mut self, prompt: Prompt) -> Prompt {
        self.asked += 1;
        if self.turns == 1 {
            return prompt;
        }
        let first = self.said.is_empty();
        let new = prompt.conversation.messages().iter();
        self.said.extend(new.filter(|message| first || message.role != Role::System).cloned());
        self.tokens = self.tokens.saturating_add(prompt.input_tokens);
        // A prompt has a question, so what was said has one.
        let conversation = Conversation::new(self.said.clone()).unwrap_or(prompt.conversation);
        Prompt { conversation, input_tokens: self.tokens, ..prompt }
    }

    /// Will the answer be needed?
    pub fn goes_on(&self) -> bool {
        self.asked < self.turns
    }

    /// What was answered, and how many tokens that is; none when nothing was, or not to its end.
    pub fn answered(&mut self, answer: Option<(String, u32)>) {
        match answer {
            Some((text, tokens)) if self.goes_on() => {
                self.said.push(Message::assistant(text));
                self.tokens = self.tokens.saturating_add(tokens);
            }
            _ => *self = Self::of(self.turns),
        }
    }

    /// What was given by the tools that the last answer called. That it called them is how the session was
    /// planned, whatever the model said: no model can be made to call so many.
    pub fn called(&mut self, results: Vec<Given>) {
        let turn = self.asked;
        let Some(answer) = self.said.last_mut().filter(|last| last.role == Role::Assistant) else { return };
        let named = results.into_iter().zip(0..).map(|(given, number)| {
            let call = ToolCall {
                id: format!("call-{turn}-{number}"),
                name: given.tool.into(),
                arguments: "{}".into(),
            };
            self.tokens = self.tokens.saturating_add(given.tokens);
            (Message::tool(call.id.clone(), given.text), call)
        });
        let (results, calls): (Vec<_>, Vec<_>) = named.unzip();
        answer.calls = calls;
        self.said.extend(results);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str) -> Prompt {
        let messages = vec![Message::system("be brief"), Message::user(text)];
        let conversation = Conversation::new(messages).expect("a question");
        Prompt { conversation, ..Prompt::question_alone("", 10) }
    }

    fn said(prompt: &Prompt) -> Vec<&str> {
        prompt.conversation.messages().iter().map(|message| message.text.as_str()).collect()
    }

    #[test]
    fn the_history_grows_and_then_begins_anew() {
        let mut dialogue = Dialogue::of(3);
        for _ in 0..2 {
            let first = dialogue.ask(prompt("one"));
            assert_eq!((said(&first), first.input_tokens), (vec!["be brief", "one"], 10));
            dialogue.answered(Some(("yes".into(), 5)));
            assert!(dialogue.goes_on());
            let second = dialogue.ask(prompt("two"));
            assert_eq!((said(&second), second.input_tokens), (vec!["be brief", "one", "yes", "two"], 25));
            assert_eq!(second.question(), "two");
            dialogue.answered(Some(("no".into(), 5)));
            let third = dialogue.ask(prompt("three"));
            assert_eq!(said(&third), ["be brief", "one", "yes", "two", "no", "three"]);
            assert_eq!(third.input_tokens, 40);
            assert!(!dialogue.goes_on());
            dialogue.answered(Some(("never needed".into(), 5)));
        }
    }

    #[test]
    fn what_tools_gave_stands_between_the_answer_and_the_next_question() {
        let mut dialogue = Dialogue::of(2);
        dialogue.ask(prompt("one"));
        dialogue.answered(Some(("yes".into(), 5)));
        let given = |text: &str| Given { tool: "look_up", text: text.into(), tokens: 3 };
        dialogue.called(vec![given("a"), given("b")]);
        let next = dialogue.ask(prompt("two"));
        assert_eq!(said(&next), ["be brief", "one", "yes", "a", "b", "two"]);
        assert_eq!((next.input_tokens, next.question()), (10 + 5 + 3 + 3 + 10, "two"));
        let messages = next.conversation.messages();
        let calls: Vec<&str> = messages[2].calls.iter().map(|call| call.id.as_str()).collect();
        let results: Vec<&str> = messages.iter().filter_map(|message| message.call.as_deref()).collect();
        assert_eq!((calls.as_slice(), results), (["call-1-0", "call-1-1"].as_slice(), calls.clone()));
    }

    #[test]
    fn a_turn_without_an_answer_ends_the_conversation() {
        let mut dialogue = Dialogue::of(3);
        dialogue.ask(prompt("one"));
        dialogue.answered(None);
        assert_eq!(said(&dialogue.ask(prompt("two"))), ["be brief", "two"]);
    }

    #[test]
    fn of_one_turn_each_is_a_conversation_of_its_own() {
        let mut dialogue = Dialogue::of(1);
        for text in ["one", "two"] {
            assert_eq!(dialogue.ask(prompt(text)), prompt(text));
            assert!(!dialogue.goes_on());
            dialogue.answered(None);
        }
    }
}
