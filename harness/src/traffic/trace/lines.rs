//! A file's lines, one at a time, in memory that a line can't blow up.

use std::fmt;
use std::io::{self, BufRead, Read as _};

/// No row is longer: a body with images in it may well be a few MiB.
const LONGEST: u64 = 16 << 20;
const MARK: &str = "\u{feff}";

/// The lines of `input`. Blank ones are passed over, as is a byte order mark.
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    /// The line in `self.line` is to be given again.
    again: bool,
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: Vec::new(), number: 0, again: false }
    }

    /// The number of the line that was given last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line gives the last one again.
    pub(super) fn put_back(&mut self) {
        self.again = self.number > 0;
    }

    /// The next line without its end, or what is wrong with it; none at the file's end.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<&str, String>>> {
        if self.again {
            self.again = false;
            return Ok(Some(self.text()));
        }
        loop {
            self.line.clear();
            let read = (&mut self.input).take(LONGEST).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read as u64 == LONGEST && !self.line.ends_with(b"\n") && self.pass_over()? {
                self.line = Vec::new();
                return Ok(Some(Err(format!("the line is longer than {} MiB", LONGEST >> 20))));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(self.text()));
            }
        }
    }

    fn text(&self) -> Result<&str, String> {
        let text = std::str::from_utf8(&self.line).map_err(|_| "not UTF-8 text".to_owned())?.trim();
        Ok(if self.number == 1 { text.strip_prefix(MARK).unwrap_or(text) } else { text })
    }

    /// Reads on to the line's end; false when it had ended already, with the file.
    fn pass_over(&mut self) -> io::Result<bool> {
        let mut passed = false;
        loop {
            let rest = match self.input.fill_buf() {
                Ok(rest) => rest,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if rest.is_empty() {
                return Ok(passed);
            }
            passed = true;
            let end = memchr::memchr(b'\n', rest);
            let used = end.map_or(rest.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::new(bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("memory does not fail") {
            let line = line.map(str::to_owned);
            all.push((lines.number(), line));
        }
        all
    }

    #[test]
    fn blank_lines_count_but_are_not_given() {
        let got = all(b"\xef\xbb\xbfa\r\n\n  \nb \n\xff\nc");
        let want = [
            (1, Ok("a".into())),
            (4, Ok("b".into())),
            (5, Err("not UTF-8 text".into())),
            (6, Ok("c".into())),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn a_line_put_back_is_given_again() {
        let mut lines = Lines::new(&b"a\nb\n"[..]);
        assert_eq!(lines.next().expect("no error"), Some(Ok("a")));
        lines.put_back();
        assert_eq!(lines.next().expect("no error"), Some(Ok("a")));
        assert_eq!(lines.next().expect("no error"), Some(Ok("b")));
        assert_eq!(lines.number(), 2);
    }

    #[test]
    fn a_line_without_end_is_passed_over_in_little_memory() {
        let long = io::repeat(b'x').take(3 * LONGEST).chain(&b"\nshort\n"[..]);
        let mut lines = Lines::new(io::BufReader::new(long));
        let first = lines.next().expect("no error").expect("a line").map(str::to_owned);
        assert_eq!(first, Err("the line is longer than 16 MiB".to_owned()));
        assert_eq!(lines.next().expect("no error"), Some(Ok("short")));
        assert_eq!(lines.number(), 2);
        assert!(lines.line.capacity() < 1024, "the memory is given back");
    }
}
