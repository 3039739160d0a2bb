//! What is read out of requests; natively and in wasm.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use semantic_exchange::{Asked, Exchange, Pointers, Profile, Scope, Tenant, Unusable, ask};
use serde_json::{Value, json};

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn exchange(profile: Profile) -> Exchange {
    Exchange::new(profile, &Pointers::default(), &[]).unwrap()
}

fn chat(body: &Value) -> Result<Asked, Unusable> {
    ask(&exchange(Profile::OpenaiChat), body.to_string().as_bytes(), 8, 100, false)
}

fn rag(body: &Value) -> Result<Asked, Unusable> {
    ask(&exchange(Profile::RagQuery), body.to_string().as_bytes(), 8, 100, false)
}

fn says(content: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": content}]})
}

const TENANT: Tenant<'static> =
    Tenant { namespace: Some("n"), place: [b"r", b"c", b"a"], fields: Vec::new(), by_user: true };

fn scope(asked: &Asked) -> Scope {
    asked.scope(&TENANT, false)
}

#[test]
fn questions_are_found() {
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    for (body, question, stream) in [
        (says("hi"), "hi", false),
        (json!({"messages": [{"role": "user", "content": parts}]}), "a\nb", false),
        (json!({"stream": true, "messages": [{"role": "user", "content": "hi"}]}), "hi", true),
        (json!({"stream": null, "n": 1, "messages": [{"role": "user", "content": "hi"}]}), "hi", false),
    ] {
        let asked = chat(&body).unwrap();
        assert_eq!((asked.question.as_str(), asked.stream), (question, stream), "{body}");
    }
    for (body, question) in
        [(json!({"question": "hi", "top_k": 3}), "hi"), (json!({"query": "hi", "question": null}), "hi")]
    {
        assert_eq!(rag(&body).unwrap().question, question, "{body}");
    }
}

