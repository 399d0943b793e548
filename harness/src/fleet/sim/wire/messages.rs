//! Anthropic's messages. Source: <https://platform.claude.com/docs/en/build-with-claude/streaming>.

use super::{Names, Writer, put};
use crate::answer::Answer;
use crate::fleet::sim::api::Job;
use crate::fleet::sim::metrics::Finish;

/// The text of one answer's events, all but the words.
pub(super) struct Events {
    answer: Answer,
    start: String,
    end: String,
}

impl Events {
    pub(super) fn new(job: &Job, Names { id, model, .. }: Names<'_>) -> Self {
        let (prompt, tokens, reason) = (job.prompt_tokens, job.tokens, stop_reason(job.finish));
        let start = format!(
            "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"{id}\",\
             \"type\":\"message\",\"role\":\"assistant\",\"model\":\"{model}\",\"content\":[],\
             \"stop_reason\":null,\"stop_sequence\":null,\
             \"usage\":{{\"input_tokens\":{prompt},\"output_tokens\":1}}}}}}\n\n\
             event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\
             \"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}\n\n\
             event: ping\ndata: {{\"type\":\"ping\"}}\n\n"
        );
        let end = format!(
            "event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":0}}\n\n\
             event: message_delta\ndata: {{\"type\":\"message_delta\",\
             \"delta\":{{\"stop_reason\":\"{reason}\",\"stop_sequence\":null}},\
             \"usage\":{{\"output_tokens\":{tokens}}}}}\n\n\
             event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
        );
        Self { answer: job.answer, start, end }
    }
}

const DELTA: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
                     \"delta\":{\"type\":\"text_delta\",\"text\":\"";

impl Writer for Events {
    fn size(&self, events: u32) -> usize {
        self.start.len() + self.end.len() + (DELTA.len() + 24) * events as usize
    }

    fn begin(&self, out: &mut Vec<u8>) {
        put(out, &[&self.start]);
    }

    fn token(&self, out: &mut Vec<u8>, index: u32) {
        let [space, word] = self.answer.piece(index).parts();
        put(out, &[DELTA, space, word, "\"}}\n\n"]);
    }

    fn end(&self, out: &mut Vec<u8>) {
        put(out, &[&self.end]);
    }
}

fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Length => "max_tokens",
        Finish::Stop | Finish::Abort => "end_turn",
    }
}

pub(super) fn whole(job: &Job, Names { id, model, .. }: Names<'_>) -> String {
    let (text, reason) = (job.answer.text(job.tokens), stop_reason(job.finish));
    let (prompt, tokens) = (job.prompt_tokens, job.tokens);
    format!(
        "{{\"id\":\"{id}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"{model}\",\
         \"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}],\"stop_reason\":\"{reason}\",\
         \"stop_sequence\":null,\"usage\":{{\"input_tokens\":{prompt},\"output_tokens\":{tokens}}}}}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{self, NAMES, job, stream};
    use super::*;
    use crate::api::Api;

    #[test]
    fn the_events_are_those_documented_in_their_order() {
        let job = job(Api::AnthropicMessages, Finish::Length, true);
        let stream = stream(&job);
        let kinds: Vec<&str> = stream.iter().filter_map(|(kind, _)| kind.as_deref()).collect();
        let expected = [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ];
        assert_eq!(kinds, expected);
        assert!(stream.iter().all(|(kind, data)| data["type"].as_str() == kind.as_deref()));
        let message = &stream[0].1["message"];
        assert_eq!((&message["id"], &message["model"]), (&json!("i\"d"), &json!("m\"\n")));
        assert_eq!(message["usage"]["input_tokens"], 3);
        for (index, (_, event)) in (0..).zip(&stream[3..5]) {
            let delta = json!({"type": "text_delta", "text": job.answer.piece(index).to_string()});
            assert_eq!(event["delta"], delta);
        }
        assert_eq!(stream[6].1["delta"]["stop_reason"], "max_tokens");
        assert_eq!(stream[6].1["usage"], json!({"output_tokens": 2}));
    }

    #[test]
    fn the_whole_answer_is_one_message() {
        let job = job(Api::AnthropicMessages, Finish::Stop, true);
        let message = tests::json(whole(&job, NAMES).as_bytes());
        assert_eq!(message["content"], json!([{"type": "text", "text": job.answer.text(2)}]));
        assert_eq!(message["stop_reason"], "end_turn");
        assert_eq!(message["usage"], json!({"input_tokens": 3, "output_tokens": 2}));
    }
}
