//! What goes wrong, and what is not kept.

use std::time::{Duration, Instant};

use e2e::wait_for;
use testbed::chat::{self, End};
use testbed::{Answer, Request};

use crate::stack::{ASKED, Setup, Stack, echo, hit, miss, question_of, status, text, wait_for_hit};

const ENDS: [(&str, End, &str); 6] = [
    ("Will you break off?", End::BreaksOff, "aborted"),
    ("Will you end too early?", End::Ends, "incomplete"),
    ("Will you run out of tokens?", End::Length, "incomplete"),
    ("Will you call a tool?", End::ToolCall, "tool-call"),
    ("Will you refuse this?", End::Refusal, "refusal"),
    ("Will you fail at this?", End::Error, "error"),
];

#[test]
fn partial_answers_tool_calls_refusals_and_errors_are_not_kept() {
    let stack = Stack::start(&Setup::default(), |question| {
        let asked = chat::asked(question);
        let end = ENDS.iter().find(|(own, ..)| *own == asked).map_or(End::Whole, |(_, end, _)| *end);
        chat::answer(question, "Some text of an answer.", end, Duration::ZERO)
    });
    for stream in [false, true] {
        for (question, end, _) in ENDS {
            let before = stack.chat.total();
            for time in 1..=2 {
                let request = Request::post_json(
                    stack.front.url("/v1/chat/completions"),
                    &question_of(question, stream),
                );
                let answer = testbed::Client::new().send(request);
                assert_eq!(answer.is_err(), end == End::BreaksOff, "{question}: {answer:?}");
                assert_eq!(stack.chat.total(), before + time, "{question}, stream {stream}: a hit");
            }
        }
    }
    // Two of each form; a body that ends in its middle is no JSON.
    for (reason, count) in [
        ("aborted", 4.0),
        ("incomplete", 6.0),
        ("tool-call", 4.0),
        ("refusal", 4.0),
        ("error", 4.0),
        ("garbage", 2.0),
    ] {
        let labels = [("route", "chat"), ("reason", reason)];
        stack.wait_for_metric("slipstream_semantic_not_stored_total", &labels, count);
    }
    stack.wait_until_stored(0.0);
    miss(stack.ask(ASKED));
    stack.wait_until_stored(1.0);
}

#[test]
fn what_the_service_does_not_want_kept_is_not() {
    let stack = Stack::start(&Setup::default(), |question| {
        let answer = echo(question);
        match chat::asked(question).as_str() {
            "Is this stored?" => answer.header("cache-control", "no-store"),
            "Is this encoded?" => answer.header("content-encoding", "br"),
            "Is this another status?" => Answer { status: 201, ..answer },
            "Is this another type?" => Answer::new(200, "x").header("content-type", "text/html"),
            "Is this empty?" => Answer::new(200, "").header("content-type", "application/json"),
            "Is this garbage?" => Answer::json(vec![0xff, 0xfe, b'{']),
            _ => Answer::json("x".repeat(300_000)),
        }
    });
    for (question, reason) in [
        ("Is this stored?", "no-store"),
        ("Is this encoded?", "encoded"),
        ("Is this another status?", "status"),
        ("Is this another type?", "media-type"),
        ("Is this empty?", "empty"),
        ("Is this garbage?", "garbage"),
        ("Is this too large?", "too-large"),
    ] {
        let request =
            Request::post_json(stack.front.url("/v1/chat/completions"), &question_of(question, false));
        stack.send(request.header("accept-encoding", "br"));
        let labels = [("route", "chat"), ("reason", reason)];
        stack.wait_for_metric("slipstream_semantic_not_stored_total", &labels, 1.0);
    }
    // The service is asked in the clear.
    assert!(stack.chat.questions().iter().all(|question| question.header("accept-encoding").is_none()));
}

