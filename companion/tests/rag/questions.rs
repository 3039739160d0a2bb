//! What may be asked, and who may.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;
use testbed::chat_server::{Step, says};
use testbed::{Answer, ChatServer, Origin, Request};

use crate::stack::{PATIENCE, Rag, chat};

#[test]
fn bad_questions_are_told_what_is_wrong() {
    let server = ChatServer::start(|_, _| says(&["Well."])).unwrap();
    let rag = Rag::start(chat(&server), &[("RAG__MAX_QUESTION_BYTES", "100")]);
    let post = |body: &[u8]| Request::new("POST", rag.url("/query")).body(body);
    let get = |query: &str| Request::get(rag.url(&format!("/query/stream{query}")));
    let long = "x".repeat(101);
    let enormous = format!("{{\"question\": \"{}\"}}", "x".repeat(60_000));
    let tenant = |request: Request, value: &[u8]| request.header("x-tenant-id", value);
    for (request, status, said) in [
        (post(b""), 400, "EOF"),
        (post(b"{\"question\": "), 400, "EOF"),
        (post(b"why?"), 400, "expected value"),
        (post(b"{\"question\": \"\"}"), 400, "question: empty"),
        (post(b"{\"question\": \"\xff\xfe\"}"), 400, "not UTF-8"),
        (post(&[0, 159, 146, 150]), 400, "not UTF-8"),
        (post(b"{\"question\": \"a\\u0000b\"}"), 400, "control characters"),
        (post(enormous.as_bytes()), 413, "larger than"),
        (post(json!({ "question": long }).to_string().as_bytes()), 413, "101 bytes, expected at most 100"),
        (post(b"{\"question\": \"a\", \"model\": \"gpt-none\"}"), 400, "expected \"chatty\""),
        (post(b"{\"question\": \"a\", \"top_k\": 51}"), 400, "top_k: 51"),
        (get(""), 400, "question: missing"),
        (get("?q=%ff"), 400, "q: not UTF-8"),
        (get(&format!("?q={long}")), 413, "101 bytes"),
        (tenant(get("?q=a"), b"\xff"), 400, "x-tenant-id"),
        (tenant(tenant(get("?q=a"), b"a"), b"b"), 400, "more than once"),
        (Request::get(rag.url("/query")), 405, "no such method"),
        (Request::get(rag.url("/v1/stats")), 404, "no such path"),
    ] {
        let shown = format!("{request:?}").chars().take(200).collect::<String>();
        let response = rag.send(request);
        assert_eq!(response.status, status, "{shown}: {}", response.text());
        let error = response.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(said), "{shown}: {error}");
    }
    // One that does not end is not read to its end.
    let endless = [
        b"POST /query HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999999\r\n\r\n".as_slice(),
        &[b' '; 100_000],
    ];
    let told = testbed::http::raw(rag.port(), &endless.concat(), PATIENCE).unwrap_or_default();
    assert!(told.is_empty() || told.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&told));
    assert_eq!(server.requests().len(), 0, "none of it reached the engine");
    assert_eq!(rag.ask(&"x".repeat(100))["answer"], "Well.");
}

#[test]
fn who_does_not_know_the_token_is_told_nothing() {
    let server = ChatServer::start(|_, _| says(&["Well."])).unwrap();
    let rag = Rag::start(chat(&server), &[("RAG__TOKEN", "open-sesame")]);
    let question = || Request::post_json(rag.url("/query"), &json!({ "question": "why" }));
    for (token, status) in [("", 401), ("Bearer wrong", 401), ("Bearer open-sesame", 200)] {
        let response = rag.send(question().header("authorization", token));
        assert_eq!(response.status, status, "{token}: {}", response.text());
    }
    assert_eq!(rag.send(Request::get(rag.url("/query/stream?q=why"))).status, 401);
}

