//! Very many streams at a time: what they take, and that none is lost.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::stack::{PATIENCE, Rag};

/// What a stream may take in the companion, on both of its sides.
const BYTES_EACH: f64 = 96_000.0;
/// Connections that are begun at a time.
const AT_A_TIME: usize = 200;
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

/// Asks, and reads to the end; how many parts came.
async fn listen(port: u16, number: usize, begun: Arc<AtomicUsize>, turn: Arc<Semaphore>) -> (usize, bool) {
    let permit = turn.acquire().await.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request =
        format!("GET /query/stream?q=question+{number} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut text, mut buffer, mut permit) = (String::new(), [0; 4_096], Some(permit));
    loop {
        let length = stream.read(&mut buffer).await.unwrap();
        if length == 0 {
            break;
        }
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
        if permit.is_some() && text.matches("event: chunk").count() >= PARTS {
            begun.fetch_add(1, Ordering::SeqCst);
            permit = None;
        }
    }
    (text.matches("event: chunk").count(), text.contains("event: done"))
}

fn many(streams: usize) {
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
    let clients: Vec<_> = (0..streams)
        .map(|number| runtime.spawn(listen(rag.port(), number, Arc::clone(&begun), Arc::clone(&turn))))
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
        "{streams} streams at a time: {:.1} s to begin, {:.1} KB each, {whole} whole, {:.1} s in all",
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
    many(1_000);
}

#[test]
#[ignore = "run by cargo xtask trial streams_at_a_time"]
fn ten_thousand_streams_at_a_time_take_little_memory() {
    // Each takes two files in the companion, and two in this process.
    let files = open_files();
    let streams = (files.saturating_sub(400) / 2).min(10_000);
    if streams < 10_000 {
        println!("{files} files may be open: {streams} streams instead of 10000");
    }
    many(streams);
}

/// How many files a process may have open.
fn open_files() -> usize {
    let text = fs::read_to_string("/proc/self/limits").unwrap();
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
}
