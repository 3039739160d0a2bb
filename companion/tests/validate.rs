//! `slipstream validate compression` against a server that does everything right, and one for each way to do it wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::Write;
use std::process::{Command, Output};
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http_semantics::AcceptEncoding;
use serde_json::Value;
use testbed::{Answer, Body, Origin, Question};

/// What the commands of the formats' authors make of [`text`].
const BROTLI: &[u8] = b"\
    \x1b\xff\x05\xf8\x8d\x94\x6e\xde\x44\x55\x86\xd6\x0a\x20\x6c\x6f\x4a\x1e\xc7\xea\x80\x13\xb8\x5a\x45\x23";
const ZSTD: &[u8] = b"\
    \x28\xb5\x2f\xfd\x04\x58\x65\x02\x00\x52\xc8\x09\x0b\xc0\x25\x1d\xa0\xb8\xfc\xff\x4d\x3f\xaa\x30\xdb\xb6\
    \x6d\xdb\xb6\x6d\xdb\xb6\x6d\xdb\xb6\x6d\xdb\xb6\x6d\xdb\xb6\x6d\xdb\xb6\x6d\xdb\xb6\x6d\x21\x09\x10\x7f\
    \xa8\x10\xf0\x9b\x01\xe0\xd7\x10\x92\xf1\xf7\x01\xa9\xaa\x92\xaa\xaa\xa4\xaa\x2a\xa9\xaa\x4a\xaa\xaa\x92\
    \xaa\xaa\xa4\xca\x12\x92\x52\x1e\xaf\x3a\x2f";

fn text() -> Vec<u8> {
    b"hello hello hello hello\n".repeat(64)
}

fn encoded(coding: &str) -> Vec<u8> {
    let best = Compression::best();
    match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), best);
            encoder.write_all(&text()).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), best);
            encoder.write_all(&text()).unwrap();
            encoder.finish().unwrap()
        }
        "br" => BROTLI.to_vec(),
        "zstd" => ZSTD.to_vec(),
        other => panic!("{other}"),
    }
}

/// Plain text that varies.
fn plain(body: Vec<u8>) -> Answer {
    Answer::new(200, body)
        .header("content-type", "text/plain")
        .header("vary", "Origin, Accept-Encoding")
        .header("etag", "\"v1\"")
}

/// The text in a coding.
fn coded(coding: &str) -> Answer {
    let (original, body) = (text().len(), encoded(coding));
    let ratio = (original - body.len()) as f64 * 100.0 / original as f64;
    with(plain(body), "etag", "W/\"v1\"")
        .header("content-encoding", coding)
        .header("x-original-size", original.to_string())
        .header("x-compression-ratio", format!("{ratio:.1}"))
}

/// As it should be.
fn right(question: &Question) -> Answer {
    if question.path() == "/small" {
        return plain(b"small".to_vec());
    }
    let accepts = AcceptEncoding::parse(&question.headers);
    let wanted =
        ["gzip", "br", "zstd", "deflate"].into_iter().find(|coding| accepts.quality(coding).is_some());
    match wanted {
        Some(coding) if accepts.is_present() && question.header("x-no-compression").is_none() => {
            coded(coding)
        }
        _ => plain(text()),
    }
}

fn without(mut answer: Answer, name: &str) -> Answer {
    answer.headers.retain(|(own, _)| own != name);
    answer
}

fn with(answer: Answer, name: &str, value: &str) -> Answer {
    without(answer, name).header(name, value)
}

fn body(answer: &Answer) -> Vec<u8> {
    match &answer.body {
        Body::Sized(body) => body.clone(),
        other => panic!("{other:?}"),
    }
}

fn accepts(question: &Question, what: &str) -> bool {
    question.header("accept-encoding").as_deref() == Some(what)
}

