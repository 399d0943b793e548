//! Conversations of several turns, as a user has them: each turn's question stands after all that was
//! said before.
//!
//! Pure: the closed loop asks, and tells what was answered. Invariant: questions and answers alternate. A
//! turn without an answer ends the conversation, since nobody can go on from what was never said.

use super::conversation::{Conversation, Message, Prompt, Role};

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
