//! Errors, in the shape of the API that was asked.

use http::StatusCode;
use serde::Serialize;

use crate::api::Api;

/// An answer that is an error.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct ApiError {
    pub(in super::super) status: StatusCode,
    pub(in super::super) kind: &'static str,
    pub(in super::super) code: Option<&'static str>,
    pub(in super::super) message: String,
    /// Seconds after which to try again.
    pub(in super::super) retry_after: Option<u64>,
}

impl ApiError {
    pub(in super::super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid_request_error",
            code: None,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(in super::super) fn queue_full() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "rate_limit_error",
            code: Some("rate_limit_exceeded"),
            message: "all slots are taken and the queue is full; try again later".into(),
            retry_after: Some(1),
        }
    }

    pub(in super::super) fn starting(seconds: u64) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "service_unavailable_error",
            code: Some("model_loading"),
            message: "the model is being loaded; try again later".into(),
            retry_after: Some(seconds),
        }
    }

    /// The body: Anthropic names the type of an object, `OpenAI` has a code.
    /// Sources: <https://platform.claude.com/docs/en/api/errors>,
    /// <https://platform.openai.com/docs/guides/error-codes>.
    pub(in super::super) fn body(&self, api: Api) -> String {
        #[derive(Serialize)]
        struct Body<'a, T> {
            #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
            kind: Option<&'a str>,
            error: T,
        }
        #[derive(Serialize)]
        struct Inner<'a> {
            message: &'a str,
            #[serde(rename = "type")]
            kind: &'a str,
            param: Option<&'a str>,
            code: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct Anthropic<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            message: &'a str,
        }
        // Strings and nothing else: this can't fail.
        if api == Api::AnthropicMessages {
            let error = Anthropic { kind: self.anthropic_kind(), message: &self.message };
            return serde_json::to_string(&Body { kind: Some("error"), error }).unwrap_or_default();
        }
        let error = Inner { message: &self.message, kind: self.kind, param: None, code: self.code };
        serde_json::to_string(&Body { kind: None, error }).unwrap_or_default()
    }

    fn anthropic_kind(&self) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => "not_found_error",
            StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
            StatusCode::SERVICE_UNAVAILABLE => "overloaded_error",
            _ => self.kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_api_has_its_shape() {
        let read =
            |error: &ApiError, api| serde_json::from_str::<Value>(&error.body(api)).unwrap_or_default();
        let full = ApiError::queue_full();
        let openai = json!({"error": {"message": full.message, "type": "rate_limit_error", "param": null,
            "code": "rate_limit_exceeded"}});
        assert_eq!(read(&full, Api::OpenaiResponses), openai);
        let anthropic =
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": full.message}});
        assert_eq!(read(&full, Api::AnthropicMessages), anthropic);
        let starting = read(&ApiError::starting(3), Api::AnthropicMessages);
        assert_eq!(starting["error"]["type"], "overloaded_error");
    }
}
