//! One attempt: a request to a node, until the first byte of its answer's body is here.

use std::error::Error as StdError;
use std::io;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, Version, response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Frame, Incoming};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::pool::Trouble;
use super::{Tuning, Upstream, relay};
use crate::api::Api;

/// Headers that belong to a connection, not to what is sent over it (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A client's request as it is sent on, as often as need be.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) path: PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// By HTTP/2, as it came; HTTP/1.1 otherwise.
    by_2: bool,
}

impl Outgoing {
    /// Without what belongs to the client's connection.
    pub(super) fn new(method: Method, uri: &Uri, mut headers: HeaderMap, body: Bytes) -> Self {
        strip(&mut headers);
        // The node's own, set by the client library; and the router has taken the body already.
        headers.remove(header::HOST);
        headers.remove(header::EXPECT);
        // Whatever is no path (`OPTIONS *`) asks for the server as a whole.
        let path = uri.path_and_query().filter(|path| path.as_str().starts_with('/')).cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Self { method, path, headers, body, by_2: false }
    }

    /// Sent on by the version of HTTP that it came by.
    pub(super) fn by(self, version: Version) -> Self {
        Self { by_2: version == Version::HTTP_2, ..self }
    }

    /// The API that it asks: by it the router's own errors are written.
    pub(super) fn api(&self) -> Api {
        Api::of_path(self.path.path()).unwrap_or(Api::OpenaiChat)
    }
}

/// Removes the headers of one hop.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// An answer whose first frame is here; nothing of it has been passed on.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: response::Parts,
    /// None when the body is empty.
    pub(super) first: Option<Frame<Bytes>>,
    pub(super) rest: Incoming,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No connection.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// The connection ended or was reset before the first byte of the body.
    #[error("connection lost before the answer began: {0}")]
    Lost(String),
    /// Nothing came in time.
    #[error("no answer began in time")]
    Late,
}

impl Failure {
    /// What it says of the node.
    pub(super) fn trouble(&self) -> Trouble {
        match self {
            Self::Unreachable(_) => Trouble::Unreachable,
            Self::Lost(_) => Trouble::Lost,
            Self::Late => Trouble::Failed,
        }
    }
}

/// Sends requests to nodes over connections that are kept.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    client: Client<HttpConnector, Full<Bytes>>,
    /// For HTTP/2, without TLS by prior knowledge.
    client_2: Client<HttpConnector, Full<Bytes>>,
}

impl Sender {
    /// A sender that keeps connections open for the next request, or, for checks of whether a node
    /// can be reached at all, makes a new one each time.
    pub(super) fn new(tuning: &Tuning, keep: bool) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(tuning.connect_timeout));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new());
        if !keep {
            builder.pool_max_idle_per_host(0);
        }
        // A request that met a connection closed while idle goes out on another: it was never sent,
        // so it is no attempt.
        builder.retry_canceled_requests(true);
        let client = builder.build(connector.clone());
        Self { client, client_2: builder.http2_only(true).build(connector) }
    }

    /// Sends and waits for the head of the answer.
    pub(super) async fn head(
        &self,
        to: &Upstream,
        request: &Outgoing,
    ) -> Result<http::Response<Incoming>, Failure> {
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(to.authority.clone())
            .path_and_query(request.path.clone())
            .build();
        let mut sent = Request::new(Full::new(request.body.clone()));
        *sent.method_mut() = request.method.clone();
        // Built of parts that are valid each; none of them is missing.
        *sent.uri_mut() = uri.map_err(|error| Failure::Lost(error.to_string()))?;
        *sent.headers_mut() = request.headers.clone();
        let client = if request.by_2 { &self.client_2 } else { &self.client };
        client.request(sent).await.map_err(|error| failure(&error))
    }

    /// Sends and waits for the first frame of the answer's body.
    pub(super) async fn answer(&self, to: &Upstream, request: &Outgoing) -> Result<Answer, Failure> {
        let (head, mut rest) = self.head(to, request).await?.into_parts();
        if rest.is_end_stream() {
            return Ok(Answer { head, first: None, rest });
        }
        match rest.frame().await {
            Some(Ok(frame)) => Ok(Answer { head, first: Some(frame), rest }),
            Some(Err(error)) => Err(Failure::Lost(cause(&error))),
            None if head.status.is_success() && relay::is_events(&head.headers) => {
                Err(Failure::Lost("the stream ended before its first event".to_owned()))
            }
            None => Ok(Answer { head, first: None, rest }),
        }
    }
}

fn failure(error: &ClientError) -> Failure {
    if error.is_connect() { Failure::Unreachable(cause(error)) } else { Failure::Lost(cause(error)) }
}

/// The innermost reason, or the system's where there is one.
pub(super) fn cause(error: &(dyn StdError + 'static)) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
        if let Some(io) = at.downcast_ref::<io::Error>()
            && io.raw_os_error().is_some()
        {
            break;
        }
    }
    at.to_string()
}
