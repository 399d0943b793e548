//! Responses. Source: <https://platform.openai.com/docs/api-reference/responses-streaming>.

use std::fmt::Write as _;

use super::{Names, Writer, put};
use crate::answer::Answer;
use crate::fleet::sim::api::Job;
use crate::fleet::sim::metrics::Finish;

/// Events before the first token, which number those after them.
const BEFORE: u32 = 4;

/// The text of one answer's events, all but the words.
pub(super) struct Events {
    answer: Answer,
    tokens: u32,
    item: String,
    start: String,
    /// What the response is at the end.
    response: String,
    last: &'static str,
}

impl Events {
    pub(super) fn new(job: &Job, names: Names<'_>) -> Self {
        let item = item_id(names.id);
        let begun = response(job, names, Stage::Begun);
        let mut start = String::new();
        for (number, kind) in ["response.created", "response.in_progress"].into_iter().enumerate() {
            event(&mut start, kind, number as u32, &format!("\"response\":{begun}"));
        }
        let added = format!(
            "\"output_index\":0,\"item\":{{\"type\":\"message\",\"id\":\"{item}\",\"status\":\"in_progress\",\
             \"role\":\"assistant\",\"content\":[]}}"
        );
        event(&mut start, "response.output_item.added", 2, &added);
        event(
            &mut start,
            "response.content_part.added",
            3,
            &format!("{},\"part\":{}", place(&item), part("")),
        );
        let last = match job.finish {
            Finish::Length => "response.incomplete",
            Finish::Stop | Finish::Abort => "response.completed",
        };
        let response = response(job, names, Stage::Ended);
        Self { answer: job.answer, tokens: job.tokens, item, start, response, last }
    }
}

impl Writer for Events {
    /// The text comes three times more at the end.
    fn size(&self, events: u32) -> usize {
        self.start.len() + 4 * self.response.len() + (self.item.len() + 192) * events as usize
    }

    fn begin(&self, out: &mut Vec<u8>) {
        put(out, &[&self.start]);
    }

    fn token(&self, out: &mut Vec<u8>, index: u32) {
        let [space, word] = self.answer.piece(index).parts();
        let number = (BEFORE + index).to_string();
        put(
            out,
            &[
                "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":",
                &number,
                ",\"item_id\":\"",
                &self.item,
                "\",\"output_index\":0,\"content_index\":0,\"delta\":\"",
                space,
                word,
                "\",\"logprobs\":[]}\n\n",
            ],
        );
    }

    fn end(&self, out: &mut Vec<u8>) {
        let (text, number, item) = (self.answer.text(self.tokens), BEFORE + self.tokens, &self.item);
        let mut end = String::new();
        let whole = format!("{},\"text\":\"{text}\",\"logprobs\":[]", place(item));
        event(&mut end, "response.output_text.done", number, &whole);
        let done = format!("{},\"part\":{}", place(item), part(&text));
        event(&mut end, "response.content_part.done", number + 1, &done);
        let done = format!("\"output_index\":0,\"item\":{}", message(item, &text));
        event(&mut end, "response.output_item.done", number + 2, &done);
        event(&mut end, self.last, number + 3, &format!("\"response\":{}", self.response));
        put(out, &[&end]);
    }
}

fn event(out: &mut String, kind: &str, number: u32, rest: &str) {
    // Writing to a string does not fail.
    let _ =
        write!(out, "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number},{rest}}}\n\n");
}

fn item_id(id: &str) -> String {
    format!("msg_{}", id.strip_prefix("resp_").unwrap_or(id))
}

/// Where in the response a part of the text stands.
fn place(item: &str) -> String {
    format!("\"item_id\":\"{item}\",\"output_index\":0,\"content_index\":0")
}

fn part(text: &str) -> String {
    format!("{{\"type\":\"output_text\",\"text\":\"{text}\",\"annotations\":[]}}")
}

fn message(item: &str, text: &str) -> String {
    format!(
        "{{\"type\":\"message\",\"id\":\"{item}\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{}]}}",
        part(text)
    )
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Begun,
    Ended,
}

fn response(job: &Job, Names { id, created, model }: Names<'_>, stage: Stage) -> String {
    let (prompt, tokens) = (job.prompt_tokens, job.tokens);
    let total = u64::from(prompt) + u64::from(tokens);
    let usage = format!(
        "{{\"input_tokens\":{prompt},\"input_tokens_details\":{{\"cached_tokens\":0}},\"output_tokens\":{tokens},\
         \"output_tokens_details\":{{\"reasoning_tokens\":0}},\"total_tokens\":{total}}}"
    );
    let ended = || format!("[{}]", message(&item_id(id), &job.answer.text(tokens)));
    let (status, details, output, usage) = match (stage, job.finish) {
        (Stage::Begun, _) => ("in_progress", "null", "[]".to_owned(), "null".to_owned()),
        (Stage::Ended, Finish::Length) => {
            ("incomplete", "{\"reason\":\"max_output_tokens\"}", ended(), usage)
        }
        (Stage::Ended, Finish::Stop | Finish::Abort) => ("completed", "null", ended(), usage),
    };
    format!(
        "{{\"id\":\"{id}\",\"object\":\"response\",\"created_at\":{created},\"status\":\"{status}\",\
         \"error\":null,\"incomplete_details\":{details},\"model\":\"{model}\",\"output\":{output},\
         \"usage\":{usage}}}"
    )
}

pub(super) fn whole(job: &Job, names: Names<'_>) -> String {
    response(job, names, Stage::Ended)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{self, NAMES, job, stream};
    use super::*;
    use crate::api::Api;

    #[test]
    fn the_events_are_those_documented_in_their_order() {
        let job = job(Api::OpenaiResponses, Finish::Length, true);
        let stream = stream(&job);
        let kinds: Vec<&str> = stream.iter().filter_map(|(kind, _)| kind.as_deref()).collect();
        let expected = [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.incomplete",
        ];
        assert_eq!(kinds, expected);
        for (number, (kind, data)) in stream.iter().enumerate() {
            assert_eq!((data["type"].as_str(), &data["sequence_number"]), (kind.as_deref(), &json!(number)));
        }
        assert_eq!(stream[0].1["response"]["status"], "in_progress");
        for (index, (_, event)) in (0..).zip(&stream[4..6]) {
            assert_eq!(event["delta"], job.answer.piece(index).to_string());
        }
        let text = job.answer.text(2);
        assert_eq!(stream[6].1["text"], text);
        let response = &stream[9].1["response"];
        assert_eq!(response["output"][0]["content"][0]["text"], text);
        assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
        assert_eq!(
            (&response["usage"]["input_tokens"], &response["usage"]["output_tokens"]),
            (&json!(3), &json!(2))
        );
    }

    #[test]
    fn an_answer_that_stops_by_itself_is_completed() {
        let job = job(Api::OpenaiResponses, Finish::Stop, true);
        assert_eq!(
            stream(&job).last().and_then(|(kind, _)| kind.clone()).as_deref(),
            Some("response.completed")
        );
        let response = tests::json(whole(&job, NAMES).as_bytes());
        assert_eq!((&response["status"], &response["model"]), (&json!("completed"), &json!("m\"\n")));
        assert_eq!(response["output"][0]["content"][0]["text"], job.answer.text(2));
    }
}
