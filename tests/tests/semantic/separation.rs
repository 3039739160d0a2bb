//! Who shares answers with whom.

use serde_json::{Value, json};

use crate::stack::{ASKED, Setup, Stack, echo, hit, miss, question_of};

#[test]
fn nothing_is_shared_between_tenants_credentials_models_prompts_and_histories() {
    let stack = Stack::start(&Setup::default(), echo);
    let with = |name: &str, value: Value| {
        let mut body = question_of(ASKED, false);
        body[name] = value;
        body
    };
    let user = json!({"role": "user", "content": ASKED});
    let system = json!({"role": "system", "content": "Be brief."});
    let before = json!({"role": "assistant", "content": "Be brief."});
    let asked: Vec<(Value, Vec<(&str, &str)>)> = vec![
        (question_of(ASKED, false), vec![]),
        (question_of(ASKED, false), vec![("authorization", "Bearer one")]),
        (question_of(ASKED, false), vec![("authorization", "Bearer two")]),
        (question_of(ASKED, false), vec![("cookie", "Bearer one")]),
        (question_of(ASKED, false), vec![("x-api-key", "Bearer one")]),
        (question_of(ASKED, false), vec![("host", "other.example")]),
        (with("model", json!("n")), vec![]),
        (with("user", json!("u")), vec![]),
        (with("temperature", json!(1.5)), vec![]),
        (with("messages", json!([system, user])), vec![]),
        (with("messages", json!([before, user])), vec![]),
        (question_of(ASKED, true), vec![]),
    ];
    for (number, (body, headers)) in asked.iter().enumerate() {
        miss(stack.post("/v1/chat/completions", body, headers));
        stack.wait_until_stored(number as f64 + 1.0);
    }
    for (body, headers) in &asked {
        hit(stack.post("/v1/chat/completions", body, headers));
    }
    assert_eq!(stack.chat.total(), asked.len());
}

#[test]
fn a_shared_route_shares_within_its_tenants() {
    let stack = Stack::start(&Setup::default(), echo);
    let ask = |headers: &[(&str, &str)]| stack.post("/query", &json!({"question": ASKED}), headers);
    miss(ask(&[("authorization", "Bearer one"), ("x-tenant-id", "a")]));
    stack.wait_until_stored(1.0);
    hit(ask(&[("authorization", "Bearer two"), ("x-tenant-id", "a")]));
    miss(ask(&[("authorization", "Bearer one"), ("x-tenant-id", "b")]));
    miss(ask(&[("authorization", "Bearer one")]));
    // And its namespace has the name that the route gives it, for `slipstream semantic explain --tenant docs`.
    stack.wait_until_stored(3.0);
    let explain = json!({"namespace": {"tenant": "docs"}, "question": ASKED});
    let explained =
        stack.send(testbed::Request::post_json(stack.companion.url("/v1/semantic/explain"), &explain)).json();
    assert_eq!(explained["verdict"], "exact", "{explained}");
}
