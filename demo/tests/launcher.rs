//! The service-launcher watches real services, and the generator's signals are taken by the real API.
#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not their helpers")]

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testbed::{Client, Demo, Launch, Postgres, ports, temp_dir, wait_until};

const BINARY: &str = env!("CARGO_BIN_EXE_slipstream-demo");
const PATIENCE: Duration = Duration::from_secs(60);

fn service<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["services"].as_array().unwrap().iter().find(|service| service["name"] == name).unwrap()
}

#[test]
fn the_launcher_tells_who_is_up_and_why_others_are_not() {
    let postgres = Postgres::start().unwrap();
    let demo = Demo::start_binary(BINARY.as_ref(), &postgres.url(), 100).unwrap();
    let dir = temp_dir("launcher").unwrap();
    let (port, nobody) = (ports::free(), ports::free());
    let services = [
        format!("api=http://127.0.0.1:{}/health", demo.port()),
        format!("database=tcp://127.0.0.1:{}", postgres.port()),
        format!("missing=http://127.0.0.1:{}/nothing-here", demo.port()),
        format!("gone=tcp://127.0.0.1:{nobody}"),
    ];
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let _launcher = Launch::new("launcher", BINARY, dir.path())
        .args(["launcher", "--interval-ms", "100", "--listen", &format!("127.0.0.1:{port}")])
        .args(["--services", &services.join(",")])
        .start(|| testbed::http::is_ok(&url("/health")))
        .unwrap();
    let client = Client::new();
    let report = || client.get(url("/api/services")).json();
    assert!(wait_until(PATIENCE, || report()["up"] == 2 && report()["down"] == 2), "{}", report());
    let seen = report();
    assert_eq!(seen["status"], "degraded");
    assert_eq!(service(&seen, "api")["status"], "up");
    assert_eq!(service(&seen, "database")["status"], "up");
    assert!(service(&seen, "missing")["error"].as_str().unwrap().contains("404"), "{seen}");
    assert!(service(&seen, "gone")["error"].as_str().unwrap().contains("takes no connection"), "{seen}");
    drop(demo);
    assert!(wait_until(PATIENCE, || service(&report(), "api")["status"] == "down"), "{}", report());
    assert_eq!(client.get(url("/nothing")).status, 404);
}

#[test]
fn generated_signals_are_taken_and_one_api_can_stand_alone() {
    let postgres = Postgres::start().unwrap();
    let dir = temp_dir("tp-capital").unwrap();
    let port = ports::free();
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let _api = Launch::new("tp-capital", BINARY, dir.path())
        .args(["serve", "--api", "tp-capital", "--signals", "50", "--listen", &format!("127.0.0.1:{port}")])
        .args(["--database-url", &postgres.url()])
        .timeout(PATIENCE)
        .start(|| testbed::http::is_ok(&url("/health")))
        .unwrap();
    let client = Client::new();
    assert_eq!(client.get(url("/api/items")).status, 404, "the other API is not served");
    let generate = |url: &str| {
        let mut generate = Command::new(BINARY);
        generate.args(["generate", "--count", "20", "--per-second", "1000", "--url", url]);
        generate.output().unwrap()
    };
    let output = generate(&url("/api/signals"));
    assert!(output.status.success(), "{output:?}");
    let page = client.get(url("/api/signals?page_size=200")).json();
    assert_eq!(page["signals"].as_array().unwrap().len(), 70);
    assert_eq!(page["signals"][0]["metadata"]["source"], "generator");

    for (url, message) in [
        (url("/api/nothing"), "404"),
        (format!("http://127.0.0.1:{}/", ports::free()), "did not take a signal"),
        ("ftp://somewhere/".to_owned(), "does not begin with http://"),
    ] {
        let output = generate(&url);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(message), "{url}: {said}");
    }
}
