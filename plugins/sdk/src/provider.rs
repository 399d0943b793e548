//! Errors as providers word them.

use serde_json::{Value, json};

crate::words! {
    /// Whose error it is.
    pub enum Shape {
        /// OpenAI's API. <https://platform.openai.com/docs/guides/error-codes>
        Openai = "openai",
        /// Anthropic's API. <https://docs.anthropic.com/en/api/errors>
        Anthropic = "anthropic",
        /// vLLM's server: the code is the number of the status.
        Vllm = "vllm",
    }
}

impl Shape {
    /// The error of this status.
    pub fn error(self, status: u16) -> Value {
        match self {
            Self::Openai => openai(status),
            Self::Anthropic => anthropic(status),
            Self::Vllm => vllm(status),
        }
    }
}

/// The status of an error, 400 to 599, or what is wrong with it.
pub fn error_status(status: u16) -> Result<u16, String> {
    match status {
        400..=599 => Ok(status),
        _ => Err(format!("`status` must be an error, 400 to 599, not {status}")),
    }
}

fn openai(status: u16) -> Value {
    let (kind, code, message) = match status {
        401 => ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
        404 => ("invalid_request_error", "model_not_found", "The model does not exist."),
        429 => ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
        400..500 => ("invalid_request_error", "invalid_request", "The request was refused."),
        503 => ("server_error", "overloaded", "The engine is currently overloaded, please try again later."),
        _ => ("server_error", "server_error", "The server had an error while processing your request."),
    };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}

fn anthropic(status: u16) -> Value {
    let (kind, message) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        403 => ("permission_error", "Your API key does not have permission to use this resource"),
        404 => ("not_found_error", "The requested resource could not be found"),
        413 => ("request_too_large", "Request exceeds the maximum size"),
        429 => ("rate_limit_error", "This request would exceed your rate limit"),
        400..500 => ("invalid_request_error", "The request was refused"),
        529 => ("overloaded_error", "Overloaded"),
        _ => ("api_error", "Internal server error"),
    };
    json!({ "type": "error", "error": { "type": kind, "message": message } })
}

fn vllm(status: u16) -> Value {
    let (kind, message) = match status {
        404 => ("NotFoundError", "The model does not exist."),
        400..500 => ("BadRequestError", "The request was refused."),
        503 => ("ServiceUnavailableError", "The engine is not available."),
        _ => ("InternalServerError", "EngineCore encountered an issue."),
    };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": status } })
}
