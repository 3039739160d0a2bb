//! The binary: its exit statuses, its messages, its end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn slipstream(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipstream"));
    for name in
        ["REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD", "SLIPSTREAM_CONFIG", "SLIPSTREAM_URL"]
    {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = slipstream(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A running `slipstream serve`; killed when dropped.
struct Serving {
    process: Child,
    address: String,
    first_line: String,
}

impl Serving {
    fn start(format: &str) -> Self {
        let mut process = slipstream(&["serve"])
            .env("SLIPSTREAM_LISTEN", "127.0.0.1:0")
            .env("SLIPSTREAM_LOG__FORMAT", format)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        log.read_line(&mut first_line).unwrap();
        // What it says later must not block it.
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
        let start = first_line.find("127.0.0.1:").expect("the first line names the address");
        let address =
            first_line.get(start..).unwrap().chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c));
        Self { address: address.collect(), process, first_line }
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    fn exit(&mut self) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(start.elapsed() < Duration::from_secs(3), "it ends");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn config_check_shows_what_is_in_effect() {
    let output = slipstream(&["config", "check"])
        .env("REDIS_HOST", "cache.example")
        .env("SLIPSTREAM_REDIS__PASSWORD", "hunter2")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for line in [
        "listen = \"127.0.0.1:8900\"",
        "host = \"cache.example\"",
        "password = \"********\"",
        "lease_ms = 1000",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[test]
fn wrong_settings_exit_with_2() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[redis]\nport = 99999").unwrap();
    let path = file.path().to_str().unwrap();
    for command in [&["config", "check", "--config", path][..], &["serve", "--config", path]] {
        let (status, _, error) = run(command);
        assert_eq!(status, 2, "{error}");
        let reason = "invalid value: integer `99999`, expected a whole number from 1 to 65535";
        assert_eq!(error, format!("slipstream: redis.port (from {path}): {reason}\n"));
    }
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = slipstream(&["serve"]).env("SLIPSTREAM_LISTEN", &address).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains(&format!("cannot listen on {address} (setting listen): Address already in use")),
        "{error}"
    );
}

#[test]
fn a_signal_ends_it_with_0() {
    for name in ["TERM", "INT"] {
        let mut serving = Serving::start("text");
        assert!(serving.first_line.contains("listening") && serving.first_line.contains("embedded"));
        serving.signal(name);
        assert_eq!(serving.exit(), 0, "SIG{name}");
    }
}

#[test]
fn logs_are_json_if_asked() {
    let serving = Serving::start("json");
    let line: serde_json::Value = serde_json::from_str(&serving.first_line).unwrap();
    for (name, value) in
        [("level", "INFO"), ("message", "listening"), ("store", "embedded"), ("address", &serving.address)]
    {
        assert_eq!(line.get(name).and_then(|value| value.as_str()), Some(value), "{name} in {line}");
    }
}

#[test]
fn purge_and_stats_talk_to_a_running_companion() {
    let serving = Serving::start("text");
    let url = format!("http://{}", serving.address);
    let purge = run(&[
        "purge",
        "--companion",
        &url,
        "--tag",
        "items",
        "--key",
        "GET a.example/",
        "--prefix",
        "GET b",
    ]);
    assert_eq!((purge.0, purge.2.as_str()), (0, ""));
    assert!(
        purge.1.starts_with("purged 0 entries at ")
            && purge.1.ends_with(":3: 0 followers confirmed, 0 leases ran out\n"),
        "{purge:?}"
    );
    let purge =
        run(&["purge", "--companion", &url, "--soft", "--url", "https://a/x", "--glob", "GET a/*.png"]);
    assert!(purge.0 == 0 && purge.1.contains(":5: "), "{purge:?}");
    let (status, text, _) = run(&["stats", "--companion", &url]);
    let stats: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, stats.get("invalidations").and_then(serde_json::Value::as_u64)), (0, Some(5)));

    let (status, _, error) = run(&["purge", "--companion", &url, "--key", "GET a.example/#gzip"]);
    assert!(
        status == 1 && error.contains("not purged: \"GET a.example/#gzip\" is no primary key"),
        "{error}"
    );
}

#[test]
fn what_is_stored_is_shown_in_tables_and_as_json() {
    let serving = Serving::start("text");
    let url = format!("http://{}", serving.address);
    let page: cache_protocol::EntryPage = {
        let (status, text, error) =
            run(&["cache", "get", "--companion", &url, "--json", "https://a.example/x"]);
        assert_eq!(status, 0, "{error}");
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!((page.store.as_str(), page.entries.len(), page.complete), ("embedded", 0, true));
    let (_, text, _) = run(&["cache", "list", "--companion", &url, "--tag", "a b&c", "--limit", "5"]);
    assert!(text.starts_with("STATE  STATUS") && text.ends_with("0 entries in store embedded\n"), "{text}");
    let (_, text, _) = run(&["cache", "stats", "--companion", &url]);
    assert!(text.contains("entries    0\n") && text.contains("hits       no lookups yet\n"), "{text}");
    let (_, text, _) = run(&["cache", "stats", "--companion", &url, "--json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap().get("hits").is_some(), "{text}");
    let (status, _, error) = run(&["cache", "get", "--companion", &url, "nothing"]);
    assert!(status == 1 && error.contains("\"nothing\" is no URL"), "{error}");
}

#[test]
fn mistakes_on_the_command_line_are_explained() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{unused}");
    for (arguments, status, complaint) in [
        (&["purge"][..], 2, "required arguments"),
        (&["purge", "--everything"], 2, "unexpected argument '--everything'"),
        (&["serve", "--config", "/nowhere/x.toml"], 2, "cannot read /nowhere/x.toml"),
        (&["stats", "--companion", "localhost:1"], 1, "expected http://HOST:PORT"),
        (&["stats", "--companion", &nobody], 1, "no answer from http://127.0.0.1"),
        (&[], 2, "Usage: slipstream <COMMAND>"),
    ] {
        let (code, _, error) = run(arguments);
        assert_eq!(code, status, "{arguments:?}: {error}");
        assert!(error.contains(complaint), "{arguments:?}: {error:?} lacks {complaint:?}");
    }
    let (status, help, _) = run(&["serve", "--help"]);
    assert!(
        status == 0 && help.contains("SLIPSTREAM_<SECTION>__<KEY>") && help.contains("REDIS_HOST"),
        "{help}"
    );
}
