//! An exchange to replay: a request, its answer, and the attempts that meet it.
//!
//! Written in TOML, or the same as JSON; `template/exchange.toml` shows every key.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::clock::Nanos;
use crate::fault::{Attempt, Call, NodeInfo, NodeState, RequestHead, ResponseHead};
use crate::name::{AttemptId, NodeName, RequestId};
use crate::proxy::request_head;
use crate::sse::Parser;

/// The exchange that a new project has, and that is taken where none is given.
pub const SAMPLE: &str = include_str!("template/exchange.toml");

/// Why an exchange can't be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no exchange.
    #[error("{}: {why}", path.display())]
    Mistake {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// A request, its answer, and the attempts that meet it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The plugin's parameters, when the file gives them.
    pub with: Option<serde_json::Value>,
    /// The fleet.
    pub nodes: Vec<NodeInfo>,
    /// The nodes that the plugin may touch.
    pub granted: Vec<NodeName>,
    /// The request.
    pub request: RequestHead,
    /// The answer's head.
    pub response: ResponseHead,
    /// What follows it.
    pub answer: Answer,
    /// From the request to the answer's head and its first event.
    pub first_after: Duration,
    /// From one event to the next.
    pub gap: Duration,
    /// The attempts, in order of time, each with its draw.
    pub attempts: Vec<(Attempt, u64)>,
    /// How long time goes on after the last of them.
    pub after: Duration,
}

/// What follows an answer's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The payloads of a stream's events.
    Stream(Vec<Bytes>),
    /// A body, whole.
    Body(Bytes),
}

impl Exchange {
    /// From a file: JSON where its name says so, otherwise TOML.
    pub fn load(path: &Path) -> Result<Self, ExchangeError> {
        let text = read(path)?;
        let text = String::from_utf8(text).map_err(|_| mistake(path, "it is not UTF-8 text"))?;
        let raw: Raw = if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).map_err(|error| mistake(path, error.to_string()))?
        } else {
            toml::from_str(&text).map_err(|error| mistake(path, error.to_string()))?
        };
        raw.resolve(path)
    }

    /// The exchange that is taken where none is given.
    pub fn sample() -> Result<Self, ExchangeError> {
        let path = Path::new("template/exchange.toml");
        let raw: Raw = toml::from_str(SAMPLE).map_err(|error| mistake(path, error.to_string()))?;
        raw.resolve(path)
    }

    /// What a plugin is told of an attempt; its fault is on from time zero.
    pub(super) fn call<'a>(&self, (attempt, draw): &'a (Attempt, u64)) -> Call<'a> {
        let place = self.nodes.iter().position(|node| node.name == attempt.node).unwrap_or_default();
        Call { attempt, node: place as u32, draw: *draw, since_start: attempt.at.since(Nanos::ZERO) }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ExchangeError> {
    std::fs::read(path).map_err(|source| ExchangeError::Unreadable { path: path.to_owned(), source })
}

fn mistake(path: &Path, why: impl Into<String>) -> ExchangeError {
    let why: String = why.into();
    ExchangeError::Mistake { path: path.to_owned(), why: why.trim_end().to_owned() }
}

/// The file, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    with: Option<serde_json::Value>,
    #[serde(default = "one_node")]
    nodes: Vec<RawNode>,
    #[serde(default, deserialize_with = "span")]
    after: Duration,
    request: RawRequest,
    response: RawResponse,
    attempt: Vec<RawAttempt>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    name: String,
    #[serde(default)]
    zone: String,
    #[serde(default = "up")]
    state: NodeState,
    #[serde(default = "yes")]
    granted: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    #[serde(default = "post")]
    method: String,
    #[serde(default = "chat")]
    path: String,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResponse {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default, deserialize_with = "span")]
    first_after: Duration,
    #[serde(default, deserialize_with = "span")]
    gap: Duration,
    events: Option<Vec<String>>,
    body: Option<String>,
    file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAttempt {
    node: String,
    #[serde(default, deserialize_with = "span")]
    at: Duration,
    draw: f64,
    /// Its own place in the list, when it is not given.
    request: Option<u64>,
    #[serde(default)]
    ordinal: u32,
}

