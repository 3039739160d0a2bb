//! Which fields are stored (RFC 9111 §3.1).

use cache_policy::store::stored_fields;

use crate::{Lines, test};

#[test]
fn kept_and_left_out() {
    let table: &[(&str, Lines, &[&str])] = &[
        (
            "RFC 9111 §3.1",
            &[("Content-Type", "a"), ("ETag", "b"), ("date", "c"), ("x-app", "")],
            &["Content-Type", "ETag", "date", "x-app"],
        ),
        (
            "RFC 9110 §7.6.1 hop-by-hop",
            &[
                ("Connection", "close"),
                ("Keep-Alive", "timeout=5"),
                ("TE", "trailers"),
                ("Transfer-Encoding", "chunked"),
                ("Upgrade", "h2c"),
                ("Trailer", "x"),
            ],
            &[],
        ),
        (
            "RFC 9110 §7.6.1 listed in Connection",
            &[
                ("X-One", "1"),
                ("connection", "close, x-ONE"),
                ("x-two", "2"),
                ("connection", "X-Two"),
                ("x-three", "3"),
            ],
            &["x-three"],
        ),
        (
            "RFC 9111 §3.1 proxy fields",
            &[("Proxy-Authenticate", "a"), ("proxy-connection", "a"), ("Proxy-Authentication-Info", "a")],
            &[],
        ),
        (
            "written anew for each answer",
            &[("Age", "1"), ("Cache-Status", "a"), ("X-Cache", "HIT"), ("Content-Length", "1")],
            &[],
        ),
        ("Envoy's own", &[(":status", "200"), ("X-Envoy-Upstream-Service-Time", "1")], &[]),
        ("doubly sure", &[("Set-Cookie", "a=b")], &[]),
        (
            "no prefix of a name",
            &[("agent", ""), ("x-cached", ""), ("x-envoy", ""), ("proxy", ""), ("tea", "")],
            &["agent", "x-cached", "x-envoy", "proxy", "tea"],
        ),
    ];
    for (case, response, expected) in table {
        let kept: Vec<_> = stored_fields(*response).map(|(name, _)| String::from_utf8_lossy(name)).collect();
        assert_eq!(kept, *expected, "{case}");
    }
    let repeated: Lines = &[("link", "a"), ("x", "c"), ("link", "b")];
    let kept: Vec<_> = stored_fields(repeated).map(|(_, value)| value).collect();
    assert_eq!(kept, [b"a", b"c", b"b"], "§5.3 order is kept");
}
