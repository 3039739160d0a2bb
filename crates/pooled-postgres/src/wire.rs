//! A connection that speaks the protocol message by message: for how a server asks for a password, and for statements sent in
//! ways that tokio-postgres does not offer.

use std::fmt;
use std::io;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::Tls;
use crate::secured::{Secured, Stream, secured};

/// How large one message may be, in bytes: what is asked here has short answers.
const MAX_BUFFERED: usize = 1 << 20;

/// How the server let the user in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// It asked for no password.
    Trusted,
    /// It asked for a password in a way that shows nothing of how it is kept: `md5`, or in the clear.
    Other(&'static str),
    /// By SCRAM-SHA-256, with what the server keeps beside the keys.
    Scram {
        /// The salt in base64.
        salt: String,
        /// The rounds of hashing.
        iterations: u32,
    },
}

/// What goes wrong on the wire.
#[derive(Debug)]
pub enum WireError {
    /// The server cannot be reached, or the connection broke.
    Io(io::Error),
    /// The server refused, with its message.
    Refused(String),
    /// The URL asks for what is not offered here, or the server answers what is not understood.
    Unsupported(String),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Refused(message) => f.write_str(message),
            Self::Unsupported(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for WireError {}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A connection that is logged in.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    received: BytesMut,
}

impl Wire {
    /// Connects, by TLS as the configuration says, and logs in.
    pub(crate) async fn log_in(config: &Config, tls: &Tls) -> Result<(Self, Login), WireError> {
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.as_str(),
            Some(Host::Unix(_)) => {
                return Err(WireError::Unsupported(
                    "a socket's folder cannot be used here, expected a name or address".to_owned(),
                ));
            }
            None => "localhost",
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match secured(stream, config.get_ssl_mode(), host, tls).await? {
            Secured::Tls(stream) => stream,
            Secured::Plain(stream) => Box::new(stream),
        };
        let mut wire = Self { stream, received: BytesMut::new() };
        let user = config.get_user().unwrap_or_default();
        let database = config.get_dbname().unwrap_or(user);
        let startup = [("user", user), ("database", database), ("client_encoding", "UTF8")];
        wire.send(|buffer| frontend::startup_message(startup, buffer)).await?;
        let login = wire.authenticate(user, config.get_password().unwrap_or_default()).await?;
        Ok((wire, login))
    }

    async fn authenticate(&mut self, user: &str, password: &[u8]) -> Result<Login, WireError> {
        let mut login = Login::Trusted;
        loop {
            match self.receive().await? {
                Message::AuthenticationOk => {}
                Message::AuthenticationCleartextPassword => {
                    login = Login::Other("password");
                    self.send(|buffer| frontend::password_message(password, buffer)).await?;
                }
                Message::AuthenticationMd5Password(body) => {
                    login = Login::Other("md5");
                    let hashed = md5_hash(user.as_bytes(), password, body.salt());
                    self.send(|buffer| frontend::password_message(hashed.as_bytes(), buffer)).await?;
                }
                Message::AuthenticationSasl(body) => {
                    let offered = body.mechanisms().any(|mechanism| Ok(mechanism == sasl::SCRAM_SHA_256))?;
                    if !offered {
                        return Err(WireError::Unsupported("the server offers no SCRAM-SHA-256".to_owned()));
                    }
                    login = self.scram(password).await?;
                }
                Message::ReadyForQuery(_) => return Ok(login),
                Message::ErrorResponse(body) => return Err(WireError::Refused(said(&body))),
                Message::ParameterStatus(_) | Message::BackendKeyData(_) | Message::NoticeResponse(_) => {}
                _ => return Err(WireError::Unsupported("the server wants another way to log in".to_owned())),
            }
        }
    }

    async fn scram(&mut self, password: &[u8]) -> Result<Login, WireError> {
        let mut scram = sasl::ScramSha256::new(password, sasl::ChannelBinding::unsupported());
        self.send(|buffer| frontend::sasl_initial_response(sasl::SCRAM_SHA_256, scram.message(), buffer))
            .await?;
        let login = match self.receive().await? {
            Message::AuthenticationSaslContinue(body) => {
                scram.update(body.data())?;
                challenge(body.data())
                    .ok_or_else(|| WireError::Unsupported("the server's challenge is none".to_owned()))?
            }
            Message::ErrorResponse(body) => return Err(WireError::Refused(said(&body))),
            _ => return Err(WireError::Unsupported("the server breaks off the log-in".to_owned())),
        };
        self.send(|buffer| frontend::sasl_response(scram.message(), buffer)).await?;
        match self.receive().await? {
            Message::AuthenticationSaslFinal(body) => scram.finish(body.data())?,
            Message::ErrorResponse(body) => return Err(WireError::Refused(said(&body))),
            _ => return Err(WireError::Unsupported("the server breaks off the log-in".to_owned())),
        }
        Ok(login)
    }

    /// Sends what `write` puts together.
    pub(crate) async fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<(), WireError> {
        let mut buffer = BytesMut::new();
        write(&mut buffer)?;
        Ok(self.stream.write_all(&buffer).await?)
    }

    /// The next message.
    pub(crate) async fn receive(&mut self) -> Result<Message, WireError> {
        loop {
            if let Some(message) = Message::parse(&mut self.received)? {
                return Ok(message);
            }
            if self.received.len() > MAX_BUFFERED {
                return Err(WireError::Unsupported(format!("a message is longer than {MAX_BUFFERED} bytes")));
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(WireError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

/// The server's first message: `r=NONCE,s=SALT,i=ITERATIONS`.
fn challenge(data: &[u8]) -> Option<Login> {
    let text = std::str::from_utf8(data).ok()?;
    let field = |name: &str| text.split(',').find_map(|field| field.strip_prefix(name));
    Some(Login::Scram { salt: field("s=")?.to_owned(), iterations: field("i=")?.parse().ok()? })
}

/// What an error of the server says.
pub(crate) fn said(body: &ErrorResponseBody) -> String {
    let mut fields = body.fields();
    while let Ok(Some(field)) = fields.next() {
        if field.type_() == b'M' {
            return String::from_utf8_lossy(field.value_bytes()).into_owned();
        }
    }
    "an error without a message".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_has_salt_and_rounds() {
        let scram = Login::Scram { salt: "c2FsdA==".to_owned(), iterations: 4096 };
        assert_eq!(challenge(b"r=abc,s=c2FsdA==,i=4096"), Some(scram));
        for damaged in [&b"r=abc,i=4096"[..], b"r=abc,s=c2FsdA==,i=many", b"\xff", b""] {
            assert_eq!(challenge(damaged), None);
        }
    }
}
