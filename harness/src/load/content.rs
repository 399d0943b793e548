//! Does the content match the answer that was expected? Compared as it comes, never stored.
//!
//! A text that leaves the expected answer and goes on elsewhere in it has jumped: back, and a part came
//! twice; or ahead, and a part is missing. Where it leaves says nothing (the words may agree for a
//! while by chance), so the next few words after it are kept, and looked up in the whole answer, which
//! is made again for that. Invariant: memory does not grow with the answer, and the result does not
//! depend on how the text was split.

use memchr::memmem;

use crate::answer::Answer;
use crate::api::Api;
use crate::record::Content;
use crate::words::WORDS;

/// Whole words after the jump that are looked up: of 256 words, four in a row are found elsewhere in an
/// answer of a thousand by chance once in four million times.
const EVIDENCE_WORDS: usize = 4;
/// Words of the vocabulary in a row that are believed to be a part of another answer.
const FOREIGN_WORDS: usize = 3;
/// No [`EVIDENCE_WORDS`] of the vocabulary are longer; text without spaces is not kept beyond it.
const EVIDENCE_BYTES: usize = 96;
/// Tokens of the answer that are made again at once to search in.
const SEARCHED_AT_ONCE: u32 = 512;

/// Compares an answer with the one that was expected.
#[derive(Debug)]
pub(super) enum Check {
    /// A text.
    Text(Checker),
    /// The vector of an embedding, as its JSON.
    Vector(Answer, Content),
}

impl Check {
    /// For the answer of `api` with this many tokens.
    pub(super) fn of(api: Api, answer: Answer, expected: u32) -> Self {
        match api {
            Api::OpenaiEmbeddings => Self::Vector(answer, Content::Unknown),
            _ => Self::Text(Checker::new(answer, expected)),
        }
    }

    /// The next piece of the text, however it is split; a vector comes in one.
    pub(super) fn feed(&mut self, text: &str) {
        match self {
            Self::Text(checker) => checker.feed(text),
            Self::Vector(answer, content) => {
                // Numbers are compared, since whoever passes them on may write them otherwise.
                let vector: Option<Vec<f32>> = serde_json::from_str(text).ok();
                let right = vector.is_some_and(|vector| vector == answer.vector());
                *content = if right { Content::Whole } else { Content::Different };
            }
        }
    }

    /// The answer has ended.
    pub(super) fn finish(self) -> Content {
        match self {
            Self::Text(checker) => checker.finish(),
            Self::Vector(_, content) => content,
        }
    }
}

/// Compares a text with the first `expected` tokens of an answer.
#[derive(Debug)]
pub(super) struct Checker {
    answer: Answer,
    expected: u32,
    /// The token that the text has reached, and how many bytes of it have come.
    token: u32,
    within: usize,
    /// Bytes that came and were right.
    right: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// As expected so far.
    Right,
    /// It left the expected text; what came from there on.
    Left(Vec<u8>),
    Decided(Content),
}

impl Checker {
    pub(super) fn new(answer: Answer, expected: u32) -> Self {
        Self { answer, expected, token: 0, within: 0, right: 0, state: State::Right }
    }

    /// The next piece of the text, however it is split.
    pub(super) fn feed(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        if matches!(self.state, State::Right) {
            rest = self.compare(rest);
            if rest.is_empty() {
                return;
            }
            self.state = State::Left(Vec::new());
        }
        if let State::Left(evidence) = &mut self.state {
            let room = EVIDENCE_BYTES - evidence.len();
            evidence.extend_from_slice(&rest[..rest.len().min(room)]);
            if let Some(end) = end_of_evidence(evidence) {
                evidence.truncate(end);
                let evidence = std::mem::take(evidence);
                self.state = State::Decided(self.judge(&evidence, false));
            }
        }
    }

    /// The text has ended.
    pub(super) fn finish(self) -> Content {
        match &self.state {
            State::Decided(content) => *content,
            State::Left(evidence) => self.judge(evidence, true),
            State::Right if self.right == 0 => Content::Unknown,
            State::Right if self.token == self.expected => Content::Whole,
            State::Right => Content::Truncated,
        }
    }

