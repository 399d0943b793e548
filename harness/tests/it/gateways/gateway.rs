//! A gateway of its own making: an honest proxy with failover, or one with a single defect.
//!
//! It is no part of Squall and shares no code with the built-in router, so that what finds fault with it
//! can't be blind to what both have in common. It runs in the test's process, on real sockets. The scenario
//! starts a placeholder in its place, whose readiness URL tells it where the nodes are.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::defect::Defect;
use super::fleet::Fleet;
use super::manner::Manner;
use super::relay;
use crate::support::Result;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a client's connection is closed for, without an answer.
pub(super) struct Dropped;

/// A gateway that listens.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    pub(crate) runtime: Runtime,
}

struct Shared {
    defect: Option<Defect>,
    manner: Manner,
    /// None until a run has said where its nodes are.
    fleet: Mutex<Option<Arc<Fleet>>>,
}

impl Gateway {
    /// Sound, or with this defect.
    pub(crate) fn start(defect: Option<Defect>) -> Result<Self> {
        Self::with_manner(defect, Manner::default())
    }

    /// The same, with this manner.
    pub(crate) fn with_manner(defect: Option<Defect>, manner: Manner) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { defect, manner, fleet: Mutex::new(None) });
        let accepting = Arc::clone(&shared);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&accepting);
                let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                let mut connection = http1::Builder::new();
                let connection = connection.timer(TokioTimer::new()).header_read_timeout(None);
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { address, shared, runtime })
    }

    /// The lines of a scenario's `[target]` that make it the target over these nodes.
    pub(crate) fn target(&self, nodes: &[&str]) -> String {
        let nodes: Vec<String> = nodes.iter().map(|node| format!("{{node.{node}}}")).collect();
        format!(
            "command = [\"sleep\", \"600\"]\nready = \"http://{}/ready?{}\"\n",
            self.address,
            nodes.join(",")
        )
    }

    /// How often it did what it should not, in the last run.
    pub(crate) fn wrongs(&self) -> u64 {
        self.shared.fleet.lock().as_ref().map_or(0, |fleet| fleet.wrongs())
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> std::result::Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
    if request.method() == Method::GET {
        return Ok(ready(&shared, request.uri().query().unwrap_or_default()));
    }
    let Some(fleet) = shared.fleet.lock().clone() else {
        return Ok(plain(StatusCode::SERVICE_UNAVAILABLE, "no nodes are known"));
    };
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    relay::serve(fleet, head, body).await.map_err(|Dropped| "dropped".into())
}

/// A run that begins says where its nodes are.
fn ready(shared: &Shared, nodes: &str) -> Response<Body> {
    let origins: Vec<String> = nodes.split(',').map(|url| url.trim_end_matches("/v1").to_owned()).collect();
    let mut fleet = shared.fleet.lock();
    if fleet.as_ref().is_none_or(|fleet| !fleet.has(&origins)) {
        *fleet = Some(Fleet::start(origins, shared.defect, shared.manner));
    }
    plain(StatusCode::OK, "ready")
}

/// A whole answer of the gateway's own.
pub(super) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let body = Full::new(Bytes::from(format!("{{\"error\":{{\"message\":\"{text}\"}}}}")));
    let mut response = Response::new(body.map_err(|never: Infallible| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}
