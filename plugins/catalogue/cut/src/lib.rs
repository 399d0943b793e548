//! `cut`: ends a stream before its time.
//!
//! A share of the answer needs its length before it ends: the request's own limit on tokens. Where a
//! request has none, the stream passes and a counter says so.

use std::collections::HashMap;

use squall_plugin::{
    Attempt, BodyVerdict, CountOrShare, Event, EventVerdict, Hooks, Plugin, RequestHead, RequestVerdict,
    answer, export, host, params, words,
};

params! {
    /// Ends an answer before its time.
    struct Params {
        /// events that still pass, or a share of the tokens that the request allows; of an answer that is
        /// no stream: bytes, or a share of them
        after: Option<CountOrShare> = None, "0.5";
        /// a clean end, a missing `[DONE]`, or a TCP reset
        how: How = How::End, "\"reset\"";
        /// counts only pieces of a tool call's arguments, so that the cut falls into one
        in_tool_call: bool = false, "true";
    }
}

words! {
    enum How { End = "end", NoDone = "no-done", Reset = "reset" }
}

struct Cut {
    after: CountOrShare,
    how: How,
    in_tool_call: bool,
    /// Of each attempt under way: events that count so far, and where to cut.
    streams: HashMap<u64, Stream>,
}

#[derive(Default)]
struct Stream {
    counted: u32,
    limit: Option<u32>,
}

/// A piece of a tool call's arguments, in the words of OpenAI's chat and responses APIs and of
/// Anthropic's. JSON escapes quotes within strings, so content can't be mistaken for it.
fn is_tool_call(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let list = |key: &str| {
        text.split(key).skip(1).any(|rest| {
            let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
            value
                .and_then(|value| value.strip_prefix('['))
                .is_some_and(|list| list.trim_start().starts_with('{'))
        })
    };
    list("\"tool_calls\"")
        || text.contains("\"input_json_delta\"")
        || text.contains("\"response.function_call_arguments.delta\"")
}

impl Plugin for Cut {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let Params { after, how, in_tool_call } = params;
        if how == How::NoDone && (after.is_some() || in_tool_call) {
            return Err("how = \"no-done\" leaves out the final marker only: `after` and `in_tool_call` have no meaning".into());
        }
        let after = match after {
            Some(CountOrShare::Share(_)) if in_tool_call => {
                return Err(
                    "with `in_tool_call`, `after` counts events of the tool call: give a count".into()
                );
            }
            Some(after) => after,
            None if in_tool_call => CountOrShare::Count(1),
            None if how == How::NoDone => CountOrShare::Count(0),
            None => return Err("say where: `after = 12` events, or `after = 0.5` of the answer".into()),
        };
        Ok(Self { after, how, in_tool_call, streams: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        match (self.how, self.after, self.in_tool_call) {
            (How::NoDone, ..) => Hooks::EVENTS | Hooks::DATA,
            (_, CountOrShare::Count(_), false) => Hooks::EVENTS | Hooks::AHEAD | Hooks::BODY,
            (_, CountOrShare::Count(_), true) => Hooks::EVENTS | Hooks::DATA | Hooks::FINISH,
            (_, CountOrShare::Share(_), _) => Hooks::REQUEST | Hooks::EVENTS | Hooks::BODY | Hooks::FINISH,
        }
    }

    /// Only asked for with a share: keeps where to cut.
    fn request(&mut self, attempt: &Attempt, head: &RequestHead) -> RequestVerdict {
        let tokens = head.max_tokens.map(f64::from);
        if let (CountOrShare::Share(share), Some(tokens)) = (self.after, tokens) {
            let limit = Some((share * tokens).ceil() as u32);
            self.streams.insert(attempt.id, Stream { counted: 0, limit });
        } else if head.streaming {
            host::count("cut: length unknown", 1);
        }
        RequestVerdict::Pass
    }

    fn event(&mut self, attempt: &Attempt, event: &Event) -> EventVerdict {
        let (index, data) = (event.index, event.payload());
        if self.how == How::NoDone {
            return if answer::is_final(data) { EventVerdict::Drop } else { EventVerdict::Pass };
        }
        let reached = match self.after {
            CountOrShare::Count(after) if self.in_tool_call => {
                let stream = self.streams.entry(attempt.id).or_default();
                let is_call = is_tool_call(data);
                let reached = stream.counted >= after && (is_call || stream.counted > 0);
                stream.counted += u32::from(is_call);
                reached
            }
            CountOrShare::Count(after) => index >= after,
            CountOrShare::Share(_) => self
                .streams
                .get(&attempt.id)
                .and_then(|stream| stream.limit)
                .is_some_and(|limit| index >= limit),
        };
        match self.how {
            _ if !reached => EventVerdict::Pass,
            How::Reset => EventVerdict::Reset,
            _ => EventVerdict::Close,
        }
    }

    fn body(&mut self, _: &Attempt, data: &[u8]) -> BodyVerdict {
        let bytes = match self.after {
            CountOrShare::Count(bytes) => u64::from(bytes),
            CountOrShare::Share(share) => (share * data.len() as f64).ceil() as u64,
        };
        match self.how {
            _ if bytes >= data.len() as u64 => BodyVerdict::Pass,
            How::Reset => BodyVerdict::Reset,
            _ => BodyVerdict::Cut(bytes),
        }
    }

    fn finish(&mut self, attempt: &Attempt) {
        self.streams.remove(&attempt.id);
    }
}

export!(Cut);
