//! A scriptable origin server in the test's own process.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;

/// A request as the origin received it.
#[derive(Debug, Clone)]
pub struct Question {
    /// The method.
    pub method: String,
    /// The request target: path and query.
    pub target: String,
    /// The header field lines in order, names as received.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Question {
    /// The first value of a header, lossily decoded; the name's case does not matter.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// How an answer's body is sent.
#[derive(Debug, Clone)]
pub enum Body {
    /// With a Content-Length.
    Sized(Vec<u8>),
    /// Chunked, each piece a chunk of its own, with this pause before each.
    Chunked(Vec<Vec<u8>>, Duration),
    /// Without either, ended by closing the connection.
    UntilClose(Vec<u8>),
    /// Announces this Content-Length, sends these fewer bytes, and closes the connection.
    CutOff(usize, Vec<u8>),
}

/// What the origin answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header field lines, sent in order and as they are; Content-Length and Transfer-Encoding are added by `body`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Body,
    /// Trailer field lines; sent only after a chunked body.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// How long to wait before the first byte.
    pub delay: Duration,
}

impl Answer {
    /// An answer with this status and body, no headers of its own, sent at once with a Content-Length.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Body::Sized(body.into()),
            trailers: Vec::new(),
            delay: Duration::ZERO,
        }
    }

    /// 200 with a JSON body.
    pub fn json(body: impl Into<Vec<u8>>) -> Answer {
        Answer::new(200, body).header("content-type", "application/json")
    }

    /// Adds a header field line; a name given twice is sent twice. The value need not be UTF-8.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Answer {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sends the body chunked, in chunks of `size` bytes, with a pause before each.
    pub fn chunked(mut self, size: usize, pause: Duration) -> Answer {
        if let Body::Sized(body) = &self.body {
            self.body = Body::Chunked(body.chunks(size.max(1)).map(<[u8]>::to_vec).collect(), pause);
        }
        self
    }

    /// Sets how the body is sent.
    pub fn body(mut self, body: Body) -> Answer {
        self.body = body;
        self
    }

    /// Adds a trailer field line.
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Answer {
        self.trailers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Waits this long before the first byte.
    pub fn delay(mut self, delay: Duration) -> Answer {
        self.delay = delay;
        self
    }
}

type Script = dyn Fn(&Question) -> Answer + Send + Sync;

struct Shared {
    script: Box<Script>,
    questions: Mutex<Vec<Question>>,
    streams: Mutex<HashMap<u16, TcpStream>>,
    stopping: AtomicBool,
}

/// An HTTP/1.1 server whose answers come from a closure; stops on drop.
pub struct Origin {
    port: u16,
    shared: Arc<Shared>,
}

impl Origin {
    /// Starts a server on a free loopback port. The closure runs on the connection's own thread: it may block.
    pub fn start(script: impl Fn(&Question) -> Answer + Send + Sync + 'static) -> Result<Origin> {
        let (port, listener) = crate::ports::listen();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            questions: Mutex::default(),
            streams: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &for_thread));
        Ok(Origin { port, shared })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Every request so far, in the order they arrived.
    pub fn questions(&self) -> Vec<Question> {
        lock(&self.shared.questions).clone()
    }

    /// Forgets the requests so far, for origins that are asked for hours.
    pub fn forget(&self) {
        lock(&self.shared.questions).clear();
    }

    /// How many requests came for this path, whatever the method and query.
    pub fn count(&self, path: &str) -> usize {
        lock(&self.shared.questions).iter().filter(|question| question.path() == path).count()
    }

    /// How many requests came in all.
    pub fn total(&self) -> usize {
        lock(&self.shared.questions).len()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        for (_, stream) in lock(&self.shared.streams).drain() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(peer) = stream.peer_addr() else { continue };
        if let Ok(copy) = stream.try_clone() {
            lock(&shared.streams).insert(peer.port(), copy);
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A connection that breaks is the client's affair; the client's side of the test sees it.
            let _ = converse(&stream, &shared);
            let _ = stream.shutdown(Shutdown::Both);
            lock(&shared.streams).remove(&peer.port());
        });
    }
}

fn converse(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(question) = read_question(&mut reader)? {
        lock(&shared.questions).push(question.clone());
        let answer = (shared.script)(&question);
        std::thread::sleep(answer.delay);
        if !write_answer(stream, &question, &answer)? {
            break;
        }
    }
    Ok(())
}

pub(crate) fn read_question(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Question>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut fields = [httparse::EMPTY_HEADER; 200];
    let mut request = httparse::Request::new(&mut fields);
    request.parse(&head).map_err(io::Error::other)?;
    let headers = request.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect();
    let mut question = Question {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        headers,
        body: Vec::new(),
    };
    if let Some(length) = question.header("content-length").and_then(|length| length.parse().ok()) {
        question.body.resize(length, 0);
        reader.read_exact(&mut question.body)?;
    } else if question.header("transfer-encoding").is_some() {
        question.body = read_chunks(reader)?;
    }
    Ok(Some(question))
}

pub(crate) fn read_chunks(reader: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            // Trailers, if any, up to the empty line.
            while line.trim() != "" {
                line.clear();
                reader.read_line(&mut line)?;
            }
            return Ok(body);
        }
        reader.take(size).read_to_end(&mut body)?;
        reader.read_line(&mut String::new())?;
    }
}

