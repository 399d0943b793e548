//! The node's side: at most one connection for each client's.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http::header::{HOST, HeaderMap, HeaderValue};
use http::{Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::access::{self, AccessError};
use crate::api::Api;
use crate::scenario::plan::{Access, Http};
use crate::tls::Tls;

/// How the node broke an exchange off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It could not be reached.
    Unreachable,
    /// It reset the connection.
    Reset,
    /// It closed the connection before its answer was whole.
    Cut,
}

/// How a node is spoken to.
#[derive(Clone, Default)]
pub(crate) struct Manner {
    /// By TLS.
    pub(crate) tls: Option<Tls>,
    /// The host that it is to be asked as; what the client called it otherwise.
    pub(crate) host: Option<HeaderValue>,
    /// By this version of HTTP; by that of the client where there is none.
    pub(crate) http: Option<Http>,
    /// What lets requests in, for each API, in place of what the client sent.
    lets_in: Vec<(Api, HeaderMap)>,
}

impl Manner {
    /// The plain one, with what `access` says to send.
    pub(crate) fn with(access: &Access, http: Option<Http>) -> Result<Self, AccessError> {
        let headers = |api| Ok((api, access::headers(access, api)?));
        let lets_in = Api::ALL.into_iter().map(headers).collect::<Result<_, _>>()?;
        Ok(Self { tls: None, host: None, http, lets_in })
    }

    /// Makes the headers of a request those that the node is to see.
    pub(super) fn dress(&self, headers: &mut HeaderMap, api: Api) {
        if let Some(host) = &self.host {
            headers.insert(HOST, host.clone());
        }
        if let Some((_, own)) = self.lets_in.iter().find(|(own, _)| *own == api) {
            headers.extend(own.clone());
        }
    }
}

/// The connection to the node, kept between requests.
#[derive(Default)]
pub(super) struct Upstream {
    idle: Mutex<Option<Link>>,
}

impl Upstream {
    /// Sends a request to the node at `address`, on the connection that is kept if it is still good.
    pub(super) async fn send(
        self: &Arc<Self>,
        address: SocketAddr,
        tls: Option<&Tls>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Arriving>, Broken> {
        let mut request = request;
        let kept = self.idle.lock().take();
        if let Some(mut link) = kept
            && link.address == address
            && link.is_good().await
        {
            match link.try_send(request).await {
                Ok(response) => return Ok(self.arriving(link, response)),
                Err(mut error) => match error.take_message() {
                    // It never left: the node had closed the idle connection, which is no failure.
                    Some(unsent) => request = unsent,
                    None => return Err(how_it_broke(error.error())),
                },
            }
        }
        let mut link = Link::connect(address, tls).await?;
        let response = link.try_send(request).await.map_err(|error| how_it_broke(error.error()))?;
        Ok(self.arriving(link, response))
    }

    fn arriving(self: &Arc<Self>, link: Link, response: Response<Incoming>) -> Response<Arriving> {
        response.map(|body| Arriving { body, link: Some((link, Arc::clone(self))) })
    }
}

/// A connection to the node. It has no task of its own: whoever waits for something from it drives it, so
/// that all that one read brings is passed on in one go.
struct Link {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    /// None once it is over, as servers end one that they had promised to keep.
    connection: Option<Connection>,
}

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl Link {
    async fn connect(address: SocketAddr, tls: Option<&Tls>) -> Result<Self, Broken> {
        let stream = TcpStream::connect(address).await.map_err(|_| Broken::Unreachable)?;
        stream.set_nodelay(true).map_err(|_| Broken::Unreachable)?;
        let Some(tls) = tls else { return Self::speak(address, stream).await };
        match tls.secure(stream, Http::One).await {
            Ok(stream) => Self::speak(address, stream).await,
            Err(error) => {
                tracing::warn!("no TLS with {address}: {error}");
                Err(Broken::Unreachable)
            }
        }
    }

    async fn speak(
        address: SocketAddr,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, Broken> {
        let handshake =
            http1::Builder::new().preserve_header_case(true).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| how_it_broke(&error))?;
        Ok(Self { address, sender, connection: Some(Box::pin(connection)) })
    }

    /// It can take a request.
    async fn is_good(&mut self) -> bool {
        let Self { sender, connection, .. } = self;
        driving(connection, sender.ready()).await.is_ok()
    }

    async fn try_send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        let Self { sender, connection, .. } = self;
        driving(connection, sender.try_send_request(request)).await
    }
}

/// Waits for `work`, which has to do with a connection, and drives the connection meanwhile. One that is over is
/// dropped at once: only then does its sender know, and a request that was handed to it would wait for ever.
async fn driving<T>(connection: &mut Option<Connection>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if connection.as_mut().is_some_and(|connection| connection.as_mut().poll(cx).is_ready()) {
            *connection = None;
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// The body of the node's answer, with the connection that it comes over.
pub(super) struct Arriving {
    body: Incoming,
    /// With where it is kept once the body has come whole; none after that, and for a stream of HTTP/2, whose
    /// connection others share.
    link: Option<(Link, Arc<Upstream>)>,
}

impl Arriving {
    /// That of a stream.
    pub(super) fn of_stream(body: Incoming) -> Self {
        Self { body, link: None }
    }

    /// The next frame; none at the body's end.
    pub(super) async fn frame(&mut self) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        let frame = match &mut self.link {
            Some((link, _)) => driving(&mut link.connection, self.body.frame()).await,
            None => self.body.frame().await,
        };
        if (frame.is_none() || self.is_whole())
            && let Some((link, home)) = self.link.take()
        {
            // Before the client can know that this was all, and send its next request.
            *home.idle.lock() = Some(link);
        }
        frame
    }

    /// Nothing follows the last frame.
    pub(super) fn is_whole(&self) -> bool {
        self.body.is_end_stream()
    }

    /// The body, once it is whole.
    pub(super) async fn collect(mut self) -> Result<Bytes, hyper::Error> {
        let mut whole = BytesMut::new();
        while let Some(frame) = self.frame().await {
            // Trailers are not passed on with a body of known length.
            if let Ok(data) = frame?.into_data() {
                whole.extend_from_slice(&data);
            }
        }
        Ok(whole.freeze())
    }
}

/// Whether an error is a reset or a plain end, by its innermost cause.
pub(super) fn how_it_broke(error: &hyper::Error) -> Broken {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            // A stream of it; or the node leaves the whole connection.
            let reset = error.is_reset() && error.reason() != Some(h2::Reason::CANCEL);
            return if reset { Broken::Reset } else { Broken::Cut };
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        {
            return Broken::Reset;
        }
        cause = error.source();
    }
    Broken::Cut
}
