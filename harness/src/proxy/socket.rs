//! A client's socket whose end can be chosen: a FIN or an RST.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Between two looks at whether a socket has taken what it was given.
const SETTLE: Duration = Duration::from_millis(1);

/// How a connection, or a stream of HTTP/2, is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HowToEnd {
    /// As a process closes a socket.
    Fin,
    /// As a process that aborts a connection.
    Rst,
}

impl HowToEnd {
    /// The reset of a stream that says the same: `CANCEL` where nobody goes on, `INTERNAL_ERROR` where something
    /// broke.
    pub(super) fn of_stream(self) -> h2::Error {
        match self {
            Self::Fin => h2::Reason::CANCEL.into(),
            Self::Rst => h2::Reason::INTERNAL_ERROR.into(),
        }
    }
}

/// Chooses the end of a connection, or of a stream of it, from elsewhere.
#[derive(Default)]
pub(super) struct Ender {
    reset: AtomicBool,
    /// The connection's last write found the socket full.
    blocked: Arc<AtomicBool>,
    now: CancellationToken,
    /// It ends a stream alone; other streams of the connection go on.
    stream: bool,
}

impl Ender {
    /// Of a stream of this connection.
    pub(super) fn stream(&self) -> Self {
        Self { blocked: Arc::clone(&self.blocked), stream: true, ..Self::default() }
    }

    /// Whether it ends a stream alone.
    pub(super) fn is_stream(&self) -> bool {
        self.stream
    }

    /// Waits until the stream is to end, and says how. Whoever serves a connection ends that.
    pub(super) async fn ends_stream(&self) -> HowToEnd {
        if !self.stream {
            return pending().await;
        }
        self.now.cancelled().await;
        if self.reset.load(Ordering::Acquire) { HowToEnd::Rst } else { HowToEnd::Fin }
    }

    /// Ends it now.
    pub(super) fn end(&self, how: HowToEnd) {
        self.reset.store(how == HowToEnd::Rst, Ordering::Release);
        self.now.cancel();
    }

    /// Waits until the connection is to end.
    pub(super) async fn wanted(&self) {
        self.now.cancelled().await;
    }

    /// Waits until what was handed to the HTTP layer is in the socket.
    pub(super) async fn settled(&self) {
        loop {
            tokio::time::sleep(SETTLE).await;
            if !self.blocked.load(Ordering::Acquire) {
                return;
            }
        }
    }
}

/// The socket. Dropping it ends the connection as its [`Ender`] says; a FIN if nobody said anything.
pub(super) struct ClientSocket {
    stream: TcpStream,
    ender: Arc<Ender>,
}

impl ClientSocket {
    pub(super) fn new(stream: TcpStream, ender: Arc<Ender>) -> Self {
        Self { stream, ender }
    }

    fn note<T>(&self, result: Poll<T>) -> Poll<T> {
        self.ender.blocked.store(result.is_pending(), Ordering::Release);
        result
    }
}

impl Drop for ClientSocket {
    fn drop(&mut self) {
        if self.ender.reset.load(Ordering::Acquire) {
            // It fails on a socket that is closed already, which needs no reset.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ender.reset.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}
