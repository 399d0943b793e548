//! The router's listener: connections, its own two pages, and the hand-over to the policy.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Config;
use super::failover::Failover;
use super::meters::Meters;
use super::naive::Naive;
use super::reply::{self, Body};
use super::upstream::Outgoing;
use crate::api::Api;
use crate::clock::Clock;

/// How long answers that have begun may go on once the router was told to end.
const DRAIN: Duration = Duration::from_secs(5);
/// After a connection could not be accepted (no file handles left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
enum Policy {
    Failover(Box<Failover>),
    Naive(Box<Naive>),
}

#[derive(Debug)]
struct Router {
    policy: Policy,
    meters: Arc<Meters>,
    body_limit: usize,
}

/// Routes what comes in on `listener` until `stop` is done; then lets open answers end, for five
/// seconds at most.
pub async fn serve(listener: TcpListener, config: Config, clock: Clock, stop: impl Future<Output = ()>) {
    let router = Arc::new(Router::new(config, clock));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&router), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!(open = connections.len(), "ended with answers unfinished");
    }
}

async fn connection(stream: TcpStream, router: Arc<Router>, mut stopped: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let router = Arc::clone(&router);
        async move { Ok::<_, Infallible>(router.answer(request).await) }
    });
    // Streams of HTTP/2 are tasks of their own, which end with their connection.
    let server = auto::Builder::new(TokioExecutor::new());
    let mut served = pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = told(&mut stopped) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        // A client that left, mostly.
        tracing::debug!(%error, "connection ended");
    }
}

/// Waits until the router is told to end, or is gone.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stopped| stopped).await;
}

impl Router {
    fn new(config: Config, clock: Clock) -> Self {
        let Config { nodes, policy, tuning } = config;
        let meters = Meters::new(nodes.iter().map(|node| node.name.clone()));
        let counts = Arc::clone(&meters);
        let policy = if policy.failover {
            Policy::Failover(Box::new(Failover::start(nodes, tuning, clock, counts)))
        } else {
            Policy::Naive(Box::new(Naive::new(nodes, &tuning, counts)))
        };
        Self { policy, meters, body_limit: tuning.body_limit }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/health") => self.health(),
            (&Method::GET, "/metrics") => self.metrics(),
            (&Method::CONNECT, _) => {
                let message = "this is no tunnel; send requests for a path";
                reply::error(Api::OpenaiChat, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
            }
            _ => self.forward(request).await,
        }
    }

    async fn forward(&self, request: Request<Incoming>) -> Response<Body> {
        self.meters.requests.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let api = Api::of_path(head.uri.path()).unwrap_or(Api::OpenaiChat);
        // Whole before it is sent on, so that it can be sent again.
        let body = match Limited::new(body, self.body_limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                let (status, code) = if error.is::<LengthLimitError>() {
                    (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large")
                } else {
                    (StatusCode::BAD_REQUEST, "bad_request")
                };
                let message =
                    format!("reading the request's body (at most {} bytes): {error}", self.body_limit);
                let mut response = reply::error(api, status, code, &message);
                reply::mark(response.headers_mut(), 0, None);
                return response;
            }
        };
        let request = Outgoing::new(head.method, &head.uri, head.headers, body).by(head.version);
        match &self.policy {
            Policy::Failover(failover) => failover.forward(&request).await,
            Policy::Naive(naive) => naive.forward(&request).await,
        }
    }

    fn health(&self) -> Response<Body> {
        let ready = match &self.policy {
            Policy::Failover(failover) => failover.ready(),
            Policy::Naive(_) => true,
        };
        if ready {
            reply::text(StatusCode::OK, "text/plain", "ok\n")
        } else {
            reply::error(
                Api::OpenaiChat,
                StatusCode::SERVICE_UNAVAILABLE,
                "no_healthy_node",
                "no node is healthy yet",
            )
        }
    }

    fn metrics(&self) -> Response<Body> {
        let healthy = match &self.policy {
            Policy::Failover(failover) => failover.healthy(),
            Policy::Naive(_) => Vec::new(),
        };
        reply::text(StatusCode::OK, "text/plain; version=0.0.4", self.meters.expose(&healthy))
    }
}
