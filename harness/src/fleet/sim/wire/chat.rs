//! Chat completions. Source: <https://platform.openai.com/docs/api-reference/chat-streaming>.

use super::{Names, Writer, put, usage};
use crate::answer::Answer;
use crate::fleet::sim::api::Job;

/// The text of one answer's chunks, all but the words.
pub(super) struct Chunks {
    answer: Answer,
    head: String,
    finish: &'static str,
    /// With `include_usage`, chunks before the last say that they have none.
    no_usage: &'static str,
    usage: Option<String>,
}

impl Chunks {
    pub(super) fn new(job: &Job, Names { id, created, model }: Names<'_>) -> Self {
        let head = format!(
            "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":{created},\
             \"model\":\"{model}\",\"choices\":["
        );
        Self {
            answer: job.answer,
            head,
            finish: job.finish.as_str(),
            no_usage: if job.include_usage { ",\"usage\":null" } else { "" },
            usage: job.include_usage.then(|| usage(job)),
        }
    }

    fn chunk(&self, out: &mut Vec<u8>, parts: &[&str]) {
        put(out, &[&self.head, "{\"index\":0,\"delta\":"]);
        put(out, parts);
        put(out, &[self.no_usage, "}\n\n"]);
    }
}

impl Writer for Chunks {
    fn size(&self, events: u32) -> usize {
        (self.head.len() + 96) * events as usize
    }

    /// The chunk that has the role only.
    fn begin(&self, out: &mut Vec<u8>) {
        self.chunk(out, &["{\"role\":\"assistant\",\"content\":\"\"}", ",\"finish_reason\":null}]"]);
    }

    fn token(&self, out: &mut Vec<u8>, index: u32) {
        let [space, word] = self.answer.piece(index).parts();
        self.chunk(out, &["{\"content\":\"", space, word, "\"}", ",\"finish_reason\":null}]"]);
    }

    /// The finish chunk, the usage where it was asked for, the final marker.
    fn end(&self, out: &mut Vec<u8>) {
        self.chunk(out, &["{}", ",\"finish_reason\":\"", self.finish, "\"}]"]);
        if let Some(usage) = &self.usage {
            put(out, &[&self.head, "],", usage, "}\n\n"]);
        }
        put(out, &["data: [DONE]\n\n"]);
    }
}

pub(super) fn whole(job: &Job, Names { id, created, model }: Names<'_>) -> String {
    let (text, finish, usage) = (job.answer.text(job.tokens), job.finish.as_str(), usage(job));
    format!(
        "{{\"id\":\"{id}\",\"object\":\"chat.completion\",\"created\":{created},\"model\":\"{model}\",\
         \"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\
         \"finish_reason\":\"{finish}\"}}],{usage}}}"
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
        let job = job(Api::OpenaiChat, Finish::Length, true);
        let chunk = |choices: Value, usage: Value| {
            let chunk = json!({"id": "i\"d", "object": "chat.completion.chunk", "created": 5, "model": "m\"\n",
                "choices": choices, "usage": usage});
            (None, chunk)
        };
        let choice =
            |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        let word = |index| {
            chunk(choice(json!({"content": job.answer.piece(index).to_string()}), Value::Null), Value::Null)
        };
        let expected = [
            chunk(choice(json!({"role": "assistant", "content": ""}), Value::Null), Value::Null),
            word(0),
            word(1),
            chunk(choice(json!({}), json!("length")), Value::Null),
            chunk(json!([]), json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})),
            (None, json!("[DONE]")),
        ];
        assert_eq!(stream(&job), expected);
    }

    #[test]
    fn without_usage_no_chunk_speaks_of_it() {
        let chunks = stream(&job(Api::OpenaiChat, Finish::Length, false));
        assert_eq!(chunks.len(), 5);
        assert!(chunks.iter().all(|(_, chunk)| chunk.get("usage").is_none()));
    }

    #[test]
    fn the_whole_answer_is_one_object() {
        let job = job(Api::OpenaiChat, Finish::Length, false);
        let object = tests::json(whole(&job, NAMES).as_bytes());
        assert_eq!(object["choices"][0]["message"]["content"], job.answer.text(2));
        assert_eq!(object["usage"]["total_tokens"], 5);
    }
}
