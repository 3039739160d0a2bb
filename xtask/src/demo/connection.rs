//! A client's keep-alive connection that knows how many bytes came over it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Request, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::mix::Call;

/// One client's connection, made anew when the server has closed it.
pub struct Connection {
    port: u16,
    sender: Option<SendRequest<Full<Bytes>>>,
    received: Arc<AtomicU64>,
}

/// What came back.
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body as it was sent.
    pub body: Bytes,
    /// The bytes of the whole response, header and framing included.
    pub wire_bytes: u64,
}

impl Connection {
    /// To this port of 127.0.0.1.
    pub fn new(port: u16) -> Connection {
        Connection { port, sender: None, received: Arc::default() }
    }

    /// Sends the request as a browser would, asking for gzip, and waits for the whole response.
    pub async fn exchange(&mut self, call: &Call) -> Result<Reply> {
        let mut sender = match self.sender.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.connect().await?,
        };
        let before = self.received.load(Ordering::Relaxed);
        let mut request = Request::builder()
            .method(if call.body.is_some() { "POST" } else { "GET" })
            .uri(&call.target)
            .header(header::HOST, "demo.example")
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "gzip");
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(call.body.clone().unwrap_or_default()));
        sender.ready().await?;
        let (parts, body) = sender.send_request(request.body(body)?).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.sender = Some(sender);
        let wire_bytes = self.received.load(Ordering::Relaxed) - before;
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body, wire_bytes })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let counted = Counted { stream, received: Arc::clone(&self.received) };
        let (sender, driver) = http1::handshake(TokioIo::new(counted)).await?;
        // Ends with the connection; its errors come out of `send_request` too.
        tokio::spawn(driver);
        Ok(sender)
    }
}

struct Counted {
    stream: TcpStream,
    received: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.received.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
