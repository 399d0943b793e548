//! The node's side by HTTP/2: one connection for all streams of a client's connection.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::upstream::{Broken, how_it_broke};
use crate::scenario::plan::Http;
use crate::tls::Tls;

/// The connection to the node that carries streams, kept between requests.
#[derive(Default)]
pub(super) struct Streams {
    open: Mutex<Option<(SocketAddr, SendRequest<Full<Bytes>>)>>,
}

impl Streams {
    /// Sends a request to the node at `address`, beside others.
    pub(super) async fn send(
        &self,
        address: SocketAddr,
        tls: Option<&Tls>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Broken> {
        let mut request = as_url(request, address, tls.is_some());
        let mut sender = self.connection(address, tls).await?;
        match sender.try_send_request(request).await {
            Ok(response) => return Ok(response),
            Err(mut error) => match error.take_message() {
                // It never left: the node had closed the idle connection, which is no failure.
                Some(unsent) => request = unsent,
                None => return Err(how_it_broke(error.error())),
            },
        }
        self.open.lock().await.take();
        let mut sender = self.connection(address, tls).await?;
        sender.send_request(request).await.map_err(|error| how_it_broke(&error))
    }

    /// The connection that is kept, if it is still good, or a new one; one is made at a time.
    async fn connection(
        &self,
        address: SocketAddr,
        tls: Option<&Tls>,
    ) -> Result<SendRequest<Full<Bytes>>, Broken> {
        let mut open = self.open.lock().await;
        if let Some((kept, sender)) = open.as_ref()
            && *kept == address
            && !sender.is_closed()
        {
            return Ok(sender.clone());
        }
        let sender = connect(address, tls).await?;
        *open = Some((address, sender.clone()));
        Ok(sender)
    }
}

async fn connect(address: SocketAddr, tls: Option<&Tls>) -> Result<SendRequest<Full<Bytes>>, Broken> {
    let stream = TcpStream::connect(address).await.map_err(|_| Broken::Unreachable)?;
    stream.set_nodelay(true).map_err(|_| Broken::Unreachable)?;
    let Some(tls) = tls else { return speak(stream).await };
    match tls.secure(stream, Http::Two).await {
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
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|error| how_it_broke(&error))?;
    // It ends with its last sender, or when the node ends it; the exchanges on it are told the error.
    tokio::spawn(connection);
    Ok(sender)
}

/// A request for a URL, as HTTP/2 sends it: its host is in it, and in no header. One without a host asks for
/// the address.
fn as_url(mut request: Request<Full<Bytes>>, address: SocketAddr, secure: bool) -> Request<Full<Bytes>> {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let host = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = host.or_else(|| Authority::try_from(address.to_string()).ok());
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    if let Ok(url) = Uri::from_parts(parts) {
        *request.uri_mut() = url;
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_for_the_host_that_its_header_names() -> Result<(), Box<dyn std::error::Error>> {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let url = |host: Option<&str>, secure| {
            let request = Request::post("/v1/x?y=1");
            let request = host.into_iter().fold(request, |request, host| request.header(HOST, host));
            let request = as_url(request.body(Full::default())?, address, secure);
            assert!(!request.headers().contains_key(HOST));
            Ok::<_, http::Error>(request.uri().to_string())
        };
        assert_eq!(url(Some("h:8443"), true)?, "https://h:8443/v1/x?y=1");
        assert_eq!(url(None, false)?, "http://127.0.0.1:80/v1/x?y=1");
        Ok(())
    }
}
