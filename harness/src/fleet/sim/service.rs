//! The node's routes.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::Node;
use super::api::{ApiError, Job, MAX_TOKENS};
use super::exchange::{AnswerStream, Exchange};
use super::wire::{self, Names};
use crate::api::Api;
use crate::clock::Nanos;
use crate::correlation::REQUEST_HEADER;

/// A longer request is refused, so that no client can fill the memory.
const LONGEST_BODY: usize = 16 << 20;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

pub(super) type Answered = Response<Either<Full<Bytes>, AnswerStream>>;

/// Answers one request.
pub(super) async fn answer(node: Arc<Node>, request: Request<Incoming>) -> Result<Answered, Infallible> {
    let received = node.clock.now();
    let path = request.uri().path();
    let api = path.strip_prefix("/v1").and_then(|path| Api::ALL.into_iter().find(|api| api.path() == path));
    let allowed = match path {
        _ if api.is_some() => Method::POST,
        "/health" | "/metrics" | "/v1/models" => Method::GET,
        _ => return Ok(no_route(path)),
    };
    if request.method() != allowed {
        return Ok(wrong_method(request.method(), path, &allowed));
    }
    if let Some(api) = api {
        return Ok(generate(node, api, request, received).await.unwrap_or_else(|error| refusal(api, &error)));
    }
    Ok(match path {
        "/health" => health(&node, received),
        "/metrics" => {
            let text = node.metrics.render(&node.model, node.engine.load(), node.engine.slots());
            whole(StatusCode::OK, PROMETHEUS, text)
        }
        _ => whole(StatusCode::OK, JSON, models(&node)),
    })
}

fn health(node: &Node, now: Nanos) -> Answered {
    match node.starting(now) {
        Some(error) => refusal(Api::OpenaiChat, &error),
        None => whole(StatusCode::OK, JSON, r#"{"status":"ok"}"#.into()),
    }
}

fn models(node: &Node) -> String {
    let (model, created, owner) = (&node.model_escaped, node.started_unix, &node.name_escaped);
    format!(
        r#"{{"object":"list","data":[{{"id":"{model}","object":"model","created":{created},"owned_by":"{owner}","max_model_len":{MAX_TOKENS}}}]}}"#
    )
}

async fn generate(
    node: Arc<Node>,
    api: Api,
    request: Request<Incoming>,
    received: Nanos,
) -> Result<Answered, ApiError> {
    if let Some(error) = node.starting(received) {
        return Err(error);
    }
    let (parts, body) = request.into_parts();
    let body = read(body).await?;
    let job = Job::read(api, &body, &node.model)?;
    let (id, created, model) = (node.next_id(api), node.unix(received), node.model_escaped.clone());
    let names = Names { id: &id, created, model: &model };
    let mut exchange = Exchange::begin(node, job, harness_id(&parts.headers), received)?;
    if job.stream {
        let stream = AnswerStream::new(exchange, wire::writer(&job, names));
        let mut response = Response::new(Either::Right(stream));
        response.headers_mut().insert(CONTENT_TYPE, EVENTS);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        return Ok(response);
    }
    while !exchange.has_all() {
        let given = poll_fn(|context| exchange.poll_given(context)).await;
        exchange.take(given);
    }
    exchange.complete();
    Ok(whole(StatusCode::OK, JSON, wire::whole(&job, names)))
}

async fn read(body: Incoming) -> Result<Bytes, ApiError> {
    match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("the body has more than {LONGEST_BODY} bytes");
            Err(ApiError { status: StatusCode::PAYLOAD_TOO_LARGE, ..ApiError::invalid(message) })
        }
        Err(error) => Err(ApiError::invalid(format!("the body did not come whole: {error}"))),
    }
}

/// The harness's number of the request, where its header came through.
fn harness_id(headers: &HeaderMap) -> Option<u64> {
    headers.get(REQUEST_HEADER)?.to_str().ok()?.parse().ok()
}

fn whole(status: StatusCode, kind: HeaderValue, text: String) -> Answered {
    let mut response = Response::new(Either::Left(Full::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn refusal(api: Api, error: &ApiError) -> Answered {
    let mut response = whole(error.status, JSON, error.body(api));
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn no_route(path: &str) -> Answered {
    let apis = Api::ALL.map(|api| format!("POST /v1{}", api.path())).join(", ");
    let message =
        format!("there is nothing at {path}; there are {apis}, GET /v1/models, GET /health and GET /metrics");
    refusal(Api::OpenaiChat, &ApiError { status: StatusCode::NOT_FOUND, ..ApiError::invalid(message) })
}

fn wrong_method(method: &Method, path: &str, allowed: &Method) -> Answered {
    let message = format!("{path} takes {allowed}, not {method}");
    let mut response = refusal(
        Api::OpenaiChat,
        &ApiError { status: StatusCode::METHOD_NOT_ALLOWED, ..ApiError::invalid(message) },
    );
    if let Ok(allowed) = HeaderValue::from_str(allowed.as_str()) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}
