//! The node's side: at most one connection for each client's.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
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
    open: Option<(SocketAddr, SendRequest<Full<Bytes>>)>,
}

impl Upstream {
    /// Sends a request to the node at `address`, on the connection that is kept if it is still good.
    pub(super) async fn send(
        &mut self,
        address: SocketAddr,
        tls: Option<&Tls>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Broken> {
        let mut request = request;
        if let Some((kept, mut sender)) = self.open.take()
            && kept == address
            && sender.ready().await.is_ok()
        {
            match sender.try_send_request(request).await {
                Ok(response) => {
                    self.open = Some((address, sender));
                    return Ok(response);
                }
                Err(mut error) => match error.take_message() {
                    // It never left: the node had closed the idle connection, which is no failure.
                    Some(unsent) => request = unsent,
                    None => return Err(how_it_broke(error.error())),
                },
            }
        }
        let mut sender = connect(address, tls).await?;
        let response = sender.send_request(request).await.map_err(|error| how_it_broke(&error))?;
        self.open = Some((address, sender));
        Ok(response)
    }
}

async fn connect(address: SocketAddr, tls: Option<&Tls>) -> Result<SendRequest<Full<Bytes>>, Broken> {
    let stream = TcpStream::connect(address).await.map_err(|_| Broken::Unreachable)?;
    stream.set_nodelay(true).map_err(|_| Broken::Unreachable)?;
    let Some(tls) = tls else { return speak(stream).await };
    match tls.secure(stream, Http::One).await {
        Ok(stream) => speak(stream).await,
        Err(error) => {
            tracing::warn!("no TLS with {address}: {error}");
            Err(Broken::Unreachable)
        }
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, Broken> {
    let handshake = http1::Builder::new().preserve_header_case(true).handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|error| how_it_broke(&error))?;
    // It ends with its sender, or when the node ends it; the exchange on it is told the error.
    tokio::spawn(connection);
    Ok(sender)
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
