//! What the log of invalidations says of what is found.

use crate::support::*;
use cache_protocol::Entry;
use invalidation::Position;
use slipstream_host::Action;

const PURGED: Position = Position { seq: 8, ..POSITION };

/// Tells the worker of one more record on `items`.
fn tell(proxy: &Proxy, soft: bool) {
    let record = format!(r#"[{{"seq":8,"kind":"tag","value":"items","soft":{soft}}}]"#);
    answer_poll(proxy, PURGED, false, &record);
}

fn answer_with(stream: &mut Stream, entry: &Entry, headers: &[(&str, &str)]) {
    let position = PURGED.to_string();
    let headers = [&[("slipstream-position", position.as_str())], headers].concat();
    stream.answer(callout("GET /v1/responses").token, Some(200), &headers, &entry.encode());
}

#[test]
fn what_a_soft_purge_has_hit_is_fetched_anew_and_then_fresh() {
    for in_l1 in [true, false] {
        let proxy = leased_proxy();
        if in_l1 {
            fill(&proxy, "old");
            callout("PUT /v1/responses");
        }
        tell(&proxy, true);
        let mut stream = proxy.stream();
        assert_eq!(stream.request(GET, b""), Action::Pause);
        answer_with(&mut stream, &entry("old"), &[("slipstream-stale", "1")]);
        assert_eq!(reply(), None, "stale, and nothing allows it to be served");
        stream.response_headers(OK_JSON, false);
        stream.response_body(b"new", true);
        let stored = Entry::decode(&callout("PUT /v1/responses").body).unwrap();
        assert_eq!((stored.body.as_slice(), stored.position), (b"new".as_slice(), PURGED));
        proxy.stream().request(GET, b"");
        assert_eq!(reply().unwrap().body, b"new", "a hit in L1");
    }
}

#[test]
fn a_worker_that_knows_of_a_purge_takes_nothing_from_a_companion_that_does_not() {
    let proxy = leased_proxy();
    tell(&proxy, false);
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    answer_hit(&mut stream, &entry("old"));
    assert_eq!(reply(), None);
    stream.response_headers(OK_JSON, false);
    stream.response_body(b"new", true);
    let stored = Entry::decode(&callout("PUT /v1/responses").body).unwrap();
    assert_eq!((stored.body.as_slice(), stored.position), (b"new".as_slice(), PURGED));
}

#[test]
fn a_worker_without_a_lease_believes_the_companion() {
    let proxy = leased_proxy();
    proxy.tick_after_ms(2_000);
    for (headers, is_served) in [(&[("slipstream-stale", "1")][..], false), (&[], true)] {
        let mut stream = proxy.stream();
        assert_eq!(stream.request(GET, b""), Action::Pause);
        answer_with(&mut stream, &entry("stored"), headers);
        assert_eq!(reply().is_some(), is_served, "{headers:?}");
    }
}
