//! What was negotiated is part of the key.

use crate::support::*;
use cache_protocol::Entry;

/// Offers what compression offers unless told otherwise.
const DEFAULT: &str = r#"{"companion": {"cluster": "companion"}}"#;

fn key_of(proxy: &Proxy, more: &[(&str, &str)]) -> String {
    proxy.stream().request(&get(more), b"");
    callout("GET /v1/responses").header("slipstream-key").unwrap().to_owned()
}

#[test]
fn each_coding_has_a_key_of_its_own() {
    let proxy = leased_proxy_with(DEFAULT);
    let browser = ("accept-encoding", "gzip, deflate, br, zstd");
    let rows: [(&[(&str, &str)], &str); 8] = [
        (&[], "identity"),
        (&[browser], "zstd"),
        (&[("accept-encoding", "gzip, deflate, br")], "gzip"),
        (&[("accept-encoding", "gzip;q=0.5, br")], "br"),
        (&[("accept-encoding", "deflate")], "deflate"),
        (&[("accept-encoding", "compress")], "identity"),
        (&[browser, ("x-no-compression", "")], "no-compression"),
        (&[browser, ("cache-control", "no-transform")], "no-compression"),
    ];
    for (more, coding) in rows {
        assert_eq!(key_of(&proxy, more), KEY.replace("identity", coding), "{more:?}");
    }
    let proxy = leased_proxy_with(r#"{"companion": {"cluster": "companion"}, "codings": ["br", "zstd"]}"#);
    assert_eq!(key_of(&proxy, &[browser]), KEY.replace("identity", "br"));
    assert_eq!(key_of(&proxy, &[("accept-encoding", "gzip")]), KEY);
}

/// A service that compresses by itself may choose another coding than the key's, which not everyone with this key decodes.
#[test]
fn a_coding_of_the_services_own_is_for_those_who_asked_alike() {
    let proxy = leased_proxy_with(DEFAULT);
    let browser = ("accept-encoding", "gzip, deflate, br, zstd");
    fetched(&proxy, &[browser], &ok(&[("content-encoding", "gzip")]), "zipped");
    let key = stored(&proxy).key;
    assert!(key.starts_with(&KEY.replace("identity", "zstd")) && key.contains(";;accept-encoding="), "{key}");
    assert_eq!(answered(&proxy, &[browser]).body, b"zipped");
    // This one has the same key, and cannot read it.
    drop(forwarded(&proxy, &[("accept-encoding", "zstd")]));
}

#[test]
fn parts_are_looked_for_where_most_is_stored() {
    let proxy = leased_proxy_with(DEFAULT);
    let mut stream = proxy.stream();
    stream.request(&get(&[("range", "bytes=2-4")]), b"");
    for coding in ["identity", "zstd"] {
        let lookup = find_callout("GET /v1/responses").unwrap();
        assert_eq!(lookup.header("slipstream-key"), Some(KEY.replace("identity", coding).as_str()));
        let position = POSITION.to_string();
        stream.answer(lookup.token, Some(404), &[("slipstream-position", &position)], b"");
    }
    answer_hit(&mut stream, &Entry { key: KEY.replace("identity", "gzip"), ..entry("0123456789") });
    assert_eq!(reply().unwrap().body, b"234");
    assert_eq!(resumed(), 0);
}