/// Writes the answer; false if the connection has to close after it.
fn write_answer(mut stream: &TcpStream, question: &Question, answer: &Answer) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} -\r\n", answer.status).into_bytes();
    let mut field = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    for (name, value) in &answer.headers {
        field(name, value);
    }
    let bodiless = question.method == "HEAD" || answer.status == 304 || answer.status == 204;
    match &answer.body {
        Body::Sized(body) if answer.status != 204 && !(answer.status == 304 && body.is_empty()) => {
            field("content-length", body.len().to_string().as_bytes());
        }
        Body::Chunked(..) if answer.status != 204 => field("transfer-encoding", b"chunked"),
        Body::CutOff(length, _) => field("content-length", length.to_string().as_bytes()),
        Body::UntilClose(_) => field("connection", b"close"),
        _ => {}
    }
    head.extend_from_slice(b"\r\n");
    match &answer.body {
        _ if bodiless => stream.write_all(&head)?,
        Body::Sized(body) => stream.write_all(&[head, body.clone()].concat())?,
        Body::Chunked(chunks, pause) => {
            stream.write_all(&head)?;
            for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                std::thread::sleep(*pause);
                let size = format!("{:x}\r\n", chunk.len());
                stream.write_all(&[size.as_bytes(), chunk, b"\r\n"].concat())?;
            }
            stream.write_all(b"0\r\n")?;
            for (name, value) in &answer.trailers {
                stream.write_all(&[name.as_bytes(), b": ", value, b"\r\n"].concat())?;
            }
            stream.write_all(b"\r\n")?;
        }
        Body::UntilClose(body) | Body::CutOff(_, body) => {
            stream.write_all(&[head, body.clone()].concat())?;
            return Ok(false);
        }
    }
    let closing = question.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(!closing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, Request, http};

    #[test]
    fn answers_as_scripted_and_keeps_what_was_asked() {
        let origin = Origin::start(|question| match question.path() {
            "/echo" => Answer::new(200, question.body.clone()).header("x-method", &question.method),
            "/odd" => {
                Answer::new(299, "x").header("x-odd", b"\xff\xfe").header("x-odd", "2").header("x-odd", "3")
            }
            "/pieces" => Answer::new(200, "abcdef").chunked(2, Duration::ZERO).trailer("x-end", "1"),
            "/close" => Answer::new(200, "").body(Body::UntilClose(b"all".to_vec())),
            "/cut" => Answer::new(200, "").body(Body::CutOff(10, b"half".to_vec())),
            _ => Answer::new(404, ""),
        })
        .unwrap();
        let client = Client::new();

        let request = Request::new("FROB", origin.url("/echo?a=1")).header("x-raw", b"\x80").body("hello");
        let echo = client.send(request).unwrap();
        assert_eq!((echo.status, echo.text().as_str()), (200, "hello"));
        assert_eq!(echo.header("x-method").as_deref(), Some("FROB"));
        assert_eq!(origin.questions()[0].target, "/echo?a=1");
        let raw =
            origin.questions()[0].headers.iter().any(|(name, value)| name == "x-raw" && value == b"\x80");
        assert!(raw, "{:?}", origin.questions()[0].headers);

        let long = Request::get(origin.url("/echo")).header("x-long", "z".repeat(600_000));
        assert_eq!(client.send(long).unwrap().status, 200);

        let chunked = Request::new("POST", origin.url("/echo")).body("in chunks").chunked();
        assert_eq!(client.send(chunked).unwrap().text(), "in chunks");

        let odd = client.get(origin.url("/odd"));
        assert_eq!((odd.status, odd.headers.get_all("x-odd").iter().count()), (299, 3));
        assert_eq!(odd.headers["x-odd"].as_bytes(), b"\xff\xfe");

        assert_eq!(client.get(origin.url("/pieces")).text(), "abcdef");
        assert_eq!(client.get(origin.url("/close")).text(), "all");
        assert!(client.send(Request::get(origin.url("/cut"))).is_err());
        assert_eq!(client.send(Request::new("HEAD", origin.url("/pieces"))).unwrap().body, b"");
        assert_eq!((origin.count("/echo"), origin.count("/pieces"), origin.total()), (3, 2, 8));
    }

    #[test]
    fn one_client_reuses_its_connection() {
        let origin = Origin::start(|_| Answer::json("{}")).unwrap();
        let client = Client::new();
        (0..5).for_each(|_| assert_eq!(client.get(origin.url("/")).json(), serde_json::json!({})));
        assert_eq!(lock(&origin.shared.streams).len(), 1);
    }

    #[test]
    fn a_dropped_origin_refuses_connections() {
        let origin = Origin::start(|_| Answer::json("{}")).unwrap();
        let url = origin.url("/");
        let client = Client::new();
        client.get(url.as_str());
        drop(origin);
        assert!(client.send(Request::get(url)).is_err());
    }

    #[test]
    fn raw_bytes_get_raw_bytes() {
        let origin = Origin::start(|_| Answer::new(200, "raw")).unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answer = http::raw(origin.port(), request, Duration::from_secs(5)).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 -\r\n") && answer.ends_with(b"\r\n\r\nraw"));
    }
}
