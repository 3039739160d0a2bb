//! Responses that were chosen by further fields stand side by side under one key.

use crate::support::*;
use cache_protocol::Entry;
use slipstream_host::Action;
use slipstream_host::double::{take_woken, with};

const DE: &[(&str, &str)] = &[("accept-language", "de")];
const EN: &[(&str, &str)] = &[("accept-language", "en")];
const VARY: &[(&str, &str)] = &[("vary", "Accept-Language")];

fn variant(of: &str) -> String {
    format!("{KEY};;{of}")
}

/// What stands under the key itself once a response has said that it varies by language.
fn marker() -> Entry {
    let proxy = leased_proxy();
    fetched(&proxy, DE, &ok(VARY), "de");
    stored(&proxy);
    stored(&proxy)
}

#[test]
fn what_varies_is_stored_once_for_each_and_found_again() {
    let proxy = leased_proxy();
    fetched(&proxy, DE, &ok(VARY), "Hallo");
    assert_eq!(told(), "slipstream; fwd=miss; stored");
    let store = callout("PUT /v1/responses");
    let german = entry_of(&store);
    assert_eq!((german.key, german.body.as_slice()), (variant("accept-language=de"), b"Hallo".as_slice()));
    assert_eq!(find_callout("PUT /v1/responses"), None, "whoever finds the marker is to find the variant");
    proxy.answer(store.token, Some(204), &[], b"");
    let marker = stored(&proxy);
    assert_eq!((marker.key.as_str(), marker.status), (KEY, 0));
    assert_eq!(marker.headers, [(b"vary".to_vec(), b"accept-language".to_vec())]);
    assert_eq!(marker.freshness_lifetime_ms, 300_000, "it lives as long as what it leads to");

    fetched(&proxy, EN, &ok(VARY), "Hello");
    assert_eq!(told(), "slipstream; fwd=vary-miss; stored");
    assert_eq!(stored(&proxy).key, variant("accept-language=en"));
    assert_eq!(stored(&proxy).key, KEY, "the marker knows of both");
    fetched(&proxy, &[], &ok(VARY), "?");
    assert_eq!(stored(&proxy).key, variant("accept-language"), "none is not the same as an empty one");

    for _ in 0..2 {
        for (field, body) in [(DE, "Hallo"), (EN, "Hello"), (&[][..], "?")] {
            let reply = answered(&proxy, field);
            assert_eq!((reply.header("x-cache"), reply.body.as_slice()), (Some("HIT"), body.as_bytes()));
        }
    }
}

