//! Requests for parts are answered from what is stored.

use e2e::{Proxy, Setup, assert_text, cache_detail, hit, miss, route, x_cache};
use testbed::{Answer, Question, Response};

const ETAG: &str = "\"v1\"";

fn digits() -> String {
    "0123456789".repeat(300)
}

/// A service that knows ranges of the form `bytes=FIRST-LAST`.
fn ranged(question: &Question) -> Answer {
    let content_type = if question.path() == "/api/items/text" { "text/plain" } else { "image/png" };
    let asked = question.header("range").and_then(|range| {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?))
    });
    let (status, body) = match asked {
        Some((first, last)) => (206, digits()[first..=last].to_owned()),
        None => (200, digits()),
    };
    let answer = Answer::new(status, body).header("content-type", content_type).header("etag", ETAG);
    match asked {
        Some((first, last)) => answer.header("content-range", format!("bytes {first}-{last}/3000")),
        None => answer,
    }
    .header("cache-control", "max-age=60")
}

fn range(proxy: &Proxy, path: &str, range: &str) -> Response {
    proxy.get_with(path, &[("range", range)])
}

#[test]
fn parts_of_what_is_stored_come_from_the_cache() {
    let proxy = Setup::uncompressed().start(ranged);
    miss(proxy.get("/image"));
    for (asked, part, content_range) in [
        ("bytes=0-9", "0123456789", "bytes 0-9/3000"),
        ("bytes=2995-", "56789", "bytes 2995-2999/3000"),
        ("bytes=-3", "789", "bytes 2997-2999/3000"),
    ] {
        let response = hit(range(&proxy, "/image", asked));
        assert_text(&response, 206, part);
        assert_eq!(response.header("content-range").as_deref(), Some(content_range));
        assert_eq!(response.header("content-length"), Some(part.len().to_string()));
        assert_eq!(response.header("content-type").as_deref(), Some("image/png"));
    }
    let several = hit(range(&proxy, "/image", "bytes=0-1,10-12"));
    let content_type = several.header("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect(&content_type);
    let text = several.text();
    assert_eq!(several.status, 206);
    assert_eq!(text.matches(&format!("--{boundary}")).count(), 3, "{text}");
    assert!(text.contains("Content-Range: bytes 10-12/3000\r\n\r\n012\r\n"), "{text}");
    let none = hit(range(&proxy, "/image", "bytes=3000-"));
    assert_eq!((none.status, none.header("content-range").as_deref()), (416, Some("bytes */3000")));
    for (condition, status) in [(ETAG, 206), ("\"v0\"", 200)] {
        let headers = [("range", "bytes=0-9"), ("if-range", condition)];
        assert_eq!(hit(proxy.get_with("/image", &headers)).status, status);
    }
    assert_eq!(proxy.origin.total(), 1);
}

#[test]
fn parts_of_what_is_not_stored_come_from_the_service() {
    let proxy = Setup::uncompressed().start(ranged);
    for _ in 0..2 {
        let response = miss(range(&proxy, "/image", "bytes=10-12"));
        assert_text(&response, 206, "012");
        assert_eq!(cache_detail(&response), "partial");
    }
    assert_eq!(proxy.origin.questions()[1].header("range").as_deref(), Some("bytes=10-12"));
    assert_text(&miss(proxy.get("/image")), 200, &digits());
    assert_text(&hit(range(&proxy, "/image", "bytes=10-12")), 206, "012");
}

#[test]
fn what_is_stored_for_browsers_serves_downloads_too_unless_it_is_encoded() {
    let proxy = Setup::new().start(ranged);
    let gzip = [("accept-encoding", "gzip")];
    for (path, is_encoded) in [("/image", false), ("/api/items/text", true)] {
        let first = miss(proxy.get_with(path, &gzip));
        assert_eq!(first.header("content-encoding").is_some(), is_encoded, "{path}");
        let asked = proxy.origin.total();
        let part = range(&proxy, path, "bytes=10-12");
        assert_text(&part, 206, "012");
        assert_eq!(x_cache(&part), if is_encoded { "MISS" } else { "HIT" }, "{path}");
        assert_eq!(proxy.origin.total() - asked, usize::from(is_encoded), "{path}");
        // Parts of an encoding mean nothing to who has another.
        let browser = hit(proxy.get_with(path, &[gzip[0], ("range", "bytes=10-12")]));
        let (status, text) = if is_encoded { (200, digits()) } else { (206, "012".to_owned()) };
        assert_text(&browser, status, &text);
    }
}

#[test]
fn a_route_may_store_parts() {
    let proxy = Setup::uncompressed()
        .route(route("parts", "{ prefix: /parts }", "{ preset: rfc9111 }"))
        .start(|question| match question.path() {
            "/parts/lie" => Answer { status: 206, ..Answer::new(206, "short") }
                .header("content-range", "bytes 0-9/3000")
                .header("cache-control", "max-age=60"),
            _ => ranged(question),
        });
    let first = miss(range(&proxy, "/parts/video", "bytes=100-199"));
    assert_eq!(first.header("cache-status").as_deref(), Some("slipstream; fwd=miss; stored"));
    for (asked, part) in [("bytes=100-199", &digits()[100..200]), ("bytes=150-151", "01")] {
        assert_text(&hit(range(&proxy, "/parts/video", asked)), 206, part);
    }
    assert_eq!(proxy.origin.total(), 1);
    assert_text(&miss(range(&proxy, "/parts/video", "bytes=0-99")), 206, &digits()[..100]);
    // The whole of it takes the part's place.
    let whole = miss(proxy.get("/parts/video"));
    assert_text(&whole, 200, &digits());
    assert_text(&hit(range(&proxy, "/parts/video", "bytes=100-199")), 206, &digits()[100..200]);
    for _ in 0..2 {
        assert_text(&miss(range(&proxy, "/parts/lie", "bytes=0-9")), 206, "short");
    }
    proxy.wait_for_metric("slipstream_cache_not_stored_total", &[("reason", "length-mismatch")], 2.0);
}
