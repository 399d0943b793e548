//! `in-band-error`: an answer begins with status 200, and then says that it has failed.

use squall_plugin::{
    Attempt, BodyVerdict, Ending, Event, EventVerdict, Hooks, Last, Plugin, Shape, answer, error_status,
    export, params,
};

params! {
    /// Puts an error object inside an answer of status 200.
    struct Params {
        /// events that still pass before it
        after: u32 = 1, "5";
        /// whose error it is; vLLM sends `[DONE]` after it, the others nothing
        shape: Shape = Shape::Openai, "\"anthropic\"";
        /// the status that the error would have had, 400 to 599
        status: u16 = 500, "529";
        /// whether the stream ends after it; otherwise it stays open and silent
        close: bool = true, "false";
    }
}

struct InBandError {
    after: u32,
    error: Vec<u8>,
    event: Vec<u8>,
    then: Ending,
}

impl Plugin for InBandError {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let error = params.shape.error(error_status(params.status)?).to_string().into_bytes();
        let mut event = answer::events([error.as_slice()]);
        if params.shape == Shape::Vllm {
            event.extend(answer::events([b"[DONE]".as_slice()]));
        }
        let then = if params.close { Ending::Close } else { Ending::Hang };
        Ok(Self { after: params.after, error, event, then })
    }

    fn hooks(&self) -> Hooks {
        Hooks::EVENTS | Hooks::AHEAD | Hooks::BODY
    }

    fn event(&mut self, _: &Attempt, event: &Event) -> EventVerdict {
        let index = event.index;
        if index != self.after {
            return EventVerdict::Pass;
        }
        EventVerdict::Last(Last { bytes: self.event.clone(), then: self.then })
    }

    /// An answer that is no stream says it in place of all the rest.
    fn body(&mut self, _: &Attempt, data: &[u8]) -> BodyVerdict {
        if answer::utf8(data).is_some_and(answer::is_answer) {
            return BodyVerdict::Replace(self.error.clone());
        }
        BodyVerdict::Pass
    }
}

export!(InBandError);
