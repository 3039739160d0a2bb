//! TLS on a connection to PostgreSQL, as PostgreSQL negotiates it.

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

use crate::{Tls, WireError};

/// A connection, whatever it goes through.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that TLS was asked for.
pub enum Secured {
    /// It goes by TLS.
    Tls(Box<dyn Stream>),
    /// The server has no TLS, or it was not to be used.
    Plain(TcpStream),
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tls(_) => "Tls",
            Self::Plain(_) => "Plain",
        })
    }
}

/// The same connection, by TLS if the server has it and the mode wants it. `host` is the name that its certificate must have, if that is looked at.
///
/// # Errors
/// If the connection breaks, the certificate is not accepted, or the mode is `Require` and the server has no TLS.
pub async fn secured(
    mut stream: TcpStream,
    mode: SslMode,
    host: &str,
    tls: &Tls,
) -> Result<Secured, WireError> {
    if mode == SslMode::Disable {
        return Ok(Secured::Plain(stream));
    }
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await?;
    if stream.read_u8().await? == b'S' {
        let connector = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls.clone(), host);
        let connector = connector.map_err(|error| WireError::Unsupported(error.to_string()))?;
        return Ok(Secured::Tls(Box::new(connector.connect(stream).await?)));
    }
    if mode == SslMode::Require {
        return Err(WireError::Unsupported(
            "the server has no TLS, and sslmode=require asks for it".to_owned(),
        ));
    }
    Ok(Secured::Plain(stream))
}
