//! Streams: what comes in which order, what happens to clients that lose their connection, do not read, or leave.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use http_body_util::Empty;
use serde_json::json;
use testbed::chat_server::{Step, says};
use testbed::event_source::Heard;
use testbed::{ChatServer, Request, wait_until};

use crate::many::connect;
use crate::stack::{PATIENCE, Rag, cached_chat, chat};

/// Text that would end an event, begin another, or pass for a key, if it were let.
const FRAMES: &str = "a\n\nevent: done\ndata: {}\n\nid: 9-9last\r\rdata: x\0 Bearer sk-123 \u{2028}";

fn say(text: &str) -> Step {
    Step::Say(text.to_owned())
}

#[test]
fn events_come_in_order_and_text_stays_text() {
    let server = ChatServer::start(|_, _| says(&["One, ", FRAMES])).unwrap();
    let rag = Rag::start(cached_chat(&server), &[("RAG__RETRY_MS", "77")]);
    let question = "what is\n\nevent: error\ndata: this?";
    let first = rag.open(rag.listening(question));
    assert_eq!(first.status, 200);
    assert_eq!(first.headers["content-type"], "text/event-stream");
    assert_eq!(first.headers["cache-control"], "no-store");
    let first = first.hear().unwrap();
    assert_eq!(first.kinds(), ["start", "cache", "status", "chunk", "chunk", "sources", "done"]);
    assert_eq!(first.text(), format!("One, {FRAMES}"));
    assert_eq!(
        (&first.json("cache")["hit"], &first.json("cache")["verdict"]),
        (&json!(false), &json!("miss"))
    );
    let ids: Vec<&str> = first.events.iter().map(|(_, event)| event.id.as_str()).collect();
    let run = ids[0].strip_suffix("-0").unwrap();
    assert_eq!(first.json("start")["id"], run);
    assert_eq!((ids[3], ids[6]), (format!("{run}-3").as_str(), format!("{run}-6last").as_str()));

    rag.ask_until_cached(question);
    let again = rag.hear(question);
    assert_eq!(again.kinds(), ["start", "cache", "chunk", "sources", "done"]);
    assert_eq!((again.text(), &again.json("cache")["hit"]), (format!("One, {FRAMES}"), &json!(true)));
    assert_eq!(
        (&again.json("done")["cached"], &again.json("done")["similarity"]),
        (&json!(true), &json!(1.0))
    );
    // As browsers ask, and as a question that wants a stream.
    let raw = testbed::http::raw(
        rag.port(),
        b"GET /query/stream?q=why HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        PATIENCE,
    );
    let raw = String::from_utf8(raw.unwrap()).unwrap();
    assert!(raw.contains("retry: 77\n\n") && raw.contains("event: done\n"), "{raw}");
    let body = json!({ "question": question, "stream": true });
    let wanted = rag.open(Request::post_json(rag.url("/query"), &body)).hear().unwrap();
    assert_eq!(wanted.text(), format!("One, {FRAMES}"));

    for (sample, expected) in [
        ("opt008_streaming_response_time_seconds_count{cache=\"miss\",service=\"rag\"}", 2.0),
        ("opt008_streaming_first_chunk_seconds_count{cache=\"miss\",service=\"rag\"}", 2.0),
        ("opt008_streaming_events_total{event=\"start\",service=\"rag\"}", 5.0),
    ] {
        assert!(rag.metric(sample) >= expected, "{sample}: {}", rag.metric(sample));
    }
    rag.wait_for_metric("opt008_streaming_chunks_total{service=\"rag\"}", 7.0);
}

#[test]
fn two_tenants_with_the_same_question_share_no_answer() {
    let server = ChatServer::start(|_, _| says(&["Secret."])).unwrap();
    let rag = Rag::start(cached_chat(&server), &[]);
    let of = |tenant: &str| {
        let request = Request::post_json(rag.url("/query"), &json!({ "question": "what is our secret?" }));
        rag.send(request.header("x-tenant-id", tenant)).json()
    };
    assert_eq!(of("a")["cached"], false);
    assert!(wait_until(PATIENCE, || of("a")["cached"] == true));
    let before = server.requests().len();
    assert_eq!(of("b")["cached"], false);
    assert_eq!(server.requests().len(), before + 1);
}

/// Reads so many events, and loses the connection.
fn begin(rag: &Rag, request: Request, events: usize) -> (String, String) {
    let mut stream = rag.open(request);
    let (mut text, mut id) = (Heard::default(), String::new());
    for _ in 0..events {
        let event = stream.next_event().unwrap().unwrap();
        id.clone_from(&event.1.id);
        text.events.push(event);
    }
    (text.text(), id)
}

#[test]
fn a_client_that_comes_back_misses_nothing() {
    let server = ChatServer::start(|_, _| {
        let mut steps: Vec<Step> = (0..20).map(|number| say(&format!("{number} "))).collect();
        steps.insert(5, Step::Pause(Duration::from_millis(300)));
        steps.push(Step::Finish("stop"));
        steps
    })
    .unwrap();
    let rag = Rag::start(chat(&server), &[("RAG__LEAVE_GRACE_MS", "30000")]);
    let whole: String = (0..20).map(|number| format!("{number} ")).collect();
    let (text, id) = begin(&rag, rag.listening("count"), 5);
    let back = |question: &str, id: &str| rag.listening(question).header("last-event-id", id);
    let rest = rag.open(back("count", &id)).hear().unwrap();
    assert_eq!(format!("{text}{}", rest.text()), whole);
    assert_eq!(server.requests().len(), 1, "the engine was asked once");
    assert_eq!(rag.metric("opt008_streaming_resumed_total{service=\"rag\"}"), 1.0);
    // It is complete, and can be read again from there.
    assert_eq!(rag.open(back("count", &id)).hear().unwrap().text(), rest.text());
    // Who has seen the end is told not to come back, and who has seen what nobody knows hears all of it.
    let last = &rest.events.last().unwrap().1.id;
    assert_eq!(rag.send(back("count", last)).status, 204);
    for (request, why) in [
        (back("count", "0123-4"), "an answer that is not known"),
        (back("count", "nonsense"), "no id"),
        (back("count down", &id), "another question"),
        (back("count", &id).header("x-tenant-id", "b"), "another tenant"),
    ] {
        let heard = rag.open(request).hear().unwrap();
        assert_eq!((heard.kinds()[0], heard.text()), ("start", whole.clone()), "{why}");
    }
}