#[test]
fn what_cannot_be_answered_by_another_answer_is_told() {
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let deep = (0..9).fold(json!(1), |inner, _| json!([inner]));
    let with = |name: &str, value: Value| {
        let mut body = says("hi");
        body[name] = value;
        body
    };
    for (body, reason) in [
        (json!([]), Unusable::NoQuestion),
        (json!({}), Unusable::NoQuestion),
        (json!({"messages": []}), Unusable::NoQuestion),
        (json!({"messages": ["hi"]}), Unusable::NoQuestion),
        (json!({"messages": [{"role": "tool", "content": "x"}]}), Unusable::NoQuestion),
        (user(json!(null)), Unusable::NoQuestion),
        (user(json!("  \n")), Unusable::NoQuestion),
        (user(json!("x".repeat(101))), Unusable::LongQuestion),
        (user(json!([{"type": "image_url", "image_url": {"url": "u"}}])), Unusable::NotText),
        (user(json!([{"type": "text", "text": "a"}, {"type": "input_audio"}])), Unusable::NotText),
        (with("n", json!(2)), Unusable::Special),
        (with("logprobs", json!(true)), Unusable::Special),
        (with("audio", json!({"voice": "x"})), Unusable::NotText),
        (with("stream", json!("yes")), Unusable::Malformed),
        (with("x", deep), Unusable::TooDeep),
    ] {
        assert_eq!(chat(&body), Err(reason), "{body}");
    }
    for (body, reason) in [
        (json!({"question": 1}), Unusable::NoQuestion),
        (json!({"question": "a", "query": "b"}), Unusable::NoQuestion),
        (json!({"questions": "a"}), Unusable::NoQuestion),
    ] {
        assert_eq!(rag(&body), Err(reason), "{body}");
    }
    for (bytes, reason) in [
        (&b""[..], Unusable::Malformed),
        (b"{", Unusable::Malformed),
        (b"{} x", Unusable::Malformed),
        (b"\xff\xfe", Unusable::Malformed),
        (b"{\"question\": \"\xff\"}", Unusable::Malformed),
        (br#"{"question": "\ud800"}"#, Unusable::Malformed),
        (br#"{"question": "a", "question": "b"}"#, Unusable::TwiceNamed),
        (br#"{"question": "a", "x": {"y": 1, "y": 1}}"#, Unusable::TwiceNamed),
        (br#"{"question": "a", "x": 1e999}"#, Unusable::Malformed),
    ] {
        assert_eq!(ask(&exchange(Profile::RagQuery), bytes, 8, 100, false), Err(reason), "{bytes:?}");
    }
    let hostile = "[".repeat(1_000_000);
    let read = ask(&exchange(Profile::RagQuery), hostile.as_bytes(), 120, 100, false);
    assert_eq!(read, Err(Unusable::TooDeep));
}

#[test]
fn only_what_cannot_change_the_answer_may_differ() {
    let alone = scope(&chat(&says("hi")).unwrap());
    let changed = |name: &str, value: Value| {
        let mut body = says("hi");
        body[name] = value;
        scope(&chat(&body).unwrap())
    };
    for (name, value) in [
        ("stream_options", json!({"include_usage": true})),
        ("service_tier", json!("auto")),
        ("temperature", json!(null)),
        ("stream", json!(false)),
        ("n", json!(1)),
    ] {
        assert_eq!(changed(name, value), alone, "{name}");
    }
    for (name, value) in [
        ("temperature", json!(0.1)),
        ("max_tokens", json!(5)),
        ("model", json!("other")),
        ("tools", json!([{"type": "function"}])),
        ("response_format", json!({"type": "json_object"})),
        ("stream", json!(true)),
        ("user", json!("u")),
        ("metadata", json!({"a": "b"})),
        ("messages", json!([{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}])),
        ("messages", json!([{"role": "assistant", "content": "s"}, {"role": "user", "content": "hi"}])),
        ("messages", json!([{"role": "user", "content": "hi", "name": "bob"}])),
    ] {
        assert_ne!(changed(name, value.clone()), alone, "{name}: {value}");
    }
    // A prompt that looks like history is none, and the other way round.
    let system =
        changed("messages", json!([{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]));
    let history =
        changed("messages", json!([{"role": "user", "content": "s"}, {"role": "user", "content": "hi"}]));
    assert_ne!(system, history);
    assert_eq!(scope(&rag(&json!({"question": "q"})).unwrap()).system, "");
    assert_ne!(scope(&rag(&json!({"question": "q", "top_k": 2})).unwrap()).system, "");
}

#[test]
fn tenants_are_told_apart() {
    let asked = chat(&says("hi")).unwrap();
    let mut body = says("hi");
    body["user"] = json!("u");
    let of_user = chat(&body).unwrap();
    let field = |value: &'static [u8]| vec![("authorization", vec![value])];
    let base = TENANT;
    let tenants = [
        asked.scope(&base, false).tenant,
        asked.scope(&Tenant { namespace: Some("o"), ..base.clone() }, false).tenant,
        asked.scope(&Tenant { namespace: None, ..base.clone() }, false).tenant,
        asked.scope(&Tenant { namespace: None, place: [b"r", b"c", b"b"], ..base.clone() }, false).tenant,
        asked.scope(&Tenant { namespace: None, place: [b"r", b"ca", b""], ..base.clone() }, false).tenant,
        asked.scope(&Tenant { fields: field(b"one"), ..base.clone() }, false).tenant,
        asked.scope(&Tenant { fields: field(b"two"), ..base.clone() }, false).tenant,
        asked.scope(&Tenant { fields: vec![("cookie", vec![b"one"])], ..base.clone() }, false).tenant,
        asked.scope(&Tenant { fields: vec![("cookie", vec![b"one", b"two"])], ..base.clone() }, false).tenant,
        of_user.scope(&base, false).tenant,
    ];
    for (at, tenant) in tenants.iter().enumerate() {
        assert!(!tenants.iter().skip(at + 1).any(|other| other == tenant), "{tenant}");
        assert!(!tenant.contains("one") && !tenant.contains("two"), "a secret in {tenant}");
    }
    assert_eq!(tenants.first().map(String::as_str), Some("n"));
    // A field that is not there is none.
    let absent = Tenant { fields: vec![("cookie", vec![])], ..base.clone() };
    assert_eq!(asked.scope(&absent, false).tenant, "n");
    // Shared by all: the user does not count.
    assert_eq!(of_user.scope(&Tenant { by_user: false, ..base }, false).tenant, "n");
}

#[test]
fn both_forms_share_answers_if_told_to() {
    let mut body = says("hi");
    body["stream"] = json!(true);
    let (whole, events) = (chat(&says("hi")).unwrap(), chat(&body).unwrap());
    assert_ne!(whole.scope(&TENANT, false), events.scope(&TENANT, false));
    assert_eq!(whole.scope(&TENANT, true), events.scope(&TENANT, true));
}

#[test]
fn pointers_lead_elsewhere() {
    let pointers: Pointers =
        serde_json::from_value(json!({"question": "/input/text", "history": "/input/turns", "user": ""}))
            .unwrap();
    let exchange = Exchange::new(Profile::RagQuery, &pointers, &["/trace".to_owned()]).unwrap();
    let read = |body: Value| ask(&exchange, body.to_string().as_bytes(), 8, 100, false).unwrap();
    let one = read(json!({"input": {"text": "q"}, "trace": "1"}));
    assert_eq!((one.question.as_str(), scope(&one).system.as_str()), ("q", ""));
    assert_eq!(scope(&one), scope(&read(json!({"input": {"text": "q"}, "trace": "2"}))));
    assert_ne!(scope(&one), scope(&read(json!({"input": {"text": "q", "turns": ["a"]}}))));
    // Nowhere is the user: then it is part of what the answer depends on.
    assert_ne!(scope(&one), scope(&read(json!({"input": {"text": "q"}, "user": "u"}))));
    let wrong: Pointers = serde_json::from_value(json!({"answer": "answer"})).unwrap();
    let error = Exchange::new(Profile::RagQuery, &wrong, &[]).unwrap_err();
    assert_eq!((error.field, error.to_string().contains("expected a JSON pointer")), ("answer", true));
}