#[test]
fn a_marker_at_the_companion_leads_to_the_variant() {
    let marker = marker();
    for l1 in ["67108864", "0"] {
        let config = format!(r#"{{"companion": {{"cluster": "companion"}}, "l1": {{"max_bytes": {l1}}}}}"#);
        let proxy = leased_proxy_with(&config);
        let mut stream = proxy.stream();
        assert_eq!(stream.request(&get(DE), b""), Action::Pause);
        answer_hit(&mut stream, &marker);
        assert_eq!((reply(), with(|host| host.resumed_requests)), (None, 0));
        let german = Entry { key: variant("accept-language=de"), ..entry("Hallo") };
        answer_hit(&mut stream, &german);
        assert_eq!(reply().unwrap().body, b"Hallo");
        assert_eq!(count(&proxy, "outcome=.=l2;.;", "lookups"), 1, "one request counts once");
        // The other one is looked for at once: what they vary by is known.
        let mut stream = proxy.stream();
        stream.request(&get(EN), b"");
        if l1 == "0" {
            answer_hit(&mut stream, &marker);
        }
        let lookup = callout("GET /v1/responses");
        assert_eq!(lookup.header("slipstream-key"), Some(variant("accept-language=en").as_str()));
    }
}

#[test]
fn an_entry_of_another_variant_answers_nobody() {
    let marker = marker();
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    stream.request(&get(DE), b"");
    answer_hit(&mut stream, &marker);
    answer_hit(&mut stream, &Entry { key: variant("accept-language=en"), ..entry("Hello") });
    assert_eq!((reply(), with(|host| host.resumed_requests)), (None, 1));
}

#[test]
fn what_a_key_varies_by_is_what_any_response_has_said() {
    let proxy = leased_proxy();
    fetched(&proxy, DE, &ok(VARY), "de");
    stored(&proxy);
    stored(&proxy);
    fetched(&proxy, EN, &ok(&[("vary", "X-Tenant")]), "en");
    assert_eq!(stored(&proxy).key, variant("accept-language=en;x-tenant"));
    assert_eq!(stored(&proxy).headers, [(b"vary".to_vec(), b"accept-language, x-tenant".to_vec())]);
    assert_eq!(answered(&proxy, EN).body, b"en");
    // A response that says less is found by the same names.
    fetched(&proxy, &[DE, &[("x-tenant", "7")]].concat(), &ok(&[]), "de/7");
    assert_eq!(stored(&proxy).key, variant("accept-language=de;x-tenant=7"));
    assert_eq!(stored(&proxy).key, KEY);
    // What was stored under fewer names is looked for under more, and so not found.
    fetched(&proxy, DE, &ok(VARY), "de again");
    assert_eq!(stored(&proxy).key, variant("accept-language=de;x-tenant"));
}

#[test]
fn an_invalidation_of_the_url_hits_all_of_them() {
    for record in [
        r#"{"seq":8,"kind":"key","value":"GET shop.example/api/items?a=1&b=2"}"#,
        r#"{"seq":8,"kind":"tag","value":"items"}"#,
    ] {
        let proxy = leased_proxy();
        for language in [DE, EN] {
            fetched(&proxy, language, &ok(VARY), "old");
        }
        let next = invalidation::Position { seq: 8, ..POSITION };
        answer_poll(&proxy, next, false, &format!("[{record}]"));
        for language in [DE, EN] {
            forwarded(&proxy, language);
        }
    }
}

#[test]
fn those_who_wait_get_their_own_variant() {
    let proxy = leased_proxy();
    let mut leader = forwarded(&proxy, DE);
    let mut waiters = [DE, EN, EN].map(|language| {
        let mut waiter = proxy.stream();
        assert_eq!(waiter.request(&get(language), b""), Action::Pause);
        waiter
    });
    leader.response_headers(&ok(VARY), false);
    leader.response_body(b"de", true);
    wake(&proxy, &mut waiters);
    assert_eq!(reply().unwrap().body, b"de");
    assert_eq!(reply(), None);
    let lookup = callout("GET /v1/responses");
    assert_eq!(lookup.header("slipstream-key"), Some(variant("accept-language=en").as_str()));
    assert_eq!(find_callout("GET /v1/responses"), None, "one looks for both who want English");
}

#[test]
fn those_who_wait_learn_of_a_marker_that_one_of_them_has_found() {
    let marker = marker();
    let proxy = leased_proxy_with(r#"{"companion": {"cluster": "companion"}, "l1": {"max_bytes": 0}}"#);
    let mut first = proxy.stream();
    first.request(&get(DE), b"");
    let mut waiters = [DE, EN].map(|language| {
        let mut waiter = proxy.stream();
        assert_eq!(waiter.request(&get(language), b""), Action::Pause);
        waiter
    });
    answer_hit(&mut first, &marker);
    assert_eq!(take_woken(), waiters.each_ref().map(Stream::id), "they are told at once");
    waiters.iter_mut().for_each(Stream::wake);
    let keys = [(); 2].map(|()| callout("GET /v1/responses").header("slipstream-key").unwrap().to_owned());
    assert_eq!(keys, ["accept-language=de", "accept-language=en"].map(variant));
    assert_eq!(find_callout("GET /v1/responses"), None, "one for each variant, and none for the marker");
}

#[test]
fn those_who_wait_learn_what_their_response_varies_by_now() {
    let proxy = leased_proxy();
    fetched(&proxy, DE, &ok(VARY), "de");
    let mut leader = forwarded(&proxy, EN);
    let mut waiters = [(); 2].map(|()| {
        let mut waiter = proxy.stream();
        assert_eq!(waiter.request(&get(EN), b""), Action::Pause);
        waiter
    });
    leader.response_headers(&ok(&[("vary", "x-tenant")]), false);
    leader.response_body(b"en", true);
    wake(&proxy, &mut waiters);
    assert_eq!([reply(), reply()].map(|reply| reply.unwrap().body), [b"en", b"en"]);
}

fn wake(proxy: &Proxy, waiters: &mut [Stream]) {
    proxy.tick_after_ms(20);
    for id in take_woken() {
        let waiter = waiters.iter_mut().find(|waiter| waiter.id() == id);
        waiter.unwrap().wake();
    }
}
