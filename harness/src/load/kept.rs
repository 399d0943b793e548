//! The text of an answer, kept for what is found out of it once it has ended: how many tokens it has,
//! and whether it is right.
//!
//! Neither is done while the answer comes: a tokenizer takes a tenth of a microsecond a byte, in which other
//! streams would wait for their stamps. It is counted where the server gave no `usage`, and otherwise of
//! one request in [`SAMPLED`], so that a wrong `usage` is seen without paying for each answer.

use std::sync::Arc;

use super::seen::Seen;
use super::session::Session;
use crate::name::RequestId;
use crate::scenario::plan::Api;
use crate::tokens::Tokenizer;
use crate::traffic::Expect;

/// No longer text is kept.
const LONGEST: usize = 1 << 20;
/// Of so many requests, one is counted though its server gave a `usage`.
const SAMPLED: u64 = 16;

/// The text of an answer, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Kept {
    text: String,
    /// There was more text than is kept.
    cut: bool,
    /// There was content that is no text, whose tokens are not in the text.
    other: bool,
}

/// What was found out of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Its tokens, by the tokenizer.
    pub(super) tokens: Option<u32>,
    /// It is as expected.
    pub(super) right: Option<bool>,
}

impl Session {
    /// What there is to find out of an answer that has ended; `expect` is what its prompt's corpus does.
    pub(super) async fn study(&self, id: RequestId, expect: Option<Expect>, seen: &mut Seen) -> Found {
        let kept = std::mem::take(&mut seen.kept);
        let has_tokens = self.plan.target.api != Api::OpenaiEmbeddings;
        let tokenizer = Some(&self.tokenizer).filter(|_| has_tokens && kept.is_counted(id, seen.tokens));
        // A simulated node's answers are right in another way, and an answer that broke off is not judged.
        let expect = expect.filter(|_| !self.answers_are_known && seen.done && seen.finished);
        if tokenizer.is_none() && expect.is_none() {
            return Found::default();
        }
        let tokenizer = tokenizer.map(Arc::clone);
        let study = move || kept.study(tokenizer.as_deref(), expect.as_ref());
        tokio::task::spawn_blocking(study).await.unwrap_or_default()
    }
}

impl Kept {
    /// The next piece of the text.
    pub(super) fn push(&mut self, text: &str) {
        self.cut |= self.text.len() + text.len() > LONGEST;
        if !self.cut {
            self.text.push_str(text);
        }
    }

    /// Content that is no text came, or did not.
    pub(super) fn other(&mut self, came: bool) {
        self.other |= came;
    }

    /// Its tokens are to be counted, and can be.
    pub(super) fn is_counted(&self, id: RequestId, usage: Option<u32>) -> bool {
        let whole = !self.cut && !self.other && !self.text.is_empty();
        whole && (usage.is_none() || id.0.is_multiple_of(SAMPLED))
    }

    /// Looks at the text; with a `tokenizer`, counts it.
    pub(super) fn study(&self, tokenizer: Option<&Tokenizer>, expect: Option<&Expect>) -> Found {
        Found {
            tokens: tokenizer.map(|tokenizer| u32::try_from(tokenizer.count(&self.text)).unwrap_or(u32::MAX)),
            right: expect.filter(|_| !self.cut).map(|expect| is_right(&self.text, expect)),
        }
    }
}

fn is_right(text: &str, expect: &Expect) -> bool {
    match expect {
        Expect::Contains(part) => text.to_lowercase().contains(&part.to_lowercase()),
        Expect::Exactly(whole) => text.trim() == whole.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::plan;

    fn kept(pieces: &[&str]) -> Kept {
        let mut kept = Kept::default();
        for piece in pieces {
            kept.push(piece);
        }
        kept
    }

    #[test]
    fn a_text_is_counted_where_there_is_no_usage_and_sometimes_where_there_is() {
        let text = kept(&["It", " rains."]);
        assert!(text.is_counted(RequestId(3), None));
        let sampled = (0..160).filter(|id| text.is_counted(RequestId(*id), Some(3)));
        assert_eq!(sampled.count(), 10);
        assert!(!kept(&[]).is_counted(RequestId(3), None));
        let mut called = kept(&["It rains."]);
        called.other(true);
        assert!(!called.is_counted(RequestId(3), None));
        let words = Tokenizer::load(&plan::Tokenizer::Words).expect("built in");
        assert_eq!(text.study(Some(&words), None), Found { tokens: Some(3), right: None });
    }

    #[test]
    fn an_answer_is_right_by_what_it_has_or_by_what_it_is() {
        let right = |text: &str, expect: &Expect| kept(&[text]).study(None, Some(expect)).right;
        let oslo = Expect::Contains("Oslo".into());
        assert_eq!(right("It is OSLO.", &oslo), Some(true));
        assert_eq!(right("It is Bergen.", &oslo), Some(false));
        let number = Expect::Exactly("42".into());
        assert_eq!(right(" 42\n", &number), Some(true));
        assert_eq!(right("It is 42", &number), Some(false));
    }

    #[test]
    fn of_an_endless_text_no_more_is_kept_and_nothing_is_said() {
        let mut long = Kept::default();
        for _ in 0..3_000 {
            long.push(&"x".repeat(1_000));
        }
        assert!(long.text.len() <= LONGEST && !long.is_counted(RequestId(0), None));
        assert_eq!(long.study(None, Some(&Expect::Contains("x".into()))).right, None);
    }
}
