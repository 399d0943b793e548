//! `poison`: some of an answer's words are replaced by others; all else about it is right.
//!
//! Which words, and by what, is fixed by the attempt's draw and the event's index.

use squall_plugin::{
    Attempt, BodyVerdict, Chance, Event, EventVerdict, Hooks, Plugin, answer, export, json, params, words,
};

params! {
    /// Replaces a share of the answer's words by wrong or foreign ones.
    struct Params {
        /// the share of words, above 0 and up to 1
        tokens: f64, "0.05";
        /// plausible words that are wrong here, words of other languages, or `list`
        vocabulary: Vocabulary = Vocabulary::Wrong, "\"foreign\"";
        /// the words of vocabulary = "list"
        list: Vec<String> = Vec::new(), "[\"banana\", \"42\"]";
    }
}

words! {
    enum Vocabulary { Wrong = "wrong", Foreign = "foreign", List = "list" }
}

const WRONG: [&str; 12] = [
    "never", "always", "seven", "left", "below", "false", "March", "without", "Paris", "zero", "copper",
    "least",
];
const FOREIGN: [&str; 12] = [
    "สวัสดี",
    "ขอบคุณ",
    "你好",
    "谢谢",
    "привет",
    "однако",
    "こんにちは",
    "안녕하세요",
    "مرحبا",
    "γεια",
    "שלום",
    "नमस्ते",
];

struct Poison {
    tokens: f64,
    words: Vec<String>,
}

impl Poison {
    /// The text with some of its words replaced; none when chance spares them all.
    fn spoil(&self, text: &str, chance: &mut Chance) -> Option<String> {
        let mut spoilt = String::new();
        let mut changed = false;
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            if word.is_empty() || chance.uniform() >= self.tokens {
                spoilt.push_str(piece);
                continue;
            }
            spoilt.push_str(self.other(word, chance));
            spoilt.push_str(&piece[word.len()..]);
            changed = true;
        }
        changed.then_some(spoilt)
    }

    /// A word of the vocabulary that is not this one.
    fn other<'a>(&'a self, word: &'a str, chance: &mut Chance) -> &'a str {
        let at = (chance.bits() % self.words.len() as u64) as usize;
        let mut from_there = self.words[at..].iter().chain(&self.words[..at]);
        from_there.find(|other| *other != word).map_or(word, String::as_str)
    }

    /// An event or a body with its text spoilt.
    fn poison(&self, attempt: &Attempt, index: u64, data: &[u8]) -> Option<Vec<u8>> {
        let whole = answer::utf8(data)?;
        let (path, text) = answer::text(whole)?;
        let spoilt = self.spoil(&text, &mut Chance::of(attempt, index))?;
        json::set(whole, path, &spoilt.into()).map(String::into_bytes)
    }
}

impl Plugin for Poison {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let Params { tokens, vocabulary, list } = params;
        if !(tokens > 0.0 && tokens <= 1.0) {
            return Err(format!("`tokens` is a share of them, above 0 and up to 1, not {tokens}"));
        }
        let all = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let words = match vocabulary {
            Vocabulary::List if list.is_empty() => {
                return Err("vocabulary = \"list\" needs the words: `list = [\"banana\", \"42\"]`".into());
            }
            Vocabulary::List => list,
            _ if !list.is_empty() => return Err("`list` belongs to vocabulary = \"list\"".into()),
            Vocabulary::Wrong => all(&WRONG),
            Vocabulary::Foreign => all(&FOREIGN),
        };
        Ok(Self { tokens, words })
    }

    fn hooks(&self) -> Hooks {
        Hooks::EVENTS | Hooks::DATA | Hooks::BODY
    }

    fn event(&mut self, attempt: &Attempt, event: &Event) -> EventVerdict {
        let (index, data) = (event.index, event.payload());
        let poisoned = self.poison(attempt, index.into(), data);
        poisoned.map_or(EventVerdict::Pass, |event| EventVerdict::Replace(vec![event]))
    }

    fn body(&mut self, attempt: &Attempt, data: &[u8]) -> BodyVerdict {
        self.poison(attempt, 0, data).map_or(BodyVerdict::Pass, BodyVerdict::Replace)
    }
}

export!(Poison);