#[test]
fn nonsense_goes_to_the_service_as_it_came() {
    let stack = Stack::start(&Setup::default(), |question| Answer::json(question.body.clone()));
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let long = question_of(&"x".repeat(1_001), false).to_string();
    let enormous = question_of(&"x".repeat(300_000), false).to_string();
    let twice = r#"{"messages": [], "messages": [{"role": "user", "content": "hi"}]}"#;
    let bodies: [(&[u8], &str); 10] = [
        (b"{", "malformed"),
        (b"null", "no-question"),
        (b"{\"messages\": [{\"role\": \"user\", \"content\": \"\xff\xfe\"}]}", "malformed"),
        (&[0, 1, 2, 255], "malformed"),
        (br#"{"messages": [{"role": "user", "content": "  "}]}"#, "no-question"),
        (br#"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#, "not-text"),
        (deep.as_bytes(), "too-deep"),
        (long.as_bytes(), "long-question"),
        (enormous.as_bytes(), "large-request"),
        (twice.as_bytes(), "twice-named"),
    ];
    for (body, reason) in bodies {
        for chunked in [false, true] {
            let request = Request::new("POST", stack.front.url("/v1/chat/completions"))
                .header("content-type", "application/json")
                .header("accept-encoding", "br")
                .body(body);
            let answer = stack.send(if chunked { request.chunked() } else { request });
            assert_eq!(answer.body, body, "{reason}, chunked {chunked}");
            assert_eq!(status(&answer), format!("fwd=bypass; detail={reason}"));
        }
    }
    assert!(stack.chat.questions().iter().all(|question| question.header("accept-encoding").is_some()));
    stack.wait_for_metric("slipstream_semantic_bypasses_total", &[("reason", "malformed")], 6.0);
    // What asks nothing is not touched at all.
    let get = stack.send(Request::get(stack.front.url("/v1/chat/completions")));
    assert_eq!((get.status, get.header("cache-status")), (200, None));
}

#[test]
fn a_companion_that_is_gone_costs_nobody_an_answer() {
    let mut stack = Stack::start(&Setup::default(), echo);
    miss(stack.ask(ASKED));
    stack.wait_until_stored(1.0);
    hit(stack.ask(ASKED));
    stack.kill_companion();
    for _ in 0..8 {
        let answer = stack.ask(ASKED);
        let status = status(&answer);
        assert_eq!(text(&answer), format!("To your question: {ASKED}"));
        assert!(status == "fwd=miss; detail=companion" || status == "fwd=miss; detail=breaker", "{status}");
    }
    let lookups = "slipstream_semantic_filter_lookups_total";
    wait_for("the breaker to keep some from waiting", || {
        stack.metrics().sum(lookups, &[("outcome", "skipped")]) > 0.0
    });
    stack.start_companion();
    // It kept its answers in memory: the first of these is stored anew.
    wait_for_hit(&stack, ASKED);
}

#[test]
fn a_companion_that_is_stuck_is_waited_for_no_longer_than_the_time_out() {
    let edits = [("lookup_timeout_ms: 250", "lookup_timeout_ms: 50")];
    let mut stack = Stack::start(&Setup { edits: &edits, ..Setup::default() }, echo);
    stack.companion.process().pause();
    let start = Instant::now();
    let answer = miss(stack.ask(ASKED));
    assert_eq!(status(&answer), "fwd=miss; detail=companion");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    stack.wait_for_metric("slipstream_semantic_filter_lookups_total", &[("outcome", "failed")], 1.0);
}

#[test]
fn a_companion_that_talks_nonsense_is_not_believed() {
    let edits = [("cluster: slipstream-companion\n", "cluster: rag\n")];
    let stack = Stack::start(&Setup { edits: &edits, ..Setup::default() }, echo);
    for _ in 0..2 {
        let answer = miss(stack.ask(ASKED));
        assert_eq!(text(&answer), format!("To your question: {ASKED}"));
        assert_eq!(status(&answer), "fwd=miss; detail=companion");
    }
    stack.wait_for_metric("slipstream_semantic_filter_lookups_total", &[("outcome", "failed")], 2.0);
}

#[test]
fn a_route_with_wrong_settings_is_served_uncached_named_and_counted() {
    let edits = [("{ profile: openai-chat }", "{ profile: openai-chat, ttl: 1 }")];
    let stack = Stack::start(&Setup { edits: &edits, ..Setup::default() }, echo);
    let answer = stack.ask(ASKED);
    assert_eq!((answer.status, status(&answer).as_str()), (200, "fwd=bypass; detail=settings"));
    let log = stack.front.envoy.log();
    assert!(log.contains("route `chat`") && log.contains("`ttl`"), "{log}");
    wait_for("the mistake to be counted", || {
        stack.metrics().sum("slipstream_config_errors_total", &[]) >= 1.0
    });
}
