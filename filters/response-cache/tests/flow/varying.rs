//! What makes variants of a key's responses, and how many there may be.

use crate::support::*;
use serde_json::json;
use slipstream_host::double::advance_ms;

const VARY: &[(&str, &str)] = &[("vary", "Accept-Language")];

fn variant(of: &str) -> String {
    format!("{KEY};;{of}")
}

#[test]
fn values_that_mean_the_same_are_the_same() {
    let proxy = leased_proxy();
    let language = |value| [("accept-language", value)];
    fetched(&proxy, &language("de, en;q=0.5"), &ok(VARY), "de");
    for same in ["en;q=0.5,de", "DE ,en;q=0.50", "de;q=1.0, en;q=0.5"] {
        assert_eq!(answered(&proxy, &language(same)).body, b"de", "{same}");
    }
    let two_lines = [("accept-language", "de"), ("accept-language", "en;q=0.5")];
    assert_eq!(answered(&proxy, &two_lines).body, b"de");
    for other in ["de", "de, en", "de, en;q=0.4", "en, de;q=0.5"] {
        forwarded(&proxy, &language(other));
    }
}

#[test]
fn what_is_in_the_key_makes_no_variants() {
    let proxy = leased_proxy();
    settings(&json!({"default_ttl_seconds": 300, "key_headers": ["Accept-Language"]}));
    fetched(
        &proxy,
        &[("accept-language", "de")],
        &ok(&[("vary", "accept-language, Accept-Encoding, X-No-Compression")]),
        "de",
    );
    assert_eq!(stored(&proxy).key, format!("{KEY};accept-language=de"));
    assert_eq!(find_callout("PUT /v1/responses"), None);
}

#[test]
fn a_key_has_only_so_many_variants_at_a_time() {
    let proxy = leased_proxy_with(r#"{"companion": {"cluster": "companion"}, "max_variants": 2}"#);
    for (language, is_stored) in [("a", true), ("b", true), ("c", false), ("a", true), ("c", false)] {
        let more = [("accept-language", language), ("cache-control", "no-cache")];
        fetched(&proxy, &more, &ok(VARY), language);
        let put = find_callout("PUT /v1/responses");
        assert_eq!(put.is_some(), is_stored, "{language}");
        assert_eq!(told().contains("detail=variants"), !is_stored, "{language}: {}", told());
    }
    assert_eq!(count(&proxy, "service=.=shop;.;route=.=items;.;reason=.=variants;.;", "not_stored"), 2);
    // Those that have gone make room.
    advance_ms(300_000);
    answer_poll(&proxy, POSITION, false, "[]");
    answer_poll(&proxy, POSITION, false, "[]");
    fetched(&proxy, &[("accept-language", "c")], &ok(VARY), "c");
    assert!(told().ends_with("stored"), "{}", told());
}

#[test]
fn what_varies_on_anything_or_on_too_much_is_not_stored() {
    let names: Vec<String> = (0..9).map(|number| format!("x-{number}")).collect();
    for (vary, is_stored) in [
        ("*", false),
        ("accept-language, *", false),
        (&names.join(","), false),
        (&names[..8].join(","), true),
    ] {
        let proxy = leased_proxy();
        fetched(&proxy, &[], &ok(&[("vary", vary)]), "x");
        assert_eq!(find_callout("PUT /v1/responses").is_some(), is_stored, "{vary}");
        assert_eq!(told().ends_with("detail=vary"), !is_stored, "{vary}: {}", told());
    }
    let proxy = leased_proxy();
    let long = "x".repeat(9_000);
    fetched(&proxy, &[("x-0", &long)], &ok(&[("vary", "x-0")]), "x");
    assert_eq!(told(), "slipstream; fwd=miss; detail=long-key");
}

#[test]
fn an_encoding_that_not_everyone_decodes_is_for_those_who_asked_alike() {
    let proxy = leased_proxy();
    let accepts = |codings| [("accept-encoding", codings)];
    fetched(&proxy, &accepts("br"), &ok(&[("content-encoding", "br")]), "br");
    assert_eq!(stored(&proxy).key, variant("accept-encoding=br"));
    assert_eq!(answered(&proxy, &accepts("br")).body, b"br");
    fetched(&proxy, &[], &ok(&[]), "plain");
    assert_eq!(answered(&proxy, &[]).body, b"plain");
    assert_eq!(answered(&proxy, &accepts("br")).body, b"br");
}
