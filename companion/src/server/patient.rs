//! Listening for clients that may stop to read: their connections end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_io_timeout::TimeoutStream;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;

/// A connection that ends when it cannot be written to.
pub(super) type Stream = Pin<Box<TimeoutStream<TcpStream>>>;

/// Listens, and ends connections that cannot be written to for a while.
#[derive(Debug)]
pub(super) struct Patient {
    listener: TcpListener,
    patience: Duration,
}

impl Patient {
    /// Listens on this address; a connection to which nothing can be written for the time of `patience` ends. The kernel
    /// holds at most `send_buffer` bytes for a client that does not read, or as many as it likes.
    pub(super) fn bind(
        address: SocketAddr,
        patience: Duration,
        send_buffer: Option<u32>,
    ) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        if let Some(bytes) = send_buffer {
            // Connections that are accepted have it from here.
            socket.set_send_buffer_size(bytes)?;
        }
        socket.bind(address)?;
        Ok(Self { listener: socket.listen(BACKLOG)?, patience })
    }
}

impl Listener for Patient {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.patience));
        (Box::pin(stream), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
