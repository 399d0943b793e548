//! What a relay hands on of a stream that faults rule on.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// What passes of a chunk, gathered so that a chunk of many events stays one write. Where all of it passes,
/// as nearly always, nothing is copied.
pub(super) struct Passed {
    chunk: Bytes,
    /// The part of the chunk that passes, while it is one.
    run: Range<usize>,
    /// What passes, once it is more than one part of the chunk.
    joined: BytesMut,
}

impl Passed {
    /// Nothing yet of this chunk.
    pub(super) fn of(chunk: Bytes) -> Self {
        Self { chunk, run: 0..0, joined: BytesMut::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.run.is_empty() && self.joined.is_empty()
    }

    pub(super) fn push(&mut self, part: &[u8]) {
        if self.is_empty()
            && let Some(at) = self.place(part)
        {
            self.run = at..at + part.len();
        } else if self.joined.is_empty() && self.place(part) == Some(self.run.end) {
            self.run.end += part.len();
        } else {
            self.joined.extend_from_slice(&self.chunk[std::mem::take(&mut self.run)]);
            self.joined.extend_from_slice(part);
        }
    }

    pub(super) fn take(&mut self) -> Bytes {
        if self.joined.is_empty() {
            self.chunk.slice(std::mem::take(&mut self.run))
        } else {
            self.joined.split().freeze()
        }
    }

    /// Where in the chunk these bytes lie, if they are a part of it.
    fn place(&self, part: &[u8]) -> Option<usize> {
        let at = part.as_ptr().addr().checked_sub(self.chunk.as_ptr().addr())?;
        (at + part.len() <= self.chunk.len()).then_some(at)
    }
}

/// A payload as an event of this name; each of its lines is a `data` line, as the format wants it.
pub(super) fn event(name: Option<&[u8]>, data: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name);
        out.extend_from_slice(b"\n");
    }
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.extend_from_slice(b"\n");
    }
    out.extend_from_slice(b"\n");
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_on_each_other_is_not_copied_and_nothing_changes_its_place() {
        let chunk = Bytes::from_static(b"abcdef");
        let mut passed = Passed::of(chunk.clone());
        passed.push(&chunk[1..3]);
        passed.push(&chunk[3..4]);
        let taken = passed.take();
        assert_eq!((&taken[..], taken.as_ptr()), (&b"bcd"[..], chunk[1..].as_ptr()));
        assert!(passed.is_empty());
        passed.push(&chunk[..2]);
        passed.push(&chunk[4..]);
        passed.push(b"of another");
        passed.push(&chunk[..1]);
        assert_eq!(passed.take(), "abefof anothera");
        passed.push(b"by itself");
        assert_eq!(passed.take(), "by itself");
        assert_eq!(passed.take(), "");
    }

    #[test]
    fn a_payload_of_lines_is_an_event_of_lines() {
        assert_eq!(event(Some(b"e"), b"a\nb"), "event: e\ndata: a\ndata: b\n\n");
        assert_eq!(event(None, b""), "data: \n\n");
    }
}