fn slipstream(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_slipstream")).args(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What is found at a server, with a small resource.
fn report(script: impl Fn(&Question) -> Answer + Send + Sync + 'static) -> (i32, Value) {
    let origin = Origin::start(script).unwrap();
    let (url, small) = (origin.url("/text"), origin.url("/small"));
    let arguments = ["validate", "compression", &url, "--small", &small, "--timeout-ms", "1500", "--json"];
    let (status, text, error) = slipstream(&arguments);
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{error}")))
}

/// The names of the checks with this verdict.
fn checks(report: &Value, verdict: &str) -> Vec<String> {
    let all = report.get("checks").unwrap().as_array().unwrap().iter();
    let name = |check: &Value| check.get("check").unwrap().as_str().unwrap().to_owned();
    all.filter(|check| check.get("verdict").unwrap() == verdict).map(name).collect()
}

#[test]
fn what_is_right_passes_every_check() {
    let (status, report) = report(right);
    assert_eq!(checks(&report, "fail"), Vec::<String>::new(), "{report:#}");
    assert_eq!(checks(&report, "skip"), Vec::<String>::new(), "{report:#}");
    assert_eq!(
        (status, report.get("passed").unwrap(), report.get("failed").unwrap()),
        (0, &41.into(), &0.into())
    );
}

type Wrong = fn(&Question) -> Answer;

#[test]
fn each_way_to_be_wrong_fails_its_own_check() {
    /// Changes what is answered in a coding.
    fn changed(question: &Question, coding: &str, change: impl Fn(Answer) -> Answer) -> Answer {
        let answer = right(question);
        let is_it = answer
            .headers
            .iter()
            .any(|(name, value)| name == "content-encoding" && value == coding.as_bytes());
        if is_it && accepts(question, coding) { change(answer) } else { answer }
    }
    /// Damages the last byte of a body, which keeps its length.
    fn damaged(answer: Answer) -> Answer {
        let mut body = body(&answer);
        if let Some(last) = body.last_mut() {
            *last ^= 0x55;
        }
        answer.body(Body::Sized(body))
    }
    fn is_head(question: &Question) -> bool {
        question.method == "HEAD"
    }
    let cases: [(&str, Wrong, &[&str]); 30] = [
        ("damaged gzip", |q| changed(q, "gzip", damaged), &["gzip: body"]),
        ("damaged br", |q| changed(q, "br", damaged), &["br: body"]),
        ("damaged zstd", |q| changed(q, "zstd", damaged), &["zstd: body"]),
        ("damaged deflate", |q| changed(q, "deflate", damaged), &["deflate: body"]),
        (
            "deflate without zlib's frame",
            |q| {
                changed(q, "deflate", |answer| {
                    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
                    encoder.write_all(&text()).unwrap();
                    // As long as the right one, so that the sizes are right.
                    answer.body(Body::Sized([encoder.finish().unwrap(), b"123456".to_vec()].concat()))
                })
            },
            &["deflate: body"],
        ),
        (
            "another text",
            |q| match right(q) {
                answer if accepts(q, "identity") => answer.body(Body::Sized(text().to_ascii_uppercase())),
                answer => answer,
            },
            &["gzip: body", "br: body", "zstd: body", "deflate: body"],
        ),
        ("no Vary", |q| changed(q, "gzip", |a| without(a, "vary")), &["gzip: Vary"]),
        ("Vary of something else", |q| changed(q, "br", |a| with(a, "vary", "Origin")), &["br: Vary"]),
        (
            "no Vary where it is as it is",
            |q| if accepts(q, "identity") { without(right(q), "vary") } else { right(q) },
            &["identity: Vary"],
        ),
        (
            "too much announced",
            |q| {
                changed(q, "gzip", |a| {
                    let body = body(&a);
                    a.body(Body::CutOff(body.len() + 5, body))
                })
            },
            &["gzip: Content-Length"],
        ),
        (
            "too little announced",
            |q| {
                changed(q, "gzip", |a| {
                    let body = body(&a);
                    a.body(Body::CutOff(body.len(), [body, b"more".to_vec()].concat()))
                })
            },
            &["gzip: Content-Length"],
        ),
        (
            "too much announced where it is as it is",
            |q| {
                if accepts(q, "identity") && q.path() == "/text" {
                    plain(Vec::new()).body(Body::CutOff(text().len() + 5, text()))
                } else {
                    right(q)
                }
            },
            &["identity: Content-Length"],
        ),
        (
            "wrong original size",
            |q| changed(q, "zstd", |a| with(a, "x-original-size", "1535")),
            &["zstd: X-Original-Size"],
        ),
        (
            "wrong ratio",
            |q| changed(q, "zstd", |a| with(a, "x-compression-ratio", "93.6")),
            &["zstd: X-Compression-Ratio"],
        ),
        (
            "no ratio at all",
            |q| changed(q, "br", |a| with(a, "x-compression-ratio", "much")),
            &["br: X-Compression-Ratio"],
        ),
        ("a strong tag for all", |q| changed(q, "gzip", |a| with(a, "etag", "\"v1\"")), &["gzip: ETag"]),
        (
            "a strong tag for two codings",
            |q| match right(q) {
                answer if accepts(q, "br") || accepts(q, "zstd") => with(answer, "etag", "\"v1-encoded\""),
                answer => answer,
            },
            &["zstd: ETag"],
        ),
        (
            "HEAD with a body",
            // Ends the head early; what follows is a body then.
            |q| changed(q, "gzip", |a| if is_head(q) { a.header("x-end", "1\r\n\r\nbody") } else { a }),
            &["gzip: HEAD"],
        ),
        (
            "HEAD without Vary",
            |q| changed(q, "gzip", |a| if is_head(q) { without(a, "vary") } else { a }),
            &["gzip: HEAD"],
        ),
        (
            "HEAD in another coding",
            |q| changed(q, "gzip", |a| if is_head(q) { with(a, "content-encoding", "br") } else { a }),
            &["gzip: HEAD"],
        ),
        (
            "HEAD is refused",
            |q| changed(q, "gzip", |a| if is_head(q) { Answer { status: 405, ..a } } else { a }),
            &["gzip: HEAD"],
        ),
        (
            "compressed in spite of the opt-out",
            |q| if q.header("x-no-compression").is_some() { coded("gzip") } else { right(q) },
            &["x-no-compression"],
        ),
        (
            "compressed unasked",
            |q| if q.header("accept-encoding").is_none() { coded("gzip") } else { right(q) },
            &["no Accept-Encoding"],
        ),
        (
            "a refusal is ignored",
            |q| if accepts(q, "gzip;q=0") { coded("gzip") } else { right(q) },
            &["gzip;q=0"],
        ),
        (
            "a coding that was not named",
            |q| if accepts(q, "gzip;q=0") { coded("br") } else { right(q) },
            &["gzip;q=0"],
        ),
        (
            "identity although refused",
            |q| if accepts(q, "identity;q=0, gzip") { plain(text()) } else { right(q) },
            &["identity;q=0, gzip"],
        ),
        (
            "small ones are compressed",
            |q| if q.path() == "/small" && !accepts(q, "identity") { coded("gzip") } else { right(q) },
            &["small"],
        ),
        ("another coding", |q| if accepts(q, "zstd") { coded("gzip") } else { right(q) }, &["zstd"]),
        ("an error", |q| changed(q, "br", |a| Answer { status: 500, ..a }), &["br"]),
        (
            "nothing is offered",
            |q| if q.path() == "/small" { right(q) } else { plain(text()) },
            &["any coding"],
        ),
    ];
    for (what, script, expected) in cases {
        let (status, report) = report(script);
        assert_eq!(
            (status, checks(&report, "fail")),
            (1, expected.iter().map(|&name| name.to_owned()).collect()),
            "{what}: {report:#}"
        );
    }
}

#[test]
fn what_is_compressed_although_identity_is_wanted_fails() {
    let (status, report) = report(|question| {
        if accepts(question, "identity") && question.path() == "/text" {
            coded("gzip")
        } else {
            right(question)
        }
    });
    assert!(status == 1 && checks(&report, "fail").first().unwrap() == "identity", "{report:#}");
}

#[test]
fn what_changes_is_not_compared() {
    let origin = Origin::start(|question| match right(question) {
        answer if question.header("cache-control").is_some() => {
            answer.body(Body::Sized(b"another ".repeat(200)))
        }
        answer if accepts(question, "identity") => answer.body(Body::Sized(b"one ".repeat(300))),
        answer => answer,
    })
    .unwrap();
    let (status, text, _) = slipstream(&["validate", "compression", &origin.url("/"), "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, checks(&report, "fail")), (0, Vec::new()), "{report:#}");
    for check in ["gzip: body", "br: X-Original-Size", "zstd: X-Compression-Ratio", "small"] {
        assert!(checks(&report, "skip").iter().any(|skipped| skipped == check), "{check}: {report:#}");
    }
}

#[test]
fn what_nobody_has_to_compress_is_skipped() {
    for answer in [
        plain(b"x".repeat(1_023)),
        with(plain(text()), "content-type", "image/png"),
        plain(text()).header("cache-control", "no-transform"),
        plain(text()).header("x-no-compression", "1"),
    ] {
        let (status, report) = report(move |_| answer.clone());
        assert_eq!((status, checks(&report, "fail")), (0, Vec::new()), "{report:#}");
        for check in
            ["gzip", "any coding", "x-no-compression", "gzip;q=0", "identity;q=0, gzip", "identity: Vary"]
        {
            assert!(checks(&report, "skip").iter().any(|skipped| skipped == check), "{check}: {report:#}");
        }
    }
}

#[test]
fn what_does_not_answer_in_time_fails() {
    let (status, report) = report(|question| {
        let answer = right(question);
        if accepts(question, "zstd") { answer.delay(Duration::from_secs(3)) } else { answer }
    });
    assert_eq!((status, checks(&report, "fail")), (1, vec!["zstd".to_owned()]));
    assert!(
        report.to_string().contains("no answer within 1500 ms; --timeout-ms sets the time"),
        "{report:#}"
    );
}

#[test]
fn people_get_a_table() {
    let origin = Origin::start(right).unwrap();
    let (status, text, _) = slipstream(&["validate", "compression", &origin.url("/text")]);
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect())
        .collect();
    assert_eq!((status, lines.first()), (0, Some(&vec!["CHECK", "SEEN", "RESULT", "WHY"])), "{text}");
    let has = |line: &[&str]| lines.iter().any(|found| found == line);
    assert!(has(&["br", "26 of 1536 bytes: 98.3 % (1510 bytes) saved", "PASS"]), "{text}");
    assert!(has(&["br: body", "decodes to the same 1536 bytes", "PASS"]), "{text}");
    assert!(has(&["small", "SKIP", "--small URL names a resource below 1024 bytes"]), "{text}");
    assert!(text.ends_with("\n40 passed, 0 failed, 1 skipped\n"), "{text}");
}

#[test]
fn requests_name_the_host_and_carry_the_fields() {
    let origin = Origin::start(right).unwrap();
    let url = origin.url("/text?a=b");
    let fields = ["--header", "authorization: Bearer x", "--header", "x-a:1", "--host", "shop.example"];
    let (status, _, error) = slipstream(&[&["validate", "compression", &url][..], &fields].concat());
    assert_eq!((status, error.as_str()), (0, ""));
    for question in origin.questions() {
        assert_eq!(question.target, "/text?a=b");
        for (name, value) in [("host", "shop.example"), ("authorization", "Bearer x"), ("x-a", "1")] {
            assert_eq!(question.header(name).as_deref(), Some(value));
        }
    }
}

#[test]
fn mistakes_are_explained() {
    let origin = Origin::start(|_| Answer::new(404, "")).unwrap();
    let (found, url) = (origin.url("/"), "http://127.0.0.1:1/");
    for (arguments, status, complaint) in [
        (&["https://shop.example/"][..], 2, "speaks no TLS; name a listener of plain HTTP"),
        (&["shop.example"], 2, "no scheme; expected http://HOST:PORT/PATH"),
        (&[], 2, "<URL>"),
        (&[url, "--small", "/x"], 2, "'--small <URL>': it has no scheme"),
        (&[url, "--header", "x-key 1"], 2, "expected 'name: value'"),
        (&[url, "--header", "host: a"], 2, "the authority is set by --host"),
        (&[url, "--host", "http://a"], 2, "expected HOST or HOST:PORT"),
        (&[url, "--timeout-ms", "0"], 2, "0 is not in 1..=600000"),
        (&[url], 1, "no answer from http://127.0.0.1:1/: cannot connect to 127.0.0.1:1"),
        (&[&found], 1, "answers 404 Not Found, expected 200; another URL, --host or --header may help"),
    ] {
        let (code, _, error) = slipstream(&[&["validate", "compression"][..], arguments].concat());
        assert_eq!(code, status, "{arguments:?}: {error}");
        assert!(error.contains(complaint), "{arguments:?}: {error:?} lacks {complaint:?}");
    }
}
