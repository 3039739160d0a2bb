//! Streams stay streams: nothing waits, breaks are seen, and memory does not grow.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use e2e::{Connection, Setup, wait_for};
use testbed::{Answer, Body, Client, Companion, CompanionOptions, Question, Request};

fn row(number: usize) -> String {
    format!("{{\"number\":{number},\"name\":\"item {}\"}},\n", number * 7_919 % 1_000)
}

fn rows(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| row(number).into_bytes()).collect()
}

const ROUTES: &str = "{ name: streamed, match: { prefix: /stream }, route: { cluster: workspace, timeout: 0s }, \
    metadata: { filter_metadata: { slipstream.compression: { mode: stream }, slipstream.response-cache: { enabled: false } } } }";

/// What a client has read of a gzip stream so far.
fn decoded(received: &[u8]) -> Vec<u8> {
    let start =
        received.windows(4).position(|window| window == b"\r\n\r\n").map_or(received.len(), |at| at + 4);
    let (mut chunks, mut encoded) = (&received[start..], Vec::new());
    while let Some(line) = chunks.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..line]).unwrap(), 16).unwrap();
        let Some(chunk) = chunks.get(line + 2..line + 2 + size).filter(|_| size > 0) else { break };
        encoded.extend_from_slice(chunk);
        chunks = chunks.get(line + 2 + size + 2..).unwrap_or_default();
    }
    let mut plain = vec![0; 1 << 20];
    let mut decoder = flate2::Decompress::new_gzip(15);
    decoder.decompress(&encoded, &mut plain, flate2::FlushDecompress::Sync).unwrap();
    plain.truncate(decoder.total_out() as usize);
    plain
}

/// A service that sends each row as a chunk once it is told to, and its port.
fn trickle() -> (u16, Sender<usize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (next, wanted) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4_096];
        while stream.read(&mut head).is_ok_and(|length| !head[..length].ends_with(b"\r\n\r\n")) {}
        let fields =
            "content-type: application/json\r\ncache-control: no-store\r\ntransfer-encoding: chunked";
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes()).unwrap();
        for number in wanted {
            let row = row(number);
            stream.write_all(format!("{:x}\r\n{row}\r\n", row.len()).as_bytes()).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    (port, next)
}

/// No time-out of anything would let a piece through that something held back: the service waits for the client to have it.
#[test]
fn each_piece_comes_before_the_next_is_made() {
    let (service, next) = trickle();
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    let front = Setup::new().front(service, companion.port()).unwrap();
    let mut connection = Connection::open(front.port());
    connection.send(b"GET /trickle HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n");
    for number in 0..5 {
        next.send(number).unwrap();
        while decoded(connection.bytes()).len() < rows(number + 1).len() {
            assert!(connection.read_more(), "{number}: {:?}", connection.text());
        }
    }
    drop(next);
    assert!(connection.text().contains("content-encoding: gzip"), "{:?}", connection.text());
    connection.read_until(b"\r\n0\r\n\r\n", 1);
    assert_eq!(decoded(connection.bytes()), rows(5));
}

#[test]
fn what_breaks_off_is_seen_to_break_off() {
    let proxy = Setup::new().route(ROUTES).start(|_| {
        let half = rows(2_000);
        let chunk = [format!("{:x}\r\n", half.len()).as_bytes(), &half, b"\r\n"].concat();
        Answer::json("").header("transfer-encoding", "chunked").body(Body::UntilClose(chunk))
    });
    for coding in ["gzip", "br", "zstd", "deflate", "identity"] {
        let request = Request::get(proxy.url("/stream")).header("accept-encoding", coding);
        assert!(Client::new().send(request).is_err(), "{coding}");
    }
    proxy.wait_for_metric("slipstream_compression_total", &[("outcome", "aborted")], 4.0);
}

#[test]
fn clients_that_go_away_leave_no_encoder_behind() {
    let proxy = Setup::new()
        .edit(
            "max_bytes: 1048576\n\n",
            "max_bytes: 1048576\n                                  max_streams: 2\n\n",
        )
        .route(ROUTES)
        .start(|question: &Question| match question.path() {
            "/stream/slow" => Answer::json(rows(100)).chunked(50, Duration::from_millis(100)),
            _ => Answer::json(rows(100)),
        });
    let get = || proxy.get_with("/stream", &[("accept-encoding", "gzip")]);
    let open = || {
        let mut connection = Connection::open(proxy.front.port());
        connection.send(b"GET /stream/slow HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n");
        connection.read_until(b"content-encoding: gzip", 1);
        connection
    };
    for _ in 0..3 {
        let both = [open(), open()];
        let response = get();
        assert_eq!((response.header("content-encoding"), &response.body), (None, &rows(100)));
        drop(both);
        wait_for("the encoders to be free again", || get().header("content-encoding").is_some());
    }
    proxy.wait_for_metric("slipstream_compression_total", &[("outcome", "aborted")], 6.0);
}

/// Resident kilobytes of a process.
fn resident_kb(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

fn memory_stays_bounded(length: usize, codings: &[&str]) {
    let whole: Vec<u8> = rows(length / 30).into_iter().take(length).collect();
    let at_origin = whole.clone();
    let proxy = Setup::new().route(ROUTES).start(move |question| {
        let answer = Answer::json(at_origin.clone());
        if question.path() == "/stream/chunked" { answer.chunked(1 << 18, Duration::ZERO) } else { answer }
    });
    let pid = proxy.front.envoy.pid();
    for coding in codings {
        let request = |path| Request::get(proxy.url(path)).header("accept-encoding", coding);
        Client::new().send(request("/stream/chunked")).unwrap();
        let before = resident_kb(pid);
        for path in ["/stream/sized", "/stream/chunked"] {
            let response = Client::new().send(request(path)).unwrap();
            assert_eq!(response.header("content-encoding").as_deref(), Some(*coding));
            assert!(response.decoded().unwrap() == whole, "{coding} {path}");
        }
        let after = resident_kb(pid);
        assert!(after < before + 30_000, "{coding}: {before} kB before, {after} kB after");
    }
}

#[test]
fn four_mebibytes_flow_through_little_memory() {
    memory_stays_bounded(4 << 20, &["gzip", "zstd"]);
}

#[test]
#[ignore = "long: cargo xtask trial"]
fn a_hundred_mebibytes_flow_through_little_memory() {
    memory_stays_bounded(100 << 20, &["gzip", "br", "zstd", "deflate"]);
}
