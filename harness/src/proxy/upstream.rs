//! The node's side: at most one connection for each client's.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

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
        let mut sender = connect(address).await?;
        let response = sender.send_request(request).await.map_err(|error| how_it_broke(&error))?;
        self.open = Some((address, sender));
        Ok(response)
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Broken> {
    let stream = TcpStream::connect(address).await.map_err(|_| Broken::Unreachable)?;
    stream.set_nodelay(true).map_err(|_| Broken::Unreachable)?;
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
        if let Some(error) = error.downcast_ref::<io::Error>()
            && matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        {
            return Broken::Reset;
        }
        cause = error.source();
    }
    Broken::Cut
}
