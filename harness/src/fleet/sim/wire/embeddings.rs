//! Embeddings. Source: <https://platform.openai.com/docs/api-reference/embeddings>.

use super::Names;
use crate::fleet::sim::api::Job;

pub(super) fn whole(job: &Job, Names { model, .. }: Names<'_>) -> String {
    let numbers: Vec<String> = job.answer.vector().iter().map(f32::to_string).collect();
    let (vector, prompt) = (numbers.join(","), job.prompt_tokens);
    format!(
        "{{\"object\":\"list\",\"data\":[{{\"object\":\"embedding\",\"index\":0,\"embedding\":[{vector}]}}],\
         \"model\":\"{model}\",\"usage\":{{\"prompt_tokens\":{prompt},\"total_tokens\":{prompt}}}}}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{self, NAMES, job};
    use super::*;
    use crate::api::Api;
    use crate::fleet::sim::metrics::Finish;

    #[test]
    fn the_answer_is_one_vector() {
        let job = job(Api::OpenaiEmbeddings, Finish::Length, false);
        let object = tests::json(whole(&job, NAMES).as_bytes());
        assert_eq!(object["data"][0]["embedding"], json!(job.answer.vector()));
        assert_eq!(object["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
    }
}
