//! A client that keeps its connection and asks again as browsers do: when a kept connection turns out to have been closed.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::http::{HeaderMap, HeaderName, HeaderValue, Response};
use crate::origin::read_chunks;

/// Speaks HTTP/1.1 to one address.
#[derive(Debug)]
pub struct Caller {
    address: SocketAddr,
    timeout: Duration,
    kept: Option<BufReader<TcpStream>>,
    again: u64,
}

/// Why there is no answer, and whether anything of one had come.
struct Broken {
    error: io::Error,
    had_begun: bool,
}

impl Caller {
    /// One that waits this long for each part of an answer.
    pub fn new(address: SocketAddr, timeout: Duration) -> Caller {
        Caller { address, timeout, kept: None, again: 0 }
    }

    /// How often it asked again.
    pub fn asked_again(&self) -> u64 {
        self.again
    }

    /// Asks for a target with these header fields. If the connection is a kept one, and closes before anything of the answer
    /// has come, it asks once more on a new one, as RFC 9112 §9.3.1 has it.
    pub fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Result<Response> {
        let request = head("GET", target, headers, None);
        if let Some(kept) = self.kept.take() {
            match self.exchange(kept, &request) {
                Ok(response) => return Ok(response),
                Err(broken) if broken.had_begun || is_late(&broken.error) => return Err(failed(broken)),
                Err(_) => self.again += 1,
            }
        }
        self.fresh(&request)
    }

    /// Posts JSON, on a new connection: what was posted cannot be posted again.
    pub fn post(&mut self, target: &str, headers: &[(&str, &str)], body: &str) -> Result<Response> {
        self.kept = None;
        self.fresh(&head("POST", target, headers, Some(body)))
    }

    fn fresh(&mut self, request: &[u8]) -> Result<Response> {
        let stream = TcpStream::connect_timeout(&self.address, self.timeout).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.timeout))?;
        self.exchange(BufReader::new(stream), request).map_err(failed)
    }

    fn exchange(&mut self, mut stream: BufReader<TcpStream>, request: &[u8]) -> Result<Response, Broken> {
        let broken = |had_begun| move |error| Broken { error, had_begun };
        stream.get_mut().write_all(request).map_err(broken(false))?;
        if stream.fill_buf().map_err(broken(false))?.is_empty() {
            return Err(broken(false)(io::ErrorKind::UnexpectedEof.into()));
        }
        let response = read(&mut stream).map_err(broken(true))?;
        let closes = response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if !closes {
            self.kept = Some(stream);
        }
        Ok(response)
    }
}

fn failed(broken: Broken) -> anyhow::Error {
    let when = if broken.had_begun { "in the middle of the answer" } else { "before the answer" };
    anyhow!("{} {when}", broken.error)
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn head(method: &str, target: &str, headers: &[(&str, &str)], body: Option<&str>) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        text += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    (text + "\r\n" + body.unwrap_or_default()).into_bytes()
}

fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Response> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut parsed = httparse::Response::new(&mut fields);
    parsed.parse(&head).map_err(io::Error::other)?;
    let mut headers = HeaderMap::new();
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(io::Error::other)?;
        headers.append(name, HeaderValue::from_bytes(field.value).map_err(io::Error::other)?);
    }
    let status = parsed.code.unwrap_or_default();
    let mut response = Response { status, headers, body: Vec::new() };
    if let Some(length) = response.header("content-length").and_then(|length| length.parse().ok()) {
        response.body.resize(length, 0);
        stream.read_exact(&mut response.body)?;
    } else if response.header("transfer-encoding").is_some() {
        response.body = read_chunks(stream)?;
    } else if !matches!(status, 204 | 304) {
        stream.read_to_end(&mut response.body)?;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::{Answer, Body, Origin};

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn answers_of_all_shapes_are_read_whole() {
        let origin = Origin::start(|question| match question.path() {
            "/chunks" => Answer::new(200, "abcdef").chunked(2, Duration::ZERO),
            "/close" => Answer::new(200, "").body(Body::UntilClose(b"all".to_vec())),
            "/none" => Answer::new(204, ""),
            "/cut" => Answer::new(200, "").body(Body::CutOff(10, b"half".to_vec())),
            _ => Answer::json(question.body.clone()).header("x-method", &question.method),
        })
        .unwrap();
        let mut caller = Caller::new(([127, 0, 0, 1], origin.port()).into(), PATIENCE);
        for (target, status, body) in
            [("/", 200, ""), ("/chunks", 200, "abcdef"), ("/none", 204, ""), ("/close", 200, "all")]
        {
            let response = caller.get(target, &[("host", "x")]).unwrap();
            assert_eq!((response.status, response.text().as_str()), (status, body), "{target}");
        }
        let posted = caller.post("/", &[("host", "x")], "{}").unwrap();
        assert_eq!((posted.text().as_str(), posted.header("x-method").as_deref()), ("{}", Some("POST")));
        let error = caller.get("/cut", &[("host", "x")]).unwrap_err().to_string();
        assert!(error.contains("in the middle of the answer"), "{error}");
        assert_eq!(caller.asked_again(), 0);
    }

    #[test]
    fn a_connection_that_was_closed_meanwhile_is_replaced_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            // Each connection has one answer in it, and the third none.
            for number in 0..3 {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                crate::origin::read_question(&mut stream).unwrap();
                if number < 2 {
                    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx").unwrap();
                }
            }
        });
        let mut caller = Caller::new(([127, 0, 0, 1], port).into(), PATIENCE);
        for _ in 0..2 {
            assert_eq!(caller.get("/", &[]).unwrap().text(), "x");
        }
        assert!(caller.get("/", &[]).unwrap_err().to_string().contains("before the answer"));
        assert_eq!(caller.asked_again(), 2);
    }
}
