//! `refusal`: an answer ends early and in good form, as providers do when they will not go on.

use serde_json::{Value, json};
use squall_plugin::{
    Attempt, BodyVerdict, Ending, Event, EventVerdict, Hooks, Last, Plugin, answer, export, json, params,
    words,
};

params! {
    /// Ends an answer early, with a finish reason and in good form.
    struct Params {
        /// the finish reason; `refusal` sends a refusal's text, and stops
        reason: Reason = Reason::ContentFilter, "\"length\"";
        /// events that still pass; of an answer that is no stream, words
        after: u32 = 1, "10";
        /// the text of reason = "refusal"
        text: Option<String> = None, "\"I can't help with that.\"";
    }
}

words! {
    enum Reason { ContentFilter = "content_filter", Stop = "stop", Length = "length", Refusal = "refusal" }
}

const TEXT: &str = "I'm sorry, but I can't assist with that request.";

struct Refusal {
    finish_reason: Value,
    after: u32,
    /// What a refusal says.
    text: Option<String>,
}

impl Refusal {
    /// The payloads that end a stream in place of this chunk; none where it is no such chunk.
    fn end(&self, chunk: &str) -> Option<Vec<String>> {
        let ending = json::set(chunk, "choices.0.delta", &json!({}))?;
        let ending = json::set(&ending, "choices.0.finish_reason", &self.finish_reason)?;
        let refusal = self.text.as_ref().map(|text| {
            let said = json::set(chunk, "choices.0.delta", &json!({ "refusal": text }))?;
            json::set(&said, "choices.0.finish_reason", &Value::Null)
        });
        let refusal = match refusal {
            Some(said) => Some(said?),
            None => None,
        };
        Some(refusal.into_iter().chain([ending, "[DONE]".into()]).collect())
    }

    /// The body of a refused answer; none where it is no such answer.
    fn cut(&self, body: &str) -> Option<String> {
        let said = json::text(body, "choices.0.message.content")?;
        let words: Vec<&str> = said.split_inclusive(' ').take(self.after as usize).collect();
        let body = json::set(body, "choices.0.finish_reason", &self.finish_reason)?;
        let Some(text) = &self.text else {
            return json::set(&body, "choices.0.message.content", &words.concat().trim_end().into());
        };
        let message = json!({ "role": "assistant", "content": null, "refusal": text });
        json::set(&body, "choices.0.message", &message)
    }
}

impl Plugin for Refusal {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let (finish_reason, text) = match (params.reason, params.text) {
            (Reason::Refusal, text) => ("stop", Some(text.unwrap_or_else(|| TEXT.into()))),
            (_, Some(_)) => return Err("`text` belongs to reason = \"refusal\"".into()),
            (Reason::ContentFilter, None) => ("content_filter", None),
            (Reason::Stop, None) => ("stop", None),
            (Reason::Length, None) => ("length", None),
        };
        Ok(Self { finish_reason: finish_reason.into(), after: params.after, text })
    }

    fn hooks(&self) -> Hooks {
        Hooks::EVENTS | Hooks::DATA | Hooks::BODY
    }

    fn event(&mut self, _: &Attempt, event: &Event) -> EventVerdict {
        let (index, data) = (event.index, event.payload());
        if index < self.after {
            return EventVerdict::Pass;
        }
        match answer::utf8(data).and_then(|chunk| self.end(chunk)) {
            Some(payloads) => {
                let bytes = answer::events(payloads.iter().map(String::as_bytes));
                EventVerdict::Last(Last { bytes, then: Ending::Close })
            }
            None => EventVerdict::Pass,
        }
    }

    fn body(&mut self, _: &Attempt, data: &[u8]) -> BodyVerdict {
        let refused = answer::utf8(data).and_then(|body| self.cut(body));
        refused.map_or(BodyVerdict::Pass, |body| BodyVerdict::Replace(body.into_bytes()))
    }
}

export!(Refusal);
