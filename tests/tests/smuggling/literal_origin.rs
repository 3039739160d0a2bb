//! A service that keeps each request's head to the letter, and answers with the path that it was asked for.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// It listens until the test's process ends.
pub struct LiteralOrigin {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl LiteralOrigin {
    pub fn start() -> LiteralOrigin {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = heads.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                // A connection that breaks off says no more.
                thread::spawn(move || while answer(&stream, &kept).is_some() {});
            }
        });
        LiteralOrigin { port, heads }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn answer(mut stream: &TcpStream, heads: &Mutex<Vec<String>>) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = read_until(stream, b"\r\n\r\n")?;
    heads.lock().unwrap().push(head.clone());
    let field = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    if field("transfer-encoding").is_some() {
        skip_chunks(stream)?;
    } else if let Some(length) = field("content-length").and_then(|length| length.parse().ok()) {
        stream.read_exact(&mut vec![0; length]).ok()?;
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    let body = format!("<{path}>");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: max-age=60\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).ok()
}

/// Reads a chunked body with its trailers (RFC 9112 §7.1).
fn skip_chunks(mut stream: &TcpStream) -> Option<()> {
    loop {
        let line = read_until(stream, b"\r\n")?;
        let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
        if size == 0 {
            break;
        }
        stream.read_exact(&mut vec![0; size + 2]).ok()?;
    }
    while read_until(stream, b"\r\n")? != "\r\n" {}
    Some(())
}

/// Reads byte by byte, so that nothing of the next request is taken.
fn read_until(mut stream: &TcpStream, end: &[u8]) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        read.extend_from_slice(&byte);
    }
    Some(String::from_utf8_lossy(&read).into_owned())
}
