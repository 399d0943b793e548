//! Completions. Source: <https://platform.openai.com/docs/api-reference/completions>.

use super::{Names, Writer, put, usage};
use crate::answer::Answer;
use crate::fleet::sim::api::Job;

/// The text of one answer's chunks, all but the words.
pub(super) struct Chunks {
    answer: Answer,
    head: String,
    finish: &'static str,
    usage: Option<String>,
}

impl Chunks {
    pub(super) fn new(job: &Job, Names { id, created, model }: Names<'_>) -> Self {
        let head = format!(
            "data: {{\"id\":\"{id}\",\"object\":\"text_completion\",\"created\":{created},\
             \"model\":\"{model}\",\"choices\":["
        );
        let usage = job.include_usage.then(|| usage(job));
        Self { answer: job.answer, head, finish: job.finish.as_str(), usage }
    }

    fn chunk(&self, out: &mut Vec<u8>, text: &[&str], finish: &[&str]) {
        put(out, &[&self.head, "{\"index\":0,\"text\":\""]);
        put(out, text);
        put(out, &["\",\"logprobs\":null,\"finish_reason\":"]);
        put(out, finish);
        put(out, &["}]", if self.usage.is_some() { ",\"usage\":null" } else { "" }, "}\n\n"]);
    }
}

impl Writer for Chunks {
    fn size(&self, events: u32) -> usize {
        (self.head.len() + 96) * events as usize
    }

    fn begin(&self, _out: &mut Vec<u8>) {}

    fn token(&self, out: &mut Vec<u8>, index: u32) {
        self.chunk(out, &self.answer.piece(index).parts(), &["null"]);
    }

    fn end(&self, out: &mut Vec<u8>) {
        self.chunk(out, &[], &["\"", self.finish, "\""]);
        if let Some(usage) = &self.usage {
            put(out, &[&self.head, "],", usage, "}\n\n"]);
        }
        put(out, &["data: [DONE]\n\n"]);
    }
}

pub(super) fn whole(job: &Job, Names { id, created, model }: Names<'_>) -> String {
    let (text, finish, usage) = (job.answer.text(job.tokens), job.finish.as_str(), usage(job));
    format!(
        "{{\"id\":\"{id}\",\"object\":\"text_completion\",\"created\":{created},\"model\":\"{model}\",\
         \"choices\":[{{\"index\":0,\"text\":\"{text}\",\"logprobs\":null,\"finish_reason\":\"{finish}\"}}],{usage}}}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{self, NAMES, job, stream};
    use super::*;
    use crate::api::Api;
    use crate::fleet::sim::metrics::Finish;

    #[test]
    fn the_chunks_are_json_of_the_documented_shape() {
        let job = job(Api::OpenaiCompletions, Finish::Stop, true);
        let chunk = |text: &str, finish: Value| {
            let chunk = json!({"id": "i\"d", "object": "text_completion", "created": 5, "model": "m\"\n",
                "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}], "usage": null});
            (None, chunk)
        };
        let stream = stream(&job);
        assert_eq!(stream[..2], [0, 1].map(|index| chunk(&job.answer.piece(index).to_string(), Value::Null)));
        assert_eq!(stream[2], chunk("", json!("stop")));
        let usage = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
        assert_eq!((&stream[3].1["choices"], &stream[3].1["usage"]), (&json!([]), &usage));
        assert_eq!(stream[4].1, "[DONE]");
        assert_eq!(stream.len(), 5);
    }

    #[test]
    fn the_whole_answer_is_one_object() {
        let job = job(Api::OpenaiCompletions, Finish::Length, false);
        let object = tests::json(whole(&job, NAMES).as_bytes());
        assert_eq!(object["choices"][0]["text"], job.answer.text(2));
        assert_eq!(
            (&object["choices"][0]["finish_reason"], &object["usage"]["total_tokens"]),
            (&json!("length"), &json!(5))
        );
    }
}
