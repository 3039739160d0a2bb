//! What becomes of a response's headers, case by case.

use compression_policy::{Change, Codings, Framing, Request, compressed, not_modified, streamed, vary};
use http_semantics::ContentCoding::{Br, Gzip};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

type Lines<'a> = &'a [(&'a str, &'a str)];
type Fields = Vec<(String, Vec<u8>)>;

fn fields(fields: Lines<'_>) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// What the changes say as text: `name: value`, or `-name`.
fn text(changes: impl IntoIterator<Item = Change>) -> Vec<String> {
    let line = |change| match change {
        Change::Set(name, value) => format!("{name}: {}", value.escape_ascii()),
        Change::Remove(name) => format!("-{name}"),
    };
    changes.into_iter().map(line).collect()
}

#[test]
fn all_changes_of_a_rich_response() {
    let response = fields(&[
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-length", "10000"),
        ("etag", "\"v1\""),
        ("vary", "Origin"),
        ("vary", "Accept-Language"),
        ("accept-ranges", "bytes"),
        ("content-md5", "x"),
        ("digest", "x"),
        ("content-digest", "x"),
        ("repr-digest", "x"),
    ]);
    let expected = [
        "-content-md5",                                   // RFC 2616 §14.15
        "-digest",                                        // RFC 3230
        "-content-digest",                                // RFC 9530 §2
        "-repr-digest",                                   // RFC 9530 §3
        "-accept-ranges",                                 // RFC 9110 §14.3
        "etag: W/\\\"v1\\\"",                             // RFC 9110 §8.8.3.3
        "content-encoding: gzip",                         // RFC 9110 §8.4
        "vary: Origin, Accept-Language, Accept-Encoding", // RFC 9110 §12.5.5
        "content-length: 2657",                           // RFC 9110 §8.6
        "x-original-size: 10000",
        "x-compression-ratio: 73.4",
    ];
    assert_eq!(text(compressed(&response, Gzip, 10_000, 2_657, Framing::Length)), expected);
}

#[test]
fn a_stream_tells_no_sizes() {
    let response = fields(&[("content-length", "10000"), ("etag", "\"v1\""), ("content-md5", "x")]);
    let expected = [
        "-content-length",
        "-content-md5",
        "etag: W/\\\"v1\\\"",
        "content-encoding: br",
        "vary: Accept-Encoding",
    ];
    assert_eq!(text(streamed(&response, Br)), expected);
}

#[test]
fn framing() {
    let rows: [(&str, Lines, Framing, &[&str]); 3] = [
        (
            "RFC 9112 §6.1: a length replaces chunks",
            &[("transfer-encoding", "chunked")],
            Framing::Length,
            &["-transfer-encoding", "content-encoding: gzip", "vary: Accept-Encoding", "content-length: 50"],
        ),
        (
            "RFC 9112 §7.1.2: trailers need chunks",
            &[("content-length", "100")],
            Framing::Trailers,
            &["-content-length", "content-encoding: gzip"],
        ),
        ("no length before", &[], Framing::Trailers, &["content-encoding: gzip"]),
    ];
    for (why, response, framing, expected) in rows {
        let changes = text(compressed(&fields(response), Gzip, 100, 50, framing));
        assert_eq!(changes[..expected.len()], *expected, "{why}");
        assert_eq!(
            changes.iter().filter(|line| line.contains("content-length")).count(),
            expected.iter().filter(|line| line.contains("content-length")).count(),
            "{why}"
        );
    }
}

#[test]
fn entity_tags() {
    let rows: [(&str, Option<&str>, Option<&str>); 5] = [
        ("RFC 9110 §8.8.3: weak stays", Some("W/\"a\""), None),
        ("strong becomes weak", Some("\"a\""), Some("etag: W/\\\"a\\\"")),
        ("empty is a tag", Some("\"\""), Some("etag: W/\\\"\\\"")),
        ("no tag at all", Some("a"), Some("-etag")),
        ("none", None, None),
    ];
    for (why, etag, expected) in rows {
        let response: Fields = etag.map(|value| ("etag".to_owned(), value.into())).into_iter().collect();
        let changes = text(compressed(&response, Gzip, 100, 50, Framing::Length));
        let found = changes.iter().find(|line| line.contains("etag")).map(String::as_str);
        assert_eq!(found, expected, "{why}");
    }
}

/// RFC 9110 §12.5.5.
#[test]
fn vary_is_merged() {
    let rows: [(Lines, Option<&str>); 7] = [
        (&[], Some("vary: Accept-Encoding")),
        (&[("vary", "")], Some("vary: Accept-Encoding")),
        (&[("Vary", "Origin")], Some("vary: Origin, Accept-Encoding")),
        (&[("vary", "Origin,"), ("vary", "X-A ,X-B")], Some("vary: Origin, X-A, X-B, Accept-Encoding")),
        (&[("vary", "origin, ACCEPT-encoding")], None),
        (&[("vary", "*")], None),
        (&[("vary", "Origin"), ("vary", "*")], None),
    ];
    for (response, expected) in rows {
        assert_eq!(text(vary(&fields(response))).first().map(String::as_str), expected, "{response:?}");
    }
}

#[test]
fn what_is_not_utf_8_stays() {
    let response = vec![("vary".to_owned(), b"X-\xff".to_vec()), ("etag".to_owned(), b"\"\xff\"".to_vec())];
    let changes = text(compressed(&response, Gzip, 100, 50, Framing::Length));
    assert!(changes.contains(&"vary: X-\\xff, Accept-Encoding".to_owned()), "{changes:?}");
    assert!(changes.contains(&"etag: W/\\\"\\xff\\\"".to_owned()), "{changes:?}");
}

#[test]
fn the_ratio_is_what_was_saved_in_percent() {
    for (original, size, expected) in [
        (1_000, 266, "73.4"),
        (1_000, 1_000, "0.0"),
        (3, 1, "66.6"),
        (1_000, 0, "100.0"),
        (0, 0, "0.0"),
        (1, 2, "0.0"),
    ] {
        let changes = text(compressed(&Fields::new(), Gzip, original, size, Framing::Length));
        assert!(
            changes.contains(&format!("x-compression-ratio: {expected}")),
            "{original} {size} {changes:?}"
        );
    }
}

/// RFC 9111 §4.3.4: a strong tag would update nothing that was stored under the weak one.
#[test]
fn a_304_speaks_of_what_the_client_holds() {
    let weak = ["vary: Accept-Encoding", "etag: W/\\\"a\\\""].map(str::to_owned).to_vec();
    let rows = [
        ("it holds the compressed form", "W/\"a\"", "\"a\"", "gzip", weak.clone()),
        ("among others", "\"b\", W/\"a\"", "\"a\"", "gzip", weak),
        ("it holds the plain form", "\"a\"", "\"a\"", "gzip", vec![]),
        ("it does not take gzip", "W/\"a\"", "\"a\"", "identity", vec![]),
        ("the service's tag is weak", "W/\"a\"", "W/\"a\"", "gzip", vec![]),
        ("another tag", "W/\"b\"", "\"a\"", "gzip", vec![]),
        ("any", "*", "\"a\"", "gzip", vec![]),
    ];
    for (why, if_none_match, etag, accept_encoding, expected) in rows {
        let request_fields =
            fields(&[("if-none-match", if_none_match), ("accept-encoding", accept_encoding)]);
        let request = Request::parse(b"GET", &request_fields, &Codings::parse(&["gzip"]).unwrap());
        let changes = not_modified(&request, &request_fields, &fields(&[("etag", etag)]));
        assert_eq!(text(changes), expected, "{why}");
    }
}