fn one_node() -> Vec<RawNode> {
    vec![RawNode { name: "a".into(), zone: String::new(), state: NodeState::Up, granted: true }]
}
fn up() -> NodeState {
    NodeState::Up
}
fn yes() -> bool {
    true
}
fn post() -> String {
    "POST".into()
}
fn chat() -> String {
    "/v1/chat/completions".into()
}
fn ok() -> u16 {
    200
}

fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(text.trim())
        .map_err(|error| D::Error::custom(format!("`{text}` is no length of time such as \"20ms\": {error}")))
}

impl Raw {
    fn resolve(self, path: &Path) -> Result<Exchange, ExchangeError> {
        let wrong = |why: String| mistake(path, why);
        if self.with.as_ref().is_some_and(|with| !with.is_object()) {
            return Err(wrong("`with` is a table of parameters".into()));
        }
        let granted = self.nodes.iter().filter(|node| node.granted);
        let granted = granted.map(|node| node.name.as_str().into()).collect();
        let nodes: Vec<NodeInfo> = self
            .nodes
            .into_iter()
            .map(|node| NodeInfo { name: node.name.as_str().into(), zone: node.zone, state: node.state })
            .collect();
        let (response, answer) = self.response.resolve(path)?;
        let attempts = attempts(self.attempt, &nodes).map_err(wrong)?;
        Ok(Exchange {
            with: self.with,
            nodes,
            granted,
            request: self.request.resolve().map_err(wrong)?,
            response: response.head,
            answer,
            first_after: response.first_after,
            gap: response.gap,
            attempts,
            after: self.after,
        })
    }
}

impl RawRequest {
    fn resolve(self) -> Result<RequestHead, String> {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(&self.path);
        if let Some(all) = request.headers_mut() {
            *all = headers(&self.headers)?;
        }
        let request = request.body(()).map_err(|error| format!("`request`: {error}"))?;
        Ok(request_head(&request.into_parts().0, &Bytes::from(self.body), &[]))
    }
}

/// An answer's head and its times.
struct Timed {
    head: ResponseHead,
    first_after: Duration,
    gap: Duration,
}

impl RawResponse {
    fn resolve(self, path: &Path) -> Result<(Timed, Answer), ExchangeError> {
        let wrong = |why: String| mistake(path, why);
        let mut headers = headers(&self.headers).map_err(wrong)?;
        let answer = match (self.events, self.body, self.file) {
            (Some(events), None, None) => Answer::Stream(events.into_iter().map(Bytes::from).collect()),
            (None, Some(body), None) => Answer::Body(body.into()),
            (None, None, Some(file)) => {
                let bytes = read(&path.parent().unwrap_or(Path::new("")).join(file))?;
                recorded(bytes, &headers)
            }
            _ => return Err(wrong("`response` has one of `events`, `body` and `file`".into())),
        };
        let kind = match answer {
            Answer::Stream(_) => "text/event-stream",
            Answer::Body(_) => "application/json",
        };
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
        let status = http::StatusCode::from_u16(self.status)
            .map_err(|_| wrong(format!("`response.status`: HTTP has no {}", self.status)))?;
        let head = ResponseHead { status, headers };
        Ok((Timed { head, first_after: self.first_after, gap: self.gap }, answer))
    }
}

/// Bytes of an answer as they came. Without a content type that tells, what holds an event is a stream.
fn recorded(bytes: Vec<u8>, headers: &HeaderMap) -> Answer {
    let bytes = Bytes::from(bytes);
    let mut parser = Parser::new();
    parser.push(bytes.clone());
    let events: Vec<Bytes> =
        std::iter::from_fn(|| parser.next_event()).filter_map(|event| event.data).collect();
    let is_stream = headers.get(CONTENT_TYPE).map_or(!events.is_empty(), |kind| {
        kind.to_str().is_ok_and(|kind| kind.starts_with("text/event-stream"))
    });
    if is_stream { Answer::Stream(events) } else { Answer::Body(bytes) }
}

