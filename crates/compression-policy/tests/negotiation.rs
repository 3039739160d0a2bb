//! Which form of a resource a request gets, case by case.

use compression_policy::{Coding, Codings};
use http_semantics::ContentCoding::{Br, Deflate, Gzip, Zstd};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

type Fields = &'static [(&'static str, &'static str)];

#[test]
fn what_a_request_gets() {
    let codings = Codings::parse(&["zstd", "gzip", "br", "deflate"]).unwrap();
    let rows: &[(&str, Fields, Coding)] = &[
        ("no field", &[], Coding::Identity),
        ("RFC 9110 §12.5.3: empty", &[("accept-encoding", "")], Coding::Identity),
        ("a browser", &[("accept-encoding", "gzip, deflate, br, zstd")], Coding::Encoded(Zstd)),
        ("an older browser", &[("accept-encoding", "gzip, deflate, br")], Coding::Encoded(Gzip)),
        ("liked best", &[("accept-encoding", "gzip;q=0.9, br")], Coding::Encoded(Br)),
        ("only one", &[("accept-encoding", "deflate")], Coding::Encoded(Deflate)),
        ("none that is on offer", &[("accept-encoding", "compress")], Coding::Identity),
        ("opt-out", &[("accept-encoding", "gzip"), ("X-No-Compression", "")], Coding::NoCompression),
        ("opt-out of nothing", &[("x-no-compression", "0")], Coding::NoCompression),
        (
            "RFC 9111 §5.2.1.6",
            &[("accept-encoding", "gzip"), ("cache-control", "no-cache, no-transform")],
            Coding::NoCompression,
        ),
    ];
    for (why, fields, expected) in rows {
        assert_eq!(Coding::of_request(*fields, &codings), *expected, "{why}");
    }
}

#[test]
fn the_order_of_the_offer_counts() {
    let browser = [("accept-encoding", "gzip, deflate, br, zstd")];
    for (names, expected) in [
        (&["br", "zstd"][..], Br),
        (&["deflate", "br"], Deflate),
        (&["gzip"], Gzip),
        (&["zstd", "gzip"], Zstd),
    ] {
        let codings = Codings::parse(names).unwrap();
        assert_eq!(Coding::of_request(&browser, &codings), Coding::Encoded(expected), "{names:?}");
        assert!(codings.iter().map(|coding| coding.as_str()).eq(names.iter().copied()));
    }
}

#[test]
fn a_mistake_is_named() {
    let rows: [(&[&str], &str, &str); 5] = [
        (&[], "codings", "expected one of gzip, br, zstd, deflate at least"),
        (&["gzip", "brotli"], "codings[1]", "`brotli`: expected gzip, br, zstd, deflate"),
        (&["identity"], "codings[0]", "`identity`: expected gzip, br, zstd, deflate"),
        (&["GZIP"], "codings[0]", "`GZIP`: expected gzip, br, zstd, deflate"),
        (&["br", "gzip", "br"], "codings[2]", "`br` stands there twice"),
    ];
    for (names, path, message) in rows {
        let error = Codings::parse(names).unwrap_err();
        assert_eq!((error.path("codings").as_str(), error.to_string().as_str()), (path, message));
    }
}
