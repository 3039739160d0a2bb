//! Compressed answers, read by clients that people have: k6 and a browser.

use std::process::Command;

use e2e::Setup;
use testbed::{Answer, Question, Tool, temp_dir};

/// The sum that the clients are to find, of what they have read as text.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)))
}

/// The same in JavaScript; the text is ASCII.
const CHECKSUM: &str = "function checksum(text) { let sum = 7; \
    for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) >>> 0; return sum; }";

fn body(length: usize) -> String {
    let item = |id: usize| format!(r#"{{"id":{id},"name":"item {}"}},"#, id * 7_919 % 997);
    let all: String = (0..)
        .map(item)
        .scan(0, |sum, item| {
            (*sum < length).then(|| {
                *sum += item.len();
                item
            })
        })
        .collect();
    all
}

/// The paths that are asked for; `/stream` comes in pieces.
const PATHS: [&str; 3] = ["/api/items", "/api/large", "/stream"];

fn text_of(path: &str) -> String {
    body(if path == "/api/large" { 400_000 } else { 20_000 })
}

fn service(question: &Question) -> Answer {
    match question.path() {
        "/" => Answer::new(200, page()).header("content-type", "text/html"),
        "/stream" => Answer::json(text_of("/stream")).chunked(3_000, std::time::Duration::ZERO),
        path => Answer::json(text_of(path)),
    }
}

/// Asks for all paths, and writes what it finds into the document.
fn page() -> String {
    let paths = serde_json::json!(PATHS);
    let filler = "<p>So that the page itself is compressed.</p>".repeat(50);
    format!(
        "<!doctype html><title>asking</title><body>{filler}<script>{CHECKSUM}
        Promise.all({paths}.map(async (path) => {{
            const response = await fetch(path);
            return path + ' ' + response.headers.get('content-encoding') + ' ' + checksum(await response.text());
        }})).then((found) => {{ document.body.innerHTML = '<pre>' + found.join('|') + '|</pre>'; document.title = 'found'; }});
        </script>"
    )
}

#[test]
fn k6_reads_every_coding() {
    let proxy = Setup::new().start(service);
    let folder = temp_dir("k6").unwrap();
    let script = folder.path().join("decode.js");
    let expected: Vec<_> = PATHS.iter().map(|path| (proxy.url(path), checksum(&text_of(path)))).collect();
    let source = format!(
        "import http from 'k6/http'; import {{ check }} from 'k6';
        export const options = {{ thresholds: {{ checks: ['rate==1'], 'checks{{asked:yes}}': ['rate==1'], iterations: ['count==1'] }} }};
        {CHECKSUM}
        export default function () {{
            for (const [url, sum] of {}) {{
                for (const coding of ['gzip', 'deflate', 'br', 'zstd']) {{
                    const response = http.get(url, {{ headers: {{ 'Accept-Encoding': coding }} }});
                    check(response, {{
                        'is encoded': (r) => r.headers['Content-Encoding'] === coding,
                        'is what was sent': (r) => checksum(r.body) === sum,
                    }}, {{ asked: 'yes' }});
                }}
            }}
        }}",
        serde_json::json!(expected)
    );
    std::fs::write(&script, source).unwrap();
    let output = Command::new(Tool::K6.path().unwrap())
        .args(["run", "--quiet", "--no-usage-report", "--address", "", "--vus", "1", "--iterations", "1"])
        .arg(&script)
        .env("K6_NO_USAGE_REPORT", "true")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    assert_eq!(proxy.origin.count("/api/items"), 4, "one for each coding");
}

#[test]
fn a_browser_reads_what_it_asked_for() {
    let proxy = Setup::new().start(service);
    let profile = temp_dir("chromium").unwrap();
    let output = Command::new(Tool::Chromium.path().unwrap())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=60000", "--timeout=60000", "--dump-dom"])
        .arg(proxy.url("/"))
        .output()
        .unwrap();
    let document = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    for path in PATHS {
        // Loopback counts as a safe way, so the browser asks for zstd and br too.
        let found = format!("{path} zstd {}|", checksum(&text_of(path)));
        assert!(document.contains(&found), "no {found} in {document}\n{said}");
    }
}
