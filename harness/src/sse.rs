//! Server-sent events, parsed incrementally from bytes however they are split.
//!
//! The load generator and the fault proxy both read streams with this. It keeps each event's raw
//! bytes, so that a proxy can pass on exactly what came; a reader takes its `data`.
//!
//! Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html>. Lines end in LF, CRLF or
//! CR; an empty line ends an event; a comment begins with a colon.

use bytes::{Bytes, BytesMut};

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its bytes as they came, up to and with the empty line that ends it.
    pub raw: Bytes,
    /// Its payload: the values of its `data` lines, joined by LF; none when it has no such line (a
    /// comment, a lone `event:` or `retry:`).
    pub data: Option<Bytes>,
    /// The value of its last `event` line.
    pub kind: Option<Bytes>,
}

/// An incremental parser. Feed it with [`Parser::push`], take events with [`Parser::next_event`].
#[derive(Debug, Default)]
pub struct Parser {
    /// What is left of the last chunk, where nothing was left of the one before: its events are parts of it,
    /// not copies.
    chunk: Bytes,
    /// Otherwise the beginning of an event, and all that has come since.
    joined: BytesMut,
    /// How far the unread bytes have been searched for the end of an event.
    searched: usize,
    /// Where the line begins in which the search goes on.
    line: usize,
}

impl Parser {
    /// An empty parser.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk of the stream.
    pub fn push(&mut self, chunk: Bytes) {
        if self.rest().is_empty() {
            self.chunk = chunk;
        } else {
            self.joined.extend_from_slice(&std::mem::take(&mut self.chunk));
            self.joined.extend_from_slice(&chunk);
        }
    }

    /// The next event that has arrived whole.
    pub fn next_event(&mut self) -> Option<Event> {
        let end = self.find_end()?;
        Some(parse(self.take(end)))
    }

    /// What has arrived of an event that has not ended; after the stream's end, what was cut off.
    pub fn rest(&self) -> &[u8] {
        if self.joined.is_empty() { &self.chunk } else { &self.joined }
    }

    /// Takes what has arrived of an event that has not ended.
    pub fn take_rest(&mut self) -> Bytes {
        self.take(self.rest().len())
    }

    fn take(&mut self, bytes: usize) -> Bytes {
        self.searched = 0;
        self.line = 0;
        if self.joined.is_empty() { self.chunk.split_to(bytes) } else { self.joined.split_to(bytes).freeze() }
    }

    /// The index after the empty line that ends the first event, if it has arrived.
    fn find_end(&mut self) -> Option<usize> {
        let bytes = if self.joined.is_empty() { &self.chunk[..] } else { &self.joined[..] };
        loop {
            let at = self.searched + memchr::memchr2(b'\n', b'\r', &bytes[self.searched..])?;
            let mut next = at + 1;
            if bytes[at] == b'\r' {
                // Whether an LF belongs to this CR is known only when the next byte is here.
                let Some(&following) = bytes.get(next) else {
                    self.searched = at;
                    return None;
                };
                next += usize::from(following == b'\n');
            }
            let empty = at == self.line;
            self.searched = next;
            self.line = next;
            if empty {
                return Some(next);
            }
        }
    }
}

/// Takes the fields of an event apart.
fn parse(raw: Bytes) -> Event {
    let mut data = Data::None;
    let mut kind = None;
    let mut start = 0;
    for end in memchr::memchr2_iter(b'\n', b'\r', &raw) {
        let line = start..end;
        start = end + 1;
        let Some((name, value)) = field(&raw, line) else { continue };
        match name {
            b"data" => data = data.with(&value),
            b"event" => kind = Some(value),
            _ => {}
        }
    }
    Event { raw, data: data.whole(), kind }
}

/// The payload so far.
enum Data {
    None,
    /// One line, as nearly every event has: a part of the event, not copied.
    Line(Bytes),
    /// Several, joined in place: to copy them anew for each line would take time that grows with the square.
    Lines(BytesMut),
}

impl Data {
    fn with(self, line: &Bytes) -> Self {
        let mut lines = match self {
            Self::None => return Self::Line(line.clone()),
            Self::Line(first) => BytesMut::from(first.as_ref()),
            Self::Lines(lines) => lines,
        };
        lines.extend_from_slice(b"\n");
        lines.extend_from_slice(line);
        Self::Lines(lines)
    }

    fn whole(self) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::Line(line) => Some(line),
            Self::Lines(lines) => Some(lines.freeze()),
        }
    }
}

/// A line's field name and its value without the one space that may go before it. None for an empty
/// line and for a comment.
fn field(raw: &Bytes, line: std::ops::Range<usize>) -> Option<(&[u8], Bytes)> {
    let text = &raw[line.clone()];
    let colon = memchr::memchr(b':', text).unwrap_or(text.len());
    if colon == 0 {
        return None;
    }
    let mut value = (line.start + colon + 1).min(line.end)..line.end;
    if raw.get(value.start) == Some(&b' ') && !value.is_empty() {
        value.start += 1;
    }
    Some((&raw[line.start..line.start + colon], raw.slice(value)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::new();
        let mut found = Vec::new();
        for chunk in chunks {
            parser.push(Bytes::copy_from_slice(chunk));
            while let Some(event) = parser.next_event() {
                found.push(event);
            }
        }
        found
    }

    fn data(chunks: &[&[u8]]) -> Vec<Option<String>> {
        events(chunks).into_iter().map(|e| e.data.map(|d| String::from_utf8_lossy(&d).into_owned())).collect()
    }

    #[test]
    fn reads_fields_comments_and_every_line_end() {
        let text = b"data: a\n\ndata:b\r\ndata: c\r\n\r\n: ping\n\nevent: x\rdata: d\r\rdata\n\n";
        let got = data(&[text]);
        let want = [Some("a"), Some("b\nc"), None, Some("d"), Some("")];
        assert_eq!(got, want.map(|d| d.map(str::to_owned)));
    }

    #[test]
    fn an_unfinished_event_is_not_an_event() {
        let mut parser = Parser::new();
        parser.push(Bytes::from_static(b"data: a\n"));
        assert_eq!(parser.next_event(), None);
        assert_eq!(parser.rest(), b"data: a\n");
    }

    /// With a copy of what came before for each line, this would take minutes.
    #[test]
    fn an_event_of_a_million_lines_is_read_as_fast_as_any_other() {
        let text = [b"data:x\n".repeat(1_000_000).as_slice(), b"\n"].concat();
        let data = events(&[&text]).remove(0).data.expect("a payload");
        assert_eq!(data.len(), 1_999_999);
    }

    proptest! {
        #[test]
        fn splitting_a_stream_anywhere_gives_the_same_events(
            parts in prop::collection::vec(prop::sample::select(vec![
                "data: x", "data:yy", ":c", "\n", "\n\n", "\r\n", "\r\n\r\n", "event: e\n", "é", "data: [DONE]\n\n",
            ]), 0..30),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text = parts.concat().into_bytes();
            let whole = events(&[&text]);
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(&chunks), whole);
        }
    }
}
