//! Requests that one side could take for one and the other for two reach the service as one, or not at all; and nobody's
//! answer is another's.

mod frames;
mod literal_origin;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Connection, Setup, wait_for};
use testbed::{Companion, CompanionOptions, FrontProxy};

use frames::Headers;
use literal_origin::LiteralOrigin;

/// What an attacker wants the service to take for a request of its own.
const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\nx-hidden: ";
/// How long nothing may come before an answer is taken to be all.
const QUIET: Duration = Duration::from_millis(400);

/// The shipped configuration before a service that shows what it was sent, to the letter.
struct Stack {
    front: FrontProxy,
    _companion: Companion,
    origin: LiteralOrigin,
    victims: AtomicUsize,
}

impl Stack {
    fn start() -> Stack {
        let origin = LiteralOrigin::start();
        let companion = Companion::start(&CompanionOptions::default()).unwrap();
        let front = Setup::new().front(origin.port(), companion.port()).unwrap();
        Stack { front, _companion: companion, origin, victims: AtomicUsize::new(0) }
    }

    fn send(&self, bytes: &[u8]) -> String {
        let mut connection = Connection::open(self.front.port());
        connection.send(bytes);
        String::from_utf8_lossy(&connection.read_to_end(QUIET)).into_owned()
    }

    /// Someone else asks, twice: each answer is of what was asked, be it from the service or from the cache.
    fn assert_unharmed(&self, shape: &str) {
        for path in ["/victim".to_owned(), format!("/v{}", self.victims.fetch_add(1, Ordering::Relaxed))] {
            for _ in 0..2 {
                let mut connection = Connection::open(self.front.port());
                connection.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
                connection.read_until(b">", 1);
                let answer = connection.text();
                assert!(answer.starts_with("HTTP/1.1 200 "), "{shape}: {answer}");
                assert!(answer.ends_with(&format!("<{path}>")), "{shape}: {answer}");
            }
        }
        for head in self.origin.heads() {
            let fields = |name: &str| {
                head.lines().filter(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:"))).count()
            };
            assert!(
                !head.starts_with("GET /smuggled"),
                "{shape}: the service took this for a request: {head}"
            );
            let framings = fields("content-length") + fields("transfer-encoding");
            assert!(framings <= 1, "{shape}: the service could choose where this ends: {head}");
            assert!(fields("host") == 1, "{shape}: the service could choose whom this is for: {head}");
        }
    }
}

#[test]
fn a_body_s_end_is_never_a_matter_of_opinion() {
    let stack = Stack::start();
    let chunked = "transfer-encoding: chunked\r\n";
    let sized = |length: usize| format!("content-length: {length}\r\n");
    let whole = format!("0\r\n\r\n{HIDDEN}");
    let shapes = [
        ("length and chunks", sized(whole.len()) + chunked, whole.clone()),
        ("chunks and length", chunked.to_owned() + &sized(whole.len()), whole.clone()),
        ("a short length and chunks", sized(4) + chunked, format!("5c\r\n{HIDDEN}\r\n0\r\n\r\n")),
        ("two lengths", sized(0) + &sized(whole.len()), whole.clone()),
        ("a list of lengths", format!("content-length: 0, {}\r\n", whole.len()), whole.clone()),
        ("a signed length", "content-length: +0\r\n".to_owned(), whole.clone()),
        ("a negative length", "content-length: -1\r\n".to_owned(), whole.clone()),
        ("a length beyond numbers", "content-length: 18446744073709551616\r\n".to_owned(), whole.clone()),
        ("a length in hexadecimal", "content-length: 0x0\r\n".to_owned(), whole.clone()),
        ("chunks spelled otherwise", sized(whole.len()) + "Transfer-Encoding: xchunked\r\n", whole.clone()),
        ("chunks after a tab", sized(whole.len()) + "transfer-encoding:\tchunked\r\n", whole.clone()),
        ("chunks before a space", sized(whole.len()) + "transfer-encoding : chunked\r\n", whole.clone()),
        (
            "chunks on a line of their own",
            sized(whole.len()) + "transfer-encoding:\r\n chunked\r\n",
            whole.clone(),
        ),
        ("chunks twice", chunked.repeat(2), whole.clone()),
        ("chunks and no chunks", format!("{chunked}transfer-encoding: identity\r\n"), whole.clone()),
        ("chunks before another coding", "transfer-encoding: chunked, gzip\r\n".to_owned(), whole.clone()),
        ("a name that ends in NUL", sized(whole.len()) + "transfer-encoding\0: chunked\r\n", whole.clone()),
        (
            "a name behind a bare CR",
            sized(whole.len()) + "x-a: b\rtransfer-encoding: chunked\r\n",
            whole.clone(),
        ),
        (
            "a name behind a bare LF",
            sized(whole.len()) + "x-a: b\ntransfer-encoding: chunked\r\n",
            whole.clone(),
        ),
        ("an underscore for a hyphen", sized(whole.len()) + "transfer_encoding: chunked\r\n", whole.clone()),
        ("a chunk whose size is none", chunked.to_owned(), format!("g\r\n{HIDDEN}\r\n0\r\n\r\n")),
        ("a chunk larger than numbers", chunked.to_owned(), format!("10000000000000000\r\n{whole}")),
        ("a chunk with a sign", chunked.to_owned(), format!("-1\r\n{whole}")),
        ("a chunk that ends in LF", chunked.to_owned(), format!("1\na\n{whole}")),
        ("an extension with LF", chunked.to_owned(), format!("1;a\nb\r\na\r\n{whole}")),
        (
            "a trailer that frames",
            chunked.to_owned(),
            format!("1\r\na\r\n0\r\ncontent-length: 50\r\n\r\n{HIDDEN}"),
        ),
        ("a hop that is ended", sized(whole.len()) + "connection: content-length\r\n", whole.clone()),
    ];
    for (shape, fields, body) in shapes {
        // A request of HIDDEN is never ended: a second one that Envoy itself sees, by whatever count, is not sent on.
        for method in ["POST", "GET"] {
            let request = format!("{method} /attack HTTP/1.1\r\nhost: x\r\n{fields}\r\n{body}");
            let answer = stack.send(request.as_bytes());
            assert!(answer.matches("HTTP/1.1 200 ").count() <= 1, "{shape}, {method}: {answer}");
        }
        stack.assert_unharmed(shape);
    }
    assert!(stack.front.envoy.log().lines().all(|line| !line.contains("[critical]")));
}

#[test]
fn whom_a_request_is_for_is_never_a_matter_of_opinion() {
    let stack = Stack::start();
    for (shape, request) in [
        ("two hosts", "GET /victim HTTP/1.1\r\nhost: x\r\nhost: evil\r\n\r\n"),
        ("another host in the target", "GET http://evil/victim HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("no host", "GET /victim HTTP/1.1\r\n\r\n"),
        ("a folded host", "GET /victim HTTP/1.1\r\nhost: x\r\n evil\r\n\r\n"),
        ("a host before a space", "GET /victim HTTP/1.1\r\nhost : evil\r\nhost: x\r\n\r\n"),
        ("a list of hosts", "GET /victim HTTP/1.1\r\nhost: x, evil\r\n\r\n"),
        ("a line break in the target", "GET /victim%0d%0ahost:evil HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("a space in the target", "GET /victim x HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("a tab in the target", "GET /victim\tx HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("NUL in the target", "GET /victim\0x HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("a fragment", "GET /smuggled#/../victim HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("no version", "GET /victim\r\n\r\n"),
        ("another version", "GET /victim HTTP/3.7\r\nhost: x\r\n\r\n"),
        ("a method that is none", "G\0T /victim HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("fields that hops take off", "GET /victim HTTP/1.1\r\nhost: x\r\nconnection: host, close\r\n\r\n"),
    ] {
        let answer = stack.send(request.as_bytes());
        assert!(answer.matches("HTTP/1.1 200 ").count() <= 1, "{shape}: {answer}");
        stack.assert_unharmed(shape);
    }
}

#[test]
fn what_http_2_may_say_and_http_1_may_not_does_not_reach_the_service() {
    let stack = Stack::start();
    let hidden = format!("a\r\n\r\n{HIDDEN}");
    let breaking = [("x-a", hidden.as_str())];
    let shapes: [(&str, &[(&str, &str)], &str); 10] = [
        ("a line break in a value", &breaking, ""),
        ("a line break in a name", &[("x-a\r\ntransfer-encoding", "chunked")], ""),
        ("a colon in a name", &[("x-a: b", "c")], ""),
        ("a name in capitals", &[("X-A", "b")], ""),
        ("chunks", &[("transfer-encoding", "chunked")], "0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("a length too short", &[("content-length", "0")], "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("a length too long", &[("content-length", "100")], "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("a hop's field", &[("connection", "close")], ""),
        ("a second path", &[(":path", "/smuggled")], ""),
        ("another host", &[("host", "evil")], ""),
    ];
    for (shape, fields, body) in shapes {
        for method in ["POST", "GET"] {
            let headers = Headers::new(method, "/attack").with(fields);
            let told = stack.send(&headers.request(body.as_bytes()));
            assert!(!told.contains("/smuggled"), "{shape}: {told}");
        }
        stack.assert_unharmed(&format!("{shape} by HTTP/2"));
    }
    let plain = Headers::new("GET", "/plain").with(&[("x-a", "b")]);
    let _ = stack.send(&plain.request(b""));
    wait_for("what is sound to be sent on", || {
        stack.origin.heads().iter().any(|head| head.starts_with("GET /plain "))
    });
    stack.assert_unharmed("a sound one");
}
