//! A port that is ours for the whole run, whether or not it listens.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// Any free port of the loopback interface.
pub(super) const ANY_LOOPBACK_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// A bound port. The socket that holds it never listens: the kernel refuses connections to it as it
/// does for a dead process, and nobody else can take it.
pub(super) struct Port {
    _held: Socket,
    address: SocketAddr,
}

impl Port {
    pub(super) fn reserve() -> io::Result<Self> {
        let held = bound(ANY_LOOPBACK_PORT)?;
        let address = held.local_addr()?.as_socket().ok_or_else(|| io::Error::other("it is no IP socket"))?;
        Ok(Self { _held: held, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A second socket on the port, which listens.
    pub(super) fn listen(&self) -> io::Result<Arc<TcpListener>> {
        let socket = bound(self.address)?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(Arc::new(TcpListener::from_std(socket.into())?))
    }
}

/// Both sockets allow the other by `SO_REUSEADDR`, as Linux does while neither listens at the bind.
fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A listener and the task that accepts from it.
pub(super) struct Listening {
    listener: Arc<TcpListener>,
    task: AbortHandle,
}

impl Listening {
    pub(super) fn new(listener: Arc<TcpListener>, task: AbortHandle) -> Self {
        Self { listener, task }
    }

    /// Stops to listen before it returns, though the task may hold the socket a moment longer.
    pub(super) fn close(self) {
        // Where a system does not know this for listeners, the socket's end does the same a little later.
        let _ = SockRef::from(self.listener.as_ref()).shutdown(Shutdown::Read);
        self.task.abort();
    }
}
