//! A blocking HTTP/1.1 client that shows what came over the wire: nothing decoded, followed or turned into an error.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ureq::http;
use ureq::{Agent, SendBody};

pub use ureq::http::{HeaderMap, HeaderName, HeaderValue};

const TIMEOUT: Duration = Duration::from_secs(30);
const LARGEST_BODY: u64 = 1 << 30;

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    chunked: bool,
}

impl Request {
    /// A request with any method, also one HTTP does not know.
    pub fn new(method: &str, url: impl Into<String>) -> Request {
        Request {
            method: method.to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            chunked: false,
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Request {
        Request::new("GET", url)
    }

    /// A POST request with a JSON body.
    pub fn post_json(url: impl Into<String>, body: &serde_json::Value) -> Request {
        Request::new("POST", url).header("content-type", "application/json").body(body.to_string())
    }

    /// Adds a header field line; a name given twice is sent twice. The value need not be UTF-8, but for Host and
    /// Authorization: the client insists on text there, and [`raw`] does not.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Request {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the body, sent with a Content-Length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = Some(body.into());
        self
    }

    /// Sends the body chunked instead of with a Content-Length.
    pub fn chunked(mut self) -> Request {
        self.chunked = true;
        self
    }
}

/// A response as it came over the wire; only the transfer coding is undone.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// All header field lines.
    pub headers: HeaderMap,
    /// The body, still content-encoded.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header, lossily decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// Every value of a header in order, lossily decoded.
    pub fn header_values(&self, name: &str) -> Vec<String> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        self.headers.get_all(name).iter().map(text).collect()
    }

    /// The body with its `Content-Encoding` undone.
    pub fn decoded(&self) -> Result<Vec<u8>> {
        let (mut plain, body) = (Vec::new(), self.body.as_slice());
        let coding = self.header("content-encoding").unwrap_or_default();
        let read = match coding.as_str() {
            "" | "identity" => return Ok(self.body.clone()),
            "gzip" => flate2::read::MultiGzDecoder::new(body).read_to_end(&mut plain),
            "deflate" => flate2::read::ZlibDecoder::new(body).read_to_end(&mut plain),
            "br" => brotli::Decompressor::new(body, 4_096).read_to_end(&mut plain),
            "zstd" => structured_zstd::decoding::StreamingDecoder::new(body).read_to_end(&mut plain),
            other => {
                let known = "gzip, deflate, br, zstd or identity";
                return Err(anyhow!("cannot decode content-encoding {other:?}; expected {known}"));
            }
        };
        read.with_context(|| format!("the body is not valid {coding}"))?;
        Ok(plain)
    }

    /// The decoded body as text, lossily.
    ///
    /// # Panics
    /// If the body is not what its Content-Encoding says.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.decoded().expect("decodable body")).into_owned()
    }

    /// The decoded body as JSON.
    ///
    /// # Panics
    /// If the body is not JSON, showing it.
    pub fn json(&self) -> serde_json::Value {
        let text = self.text();
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("status {}, not JSON ({error}): {text}", self.status))
    }
}

/// A client with one idle connection: requests that follow each other use the same one.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
}

impl Default for Client {
    fn default() -> Client {
        Client::new()
    }
}

impl Client {
    /// A client that waits 30 s for an answer.
    pub fn new() -> Client {
        Client::with_timeout(TIMEOUT)
    }

    /// A client that waits this long for an answer.
    pub fn with_timeout(timeout: Duration) -> Client {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .max_idle_connections_per_host(1)
            .max_response_header_size(1 << 20)
            // A request's header has to fit.
            .output_buffer_size(1 << 20)
            .user_agent("")
            .accept("")
            .accept_encoding("")
            .proxy(None)
            .timeout_global(Some(timeout));
        Client { agent: config.build().new_agent() }
    }

    /// Sends a request; any status is an answer, only a broken exchange is an error.
    pub fn send(&self, request: Request) -> Result<Response> {
        let what = format!("{} {}", request.method, request.url);
        self.exchange(request).with_context(|| what)
    }

    /// Sends a GET request without any headers of its own.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn get(&self, url: impl Into<String>) -> Response {
        self.send(Request::get(url)).expect("an answer")
    }

    /// Sends a request, and returns status, header fields and body as soon as the answer has begun.
    pub(crate) fn open(&self, request: Request) -> Result<(u16, HeaderMap, Box<dyn Read + Send>)> {
        let what = format!("{} {}", request.method, request.url);
        let (parts, body) = self.begin(request).with_context(|| what)?.into_parts();
        Ok((parts.status.as_u16(), parts.headers, Box::new(body.into_reader())))
    }

    fn exchange(&self, request: Request) -> Result<Response> {
        let (parts, mut body) = self.begin(request)?.into_parts();
        let body = body.with_config().limit(LARGEST_BODY).read_to_vec()?;
        Ok(Response { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    fn begin(&self, request: Request) -> Result<http::Response<ureq::Body>> {
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name.as_str(), value.as_slice());
        }
        Ok(match &request.body {
            None => self.agent.run(builder.body(())?)?,
            Some(body) if request.chunked => {
                let mut reader = body.as_slice();
                self.agent.run(builder.body(SendBody::from_reader(&mut reader))?)?
            }
            Some(body) => self.agent.run(builder.body(body.as_slice())?)?,
        })
    }
}

/// Whether a GET is answered with 200 within a second.
pub fn is_ok(url: &str) -> bool {
    let client = Client::with_timeout(Duration::from_secs(1));
    client.send(Request::get(url)).is_ok_and(|response| response.status == 200)
}

/// Sends these very bytes to 127.0.0.1 and returns all that comes back until the connection closes or nothing
/// has come for `quiet`. For what no well-behaved client sends.
pub fn raw(port: u16, bytes: &[u8], quiet: Duration) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(bytes)?;
    stream.set_read_timeout(Some(quiet))?;
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    // A time-out ends the answer as the end of the stream does.
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..length]);
    }
    Ok(answer)
}
