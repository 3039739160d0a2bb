//! Requests that are decompressed for a service that cannot, and how bad ones are answered.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use e2e::{Setup, assert_text};
use testbed::{Answer, Question, Request};

const ROUTE: &str = "{ name: decompressed, match: { prefix: /decompressed }, route: { cluster: workspace, timeout: 30s }, \
    metadata: { filter_metadata: { slipstream.compression: { decompress_requests: true } } } }";

/// What the service was sent.
fn echo(question: &Question) -> Answer {
    let coding = question.header("content-encoding").unwrap_or_else(|| "none".to_owned());
    let length = question.header("content-length").unwrap_or_else(|| "none".to_owned());
    let answer = Answer::new(200, question.body.clone()).header("content-type", "application/octet-stream");
    answer.header("x-coding", coding).header("x-length", length)
}

fn body(length: usize) -> Vec<u8> {
    static LONGEST: OnceLock<Vec<u8>> = OnceLock::new();
    let item = |id: usize| format!("{{\"id\":{id},\"price\":{}}},", id * 7_919 % 997);
    let longest = LONGEST.get_or_init(|| (0..60_000).flat_map(|id| item(id).into_bytes()).collect());
    longest[..length].to_vec()
}

/// What node's own libraries make of a body.
fn by_node(coding: &str, body: &[u8]) -> Vec<u8> {
    let function = match coding {
        "gzip" => "gzipSync",
        "deflate" => "deflateSync",
        _ => "brotliCompressSync",
    };
    let script = format!(
        "const all = require('fs').readFileSync(0); process.stdout.write(require('zlib').{function}(all))"
    );
    let node = testbed::Tool::Node.path().unwrap();
    let mut child = Command::new(node)
        .args(["-e", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn the_service_gets_what_was_meant() {
    let proxy = Setup::new().route(ROUTE).start(echo);
    for coding in ["gzip", "deflate", "br"] {
        for length in [1, 5_000, 1_048_576] {
            let sent = by_node(coding, &body(length));
            let request = |path| {
                Request::new("POST", proxy.url(path)).header("content-encoding", coding).body(sent.clone())
            };
            for request in [request("/decompressed"), request("/decompressed").chunked()] {
                let response = proxy.ask(request);
                assert_eq!(response.status, 200, "{coding} {length}: {}", response.text());
                assert!(response.body == body(length), "{coding} {length}");
                assert_eq!(response.header("x-coding").as_deref(), Some("none"), "{coding} {length}");
                assert_eq!(response.header("x-length"), Some(length.to_string()), "{coding} {length}");
            }
            let untouched = proxy.ask(request("/api/raw"));
            assert_eq!(untouched.header("x-coding").as_deref(), Some(coding));
            assert!(untouched.body == sent);
        }
    }
    proxy.wait_for_metric("slipstream_decompression_total", &[("outcome", "decompressed")], 18.0);
}

#[test]
fn bad_requests_are_answered_and_never_reach_the_service() {
    let proxy = Setup::new().route(ROUTE).start(echo);
    let good = by_node("gzip", &body(5_000));
    let bomb = by_node("gzip", &vec![0; 64 << 20]);
    let long = by_node("br", &body(1_048_577));
    let rows: [(&str, &[u8], u16, &str); 6] = [
        ("gzip", &good[..good.len() - 4], 400, "The request's body is not valid gzip.\n"),
        ("br", &good, 400, "The request's body is not valid br.\n"),
        ("zstd", b"garbage", 400, "The request's body is not valid zstd.\n"),
        ("gzip", &bomb, 413, "more than 1048576 bytes"),
        ("br", &long, 413, "more than 1048576 bytes"),
        ("compress", b"x", 415, "is none of gzip, br, zstd, deflate"),
    ];
    for (coding, body, status, text) in rows {
        let url = proxy.url("/decompressed");
        let response = proxy.ask(Request::new("POST", url).header("content-encoding", coding).body(body));
        assert_eq!(response.status, status, "{coding}: {}", response.text());
        assert!(response.text().contains(text), "{coding}: {}", response.text());
        let accepted = (status == 415).then(|| "gzip, br, zstd, deflate".to_owned());
        assert_eq!(response.header("accept-encoding"), accepted, "{coding}");
    }
    assert_eq!(proxy.origin.total(), 0);
    let url = proxy.url("/decompressed");
    assert_text(&proxy.ask(Request::new("POST", url).body("plain")), 200, "plain");
}