    /// Goes along the expected text for as long as it agrees; what is left from where it does not.
    fn compare<'a>(&mut self, mut text: &'a [u8]) -> &'a [u8] {
        while !text.is_empty() && self.token < self.expected {
            let [space, word] = self.answer.piece(self.token).parts();
            let length = space.len() + word.len();
            let due = match self.within.checked_sub(space.len()) {
                Some(within) => &word.as_bytes()[within..],
                None => space.as_bytes(),
            };
            let agree = due.iter().zip(text).take_while(|(due, came)| due == came).count();
            self.within += agree;
            self.right += agree as u64;
            text = &text[agree..];
            if self.within == length {
                self.token += 1;
                self.within = 0;
            } else if agree < due.len() {
                break;
            }
        }
        text
    }

    /// What it means that `evidence` came where the text left the expected one. `at_end`: nothing came
    /// after it.
    fn judge(&self, evidence: &[u8], at_end: bool) -> Content {
        match self.find(evidence, at_end) {
            Some(at) if at < self.right => Content::Duplicated,
            Some(_) => Content::Spliced,
            None if self.token > 0 && is_of_an_answer(evidence, at_end) => Content::Spliced,
            None => Content::Different,
        }
    }

    /// Where in the expected text `evidence` stands. At the end of the text, the end of the answer is
    /// where it belongs, even if it is too short to be told apart elsewhere.
    fn find(&self, evidence: &[u8], at_end: bool) -> Option<u64> {
        let finder = memmem::Finder::new(evidence);
        let long_enough = words(evidence) >= EVIDENCE_WORDS;
        let mut window = Vec::new();
        // The place of the window's first byte.
        let mut start = 0;
        for token in 0..self.expected {
            let [space, word] = self.answer.piece(token).parts();
            window.extend_from_slice(space.as_bytes());
            window.extend_from_slice(word.as_bytes());
            let last = token + 1 == self.expected;
            if !last && (token + 1) % SEARCHED_AT_ONCE != 0 {
                continue;
            }
            if long_enough && let Some(at) = finder.find(&window) {
                return Some(start + at as u64);
            }
            if last && at_end && window.ends_with(evidence) {
                return Some(start + (window.len() - evidence.len()) as u64);
            }
            let kept = window.len().min(evidence.len());
            start += (window.len() - kept) as u64;
            window.drain(..window.len() - kept);
        }
        None
    }
}

/// Where enough evidence ends, when there is enough.
fn end_of_evidence(evidence: &[u8]) -> Option<usize> {
    let space = memchr::memchr_iter(b' ', evidence).nth(EVIDENCE_WORDS);
    space.or((evidence.len() == EVIDENCE_BYTES).then_some(EVIDENCE_BYTES))
}

/// Words that begin in `evidence`.
fn words(evidence: &[u8]) -> usize {
    memchr::memchr_iter(b' ', evidence).count()
}

