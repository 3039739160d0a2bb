//! The filter in its host's double: what Envoy and the companion may do to it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use semantic_cache::SemanticCache;
use serde_json::{Value, json};
use slipstream_host::double::{self, Double, DrivenStream, SentCallout, with};
use slipstream_host::{Action, Property, Stream};

const CONFIG: &str = r#"{"service": "shop", "companion": {"cluster": "c", "token": "t", "breaker_failures": 2},
                         "max_answer_bytes": 2000, "max_recording_bytes": 2000}"#;
const REQUEST: &[(&str, &str)] = &[
    (":method", "POST"),
    (":authority", "shop.example"),
    (":path", "/v1/chat/completions"),
    ("content-type", "application/json"),
    ("accept-encoding", "br"),
    ("authorization", "Bearer secret"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
];
const BODY: &str = r#"{"model": "m", "messages": [{"role": "user", "content": "hi"}]}"#;
const JSON: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/json")];
const ANSWER: &str =
    r#"{"id": "1", "choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}"#;

fn start(settings: &Value) -> Double<SemanticCache> {
    let proxy = Double::start(CONFIG).unwrap();
    double::set_property(Property::ROUTE_NAME, b"chat");
    double::set_property(Property::CLUSTER_NAME, b"llm");
    double::set_route("slipstream.semantic-cache", settings);
    proxy
}

fn chat() -> Double<SemanticCache> {
    start(&json!({"profile": "openai-chat"}))
}

fn take_callout() -> SentCallout {
    with(|host| host.callouts.pop()).expect("a callout")
}

fn found(verdict: &str, answer: &Value, payload: &Value) -> Vec<u8> {
    json!({"verdict": verdict, "similarity": 0.97, "answer": answer, "payload": payload, "sources": [],
           "age_seconds": 3, "lookup": "0a", "position": "1-2"})
    .to_string()
    .into_bytes()
}

fn miss() -> Vec<u8> {
    found("miss", &Value::Null, &Value::Null)
}

/// A stream whose question was missed, and which waits for the service.
fn missed(proxy: &Double<SemanticCache>) -> DrivenStream<<SemanticCache as slipstream_host::Plugin>::Stream> {
    let mut stream = proxy.stream();
    assert_eq!(stream.request(REQUEST, BODY.as_bytes()), Action::Pause);
    stream.answer(take_callout().token, Some(200), &[], &miss());
    stream
}

fn metric(name: &str) -> i64 {
    double::metric(name).unwrap_or(0)
}

fn not_stored(proxy: &Double<SemanticCache>, reason: &str) -> i64 {
    proxy.tick_after_ms(1);
    metric(&format!(
        "service=.=shop;.;route=.=chat;.;reason=.={reason};.;slipstream_semantic_not_stored_total"
    ))
}

fn cache_status() -> Option<String> {
    double::response_header("cache-status")
}

#[test]
fn a_question_is_asked_of_the_companion_without_its_secrets() {
    let proxy = chat();
    let mut stream = proxy.stream();
    assert_eq!(stream.request(REQUEST, BODY.as_bytes()), Action::Pause);
    let lookup = take_callout();
    assert_eq!(lookup.header(":path"), Some("/v1/semantic/lookup"));
    assert_eq!(lookup.header("authorization"), Some("Bearer t"));
    assert!(lookup.header("traceparent").unwrap().starts_with("00-0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(lookup.timeout_ms, 250);
    let body: Value = serde_json::from_slice(&lookup.body).unwrap();
    assert_eq!((&body["question"], &body["namespace"]["model"]), (&json!("hi"), &json!("m")));
    assert!(!String::from_utf8_lossy(&lookup.body).contains("secret"), "{body}");
}

#[test]
fn a_hit_is_answered_here() {
    let proxy = chat();
    let mut stream = proxy.stream();
    stream.request(REQUEST, BODY.as_bytes());
    let payload = json!(json!({"body": ANSWER}).to_string());
    stream.answer(take_callout().token, Some(200), &[], &found("hit", &json!("Hello."), &payload));
    let reply = with(|host| host.local_replies.pop()).unwrap();
    assert_eq!((reply.status, String::from_utf8_lossy(&reply.body).as_ref()), (200, ANSWER));
    assert_eq!(reply.header("cache-status"), Some("slipstream-semantic; hit; detail=\"0.97\""));
    assert_eq!((reply.header("age"), reply.header("content-type")), (Some("3"), Some("application/json")));
    assert_eq!(with(|host| host.resumed_requests), 0);
    proxy.tick_after_ms(1);
    assert_eq!(metric("service=.=shop;.;route=.=chat;.;opt007_semantic_cache_hits_total"), 1);
    assert_eq!(
        metric("service=.=shop;.;route=.=chat;.;le=.=0.975;.;opt007_semantic_cache_similarity_bucket"),
        1
    );
    assert_eq!(
        metric("service=.=shop;.;route=.=chat;.;le=.=0.95;.;opt007_semantic_cache_similarity_bucket"),
        0
    );
}

#[test]
fn what_the_companion_says_amiss_is_a_miss() {
    let damaged = found("hit", &json!("Hello."), &json!("{"));
    let bodiless = found("hit", &Value::Null, &json!("{}"));
    for (status, body, said) in [
        (None, &b""[..], "fwd=miss; detail=companion"),
        (Some(500), &miss()[..], "fwd=miss; detail=companion"),
        (Some(429), b"{}", "fwd=miss; detail=companion"),
        (Some(200), b"{}", "fwd=miss; detail=companion"),
        (Some(200), b"\xff", "fwd=miss; detail=companion"),
        (Some(200), &damaged, "fwd=miss; detail=\"0.97\""),
        (Some(200), &bodiless, "fwd=miss; detail=\"0.97\""),
    ] {
        let proxy = chat();
        let mut stream = proxy.stream();
        stream.request(REQUEST, BODY.as_bytes());
        stream.answer(take_callout().token, status, &[], body);
        assert_eq!(with(|host| (host.resumed_requests, host.local_replies.len())), (1, 0));
        stream.response_headers(JSON, false);
        assert_eq!(cache_status().unwrap(), format!("slipstream-semantic; {said}"));
    }
}

#[test]
fn a_companion_that_fails_is_left_alone_for_a_while() {
    let proxy = chat();
    for _ in 0..2 {
        let mut stream = proxy.stream();
        stream.request(REQUEST, BODY.as_bytes());
        stream.answer(take_callout().token, None, &[], b"");
    }
    let mut stream = proxy.stream();
    assert_eq!(stream.request(REQUEST, BODY.as_bytes()), Action::Continue);
    assert!(with(|host| host.callouts.is_empty()));
    stream.response_headers(JSON, true);
    assert_eq!(cache_status().unwrap(), "slipstream-semantic; fwd=miss; detail=breaker");
    double::advance_ms(1_000);
    assert_eq!(proxy.stream().request(REQUEST, BODY.as_bytes()), Action::Pause);
}

#[test]
fn an_answer_is_stored_with_what_belongs_to_it() {
    let answers = [
        (
            &[(":status", "200"), ("content-type", "application/json"), ("cache-control", "max-age=60")],
            Some(60),
        ),
        (&[(":status", "200"), ("content-type", "application/json"), ("cache-control", "no-cache")], None),
    ];
    for (head, ttl) in answers {
        let proxy = chat();
        let mut stream = missed(&proxy);
        assert_eq!(double::request_header("accept-encoding"), None, "it is to come in the clear");
        stream.response_headers(head, false);
        assert_eq!(cache_status().unwrap(), "slipstream-semantic; fwd=miss; detail=\"0.97\"");
        let (one, two) = ANSWER.split_at(20);
        assert_eq!(stream.response_body(one.as_bytes(), false), Action::Continue, "nothing is held back");
        assert_eq!(stream.response_body(two.as_bytes(), false), Action::Continue);
        assert_eq!(stream.response_trailers(), Action::Continue);
        let store = take_callout();
        assert_eq!(store.header(":path"), Some("/v1/semantic/entries"));
        let body: Value = serde_json::from_slice(&store.body).unwrap();
        assert_eq!(
            (&body["answer"], &body["lookup"], &body["position"]),
            (&json!("Hello."), &json!("0a"), &json!("1-2"))
        );
        assert_eq!(body["ttl_seconds"], ttl.map_or(Value::Null, |ttl| json!(ttl)));
        for (status, outcome) in
            [(Some(200), "stored"), (Some(409), "invalidated"), (Some(413), "refused"), (None, "failed")]
        {
            proxy.answer(store.token, status, &[], b"");
            proxy.tick_after_ms(1);
            assert_eq!(metric(&format!("outcome=.={outcome};.;slipstream_semantic_stores_total")), 1);
        }
    }
}

#[test]
fn what_is_held_of_answers_under_way_is_bounded_and_given_back() {
    let proxy = chat();
    let mut first = missed(&proxy);
    first.response_headers(JSON, false);
    first.response_body(&[b' '; 1_500], false);
    proxy.tick_after_ms(1);
    assert_eq!(metric("slipstream_semantic_recording_bytes"), 1_500);
    let mut second = missed(&proxy);
    second.response_headers(JSON, false);
    assert_eq!(second.response_body(&[b' '; 1_000], false), Action::Continue);
    assert_eq!(not_stored(&proxy, "busy"), 1);
    assert_eq!(metric("slipstream_semantic_recording_bytes"), 1_500);
    first.response_body(&[b' '; 600], false);
    assert_eq!(not_stored(&proxy, "too-large"), 1);
    assert_eq!(metric("slipstream_semantic_recording_bytes"), 0);
    let mut third = missed(&proxy);
    third.response_headers(JSON, false);
    third.response_body(&[b' '; 100], false);
    drop(third);
    assert_eq!(not_stored(&proxy, "aborted"), 1);
    assert_eq!(metric("slipstream_semantic_recording_bytes"), 0);
}

#[test]
fn a_host_that_refuses_costs_nobody_an_answer() {
    for (call, action) in [
        ("http_call", Action::Continue),
        ("get_buffer", Action::Continue),
        ("get_header_map_pairs", Action::Continue),
        ("get_property", Action::Continue),
    ] {
        let proxy = chat();
        with(|host| host.failing.insert(call));
        let mut stream = proxy.stream();
        assert_eq!(stream.request(REQUEST, BODY.as_bytes()), action, "{call}");
        stream.response_headers(JSON, false);
        assert_eq!(stream.response_body(ANSWER.as_bytes(), true), Action::Continue, "{call}");
        assert!(with(|host| host.callouts.is_empty()), "{call}");
    }
    // A reply that the host does not take.
    let proxy = chat();
    let mut stream = proxy.stream();
    stream.request(REQUEST, BODY.as_bytes());
    with(|host| host.failing.insert("send_local_response"));
    let payload = json!(json!({"body": ANSWER}).to_string());
    stream.answer(take_callout().token, Some(200), &[], &found("exact", &json!("Hello."), &payload));
    assert_eq!(with(|host| (host.resumed_requests, host.local_replies.len())), (1, 0));
    // An answer whose pieces it does not show.
    let proxy = chat();
    let mut stream = missed(&proxy);
    stream.response_headers(JSON, false);
    with(|host| host.failing.insert("get_buffer"));
    assert_eq!(stream.response_body(ANSWER.as_bytes(), true), Action::Continue);
    assert_eq!(not_stored(&proxy, "host"), 1);
}

#[test]
fn requests_that_ask_nothing_are_left_alone() {
    let with_method = |method: &'static str| -> Vec<(&str, &str)> {
        REQUEST
            .iter()
            .map(|(name, value)| if *name == ":method" { (*name, method) } else { (*name, *value) })
            .collect()
    };
    for (settings, method, body) in [
        (json!({}), "POST", BODY),
        (json!({"profile": "openai-chat", "enabled": false}), "POST", BODY),
        (json!({"profile": "openai-chat"}), "PUT", BODY),
        (json!({"profile": "openai-chat"}), "GET", ""),
    ] {
        let proxy = start(&settings);
        let mut stream = proxy.stream();
        assert_eq!(
            stream.request(&with_method(method), body.as_bytes()),
            Action::Continue,
            "{settings} {method}"
        );
        stream.response_headers(JSON, false);
        assert_eq!(cache_status(), None);
        assert_eq!(double::request_header("accept-encoding").as_deref(), Some("br"));
        assert!(with(|host| host.callouts.is_empty()));
    }
}

/// The service may answer before it has the request, or trailers may end the request: then no question was ever whole.
#[test]
fn an_answer_that_comes_before_the_question_is_whole_is_not_recorded() {
    let proxy = chat();
    let mut stream = SemanticCacheStream::of(&proxy);
    assert_eq!(stream.0.on_request_headers(false), Action::Pause);
    assert_eq!(stream.0.on_request_body(5, false), Action::Pause);
    stream.0.on_response_headers(false);
    assert_eq!(cache_status().unwrap(), "slipstream-semantic; fwd=bypass; detail=early-response");
    assert_eq!(stream.0.on_response_body(0, true), Action::Continue);
    assert!(with(|host| host.callouts.is_empty()));
}

/// A stream that is driven callback by callback.
struct SemanticCacheStream(<SemanticCache as slipstream_host::Plugin>::Stream);

impl SemanticCacheStream {
    fn of(proxy: &Double<SemanticCache>) -> SemanticCacheStream {
        // Sets the request's headers in the host.
        proxy.stream().request(REQUEST, b"{");
        let id = proxy.stream().id();
        SemanticCacheStream(<SemanticCache as slipstream_host::Plugin>::new_stream(proxy.plugin(), id))
    }
}