fn headers(raw: &std::collections::BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in raw {
        let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let (name, value) = header.ok_or_else(|| format!("HTTP has no header such as `{name}: {value}`"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn attempts(raw: Vec<RawAttempt>, nodes: &[NodeInfo]) -> Result<Vec<(Attempt, u64)>, String> {
    if raw.is_empty() {
        return Err("there is no [[attempt]], so nothing would happen".into());
    }
    let mut all = Vec::new();
    for (id, attempt) in (0_u64..).zip(raw) {
        let node = nodes.iter().find(|node| node.name.as_str() == attempt.node);
        let node =
            node.ok_or_else(|| format!("attempt {id} is on node `{}`, which `nodes` lacks", attempt.node))?;
        if !(0.0..1.0).contains(&attempt.draw) {
            return Err(format!("attempt {id}: `draw` is from 0 and below 1, not {}", attempt.draw));
        }
        let draw = (attempt.draw * 2_f64.powi(64)) as u64;
        let request = Some(RequestId(attempt.request.unwrap_or(id)));
        let at = Nanos::from(attempt.at);
        let node = node.name.clone();
        all.push((Attempt { id: AttemptId(id), node, request, ordinal: attempt.ordinal, at }, draw));
    }
    all.sort_by_key(|(attempt, _)| attempt.at);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Exchange, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| error.to_string())?;
        raw.resolve(Path::new("x.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_sample_is_an_exchange() {
        let sample = Exchange::sample().expect("an exchange");
        assert_eq!((sample.request.model.as_str(), sample.request.max_tokens), ("sim", Some(64)));
        assert!(sample.request.streaming);
        let Answer::Stream(events) = &sample.answer else { panic!("a stream") };
        assert_eq!(events.last().map(|event| &event[..]), Some(&b"[DONE]"[..]));
        assert_eq!(sample.attempts[1].1, 1 << 63);
    }

    #[test]
    fn mistakes_are_named() {
        let rest = "[[attempt]]\nnode = \"a\"\ndraw = 0.5\n";
        for (text, words) in [
            (format!("[request]\n[response]\nbody = \"\"\nevents = []\n{rest}"), "one of `events`"),
            (format!("[request]\n[response]\n{rest}"), "one of `events`"),
            (format!("[request]\nbdy = \"\"\n[response]\nbody = \"\"\n{rest}"), "unknown field `bdy`"),
            (format!("[request]\n[response]\nbody = \"\"\ngap = \"soon\"\n{rest}"), "no length of time"),
            (format!("[request]\n[response]\nbody = \"\"\nstatus = 1\n{rest}"), "HTTP has no 1"),
            ("[request]\n[response]\nbody = \"\"\n[[attempt]]\nnode = \"z\"\ndraw = 0.5".into(), "node `z`"),
            ("[request]\n[response]\nbody = \"\"\n[[attempt]]\nnode = \"a\"\ndraw = 1.0".into(), "below 1"),
            ("attempt = []\n[request]\n[response]\nbody = \"\"".into(), "no [[attempt]]"),
            (format!("with = 3\n[request]\n[response]\nbody = \"\"\n{rest}"), "`with` is a table"),
        ] {
            let error = read(&text).expect_err("a mistake");
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_recorded_answer_is_a_stream_when_it_has_events() {
        let stream = recorded(b"data: one\n\n: ping\n\ndata: [DONE]\n\n".to_vec(), &HeaderMap::new());
        assert_eq!(stream, Answer::Stream(vec!["one".into(), "[DONE]".into()]));
        let body = recorded(b"{\"a\":1}".to_vec(), &HeaderMap::new());
        assert_eq!(body, Answer::Body("{\"a\":1}".into()));
    }
}
