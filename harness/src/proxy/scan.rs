//! What can be known of a stream without parsing it: how many events, and whether its final marker
//! has come. Bytes pass through unchanged; only the beginning of the last line is remembered.

use crate::api::Api;

/// As much of a line as says whether its event is the last.
const TELLING: usize = 96;

/// Looks through the chunks of one stream.
#[derive(Debug)]
pub(super) struct Scanner {
    /// Events that have ended: empty lines.
    pub(super) events: u32,
    /// The final marker has come.
    pub(super) marker: bool,
    /// Something has come of an event that has not ended.
    pub(super) within_event: bool,
    api: Api,
    /// The beginning of the line that has not ended.
    line: Vec<u8>,
    /// A line of the event that has not ended says that it is the last.
    is_last: bool,
}

impl Scanner {
    /// For a stream of `api`.
    pub(super) fn new(api: Api) -> Self {
        Self { events: 0, marker: false, within_event: false, api, line: Vec::new(), is_last: false }
    }

    /// The next chunk. Lines end in LF or CRLF here; a lone CR, which the format allows, nobody sends.
    pub(super) fn chunk(&mut self, bytes: &[u8]) {
        let (mut start, mut ended) = (0, 0);
        for end in memchr::memchr_iter(b'\n', bytes) {
            let piece = &bytes[start..end];
            start = end + 1;
            let events = self.events;
            if self.line.is_empty() {
                self.end_of_line(piece);
            } else {
                self.hold(piece);
                let mut line = std::mem::take(&mut self.line);
                self.end_of_line(&line);
                // Its memory is used again.
                line.clear();
                self.line = line;
            }
            if self.events > events {
                ended = start;
            }
        }
        if !bytes.is_empty() {
            self.within_event = ended < bytes.len();
        }
        self.hold(&bytes[start..]);
    }

    fn hold(&mut self, piece: &[u8]) {
        let room = TELLING.saturating_sub(self.line.len());
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn end_of_line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.events += 1;
            self.marker |= std::mem::take(&mut self.is_last);
        } else if !self.marker && !self.is_last {
            self.is_last = says_last(self.api, line);
        }
    }
}

/// A line says that its event is the last of its stream. Only lines are looked at, not any text in them:
/// an answer may well speak of markers.
fn says_last(api: Api, line: &[u8]) -> bool {
    let value = |name: &[u8]| {
        let value = line.strip_prefix(name)?;
        Some(value.strip_prefix(b" ").unwrap_or(value))
    };
    if let Some(kind) = value(b"event:") {
        return api.is_last(Some(kind), b"");
    }
    value(b"data:").is_some_and(|data| api.is_last(None, &data[..data.len().min(TELLING)]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sse::Parser;

    #[test]
    fn a_marker_counts_when_its_event_is_whole_and_not_where_a_text_speaks_of_it() {
        let mut scanner = Scanner::new(Api::AnthropicMessages);
        scanner.chunk(b"event: content_block_delta\ndata: {\"text\":\"event: message_stop\"}\n\n");
        scanner.chunk(b"event: message_stop\ndata: {\"type\":");
        assert_eq!((scanner.events, scanner.marker), (1, false));
        scanner.chunk(b"\"message_stop\"}\n\n");
        assert_eq!((scanner.events, scanner.marker), (2, true));
        let mut scanner = Scanner::new(Api::OpenaiChat);
        scanner.chunk(b"data: {\"content\":\"data: [DONE]\"}\n\ndata:[DONE]");
        assert!(!scanner.marker);
        scanner.chunk(b"\r\n\r\n");
        assert!(scanner.marker);
    }

    proptest! {
        #[test]
        fn a_scan_agrees_with_the_parser_however_the_stream_is_split(
            api in prop::sample::select(Api::ALL.to_vec()),
            parts in prop::collection::vec(prop::sample::select(vec![
                "data: x\n\n", "data: {}\r\n\r\n", ": ping\n\n", "event: e\ndata: y\n\n", "data: [DO", "NE]\n\n",
                "data: [DONE]\n\n", "event: message_stop\ndata: {}\n\n", "data: {\"type\": \"message_stop\"}\n\n",
                "event: response.completed\r\ndata: {\"x\":1}\r\n\r\n",
                "data: {\"type\":\"response.incomplete\",\"y\":\"a long text, longer than what is looked at of any line, by far\"}\n\n",
            ]), 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let text = parts.concat().into_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let mut scanner = Scanner::new(api);
            for pair in at.windows(2) {
                scanner.chunk(&text[pair[0]..pair[1]]);
            }
            let mut parser = Parser::new();
            parser.push(text.into());
            let (mut events, mut marker) = (0, false);
            while let Some(event) = parser.next_event() {
                events += 1;
                marker |= event.data.is_some_and(|data| api.is_last(event.kind.as_deref(), &data));
            }
            prop_assert_eq!(scanner.events, events);
            prop_assert_eq!(scanner.within_event, !parser.rest().is_empty());
            prop_assert_eq!(scanner.marker, marker);
        }
    }
}
