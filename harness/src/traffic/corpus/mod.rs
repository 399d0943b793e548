//! Corpora: conversations in a JSONL file, one a line, of which each request takes one.
//!
//! The whole file is read once before the run, and every bad line is named. In the run lines are read
//! where they stand, so that a corpus of any size costs an index of half a MiB ([`index`]). Which line a
//! request takes is drawn, keyed by (seed, request).

mod index;
mod line;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use parking_lot::Mutex;
use rand_chacha::rand_core::Rng as _;

use super::TrafficError;
use super::conversation::Prompt;
use super::draw::{Purpose, stream};
use crate::correlation;
use crate::name::RequestId;
use crate::tokens::Tokenizer;
use index::Index;
use line::Entry;

/// No line is longer; a file without line ends is not read into memory.
const LONGEST_LINE: u64 = 16 << 20;
/// Mistakes that are shown; more are counted.
const SHOWN_MISTAKES: usize = 20;
/// Bytes that are read at once in the run; most lines are shorter.
const READ_AT_ONCE: usize = 16 << 10;
/// Lines whose tokens are remembered.
const COUNTED: usize = 65_536;

/// A corpus, ready for requests.
#[derive(Debug)]
pub(super) struct Corpus {
    path: PathBuf,
    file: File,
    index: Index,
    /// Tokens of a line's messages, which are counted once.
    tokens: Mutex<HashMap<u64, u32>>,
}

/// What tells one state of a file from another.
type Version = (PathBuf, u64, Option<SystemTime>);

/// The corpora that were read through.
static READ: LazyLock<Mutex<HashMap<Version, Arc<Corpus>>>> = LazyLock::new(Mutex::default);

impl Corpus {
    /// The corpus in `path`; read through unless it was before, and has not changed.
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, TrafficError> {
        let unreadable = |source| unreadable(path, source);
        let file = File::open(path).map_err(unreadable)?;
        let meta = file.metadata().map_err(unreadable)?;
        let version = (path.to_owned(), meta.len(), meta.modified().ok());
        if let Some(corpus) = READ.lock().get(&version) {
            return Ok(Arc::clone(corpus));
        }
        let corpus = Arc::new(Self::read(path, file)?);
        READ.lock().insert(version, Arc::clone(&corpus));
        Ok(corpus)
    }

    fn read(path: &Path, file: File) -> Result<Self, TrafficError> {
        let mut index = Index::new();
        let mut mistakes = Vec::new();
        let mut lines = Lines::new(&file, 0);
        let mut number = 0_u64;
        while let Some(line) = lines.next().map_err(|source| unreadable(path, source))? {
            number += 1;
            if line.text.trim_ascii().is_empty() {
                continue;
            }
            index.push(line.start);
            let problem = match line.text.len() as u64 {
                0..=LONGEST_LINE => line::read(line.text).err(),
                _ => Some(format!("longer than {LONGEST_LINE} bytes; a line is one conversation")),
            };
            mistakes.extend(problem.map(|problem| (number, problem)));
            // What is too long is not read to its end.
            if line.text.len() as u64 > LONGEST_LINE {
                break;
            }
        }
        if !mistakes.is_empty() {
            return Err(TrafficError::Corpus { path: path.to_owned(), mistakes: listed(&mistakes) });
        }
        if index.lines() == 0 {
            return Err(TrafficError::EmptyCorpus { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), file, index, tokens: Mutex::default() })
    }

    /// The prompt of request `id`, and the tokens of its answer where the corpus says them.
    pub(super) fn prompt(
        &self,
        seed: u64,
        id: RequestId,
        tokenizer: &Tokenizer,
    ) -> Result<(Prompt, Option<u32>), TrafficError> {
        // Lemire's way to draw below a bound; its bias is below one in 2^32 for any corpus that there is.
        let drawn = u128::from(stream(seed, Purpose::Corpus, id.0).next_u64());
        let line = ((drawn * u128::from(self.index.lines())) >> u64::BITS) as u64;
        let Entry { mut conversation, tools, expect, output } = self.entry(line)?;
        let tag = correlation::tag(seed, id);
        let counted = self.count(line, &conversation, tokenizer) + tokenizer.count(&tag) as u32;
        conversation.sign(&tag);
        Ok((Prompt { conversation, tools, expect, input_tokens: counted }, output))
    }

    fn count(&self, line: u64, conversation: &super::Conversation, tokenizer: &Tokenizer) -> u32 {
        if let Some(tokens) = self.tokens.lock().get(&line) {
            return *tokens;
        }
        let texts = conversation.messages().iter().map(|message| message.text.trim_end());
        let tokens = texts.map(|text| tokenizer.count(text)).sum::<usize>() as u32;
        let mut counted = self.tokens.lock();
        if counted.len() < COUNTED {
            counted.insert(line, tokens);
        }
        tokens
    }

    /// Line `line`, from 0, blank ones not counted.
    fn entry(&self, line: u64) -> Result<Entry, TrafficError> {
        let changed = |problem: String| TrafficError::Corpus {
            path: self.path.clone(),
            mistakes: format!("\n  it has changed since the run began: {problem}"),
        };
        let (start, mut further) = self.index.find(line).ok_or_else(|| changed("a line is gone".into()))?;
        let mut lines = Lines::new(&self.file, start);
        loop {
            let next = lines.next().map_err(|source| unreadable(&self.path, source))?;
            let next = next.ok_or_else(|| changed("a line is gone".into()))?;
            if next.text.trim_ascii().is_empty() {
                continue;
            }
            if further == 0 {
                return line::read(next.text).map_err(changed);
            }
            further -= 1;
        }
    }
}

/// The schema of a corpus's line, pretty, with a line end.
pub fn corpus_schema_text() -> String {
    // A JSON value with string keys always has a text.
    serde_json::to_string_pretty(&line::schema()).map(|text| text + "\n").unwrap_or_default()
}

fn unreadable(path: &Path, source: io::Error) -> TrafficError {
    TrafficError::UnreadableCorpus { path: path.to_owned(), source }
}

/// Mistakes for people, each on a line of its own.
fn listed(mistakes: &[(u64, String)]) -> String {
    let shown = mistakes.iter().take(SHOWN_MISTAKES);
    let text: String = shown.map(|(line, problem)| format!("\n  line {line}, {problem}")).collect();
    match mistakes.len().saturating_sub(SHOWN_MISTAKES) {
        0 => text,
        more => format!("{text}\n  and {more} more"),
    }
}

/// The lines of a file from a place on, each read into the same buffer.
struct Lines<'a> {
    reader: BufReader<At<'a>>,
    start: u64,
    text: Vec<u8>,
}

/// A line, and the byte at which it begins.
struct Found<'a> {
    start: u64,
    text: &'a [u8],
}

impl<'a> Lines<'a> {
    fn new(file: &'a File, start: u64) -> Self {
        let reader = BufReader::with_capacity(READ_AT_ONCE, At { file, at: start });
        Self { reader, start, text: Vec::new() }
    }

    /// The next line with its end. One that is too long is cut after its first byte too many.
    fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        self.text.clear();
        let read = (&mut self.reader).take(LONGEST_LINE + 1).read_until(b'\n', &mut self.text)?;
        let start = self.start;
        self.start += read as u64;
        Ok((read > 0).then_some(Found { start, text: &self.text }))
    }
}

/// A place in a file that others read too: it has no cursor that they share.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
