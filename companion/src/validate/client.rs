//! Asks as a client does, and sees what comes over the wire: nothing decoded, followed or forgiven.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Answer;
use super::url::Url;

/// Larger bodies are not worth their time here.
const MAX_BYTES: usize = 64 << 20;
/// How long to wait for what must not come.
const SILENCE: Duration = Duration::from_millis(250);
/// The fields that say what is checked, or are this command's own.
const OWN: [&str; 7] = [
    "accept-encoding",
    "connection",
    "content-length",
    "range",
    "te",
    "transfer-encoding",
    compression_policy::OPT_OUT,
];

/// How an endpoint is asked: each request on a connection of its own, so that its end shows all that was sent.
#[derive(Debug)]
pub(crate) struct Asker {
    /// The authority to name, if not that of the URL.
    pub host: Option<String>,
    /// Fields of every request.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// How long a whole exchange may take.
    pub patience: Duration,
}

impl Asker {
    /// The answer to a request with these fields, or why there is none.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &Url,
        fields: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let deadline = Instant::now() + self.patience;
        let late =
            || format!("no answer within {} ms; --timeout-ms sets the time", self.patience.as_millis());
        let stream = timeout_at(deadline, TcpStream::connect(url.address()))
            .await
            .map_err(|_| late())?
            .map_err(|error| format!("cannot connect to {}: {error}", url.authority()))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| reason(&error))?;
        let connection = tokio::spawn(connection.without_shutdown());
        let request = self.request(method, url, fields).map_err(|error| error.to_string())?;
        let response = timeout_at(deadline, sender.send_request(request))
            .await
            .map_err(|_| late())?
            .map_err(|error| reason(&error))?;
        let mut answer = read(response, deadline).await?;
        drop(sender);
        if answer.cut.is_none() {
            // A connection that does not end by itself has nothing more to say.
            if let Ok(Ok(Ok(parts))) = timeout(SILENCE, connection).await {
                answer.surplus = surplus(&parts.read_buf, parts.io.into_inner()).await;
            }
        }
        Ok(answer)
    }

    fn request(
        &self,
        method: Method,
        url: &Url,
        fields: &[(&str, &str)],
    ) -> hyper::http::Result<Request<Empty<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(url.target())
            .header("host", self.host.as_deref().unwrap_or_else(|| url.authority()))
            .header("connection", "close");
        for (name, value) in &self.fields {
            request = request.header(name, value);
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(Empty::new())
    }
}

async fn read(response: Response<Incoming>, deadline: Instant) -> Result<Answer, String> {
    let (head, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    let mut cut = None;
    loop {
        match timeout_at(deadline, incoming.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    body.extend_from_slice(data);
                }
            }
            Ok(Some(Err(error))) => cut = Some(reason(&error)),
            Err(_) => cut = Some("then nothing more came in time".to_owned()),
        }
        if cut.is_some() {
            break;
        }
        if body.len() > MAX_BYTES {
            return Err(format!("its body has more than {MAX_BYTES} bytes; name a smaller resource"));
        }
    }
    Ok(Answer { status: head.status, fields: head.headers, body: body.freeze(), cut, surplus: 0 })
}

/// How many bytes followed the answer's end; not many are waited for.
async fn surplus(read: &[u8], mut stream: TcpStream) -> usize {
    let mut more = [0; 4096];
    match timeout(SILENCE, stream.read(&mut more)).await {
        Ok(Ok(count)) => read.len() + count,
        _ => read.len(),
    }
}

/// An error with its cause, which says more than the error itself.
fn reason(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Reads an authority.
pub(crate) fn authority(text: &str) -> Result<String, String> {
    match text.parse::<Authority>() {
        Ok(authority) if !authority.host().is_empty() && !text.contains('@') => Ok(text.to_owned()),
        _ => Err("expected HOST or HOST:PORT, such as shop.example".to_owned()),
    }
}

/// Reads a request field.
pub(crate) fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected 'name: value'")?;
    let name: HeaderName = name.trim().parse().map_err(|_| "its name is none; expected 'name: value'")?;
    let value = value.trim().parse().map_err(|_| "its value holds what a field may not")?;
    if name == "host" {
        return Err("the authority is set by --host".to_owned());
    }
    if OWN.contains(&name.as_str()) {
        return Err(format!("{name} is set by the checks themselves; leave it out"));
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_authorities_are_read_or_explained() {
        let (name, value) = field("X-Api-Key:  a:b ").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-api-key", &b"a:b"[..]));
        for (text, why) in [
            ("x-api-key", "expected 'name: value'"),
            ("x key: 1", "expected 'name: value'"),
            ("x: a\nb", "its value"),
            ("Host: a", "--host"),
            ("Accept-Encoding: gzip", "leave it out"),
        ] {
            assert!(field(text).unwrap_err().contains(why), "{text}");
        }
        assert_eq!(authority("shop.example:8080").as_deref(), Ok("shop.example:8080"));
        for text in ["", "a b", "user@a", ":80", "http://a"] {
            assert!(authority(text).is_err(), "{text}");
        }
    }
}