#[test]
fn too_many_at_a_time_are_told_to_come_again() {
    let server = ChatServer::start(|_, _| vec![Step::Say("…".to_owned()), Step::Stall]).unwrap();
    let rag = Rag::start(
        chat(&server),
        &[("RAG__MAX_STREAMS", "3"), ("RAG__MAX_STREAMS_PER_TENANT", "2"), ("RAG__LEAVE_GRACE_MS", "0")],
    );
    let of = |tenant: &str| rag.listening("why").header("x-tenant-id", tenant);
    let first = rag.open(of("a"));
    let _second = rag.open(of("a"));
    let refused = rag.send(of("a"));
    assert_eq!((refused.status, refused.header("retry-after").as_deref()), (429, Some("1")));
    assert!(refused.text().contains("rag.max_streams_per_tenant"), "{}", refused.text());
    let _third = rag.open(of("b"));
    let refused = rag.send(of("c"));
    assert_eq!((refused.status, refused.header("retry-after").as_deref()), (503, Some("1")));
    let whole = Request::post_json(rag.url("/query"), &json!({ "question": "why" }));
    assert_eq!(rag.send(whole).status, 503);
    assert_eq!(rag.metric("opt008_streaming_active"), 3.0);
    // One leaves, and another gets its place.
    drop(first);
    let came = testbed::wait_until(PATIENCE, || rag.open(of("c")).status == 200);
    assert!(came);
}

#[test]
fn who_does_not_end_the_head_of_a_request_is_shown_out() {
    let server = ChatServer::start(|_, _| says(&["Well."])).unwrap();
    let rag = Rag::start(chat(&server), &[("CONNECTIONS__HEAD_TIMEOUT_MS", "300")]);
    let mut slow = TcpStream::connect(("127.0.0.1", rag.port())).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.write_all(b"GET /query/stream?q=why HTTP/1.1\r\nhost: a").unwrap();
    let mut told = Vec::new();
    slow.read_to_end(&mut told).expect("it is closed, with or without a word");
    assert!(!told.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&told));
    assert_eq!(rag.ask("why")["answer"], "Well.");
}

#[test]
fn no_request_chooses_where_the_companion_connects_or_what_it_reads() {
    let elsewhere = Origin::start(|_| Answer::json("{}")).unwrap();
    let server = ChatServer::start(|_, _| says(&["Well."])).unwrap();
    let rag = Rag::start(chat(&server), &[("RAG__MAX_QUESTION_BYTES", "200")]);
    let url = elsewhere.url("/metadata");
    let question = json!({
        "question": format!("What does {url} say?"),
        "url": url, "base_url": url, "chat_url": url, "callback": url, "api_base": url,
    });
    let ask = Request::post_json(rag.url("/query"), &question);
    let fields = ["referer", "forwarded", "x-forwarded-host", "x-original-url", "x-base-url", "location"];
    let answer = rag.send(fields.iter().fold(ask, |ask, name| ask.header(name, &url)));
    assert!([200, 400].contains(&answer.status), "{}", answer.text());
    for port in [rag.port(), rag.companion_port()] {
        for target in [
            url.as_str(),
            "//127.0.0.1/metadata",
            "/ui/../../../../etc/passwd",
            "/ui/..%2f..%2f..%2fetc%2fpasswd",
            "/ui/%2e%2e/%2e%2e/etc/passwd",
            "/ui/..\\..\\etc\\passwd",
            "/..;/etc/passwd",
            "/query/../../etc/passwd",
            "file:///etc/passwd",
        ] {
            let request = format!(
                "GET {target} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\r\n",
                elsewhere.port()
            );
            let told = testbed::http::raw(port, request.as_bytes(), PATIENCE).unwrap_or_default();
            let told = String::from_utf8_lossy(&told).into_owned();
            assert!(!told.starts_with("HTTP/1.1 2") && !told.contains("root:"), "{target}: {told}");
        }
    }
    assert_eq!(elsewhere.total(), 0, "nobody was asked but whom the configuration names");
}