/// It reads like a part of an answer: words of the vocabulary, of which the first has lost its beginning
/// where that agreed with the expected word. `at_end`, the last one need not be whole.
fn is_of_an_answer(evidence: &[u8], at_end: bool) -> bool {
    let mut whole = evidence.split(|byte| *byte == b' ');
    let first = whole.next().unwrap_or_default();
    let mut whole: Vec<&[u8]> = whole.collect();
    if at_end {
        whole.pop();
    }
    let known = |is: &dyn Fn(&[u8]) -> bool| WORDS.iter().any(|word| is(word.as_bytes()));
    whole.len() >= FOREIGN_WORDS
        && known(&|word| word.ends_with(first))
        && whole.iter().all(|came| known(&|word| word == *came))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    const TOKENS: u32 = 60;

    fn check(text: &str, cuts: &[Index]) -> Content {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        let mut checker = Checker::new(answer(), TOKENS);
        for pair in at.windows(2) {
            checker.feed(&text[pair[0]..pair[1]]);
        }
        checker.finish()
    }

    #[test]
    fn a_vector_is_right_or_not_however_its_numbers_are_written() {
        let check = |json: &str| {
            let mut check = Check::of(Api::OpenaiEmbeddings, answer(), TOKENS);
            check.feed(json);
            check.finish()
        };
        let numbers = answer().vector();
        let plain = serde_json::to_string(&numbers).expect("json");
        assert_eq!(check(&plain), Content::Whole);
        let spaced: Vec<String> = numbers.iter().map(|number| format!("{number:.12}")).collect();
        assert_eq!(check(&format!("[ {} ]", spaced.join(", "))), Content::Whole);
        let other = serde_json::to_string(&Answer::to("another").vector()).expect("json");
        for wrong in [other.as_str(), "[]", "\"AAAA\""] {
            assert_eq!(check(wrong), Content::Different);
        }
        assert_eq!(Check::of(Api::OpenaiEmbeddings, answer(), TOKENS).finish(), Content::Unknown);
    }

    fn answer() -> Answer {
        Answer::to("a question")
    }

    fn expected() -> String {
        answer().text(TOKENS)
    }

    fn pieces(range: std::ops::Range<u32>) -> String {
        range.map(|token| answer().piece(token).to_string()).collect()
    }

    #[test]
    fn nothing_is_unknown_and_all_of_it_is_whole() {
        assert_eq!(check("", &[]), Content::Unknown);
        assert_eq!(check(&expected(), &[]), Content::Whole);
    }

    #[test]
    fn a_part_of_another_answer_is_spliced_and_nonsense_is_different() {
        let other = Answer::to("another question").text(20);
        assert_eq!(check(&format!("{} {other}", pieces(0..9)), &[]), Content::Spliced);
        assert_eq!(check(&format!("{}{other}", pieces(0..9)), &[]), Content::Spliced);
        assert_eq!(check(&other, &[]), Content::Different);
        let nonsense = format!("{} Lorem{}", pieces(0..9), pieces(10..TOKENS));
        assert_eq!(check(&nonsense, &[]), Content::Different);
        assert_eq!(check(&format!("{}!", expected()), &[]), Content::Different);
        assert_eq!(check(&format!("{}{}", pieces(0..9), "x".repeat(1 << 20)), &[]), Content::Different);
    }

    #[test]
    fn an_answer_that_begins_again_is_duplicated_though_no_space_tells_so() {
        for until in 1..TOKENS {
            assert_eq!(check(&format!("{}{}", pieces(0..until), expected()), &[]), Content::Duplicated);
        }
        assert_eq!(check(&format!("{}{}", expected(), expected()), &[]), Content::Duplicated);
    }

    #[test]
    fn a_long_answer_is_searched_to_its_end() {
        let text = |range: std::ops::Range<u32>| -> String {
            range.map(|token| answer().piece(token).to_string()).collect()
        };
        let judge = |text: &str| {
            let mut checker = Checker::new(answer(), 5_000);
            checker.feed(text);
            checker.finish()
        };
        assert_eq!(judge(&(text(0..100) + &text(4_500..4_600))), Content::Spliced);
        assert_eq!(judge(&(text(0..4_900) + &text(700..800))), Content::Duplicated);
        assert_eq!(judge(&text(0..5_000)), Content::Whole);
    }

    proptest! {
            #[test]
            fn an_answer_cut_anywhere_is_truncated(
                end in any::<Index>(), cuts in prop::collection::vec(any::<Index>(), 0..8),
            ) {
                let whole = expected();
                let end = 1 + end.index(whole.len() - 1);
                prop_assert_eq!(check(&whole[..end], &cuts), Content::Truncated);
            }

            #[test]
            fn a_jump_anywhere_is_found_however_the_text_is_split(
                from in 1..=TOKENS, to in 1..TOKENS, cuts in prop::collection::vec(any::<Index>(), 0..8),
            ) {
                prop_assume!(from != to);
                let text = pieces(0..from) + &pieces(to..TOKENS);
                // A jump to a word that happens to be the one due is no jump.
                prop_assume!(!expected().starts_with(&text));
                let want = if to < from { Content::Duplicated } else { Content::Spliced };
                prop_assert_eq!(check(&text, &cuts), want);
            }

            #[test]
            fn a_jump_inside_a_word_is_found_too(
                from in any::<Index>(), to in any::<Index>(), cuts in prop::collection::vec(any::<Index>(), 0..8),
            ) {
                let whole = expected();
                let (from, to) = (1 + from.index(whole.len()), to.index(whole.len()));
                prop_assume!(from != to);
                let text = format!("{}{}", &whole[..from], &whole[to..]);
                prop_assume!(!whole.starts_with(&text));
                let want = if to < from { Content::Duplicated } else { Content::Spliced };
                prop_assert_eq!(check(&text, &cuts), want);
            }

            #[test]
            fn a_jump_before_a_cut_is_found_when_four_words_follow(
                from in 1..40_u32, to in 1..40_u32, after in 7..20_u32,
            ) {
                prop_assume!(from != to);
                let text = pieces(0..from) + &pieces(to..to + after);
                prop_assume!(!expected().starts_with(&text));
                let seen = check(&text, &[]);
                let want = if to < from { Content::Duplicated } else { Content::Spliced };
                prop_assert_eq!(seen, want);
            }

            #[test]
            fn no_other_text_is_whole(text in ".{0,200}", cuts in prop::collection::vec(any::<Index>(), 0..8)) {
                let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
                at.extend([0, text.len()]);
                at.sort_unstable();
                at.retain(|at| text.is_char_boundary(*at));
                let mut checker = Checker::new(answer(), TOKENS);
                for pair in at.windows(2) {
                    checker.feed(&text[pair[0]..pair[1]]);
                }
    // What it is called is a guess for a letter or two, but never that it is right.
                prop_assert_ne!(checker.finish(), Content::Whole);
            }
        }
}
