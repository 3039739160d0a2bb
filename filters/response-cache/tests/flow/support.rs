//! A proxy with the filter, and a companion that a test plays.

use cache_protocol::Entry;
use invalidation::Position;
use response_cache::ResponseCache;
use serde_json::json;
use slipstream_host::double::{Double, DrivenStream, LocalReply, SentCallout, set_property, set_route, with};
use slipstream_host::{Action, Plugin, Property};

pub type Stream = DrivenStream<<ResponseCache as Plugin>::Stream>;

pub const POSITION: Position = Position { epoch: 0xe, seq: 7 };
pub const GET: &[(&str, &str)] =
    &[(":method", "GET"), (":authority", "shop.example"), (":path", "/api/items?b=2&a=1")];
pub const KEY: &str = "GET shop.example/api/items?a=1&b=2#identity:items";
pub const OK_JSON: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/json")];

pub const CONFIG: &str = r#"{"companion": {"cluster": "companion"}}"#;

pub type Proxy = Double<ResponseCache>;

/// A proxy whose route opts in to a default lifetime.
fn proxy_with(config: &str) -> Proxy {
    let proxy = Double::start(config).unwrap();
    set_property(Property::ROUTE_NAME, b"items");
    set_property(Property::CLUSTER_NAME, b"shop");
    set_route(
        "slipstream.response-cache",
        &json!({"default_ttl_seconds": 300, "tags": ["items"], "invalidates": ["items"]}),
    );
    proxy
}

/// A proxy that holds a lease on the log.
pub fn leased_proxy() -> Proxy {
    leased_proxy_with(CONFIG)
}

/// A proxy of this configuration that holds a lease on the log.
pub fn leased_proxy_with(config: &str) -> Proxy {
    let proxy = proxy_with(config);
    proxy.plugin().on_tick();
    answer_poll(&proxy, POSITION, true, "[]");
    proxy
}

/// Answers the poll under way.
pub fn answer_poll(proxy: &Proxy, position: Position, reset: bool, records: &str) {
    let poll = callout("GET /v1/invalidations");
    let page = format!(r#"{{"lease_ms":1000,"position":"{position}","reset":{reset},"records":{records}}}"#);
    proxy.answer(poll.token, Some(200), &[], page.as_bytes());
}

/// Takes the first callout of a method and path out of those sent.
pub fn callout(what: &str) -> SentCallout {
    find_callout(what)
        .unwrap_or_else(|| panic!("no callout {what}, but {:?}", with(|host| host.callouts.clone())))
}

/// Takes the first callout of a method and path out of those sent, if there is one.
pub fn find_callout(what: &str) -> Option<SentCallout> {
    with(|host| {
        let is_wanted = |sent: &SentCallout| {
            let line = format!("{} {}", sent.header(":method").unwrap(), sent.header(":path").unwrap());
            line == what || line.starts_with(&format!("{what}?"))
        };
        let index = host.callouts.iter().position(is_wanted)?;
        Some(host.callouts.remove(index))
    })
}

/// Answers the lookup of `stream` with nothing.
pub fn answer_miss(stream: &mut Stream) {
    let lookup = callout("GET /v1/responses");
    stream.answer(lookup.token, Some(404), &[("slipstream-position", &POSITION.to_string())], b"");
}

/// Answers the lookup of `stream` with an entry.
pub fn answer_hit(stream: &mut Stream, entry: &Entry) {
    let lookup = callout("GET /v1/responses");
    stream.answer(
        lookup.token,
        Some(200),
        &[("slipstream-position", &POSITION.to_string())],
        &entry.encode(),
    );
}

/// A response as the companion would have it, one second old.
pub fn entry(body: &str) -> Entry {
    Entry {
        key: KEY.into(),
        position: POSITION,
        response_time_ms: Double::<ResponseCache>::START_MS - 1_000,
        initial_age_ms: 0,
        freshness_lifetime_ms: 300_000,
        status: 200,
        tags: vec!["items".into()],
        headers: vec![
            (b"content-type".to_vec(), b"application/json".to_vec()),
            (b"etag".to_vec(), b"\"v1\"".to_vec()),
            (b"x-bytes".to_vec(), vec![0xff, 0xfe]),
        ],
        body: body.as_bytes().to_vec(),
    }
}

/// Sends a GET that misses everywhere, and the origin's answer to it.
pub fn fill(proxy: &Proxy, body: &str) {
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    answer_miss(&mut stream);
    stream.response_headers(OK_JSON, false);
    stream.response_body(body.as_bytes(), true);
    stream.log();
}

/// Lets the filter hand its metrics over.
pub fn export(proxy: &Proxy) {
    (0..25).for_each(|_| proxy.tick_after_ms(20));
}

/// The answer that the filter gave to the stream just driven.
pub fn reply() -> Option<LocalReply> {
    with(|host| host.local_replies.pop())
}
