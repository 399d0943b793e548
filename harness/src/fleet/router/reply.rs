//! The router's own answers, and the marks it leaves on those it passes on.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode, response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

use super::NODE_HEADER;
use crate::api::Api;
use crate::correlation::ATTEMPTS_HEADER;
use crate::name::NodeName;

/// The error of a body; it ends the connection, and nobody reads it.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// The body of anything that goes to a client.
pub(super) type Body = UnsyncBoxBody<Bytes, BodyError>;

/// What a client that is turned away should wait, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An answer with a text of the router's own.
pub(super) fn text(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// An error in the shape that clients of `api` know.
pub(super) fn error(api: Api, status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let mut response = text(status, "application/json", error_json(api, code, message));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// The JSON of such an error.
fn error_json(api: Api, code: &str, message: &str) -> String {
    let error = if api == Api::AnthropicMessages {
        let message = format!("{code}: {message}");
        serde_json::json!({ "type": "error", "error": { "type": "api_error", "message": message } })
    } else {
        let kind = "router_error";
        serde_json::json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
    };
    error.to_string()
}

/// An event that says in a stream of `api` that it has failed.
pub(super) fn error_event(api: Api, code: &str, message: &str) -> Bytes {
    match api {
        Api::OpenaiResponses => {
            let error =
                serde_json::json!({ "type": "error", "code": code, "message": message, "param": null });
            format!("event: error\ndata: {error}\n\n")
        }
        Api::AnthropicMessages => format!("event: error\ndata: {}\n\n", error_json(api, code, message)),
        _ => format!("data: {}\n\n", error_json(api, code, message)),
    }
    .into()
}

/// Says how many attempts were made, and whose answer it is.
pub(super) fn mark(headers: &mut HeaderMap, attempts: usize, node: Option<&NodeName>) {
    headers.insert(HeaderName::from_static(ATTEMPTS_HEADER), attempts.into());
    let name = node.and_then(|node| HeaderValue::from_str(node.as_str()).ok());
    match name {
        Some(name) => headers.insert(HeaderName::from_static(NODE_HEADER), name),
        None => headers.remove(NODE_HEADER),
    };
}

/// A node's answer as it goes on: its status and headers, on a connection of the router's.
pub(super) fn passed_on(head: response::Parts, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}
