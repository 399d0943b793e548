//! `malformed`: an answer that is not, or barely, what its format allows.
//!
//! Some of it is wrong (`invalid-json`), some is right and seldom seen (`crlf`, `comments`), and
//! breaks readers that never saw it.

use std::collections::HashMap;

use serde_json::json;
use squall_plugin::{
    Attempt, BodyVerdict, Event, EventVerdict, Hooks, Plugin, answer, export, host, json, params, words,
};

params! {
    /// Sends what its format does not allow, or what readers seldom see.
    struct Params {
        /// what is odd
        which: Which = Which::InvalidJson, "\"split-utf8\"";
        /// events that pass before the odd one; `crlf` and `comments` go on from there, and
        /// `truncated-tool-arguments` counts pieces of arguments
        after: u32 = 1, "5";
        /// bytes that which = "huge-event" adds (1048576)
        size: Option<u32> = None, "4000000";
    }
}

words! {
    enum Which {
        InvalidJson = "invalid-json",
        SplitUtf8 = "split-utf8",
        Crlf = "crlf",
        Comments = "comments",
        EmptyChoices = "empty-choices",
        HugeEvent = "huge-event",
        TruncatedToolArguments = "truncated-tool-arguments",
    }
}

const STREAM_ARGUMENTS: &str = "choices.0.delta.tool_calls.0.function.arguments";
const BODY_ARGUMENTS: &str = "choices.0.message.tool_calls.0.function.arguments";
const MIB: u32 = 1 << 20;

struct Malformed {
    which: Which,
    after: u32,
    size: usize,
    /// Of each stream under way: pieces of arguments so far.
    pieces: HashMap<u64, u32>,
}

fn one(payload: String) -> EventVerdict {
    EventVerdict::Replace(vec![payload.into_bytes()])
}

/// The first two thirds of a JSON object.
fn halved(object: &str) -> Option<&str> {
    let end = object.starts_with('{').then(|| object.len() * 2 / 3)?;
    (end..object.len()).find(|end| object.is_char_boundary(*end)).map(|end| &object[..end])
}

/// The event in two writes, the first of which ends within a character. An event that is all ASCII
/// gets such a character in a field that readers ignore.
fn split(object: &str) -> Option<EventVerdict> {
    let with_one = match object.is_ascii() {
        true => json::append(object, "padding", &json!("é"))?,
        false => object.to_owned(),
    };
    let mut first = answer::events([with_one.as_bytes()]);
    let within = first.iter().position(|byte| !byte.is_ascii())? + 1;
    let second = first.split_off(within);
    Some(EventVerdict::Raw(vec![first, second]))
}

impl Malformed {
    /// What becomes of the one odd event; none where it can't be made odd so.
    fn odd(&self, event: &str) -> Option<EventVerdict> {
        match self.which {
            Which::InvalidJson => halved(event).map(|half| one(half.to_owned())),
            Which::SplitUtf8 => split(event),
            Which::HugeEvent => self.huge(event).map(one),
            Which::EmptyChoices => {
                let empty = json::set(event, "choices", &json!([]))?;
                Some(EventVerdict::Replace(vec![empty.into_bytes(), event.as_bytes().to_vec()]))
            }
            Which::Crlf | Which::Comments | Which::TruncatedToolArguments => None,
        }
    }

    fn huge(&self, object: &str) -> Option<String> {
        json::append(object, "padding", &"x".repeat(self.size).into())
    }

    /// Line ends in turn: CRLF, LF, and both in one event.
    fn crlf(&self, index: u32, data: &[u8]) -> EventVerdict {
        let event_end = match (index - self.after) % 3 {
            0 => "\r\n",
            1 => return EventVerdict::Pass,
            _ => "\n",
        };
        let mut bytes = Vec::new();
        answer::write_event(&mut bytes, data, "\r\n", event_end);
        EventVerdict::Raw(vec![bytes])
    }

    fn comment(data: &[u8]) -> EventVerdict {
        let mut bytes = b": keep-alive\n\n".to_vec();
        bytes.extend(answer::events([data]));
        EventVerdict::Raw(vec![bytes])
    }

    /// Empties the pieces of a tool call's arguments after the first `after`, so that their JSON never ends.
    fn truncate(&mut self, attempt: &Attempt, event: &str) -> Option<EventVerdict> {
        json::text(event, STREAM_ARGUMENTS).filter(|piece| !piece.is_empty())?;
        let pieces = self.pieces.entry(attempt.id).or_default();
        *pieces += 1;
        if *pieces <= self.after {
            return None;
        }
        json::set(event, STREAM_ARGUMENTS, &"".into()).map(one)
    }
}

impl Plugin for Malformed {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let Params { which, after, size } = params;
        if size.is_some() && which != Which::HugeEvent {
            return Err("`size` belongs to which = \"huge-event\"".into());
        }
        let size = size.unwrap_or(MIB);
        if !(1..=8 * MIB).contains(&size) {
            return Err(format!("`size` must be 1 to {} bytes, not {size}", 8 * MIB));
        }
        Ok(Self { which, after, size: size as usize, pieces: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        match self.which {
            Which::InvalidJson | Which::EmptyChoices | Which::HugeEvent => {
                Hooks::EVENTS | Hooks::DATA | Hooks::BODY
            }
            Which::SplitUtf8 | Which::Crlf | Which::Comments => Hooks::EVENTS | Hooks::DATA,
            Which::TruncatedToolArguments => Hooks::EVENTS | Hooks::DATA | Hooks::BODY | Hooks::FINISH,
        }
    }

    fn event(&mut self, attempt: &Attempt, event: &Event) -> EventVerdict {
        let (index, data) = (event.index, event.payload());
        let Some(event) = answer::utf8(data) else { return EventVerdict::Pass };
        match self.which {
            Which::TruncatedToolArguments => self.truncate(attempt, event).unwrap_or(EventVerdict::Pass),
            _ if index < self.after => EventVerdict::Pass,
            Which::Crlf => self.crlf(index, data),
            Which::Comments => Self::comment(data),
            _ if index > self.after => EventVerdict::Pass,
            _ => self.odd(event).unwrap_or_else(|| {
                host::count("malformed: event could not be changed", 1);
                EventVerdict::Pass
            }),
        }
    }

    fn body(&mut self, _: &Attempt, data: &[u8]) -> BodyVerdict {
        let Some(body) = answer::utf8(data).filter(|body| answer::is_answer(body)) else {
            return BodyVerdict::Pass;
        };
        let odd = match self.which {
            Which::InvalidJson => halved(body).map(str::to_owned),
            Which::HugeEvent => self.huge(body),
            Which::EmptyChoices => json::set(body, "choices", &json!([])),
            Which::TruncatedToolArguments => json::text(body, BODY_ARGUMENTS).and_then(|arguments| {
                let half: String = arguments.chars().take(arguments.chars().count() / 2).collect();
                json::set(body, BODY_ARGUMENTS, &half.into())
            }),
            Which::SplitUtf8 | Which::Crlf | Which::Comments => None,
        };
        odd.map_or(BodyVerdict::Pass, |body| BodyVerdict::Replace(body.into_bytes()))
    }

    fn finish(&mut self, attempt: &Attempt) {
        self.pieces.remove(&attempt.id);
    }
}

export!(Malformed);
