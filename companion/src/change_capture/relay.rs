//! A way through TLS for the replication stream, whose library speaks it only with a second set of cryptography.

use std::io;

use pooled_postgres::Stream;
use tokio::net::{TcpListener, TcpStream};

/// Listens on a port of loopback for one connection, and passes what comes on; the port.
///
/// Whoever else on this machine is faster only gets what they could have from the server as well: it asks everyone for a
/// password. The session ends then, and the next begins.
pub(super) async fn open(mut server: Box<dyn Stream>) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        let passed_on = async {
            let mut client: TcpStream = listener.accept().await?.0;
            drop(listener);
            client.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await
        };
        if let Err(error) = passed_on.await {
            tracing::debug!(%error, "the replication stream's way through TLS ended");
        }
    });
    Ok(port)
}
