//! A client's connection: accepted, served request by request, ended as it should.

use std::future::pending;
use std::sync::Arc;

use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::attempt::{Entry, head};
use super::forward::{Body, Way, answer, forward};
use super::socket::{ClientSocket, Ender, HowToEnd};
use super::streams::Streams;
use super::upstream::Upstream;
use crate::fault::{Attempt, ConnectVerdict, RequestVerdict};
use crate::name::AttemptId;
use crate::record::AttemptEnd;
use crate::scenario::plan::Http;

/// The largest request body: it is read whole, since faults see its size and it may be told by its tag.
const LARGEST_BODY: usize = 64 << 20;

/// Accepts connections until the listener is closed.
pub(super) async fn accept(shared: Arc<Shared>, listener: Arc<TcpListener>, life: CancellationToken) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // It fails on a socket that is closed already.
                let _ = stream.set_nodelay(true);
                shared.tasks.spawn(serve(Arc::clone(&shared), stream, life.clone()));
            }
            Err(error) => {
                tracing::warn!(node = %shared.node, %error, "a connection could not be accepted");
                // Out of descriptors, most likely: to try again at once would only burn the processor.
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
}

/// Serves a connection until it ends, one way or another.
async fn serve(shared: Arc<Shared>, stream: TcpStream, life: CancellationToken) {
    let ender = Arc::new(Ender::default());
    let mut socket = ClientSocket::new(stream, Arc::clone(&ender));
    let met = tokio::select! {
        met = connect_hook(&shared, &ender, &mut socket) => met,
        () = shared.over.cancelled() => return,
    };
    let Some(first) = met else { return };
    // What a fault holds back before its first request is not the client's to close.
    let _open = shared.connected();
    let client = Arc::new(Client {
        shared: Arc::clone(&shared),
        ender: Arc::clone(&ender),
        upstream: Arc::default(),
        streams: Streams::default(),
        first: parking_lot::Mutex::new(first),
    });
    let service = service_fn(move |request| {
        let client = Arc::clone(&client);
        // A stream of HTTP/2 ends alone; whatever ends an exchange of HTTP/1.1 ends its connection.
        let ender = if request.version() == Version::HTTP_2 {
            Arc::new(client.ender.stream())
        } else {
            Arc::clone(&client.ender)
        };
        async move { Exchange { client: &client, ender }.serve(request).await }
    });
    let mut builder = auto::Builder::new(Tasks(Arc::clone(&shared)));
    builder
        .http1()
        .preserve_header_case(true)
        .auto_date_header(false)
        .timer(TokioTimer::new())
        .header_read_timeout(None);
    builder.http2().auto_date_header(false).timer(TokioTimer::new());
    let connection = builder.serve_connection(TokioIo::new(socket), service);
    tokio::pin!(connection);
    let mut retired = false;
    loop {
        tokio::select! {
            biased;
            // First, so that nothing is written after the end that a fault or the node chose.
            () = ender.wanted() => return,
            // An error is the client's: it broke the connection, or its own rules.
            _ = connection.as_mut() => return,
            () = shared.over.cancelled() => return,
            () = life.cancelled(), if !retired => {
                // Idle connections of a dead node close; those in use end as the node ends them.
                connection.as_mut().graceful_shutdown();
                retired = true;
            }
        }
    }
}

/// Asks the faults that want to know of a new connection. None when that was its end; otherwise the
/// attempt id that its first request continues, where one was taken.
async fn connect_hook(
    shared: &Arc<Shared>,
    ender: &Ender,
    socket: &mut ClientSocket,
) -> Option<Option<AttemptId>> {
    let context = &shared.context;
    if !context.engine.wants_connect() {
        return Some(None);
    }
    let id = context.next_attempt();
    let attempt =
        Attempt { id, node: shared.node.clone(), request: None, ordinal: 0, at: context.clock.now() };
    let mut faults = context.engine.meet(attempt);
    let ruling = faults.connect();
    if faults.fired() == 0 {
        return Some(Some(id));
    }
    tokio::time::sleep(ruling.delay).await;
    match ruling.verdict {
        ConnectVerdict::Pass | ConnectVerdict::Delay(_) => Some(Some(id)),
        ConnectVerdict::Reset => {
            drop(Entry::of_connection(shared, faults));
            ender.end(HowToEnd::Rst);
            None
        }
        ConnectVerdict::Hang => {
            let _entry = Entry::of_connection(shared, faults);
            // What comes is thrown away: only so is it seen that the client has left. An error says so too.
            let _ = tokio::io::copy(socket, &mut tokio::io::sink()).await;
            None
        }
    }
}

