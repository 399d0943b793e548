//! How an answer is written, in the objects of the API that was asked. One file an API.
//!
//! Written by hand around the words, since an event of a stream differs from the next in its word only:
//! a node has to give hundreds of thousands of them a second and core. Names are escaped once, and
//! words hold nothing that JSON escapes.

mod chat;
mod completions;
mod embeddings;
mod messages;
mod responses;

use super::api::Job;
use crate::api::Api;

/// What an answer calls itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    /// Its id, as it stands in a JSON string.
    pub(super) id: &'a str,
    /// In Unix seconds.
    pub(super) created: u64,
    /// The model, as it stands in a JSON string.
    pub(super) model: &'a str,
}

/// Writes one streamed answer.
pub(super) trait Writer: Send {
    /// About as many bytes as this many events have.
    fn size(&self, events: u32) -> usize;
    /// What goes before the first token.
    fn begin(&self, out: &mut Vec<u8>);
    /// The event of token `index`.
    fn token(&self, out: &mut Vec<u8>, index: u32);
    /// What ends the stream.
    fn end(&self, out: &mut Vec<u8>);
}

/// The writer of a streamed answer.
pub(super) fn writer(job: &Job, names: Names<'_>) -> Box<dyn Writer> {
    match job.api {
        // Embeddings are never streamed.
        Api::OpenaiChat | Api::OpenaiEmbeddings => Box::new(chat::Chunks::new(job, names)),
        Api::OpenaiCompletions => Box::new(completions::Chunks::new(job, names)),
        Api::OpenaiResponses => Box::new(responses::Events::new(job, names)),
        Api::AnthropicMessages => Box::new(messages::Events::new(job, names)),
    }
}

/// The whole answer as one object.
pub(super) fn whole(job: &Job, names: Names<'_>) -> String {
    match job.api {
        Api::OpenaiChat => chat::whole(job, names),
        Api::OpenaiCompletions => completions::whole(job, names),
        Api::OpenaiResponses => responses::whole(job, names),
        Api::OpenaiEmbeddings => embeddings::whole(job, names),
        Api::AnthropicMessages => messages::whole(job, names),
    }
}

/// What the ids of an API's answers begin with.
pub(super) fn id_prefix(api: Api) -> &'static str {
    match api {
        Api::OpenaiChat => "chatcmpl-",
        Api::OpenaiCompletions => "cmpl-",
        Api::OpenaiResponses => "resp_",
        Api::OpenaiEmbeddings => "embd-",
        Api::AnthropicMessages => "msg_",
    }
}

/// The usage of completions and chat completions, a member of an object.
fn usage(job: &Job) -> String {
    let (prompt, tokens) = (job.prompt_tokens, job.tokens);
    let total = u64::from(prompt) + u64::from(tokens);
    format!(
        "\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{tokens},\"total_tokens\":{total}}}"
    )
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A text as it stands between the quotes of a JSON string.
pub(super) fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use super::super::metrics::Finish;
    use super::*;
    use crate::answer::Answer;
    use crate::sse::Parser;

    /// Names that would break JSON if they were not escaped.
    pub(super) const NAMES: Names<'_> = Names { id: "i\\\"d", created: 5, model: "m\\\"\\n" };

    /// A job of two tokens.
    pub(super) fn job(api: Api, finish: Finish, include_usage: bool) -> Job {
        let answer = Answer::to("hello");
        Job { api, answer, tokens: 2, finish, prompt_tokens: 3, stream: true, include_usage }
    }

    /// The whole stream of a job: the `event` field and the data of each event.
    pub(super) fn stream(job: &Job) -> Vec<(Option<String>, Value)> {
        let writer = writer(job, NAMES);
        let mut out = Vec::new();
        writer.begin(&mut out);
        (0..job.tokens).for_each(|index| writer.token(&mut out, index));
        writer.end(&mut out);
        let mut parser = Parser::new();
        parser.push(out.into());
        let mut events = Vec::new();
        while let Some(event) = parser.next_event() {
            let data = event.data.unwrap_or_default();
            let json = if data == "[DONE]" { Value::from("[DONE]") } else { json(&data) };
            events.push((event.kind.map(|kind| String::from_utf8_lossy(&kind).into_owned()), json));
        }
        assert_eq!(parser.rest(), b"");
        events
    }

    pub(super) fn json(data: &[u8]) -> Value {
        serde_json::from_slice(data)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(data)))
    }

    #[test]
    fn the_last_event_of_every_stream_is_the_one_that_readers_take_for_it() {
        for api in Api::ALL.into_iter().filter(|api| api.streams()) {
            let writer = writer(&job(api, Finish::Stop, true), NAMES);
            let mut out = Vec::new();
            writer.begin(&mut out);
            writer.token(&mut out, 0);
            writer.end(&mut out);
            let mut parser = Parser::new();
            parser.push(out.into());
            let mut last = Vec::new();
            while let Some(event) = parser.next_event() {
                last.push(api.is_last(event.kind.as_deref(), &event.data.unwrap_or_default()));
            }
            assert_eq!(last.pop(), Some(true), "{api}");
            assert!(!last.contains(&true), "{api}");
        }
    }
}
