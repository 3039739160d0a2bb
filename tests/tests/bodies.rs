//! Bodies that break off, lie about their length, are too large or end in trailers.

use std::time::Duration;

use e2e::{Connection, Setup, assert_text, cache_detail, hit, miss};
use testbed::{Answer, Body, Client, Question, Request};

/// A body that compresses a little.
fn body(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"0123456789abcdef"[(state >> 28) as usize]
    };
    (0..length).map(|_| next()).collect()
}

const LENGTH: usize = 20_000;

/// Breaks off its first answer to each target, as the target's first word says.
fn broken_at_first() -> impl Fn(&Question) -> Answer {
    let seen = std::sync::Mutex::new(Vec::new());
    move |question| {
        let whole = Answer::json(body(LENGTH)).header("cache-control", "max-age=60");
        let mut seen = seen.lock().unwrap();
        if seen.contains(&question.target) {
            return whole;
        }
        seen.push(question.target.clone());
        let half = body(LENGTH)[..LENGTH / 2].to_vec();
        match question.path() {
            "/sized" => whole.body(Body::CutOff(LENGTH, half)),
            "/empty" => whole.body(Body::CutOff(LENGTH, Vec::new())),
            _ => {
                let chunk = [format!("{:x}\r\n", half.len()).as_bytes(), &half, b"\r\n"].concat();
                whole.header("transfer-encoding", "chunked").body(Body::UntilClose(chunk))
            }
        }
    }
}

#[test]
fn what_breaks_off_is_not_stored_and_its_client_sees_the_break() {
    let proxy = Setup::new().start(broken_at_first());
    for path in ["/sized", "/empty", "/chunked"] {
        for coding in ["identity", "gzip"] {
            let target = format!("{path}?{coding}");
            let ask = || Request::get(proxy.url(&target)).header("accept-encoding", coding);
            let broken = Client::new().send(ask());
            // What was held for compression can still be answered by an error.
            assert!(broken.as_ref().map_or(true, |response| response.status >= 500), "{target}: {broken:?}");
            let whole = miss(proxy.ask(ask()));
            assert_eq!((whole.status, whole.decoded().unwrap()), (200, body(LENGTH)), "{target}");
            assert_eq!(hit(proxy.ask(ask())).decoded().unwrap(), body(LENGTH), "{target}");
            assert_eq!(proxy.origin.questions().iter().filter(|asked| asked.target == target).count(), 2);
        }
    }
}

#[test]
fn what_is_longer_than_announced_is_cut_to_it() {
    let proxy = Setup::new().start(|question| {
        let answer =
            Answer::new(200, "").header("content-type", "text/plain").header("cache-control", "max-age=60");
        match question.path() {
            "/long" => {
                answer.header("content-length", "4").body(Body::UntilClose(b"fourHTTP/1.1 200 OK".to_vec()))
            }
            _ => answer.body(Body::UntilClose(b"until the end".to_vec())),
        }
    });
    assert_text(&miss(proxy.get("/long")), 200, "four");
    assert_text(&proxy.get("/long"), 200, "four");
    assert_text(&miss(proxy.get("/close")), 200, "until the end");
    assert_text(&hit(proxy.get("/close")), 200, "until the end");
}

#[test]
fn ten_mebibytes_arrive_whole_and_are_not_stored() {
    const LENGTH: usize = 10 << 20;
    let whole = body(LENGTH);
    let at_origin = whole.clone();
    let proxy = Setup::new().start(move |question| {
        let answer = Answer::json(at_origin.clone()).header("cache-control", "max-age=60");
        if question.path() == "/chunked" { answer.chunked(1 << 18, Duration::ZERO) } else { answer }
    });
    for path in ["/sized", "/chunked"] {
        for coding in ["identity", "gzip"] {
            for _ in 0..2 {
                let response = miss(proxy.get_with(path, &[("accept-encoding", coding)]));
                assert_eq!(response.status, 200);
                assert!(response.decoded().unwrap() == whole, "{path} {coding}");
                // What is compressed as it comes tells no length.
                if path == "/sized" && coding == "identity" {
                    assert_eq!(cache_detail(&response), "size");
                }
            }
        }
        assert_eq!(proxy.origin.count(path), 4);
    }
    proxy.wait_for_metric("slipstream_cache_not_stored_total", &[("reason", "size")], 8.0);
    assert_eq!(proxy.metrics().sum("slipstream_cache_l1_entries", &[]), 0.0);
}

#[test]
fn a_large_body_of_a_request_passes() {
    let proxy = Setup::new().start(|question| Answer::new(200, question.body.len().to_string()));
    let large = || Request::new("PUT", proxy.url("/api/items/1")).body(body(3 << 20));
    assert_text(&proxy.ask(large()), 200, "3145728");
    assert_text(&proxy.ask(large().chunked()), 200, "3145728");
}

#[test]
fn trailers_reach_the_client_and_keep_the_response_from_being_stored() {
    let proxy = Setup::new()
        .edit("allow_custom_methods: true }", "allow_custom_methods: true, enable_trailers: true }")
        .edit(
            "    - name: workspace\n      type: STRICT_DNS\n",
            "    - name: workspace
      type: STRICT_DNS
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http_protocol_options: { enable_trailers: true } }
",
        )
        .start(|_| {
            let answer = Answer::json(body(LENGTH)).chunked(5_000, Duration::ZERO);
            answer.header("cache-control", "max-age=60").trailer("x-checksum", "1a2b")
        });
    for coding in ["identity", "gzip"] {
        for _ in 0..2 {
            let mut connection = Connection::open(proxy.front.port());
            let request = "GET /trailers HTTP/1.1\r\nhost: x\r\nte: trailers\r\n";
            connection.send(format!("{request}accept-encoding: {coding}\r\n\r\n").as_bytes());
            connection.read_until(b"\r\nx-checksum: 1a2b\r\n\r\n", 1);
            assert!(connection.text().contains("\r\nx-cache: MISS\r\n"), "{coding}");
            assert_eq!(connection.count(b"content-encoding: gzip") == 1, coding == "gzip");
            let decoded = proxy.get_with("/trailers", &[("accept-encoding", coding)]).decoded().unwrap();
            assert!(decoded == body(LENGTH), "{coding}");
        }
    }
    proxy.wait_for_metric("slipstream_cache_not_stored_total", &[("reason", "trailers")], 8.0);
}