/// Runs streams of HTTP/2, each a task of its own.
#[derive(Clone)]
struct Tasks(Arc<Shared>);

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, stream: F) {
        self.0.spawn(async move { drop(stream.await) });
    }
}

/// A client, seen from its connection.
struct Client {
    shared: Arc<Shared>,
    ender: Arc<Ender>,
    upstream: Arc<Upstream>,
    /// Where requests go that are sent on by HTTP/2.
    streams: Streams,
    /// The id that the connect hook was asked with, for the first request.
    first: parking_lot::Mutex<Option<AttemptId>>,
}

/// A request of a client.
struct Exchange<'a> {
    client: &'a Client,
    /// Ends it: its stream, or else its connection.
    ender: Arc<Ender>,
}

/// The answer to a request, or the end of its stream.
type Answered = Result<Response<Body>, h2::Error>;

impl Exchange<'_> {
    async fn serve(self, request: Request<Incoming>) -> Answered {
        let Client { shared, first, .. } = self.client;
        let start = shared.context.clock.now();
        let (request, body) = request.into_parts();
        let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
            // The client broke off, or sends without end.
            return self.end(HowToEnd::Rst).await;
        };
        let body = body.to_bytes();
        let first = first.lock().take();
        let mut entry = Entry::begin(shared, first, start, &request, &body);
        if !entry.faults.may_rule() {
            return self.forward(entry, request, body).await;
        }
        let seen = head(&request, &body, &shared.context.secret_headers);
        let ruling = entry.faults.request(&Arc::new(seen));
        if !ruling.delay.is_zero() {
            tokio::time::sleep(ruling.delay).await;
        }
        match ruling.verdict {
            RequestVerdict::Pass | RequestVerdict::Delay(_) => self.forward(entry, request, body).await,
            RequestVerdict::Respond(canned) => {
                entry.status(canned.status, &canned.headers);
                entry.ends(AttemptEnd::Injected);
                Ok(answer(canned))
            }
            RequestVerdict::Reset => self.inject(entry, HowToEnd::Rst).await,
            RequestVerdict::Close => self.inject(entry, HowToEnd::Fin).await,
            RequestVerdict::Hang => self.hang(entry).await,
        }
    }

    async fn forward(&self, entry: Entry, request: http::request::Parts, body: bytes::Bytes) -> Answered {
        let Client { shared, upstream, streams, .. } = self.client;
        let spoken = if self.ender.is_stream() { Http::Two } else { Http::One };
        let http = shared.manner.get().and_then(|manner| manner.http).unwrap_or(spoken);
        let answered = match (http, spoken) {
            (Http::Two, _) => forward(entry, Way::Two(streams), &self.ender, request, body).await,
            (Http::One, Http::One) => forward(entry, Way::One(upstream), &self.ender, request, body).await,
            // Streams that come beside each other can't share a connection that carries one request at a time.
            (Http::One, Http::Two) => {
                forward(entry, Way::One(&Arc::default()), &self.ender, request, body).await
            }
        };
        match answered {
            Ok(response) => Ok(response),
            Err(how) => self.end(how).await,
        }
    }

    async fn inject(&self, mut entry: Entry, how: HowToEnd) -> Answered {
        entry.ends(AttemptEnd::Injected);
        drop(entry);
        self.end(how).await
    }

    /// Silence, until the client has had enough of it.
    async fn hang(&self, mut entry: Entry) -> Answered {
        entry.ends(AttemptEnd::Injected);
        pending().await
    }

    /// Ends the stream, or the connection, without an answer.
    async fn end(&self, how: HowToEnd) -> Answered {
        if self.ender.is_stream() {
            return Err(how.of_stream());
        }
        self.ender.end(how);
        pending().await
    }
}
