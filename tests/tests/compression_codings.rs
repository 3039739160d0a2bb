//! Every coding, decoded by somebody else: curl and the libraries it is built with.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use e2e::{Connection, Setup, hit, is_hit, miss, route};
use testbed::{Answer, Question};

/// JSON that looks like an API's.
fn body(length: usize) -> Vec<u8> {
    static LONGEST: OnceLock<Vec<u8>> = OnceLock::new();
    let item =
        |id: usize| format!(r#"{{"id":{id},"name":"item {}","price":{}}},"#, id * 7_919 % 997, id * 31 % 257);
    let longest = LONGEST.get_or_init(|| (0..25_000).flat_map(|id| item(id).into_bytes()).collect());
    longest[..length].to_vec()
}

const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

/// Bodies of as many bytes as the query says, announced or not as the path says.
fn service(question: &Question) -> Answer {
    let (path, length) = question.target.split_once('?').unwrap_or((&question.target, "20000"));
    let answer = Answer::json(body(length.parse().unwrap()));
    if path.ends_with("/chunked") { answer.chunked(3_000, Duration::ZERO) } else { answer }
}

/// What curl makes of a URL: the body, decoded, and the coding that it came in.
fn curl(url: &str, accept_encoding: &str) -> (Vec<u8>, String) {
    let fields = format!("accept-encoding: {accept_encoding}");
    let written = "%{stderr}%header{content-encoding}";
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--compressed", "--max-time", "30"])
        .args(["--header", &fields, "--write-out", written])
        .arg(url)
        .output()
        .expect("curl");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{url} {accept_encoding}: {said}");
    (output.stdout, said)
}

#[test]
fn curl_reads_what_it_asked_for() {
    let proxy = Setup::new().start(service);
    for path in ["/api/sized", "/api/chunked"] {
        // One less than the threshold, the threshold, something between, the limit of what is held, and one more.
        for length in [1_023, 1_024, 20_000, 1_048_576, 1_048_577] {
            for coding in CODINGS {
                let url = proxy.url(&format!("{path}?{length}"));
                let (read, found) = curl(&url, coding);
                let is_compressed = length >= 1_024 || path == "/api/chunked";
                assert_eq!(found, if is_compressed { coding } else { "" }, "{path} {length}");
                assert!(read == body(length), "{path} {length} {coding}: {} bytes", read.len());
            }
        }
    }
}

#[test]
fn each_client_gets_what_it_likes_best_from_the_cache_too() {
    let proxy =
        Setup::new().route(route("kept", "{ prefix: /kept }", "{ default_ttl_seconds: 60 }")).start(service);
    for path in ["/kept/sized", "/kept/chunked"] {
        let mut stored = Vec::new();
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", "zstd"),
            ("gzip, deflate, br", "gzip"),
            ("gzip;q=0.1, *", "zstd"),
            ("br", "br"),
            ("deflate, identity;q=0.5", "deflate"),
            ("identity, gzip;q=0.5", ""),
            ("compress", ""),
            ("*;q=0, br;q=0.2, x-gzip", "gzip"),
        ] {
            let first = proxy.get_with(path, &[("accept-encoding", accepted)]);
            assert_eq!(is_hit(&first), stored.contains(&expected), "{path} {accepted}");
            let again = hit(proxy.get_with(path, &[("accept-encoding", accepted)]));
            for response in [&first, &again] {
                assert_eq!(response.header("content-encoding").unwrap_or_default(), expected, "{accepted}");
                assert!(response.decoded().unwrap() == body(20_000), "{path} {accepted}");
            }
            stored.push(expected);
        }
        let opted_out = [("accept-encoding", "gzip"), ("x-no-compression", "1")];
        assert!(miss(proxy.get_with(path, &opted_out)).body == body(20_000));
        assert!(hit(proxy.get_with(path, &opted_out)).body == body(20_000));
    }
}

/// Whatever stands in Accept-Encoding, the answer is the body.
#[test]
fn garbage_in_accept_encoding_is_survived() {
    let proxy = Setup::new().start(service);
    let mut state = 1_u32;
    let mut pick = |count: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % count
    };
    const PIECES: [&[u8]; 18] = [
        b"gzip",
        b"br",
        b"zstd",
        b"deflate",
        b"identity",
        b"*",
        b",",
        b";",
        b";q=",
        b"0",
        b"1",
        b"0.5",
        b"\"",
        b" ",
        b"\xff",
        b"=",
        b"q",
        b"\t",
    ];
    for _ in 0..60 {
        let value: Vec<u8> = (0..pick(12)).flat_map(|_| PIECES[pick(PIECES.len())].to_vec()).collect();
        let path = ["/api/sized", "/api/chunked"][pick(2)];
        let request = testbed::Request::get(proxy.url(path)).header("accept-encoding", &value);
        let response = proxy.ask(request);
        let case = value.escape_ascii();
        assert_eq!(response.status, 200, "{case}");
        assert!(response.decoded().unwrap() == body(20_000), "{case}: {:?}", response.headers);
    }
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks() {
    let proxy = Setup::new()
        .edit(
            "http_protocol_options: { allow_custom_methods: true }",
            "http_protocol_options: { allow_custom_methods: true, accept_http_10: true }",
        )
        .start(service);
    for path in ["/api/sized", "/api/chunked"] {
        let mut connection = Connection::open(proxy.front.port());
        connection
            .send(format!("GET {path} HTTP/1.0\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n").as_bytes());
        let answer = connection.read_to_end(Duration::from_secs(30));
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        assert!(head.contains("content-encoding: gzip") && !head.contains("chunked"), "{head}");
        let mut decoded = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer[end..]), &mut decoded).unwrap();
        assert!(decoded == body(20_000), "{path}");
    }
}