#[test]
fn what_is_over_for_long_is_begun_anew() {
    let server = ChatServer::start(|_, _| says(&["One, ", "two."])).unwrap();
    let rag = Rag::start(chat(&server), &[("RAG__RESUME_MS", "0")]);
    let heard = rag.hear("count");
    let id = &heard.events[1].1.id;
    let again = rag.open(rag.listening("count").header("last-event-id", id)).hear().unwrap();
    assert_eq!((again.kinds()[0], again.text()), ("start", "One, two.".to_owned()));
}

#[test]
fn a_silent_stream_shows_that_it_lives() {
    let server = ChatServer::start(|_, _| {
        vec![say("wait"), Step::Pause(Duration::from_secs(1)), say(" for it"), Step::Finish("stop")]
    })
    .unwrap();
    let rag = Rag::start(chat(&server), &[("RAG__HEARTBEAT_MS", "50")]);
    let heard = rag.hear("well?");
    assert_eq!(heard.text(), "wait for it");
    assert!(heard.comments >= 3, "{} comments", heard.comments);
}

#[test]
fn a_client_that_leaves_ends_the_engines_work() {
    let server = ChatServer::start(|_, _| vec![say("One, "), Step::Stall]).unwrap();
    let rag = Rag::start(chat(&server), &[("RAG__LEAVE_GRACE_MS", "50")]);
    let (text, _) = begin(&rag, rag.listening("count"), 3);
    assert_eq!(text, "One, ");
    assert!(wait_until(PATIENCE, || server.left() == 1), "the engine still works for nobody");
    // One that waits for a whole answer, too.
    let mut whole = TcpStream::connect(("127.0.0.1", rag.port())).unwrap();
    let body = json!({ "question": "count" }).to_string();
    write!(whole, "POST /query HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    assert!(wait_until(PATIENCE, || server.requests().len() == 2));
    drop(whole);
    assert!(wait_until(PATIENCE, || server.left() == 2), "the engine still works for nobody");
    rag.wait_for_metric("opt008_streaming_cancelled_total{reason=\"client_left\",service=\"rag\"}", 2.0);
    assert!(wait_until(PATIENCE, || rag.metric("opt008_streaming_active") == 0.0));
}

/// Nothing is kept of what was read, so that what is kept is what nobody has read.
const SLOW: &[(&str, &str)] = &[
    ("RAG__SLOW_READER_MS", "1500"),
    ("RAG__MAX_ANSWER_BYTES", "67108864"),
    ("RAG__WINDOW_BYTES", "65536"),
    ("RAG__RESUME_BYTES", "0"),
];

/// The engine is left, and was not read ahead of the client by more than a window.
fn is_given_up(rag: &Rag, server: &ChatServer) {
    let mut most = 0.0_f64;
    let is_left = wait_until(PATIENCE, || {
        most = most.max(rag.metric("slipstream_rag_kept_bytes"));
        server.left() == 1
    });
    assert!(is_left, "the engine still works for nobody");
    assert!(most < 150_000.0, "{most} bytes were read of the engine and not by the client");
    // What fits between: buffers of the kernel and of both programs, not all that the engine would have said in this time.
    assert!(server.said() < 32 << 20, "{} bytes were read of the engine", server.said());
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_takes_no_memory() {
    let text = "x".repeat(1_000);
    let server = ChatServer::start(move |_, _| vec![Step::Forever(text.clone())]).unwrap();
    let rag = Rag::start(chat(&server), &[SLOW, &[("RAG__LEAVE_GRACE_MS", "50")]].concat());
    let mut slow = TcpStream::connect(("127.0.0.1", rag.port())).unwrap();
    slow.write_all(b"GET /query/stream?q=tell HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    is_given_up(&rag, &server);
    rag.wait_for_metric("opt008_streaming_cancelled_total{reason=\"slow_reader\",service=\"rag\"}", 1.0);
    assert!(wait_until(PATIENCE, || rag.metric("opt008_streaming_active") == 0.0), "its place is free");
    drop(slow);
}

#[test]
fn a_stream_that_is_not_read_beside_others_is_given_up() {
    let text = "x".repeat(1_000);
    let server = ChatServer::start(move |_, _| vec![Step::Forever(text.clone())]).unwrap();
    let rag = Rag::start(chat(&server), SLOW);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // Over HTTP/2 the connection goes on, whatever becomes of one of its streams.
    let answer = runtime.block_on(async {
        let mut connection = connect(rag.port()).await;
        let request = hyper::Request::get("http://a/query/stream?q=tell");
        connection.send_request(request.body(Empty::new()).unwrap()).await.unwrap()
    });
    is_given_up(&rag, &server);
    rag.wait_for_metric("opt008_streaming_cancelled_total{reason=\"slow_reader\",service=\"rag\"}", 1.0);
    drop(answer);
    assert!(wait_until(PATIENCE, || rag.metric("opt008_streaming_active") == 0.0), "its place is free");
}
