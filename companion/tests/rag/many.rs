//! Very many streams at a time: what they take, and that none is lost.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::stack::{PATIENCE, Rag};

/// What a stream may take in the companion, on both of its sides.
const BYTES_EACH: f64 = 96_000.0;
/// Connections that are begun at a time.
const AT_A_TIME: usize = 200;
/// Streams of an HTTP/2 connection.
const STREAMS_EACH: usize = 100;
/// How often the engine says something before it waits, and afterwards.
const PARTS: usize = 5;

fn resident_bytes(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1_024.0
}

fn part(text: &str) -> String {
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

/// A chat server that says a few parts, waits for `go`, and says a few more. Threads would be too many here.
async fn serve(listener: TcpListener, go: watch::Receiver<bool>, asked: Arc<AtomicUsize>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let (mut go, asked) = (go.clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            let _ = stream.read(&mut buffer).await;
            asked.fetch_add(1, Ordering::SeqCst);
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let some = part("some words of an answer, ").repeat(PARTS);
            let _ = stream.write_all(format!("{head}{some}").as_bytes()).await;
            let _ = go.wait_for(|go| *go).await;
            let end = "data: [DONE]\n\n";
            let end = format!("{some}{:x}\r\n{end}\r\n0\r\n\r\n", end.len());
            let _ = stream.write_all(end.as_bytes()).await;
        });
    }
}

/// How clients ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// Each on a connection of its own.
    Http1,
    /// Many on a connection, as a proxy does. So a stream takes one open file of the companion, that of the engine, instead of two.
    Http2,
}

/// What a client has heard.
#[derive(Debug, Default)]
struct Heard {
    text: String,
    has_begun: bool,
}

impl Heard {
    /// Whether the parts before the wait are there now.
    fn begins_with(&mut self, piece: &[u8]) -> bool {
        self.text.push_str(&String::from_utf8_lossy(piece));
        let begins = !self.has_begun && self.text.matches("event: chunk").count() >= PARTS;
        self.has_begun |= begins;
        begins
    }

    /// How many parts came, and whether the end did.
    fn told(&self) -> (usize, bool) {
        (self.text.matches("event: chunk").count(), self.text.contains("event: done"))
    }
}

/// Asks on a connection of its own, and reads to the end.
async fn listen(port: u16, number: usize, begun: Arc<AtomicUsize>, turn: Arc<Semaphore>) -> (usize, bool) {
    let mut permit = Some(turn.acquire().await.unwrap());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request =
        format!("GET /query/stream?q=question+{number} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut heard, mut buffer) = (Heard::default(), [0; 4_096]);
    loop {
        let length = stream.read(&mut buffer).await.unwrap();
        if length == 0 {
            return heard.told();
        }
        if heard.begins_with(&buffer[..length]) {
            begun.fetch_add(1, Ordering::SeqCst);
            permit.take();
        }
    }
}

/// Asks on a connection of many, and reads to the end.
async fn listen_beside_others(
    mut connection: SendRequest<Empty<Bytes>>,
    number: usize,
    begun: Arc<AtomicUsize>,
    turn: Arc<Semaphore>,
) -> (usize, bool) {
    let mut permit = Some(turn.acquire().await.unwrap());
    let request = Request::get(format!("http://a/query/stream?q=question+{number}"));
    let answer = connection.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
    let (mut heard, mut body) = (Heard::default(), answer.into_body());
    while let Some(frame) = body.frame().await {
        if frame.unwrap().data_ref().is_some_and(|piece| heard.begins_with(piece)) {
            begun.fetch_add(1, Ordering::SeqCst);
            permit.take();
        }
    }
    heard.told()
}

/// A connection for many streams.
pub async fn connect(port: u16) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn many(streams: usize, by: By) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (go, gone) = watch::channel(false);
    let (asked, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(4_096).unwrap()
    });
    let engine = format!("http://{}/v1", listener.local_addr().unwrap());
    let settings = [
        ("RAG__ENGINE", "openai"),
        ("RAG__CHAT_URL", engine.as_str()),
        ("RAG__CHAT_MODEL", "chatty"),
        ("RAG__CHAT_PASSAGES", "0"),
        ("RAG__CHAT_FIRST_MS", "600000"),
        ("RAG__CHAT_PAUSE_MS", "600000"),
        ("RAG__MAX_ANSWER_MS", "3600000"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let rag = Rag::start(settings, &[]);
    runtime.spawn(serve(listener, gone, Arc::clone(&asked)));
    let pid = rag.process().pid();
    let (before, start) = (resident_bytes(pid), Instant::now());
    let turn = Arc::new(Semaphore::new(AT_A_TIME));
    let connections = if by == By::Http2 { streams.div_ceil(STREAMS_EACH) } else { 0 };
    let connections: Vec<_> = (0..connections).map(|_| runtime.block_on(connect(rag.port()))).collect();
    let clients: Vec<_> = (0..streams)
        .map(|number| {
            let (begun, turn) = (Arc::clone(&begun), Arc::clone(&turn));
            match connections.get(number / STREAMS_EACH) {
                Some(connection) => {
                    runtime.spawn(listen_beside_others(connection.clone(), number, begun, turn))
                }
                None => runtime.spawn(listen(rag.port(), number, begun, turn)),
            }
        })
        .collect();
    let patience = PATIENCE * 5;
    let all = testbed::wait_until(patience, || begun.load(Ordering::SeqCst) == streams);
    assert!(all, "{} of {streams} have begun", begun.load(Ordering::SeqCst));
    let opened = start.elapsed();
    let each = (resident_bytes(pid) - before) / streams as f64;
    assert_eq!(rag.metric("opt008_streaming_active"), streams as f64);
    go.send_replace(true);
    let heard: Vec<(usize, bool)> = runtime.block_on(async {
        let mut heard = Vec::new();
        for client in clients {
            heard.push(tokio::time::timeout(patience, client).await.unwrap().unwrap());
        }
        heard
    });
    let whole = heard.iter().filter(|(parts, done)| *parts == 2 * PARTS && *done).count();
    println!(
        "{streams} streams at a time by {by:?}: {:.1} s to begin, {:.1} KB each, {whole} whole, {:.1} s in all",
        opened.as_secs_f64(),
        each / 1_000.0,
        start.elapsed().as_secs_f64()
    );
    assert_eq!((whole, asked.load(Ordering::SeqCst)), (streams, streams));
    assert!(each < BYTES_EACH, "{each:.0} bytes a stream, expected less than {BYTES_EACH}");
    assert!(testbed::wait_until(PATIENCE, || rag.metric("opt008_streaming_active") == 0.0));
    // What can be read again is bounded however many there were.
    assert!(rag.metric("slipstream_rag_kept_bytes") <= f64::from(64 << 20));
}

#[test]
fn a_thousand_streams_at_a_time_take_little_memory() {
    many(1_000, By::Http1);
}

#[test]
#[ignore = "run by cargo xtask trial streams_at_a_time"]
fn ten_thousand_streams_at_a_time_take_little_memory() {
    many(10_000, By::Http2);
}
