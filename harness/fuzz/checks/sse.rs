//! What must hold of the SSE parser, whatever bytes come.

use bytes::Bytes;
use squall::sse::{Event, Parser};

/// Streams up to this length are split at every byte in turn.
const SPLIT_EVERYWHERE: usize = 200;
/// So many places to split longer ones at.
const SPLITS: usize = 40;

/// What a stream was read as.
#[derive(Debug, PartialEq)]
struct Reading {
    events: Vec<Event>,
    rest: Vec<u8>,
}

/// Holds that `stream` is read as the format says, wherever it is split, and that no byte is lost.
pub(crate) fn check(stream: &[u8]) {
    let whole = read([stream]);
    let bytes: Vec<u8> =
        whole.events.iter().flat_map(|event| event.raw.as_ref()).chain(&whole.rest).copied().collect();
    assert_eq!(bytes, stream, "what came is passed on");
    assert_eq!(fields(&whole), by_the_format(stream), "as the format says");
    assert_eq!(read(stream.chunks(1)), whole, "byte by byte");
    let step = if stream.len() <= SPLIT_EVERYWHERE { 1 } else { stream.len() / SPLITS };
    for at in (0..stream.len()).step_by(step) {
        let (left, right) = stream.split_at(at);
        assert_eq!(read([left, right]), whole, "split at byte {at}");
    }
}

fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Reading {
    let mut parser = Parser::new();
    let mut events = Vec::new();
    for chunk in chunks {
        parser.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = parser.next_event() {
            events.push(event);
        }
    }
    Reading { events, rest: parser.rest().to_vec() }
}

/// An event's `data` and the last of its `event` lines.
type Fields = (Option<Vec<u8>>, Option<Vec<u8>>);

fn fields(reading: &Reading) -> Vec<Fields> {
    let own = |bytes: &Option<Bytes>| bytes.as_ref().map(|bytes| bytes.to_vec());
    reading.events.iter().map(|event| (own(&event.data), own(&event.kind))).collect()
}

/// The same events, read line by line as the format is written down: slow, and with nothing in common
/// with the parser. <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>
fn by_the_format(stream: &[u8]) -> Vec<Fields> {
    let mut events = Vec::new();
    let (mut data, mut kind): Fields = (None, None);
    let mut rest = stream;
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let (line, ended) = rest.split_at(end);
        rest = match ended {
            // The LF that may belong to this CR has not arrived.
            b"\r" | [] => break,
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
        };
        if line.is_empty() {
            events.push((data.take(), kind.take()));
            continue;
        }
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                let joined = data.take().map(|mut data: Vec<u8>| {
                    data.push(b'\n');
                    data
                });
                data = Some([joined.unwrap_or_default().as_slice(), value].concat());
            }
            b"event" => kind = Some(value.to_vec()),
            _ => {}
        }
    }
    events
}
