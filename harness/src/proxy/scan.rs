//! What can be known of a stream without parsing it: how many events, and whether its final marker
//! has come. Bytes pass through unchanged; only the border between two chunks is remembered.

use memchr::memmem;

/// The final marker of OpenAI's streams, as every server known writes it.
const MARKER: &[u8] = b"data: [DONE]";
/// The same as a few servers write it.
const TIGHT_MARKER: &[u8] = b"data:[DONE]";

/// Looks through the chunks of one stream.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Events that have ended: empty lines after a line.
    pub(super) events: u32,
    /// The final marker has come.
    pub(super) marker: bool,
    /// Something has come of an event that has not ended.
    pub(super) within_event: bool,
    /// The line so far is empty.
    at_line_start: bool,
    /// The end of what came before, where a marker may have begun.
    tail: Vec<u8>,
}

impl Scanner {
    /// The next chunk.
    pub(super) fn chunk(&mut self, bytes: &[u8]) {
        self.count(bytes);
        if !self.marker {
            self.look_for_marker(bytes);
        }
    }

    /// Lines end in LF or CRLF here; a lone CR, which the format allows, nobody sends.
    fn count(&mut self, bytes: &[u8]) {
        let mut line = 0;
        let mut ended = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let text = &bytes[line..end];
            let empty = text.is_empty() || text == b"\r";
            if empty && (line > 0 || self.at_line_start) {
                self.events += 1;
                ended = end + 1;
            }
            line = end + 1;
        }
        if !bytes.is_empty() {
            self.within_event = ended < bytes.len();
        }
        let rest = &bytes[line..];
        if line > 0 {
            self.at_line_start = rest.is_empty() || rest == b"\r";
        } else if !bytes.is_empty() && rest != b"\r" {
            self.at_line_start = false;
        }
    }

    fn look_for_marker(&mut self, bytes: &[u8]) {
        let found =
            |text: &[u8]| memmem::find(text, MARKER).is_some() || memmem::find(text, TIGHT_MARKER).is_some();
        let border = &bytes[..bytes.len().min(MARKER.len())];
        self.tail.extend_from_slice(border);
        self.marker = found(&self.tail) || found(bytes);
        self.tail.truncate(self.tail.len() - border.len());
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(MARKER.len())..]);
        let surplus = self.tail.len().saturating_sub(MARKER.len() - 1);
        self.tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sse::Parser;

    proptest! {
        #[test]
        fn a_scan_agrees_with_the_parser_however_the_stream_is_split(
            parts in prop::collection::vec(prop::sample::select(vec![
                "data: x\n\n", "data: {}\r\n\r\n", ": ping\n\n", "event: e\ndata: y\n\n", "data: [DO", "NE]\n\n",
                "data: [DONE]\n\n",
            ]), 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let text = parts.concat().into_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let mut scanner = Scanner::default();
            for pair in at.windows(2) {
                scanner.chunk(&text[pair[0]..pair[1]]);
            }
            let mut parser = Parser::new();
            parser.push(&text);
            let mut events = 0;
            while parser.next_event().is_some() {
                events += 1;
            }
            prop_assert_eq!(scanner.events, events);
            prop_assert_eq!(scanner.within_event, !parser.rest().is_empty());
            prop_assert_eq!(scanner.marker, memmem::find(&text, MARKER).is_some());
        }
    }
}
