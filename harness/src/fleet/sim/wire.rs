//! How an answer is written: `OpenAI`'s chunk and completion objects.
//!
//! Written by hand around the words, since a chunk differs from the next in its word only: a node has
//! to give hundreds of thousands of them a second and core. Names are escaped once.

use super::api::Job;
use crate::answer::Answer;

/// The text of one answer's chunks, all but the words.
pub(super) struct Writer {
    answer: Answer,
    head: String,
    /// With `include_usage`, chunks before the last say that they have none.
    usage: &'static str,
}

impl Writer {
    /// `id` and `model` are escaped already; `created` is in Unix seconds.
    pub(super) fn new(job: &Job, id: &str, created: u64, model: &str) -> Self {
        let head = format!(
            "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":{created},\
             \"model\":\"{model}\",\"choices\":["
        );
        Self { answer: job.answer, head, usage: if job.include_usage { ",\"usage\":null" } else { "" } }
    }

    /// About as many bytes as this many chunks have.
    pub(super) fn size(&self, chunks: u32) -> usize {
        (self.head.len() + 96) * chunks as usize
    }

    /// The chunk that has the role only.
    pub(super) fn role(&self, out: &mut Vec<u8>) {
        self.chunk(out, &["{\"role\":\"assistant\",\"content\":\"\"}", ",\"finish_reason\":null}]"]);
    }

    /// The chunk of token `index`.
    pub(super) fn token(&self, out: &mut Vec<u8>, index: u32) {
        let [space, word] = self.answer.piece(index).parts();
        self.chunk(out, &["{\"content\":\"", space, word, "\"}", ",\"finish_reason\":null}]"]);
    }

    /// What ends the stream: the finish chunk, the usage where it was asked for, the final marker.
    pub(super) fn end(&self, out: &mut Vec<u8>, job: &Job) {
        self.chunk(out, &["{}", ",\"finish_reason\":\"", job.finish.as_str(), "\"}]"]);
        if job.include_usage {
            out.extend_from_slice(self.head.as_bytes());
            out.extend_from_slice(b"],");
            out.extend_from_slice(usage(job).as_bytes());
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn chunk(&self, out: &mut Vec<u8>, parts: &[&str]) {
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(b"{\"index\":0,\"delta\":");
        for part in parts {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(self.usage.as_bytes());
        out.extend_from_slice(b"}\n\n");
    }
}

fn usage(job: &Job) -> String {
    let (prompt, tokens) = (job.prompt_tokens, job.tokens);
    let total = u64::from(prompt) + u64::from(tokens);
    format!(
        "\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{tokens},\"total_tokens\":{total}}}"
    )
}

/// The whole answer as one object. `id` and `model` are escaped already.
pub(super) fn completion(job: &Job, id: &str, created: u64, model: &str) -> String {
    let (text, finish, usage) = (job.answer.text(job.tokens), job.finish.as_str(), usage(job));
    format!(
        "{{\"id\":\"{id}\",\"object\":\"chat.completion\",\"created\":{created},\"model\":\"{model}\",\
         \"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\
         \"finish_reason\":\"{finish}\"}}],{usage}}}"
    )
}

/// A text as it stands between the quotes of a JSON string.
pub(super) fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::metrics::Finish;
    use super::*;

    fn job(include_usage: bool) -> Job {
        let answer = Answer::to("hello");
        Job { answer, tokens: 2, finish: Finish::Length, prompt_tokens: 3, stream: true, include_usage }
    }

    fn chunks(out: &[u8]) -> Vec<Value> {
        let text = String::from_utf8_lossy(out);
        let text = text.strip_suffix("data: [DONE]\n\n").unwrap_or(&text);
        let data = text.split_terminator("\n\n").filter_map(|event| event.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or(Value::Null)).collect()
    }

    #[test]
    fn the_chunks_are_json_of_the_documented_shape() {
        let job = job(true);
        let writer = Writer::new(&job, "i\\\"d", 5, &escaped("m\"\n"));
        let mut out = Vec::new();
        writer.role(&mut out);
        writer.token(&mut out, 1);
        writer.end(&mut out, &job);
        let chunk = |choices: Value, usage: Value| {
            json!({"id": "i\"d", "object": "chat.completion.chunk", "created": 5, "model": "m\"\n",
                "choices": choices, "usage": usage})
        };
        let choice =
            |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        let word = format!(" {}", job.answer.token(1));
        let expected = [
            chunk(choice(json!({"role": "assistant", "content": ""}), Value::Null), Value::Null),
            chunk(choice(json!({"content": word}), Value::Null), Value::Null),
            chunk(choice(json!({}), json!("length")), Value::Null),
            chunk(json!([]), json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})),
        ];
        assert_eq!(chunks(&out), expected);
    }

    #[test]
    fn without_usage_no_chunk_speaks_of_it() {
        let job = job(false);
        let mut out = Vec::new();
        Writer::new(&job, "id", 5, "m").end(&mut out, &job);
        let chunks = chunks(&out);
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].get("usage"), None);
    }

    #[test]
    fn the_whole_answer_is_one_object() {
        let object: Value = serde_json::from_str(&completion(&job(false), "id", 5, "m")).unwrap_or_default();
        assert_eq!(object["choices"][0]["message"]["content"], Answer::to("hello").text(2));
        assert_eq!(object["usage"]["total_tokens"], 5);
    }
}
