//! From the bytes of a terminal to keys.
//!
//! A read gives what was pressed since the last one. A terminal sends a key's bytes at once, so a lone
//! escape is the key itself.

/// A key that means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Interrupt,
    Enter,
    Escape,
    /// To the next view.
    Next,
    /// To the view before.
    Back,
    Up,
    Down,
}

/// The keys in what was read; what means nothing here is left out.
pub(super) fn keys(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while let Some((key, rest)) = first(bytes) {
        keys.extend(key);
        bytes = rest;
    }
    keys
}

/// The first key, if it is one, and what follows.
fn first(bytes: &[u8]) -> Option<(Option<Key>, &[u8])> {
    Some(match bytes {
        [] => return None,
        [0x1b, b'[' | b'O', rest @ ..] => sequence(rest),
        [0x1b, rest @ ..] => (Some(Key::Escape), rest),
        [0x03, rest @ ..] => (Some(Key::Interrupt), rest),
        [b'\r' | b'\n', rest @ ..] => (Some(Key::Enter), rest),
        [b'\t', rest @ ..] => (Some(Key::Next), rest),
        [byte, rest @ ..] => (byte.is_ascii_graphic().then(|| Key::Char(char::from(*byte))), rest),
    })
}

/// What follows the beginning of a control sequence: parameters, and a letter that says which it is.
fn sequence(bytes: &[u8]) -> (Option<Key>, &[u8]) {
    let end = bytes.iter().position(|byte| (0x40..=0x7e).contains(byte));
    let Some((letter, rest)) = end.and_then(|end| bytes.get(end..)).and_then(<[u8]>::split_first) else {
        return (None, &[]);
    };
    let key = match letter {
        b'A' => Some(Key::Up),
        b'B' => Some(Key::Down),
        b'C' => Some(Key::Next),
        b'D' | b'Z' => Some(Key::Back),
        _ => None,
    };
    (key, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_and_the_rest_is_left_out() {
        assert_eq!(keys(b"p?"), [Key::Char('p'), Key::Char('?')]);
        assert_eq!(keys(b"\x1b[A\x1bOB\x1b[C\x1b[D\x1b[Z\t"), {
            [Key::Up, Key::Down, Key::Next, Key::Back, Key::Back, Key::Next]
        });
        assert_eq!(keys(b"\x03\r"), [Key::Interrupt, Key::Enter]);
        assert_eq!(keys(b"\x1b"), [Key::Escape]);
        assert_eq!(keys(b"\x1b[1;5Aq"), [Key::Up, Key::Char('q')]);
        // A mouse, a function key, half a sequence, letters that are none of ours.
        assert_eq!(keys(b"\x1b[<0;3;4M\x1b[15~\x1b[1"), []);
        assert_eq!(keys("ö\x00".as_bytes()), []);
    }
}
