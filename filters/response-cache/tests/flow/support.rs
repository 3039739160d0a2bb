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
pub const HEAD: &[(&str, &str)] =
    &[(":method", "HEAD"), (":authority", "shop.example"), (":path", "/api/items?b=2&a=1")];
pub const KEY: &str = "GET shop.example/api/items?a=1&b=2#identity:items";
pub const OK_JSON: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/json")];

/// With one coding, so that what is stored has few places.
pub const CONFIG: &str = r#"{"companion": {"cluster": "companion"}, "codings": ["gzip"]}"#;

pub type Proxy = Double<ResponseCache>;

/// A proxy whose route opts in to a default lifetime.
fn proxy_with(config: &str) -> Proxy {
    let proxy = Double::start(config).unwrap();
    with(|host| host.random = u64::from_str_radix(LEASE, 16).unwrap() - 1);
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

/// A GET with these fields besides.
pub fn get<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [GET, more].concat()
}

/// A 200 of JSON with these fields besides.
pub fn ok<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [OK_JSON, more].concat()
}

/// Has the route say this to the cache.
pub fn settings(settings: &serde_json::Value) {
    set_route("slipstream.response-cache", settings);
}

/// A GET with these fields that finds nothing at the companion, and is at the origin.
pub fn forwarded(proxy: &Proxy, more: &[(&str, &str)]) -> Stream {
    let mut stream = proxy.stream();
    let goes_on = stream.request(&get(more), b"") == Action::Continue;
    while let Some(lookup) = find_callout("GET /v1/responses") {
        let position = POSITION.to_string();
        stream.answer(lookup.token, Some(404), &[("slipstream-position", &position)], b"");
    }
    let is_resumed = with(|host| std::mem::take(&mut host.resumed_requests)) == 1;
    assert!(goes_on != is_resumed && reply().is_none(), "{more:?}: it is at the origin");
    stream
}

/// A GET with these fields that misses everywhere, answered with this response and body.
pub fn fetched(proxy: &Proxy, more: &[(&str, &str)], response: &[(&str, &str)], body: &str) -> Stream {
    let mut stream = forwarded(proxy, more);
    stream.response_headers(response, false);
    stream.response_body(body.as_bytes(), true);
    stream
}

/// What the filter answers to a GET with these fields without asking anyone.
pub fn answered(proxy: &Proxy, more: &[(&str, &str)]) -> LocalReply {
    proxy.stream().request(&get(more), b"");
    assert_eq!(find_callout("GET /v1/responses"), None, "{more:?}");
    reply().unwrap_or_else(|| panic!("{more:?} is not answered"))
}

/// The entry that a callout stores.
pub fn entry_of(store: &SentCallout) -> Entry {
    assert_eq!(store.header(":method"), Some("PUT"));
    let entry = Entry::decode(&store.body).unwrap();
    assert_eq!(store.header("slipstream-key"), Some(entry.key.as_str()));
    entry
}

/// Takes the store under way, has it acknowledged, and returns what it stores.
pub fn stored(proxy: &Proxy) -> Entry {
    let store = callout("PUT /v1/responses");
    proxy.answer(store.token, Some(204), &[], b"");
    entry_of(&store)
}

/// Cache-Status of the answer that comes from the origin.
pub fn told() -> String {
    slipstream_host::double::response_header("cache-status").unwrap_or_default()
}

/// How often a metric of the cache's has counted, by its name and what stands before it.
pub fn count(proxy: &Proxy, labels: &str, name: &str) -> i64 {
    export(proxy);
    slipstream_host::double::metric(&format!("{labels}slipstream_cache_{name}_total")).unwrap_or(0)
}

/// The first lease that is asked for.
pub const LEASE: &str = "0123456789abcdef";

/// Answers the lookup under way with nothing, and with who is to fetch it.
pub fn answer_fetch(stream: &mut Stream, fetch: &str) -> SentCallout {
    let lookup = callout("GET /v1/responses");
    let position = POSITION.to_string();
    let fields = [("slipstream-position", position.as_str()), ("slipstream-fetch", fetch)];
    stream.answer(lookup.token, Some(404), &fields, b"");
    lookup
}

/// How many requests have gone on since the last call.
pub fn resumed() -> usize {
    with(|host| std::mem::take(&mut host.resumed_requests))
}

/// A request that has leave to fetch, and is at the origin.
pub fn leased(proxy: &Proxy) -> Stream {
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    answer_fetch(&mut stream, "lead");
    assert_eq!(resumed(), 1);
    stream
}
