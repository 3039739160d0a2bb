//! `slipstream top` at a real terminal, over a real Envoy that goes away and comes back.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::{Proxy, Setup, wait_for};
use testbed::{Answer, Companion, CompanionOptions, Question, artifacts};

fn service(question: &Question) -> Answer {
    match question.path() {
        "/api/items/500" => Answer::new(500, "broken"),
        "/api/items/slow" => Answer::json("slow").delay(Duration::from_millis(150)),
        _ => Answer::json("x".repeat(5_000)).header("cache-control", "max-age=60"),
    }
}

/// `slipstream top` for the stack, with more arguments.
fn top(envoy: u16, companion: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new(artifacts::companion().unwrap());
    command.args(["top", "--envoy", &format!("http://127.0.0.1:{envoy}")]);
    command.args(["--companion", &format!("http://127.0.0.1:{companion}")]).args(arguments);
    command
}

fn of(proxy: &Proxy, arguments: &[&str]) -> Command {
    top(proxy.front.envoy.admin_port(), proxy.companion.port(), arguments)
}

/// Traffic on three routes, some of it while `top` is between its two readings.
fn traffic(proxy: &Proxy) {
    for page in 0..10 {
        proxy.get_with(&format!("/api/items?page={}", page % 2), &[("accept-encoding", "gzip")]);
    }
    proxy.get("/api/items/500");
    proxy.send("PUT", "/api/items/slow", &[]);
}

#[test]
fn once_is_for_scripts() {
    let proxy = Setup::new().start(service);
    traffic(&proxy);
    proxy.wait_for_metric("http_requests_total", &[], 12.0);
    let top = of(&proxy, &["--once", "--json", "--interval-ms", "4000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log_of_envoy_grew = 0;
    // Until it is over there is traffic, so that there is some between the readings, whenever they are.
    let top = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| top.wait_with_output().unwrap());
        while !waiting.is_finished() {
            traffic(&proxy);
            log_of_envoy_grew += 1;
        }
        waiting.join().unwrap()
    });
    assert!(log_of_envoy_grew > 0 && top.status.success(), "{}", String::from_utf8_lossy(&top.stderr));
    let overview: serde_json::Value = serde_json::from_slice(&top.stdout).unwrap();
    assert!(overview["sources"].as_array().unwrap().iter().all(|source| source["up"] == true), "{overview}");
    assert_eq!(overview["sources"][1]["kind"], "companion");
    assert!(overview["window_seconds"].as_f64().unwrap() >= 4.0, "{overview}");
    assert!(overview["total"]["requests_per_second"].as_f64().unwrap() > 1.0, "{overview}");
    assert_eq!(overview["store_ready"], true);
    assert_eq!(overview["pool_active"], serde_json::Value::Null);
    let routes = overview["routes"].as_array().unwrap();
    let route = |name: &str| {
        routes.iter().find(|route| route["route"] == name).unwrap_or_else(|| panic!("{overview}"))
    };
    assert_eq!(route("items-list")["hit_ratio"], 1.0, "{overview}");
    let failed = route("item")["failed_share"].as_f64().unwrap();
    assert!((0.3..0.7).contains(&failed), "{overview}");
    // The slow half of the item's requests takes 150 ms.
    let p99 = route("item")["p99_seconds"].as_f64().unwrap();
    assert!((0.1..5.0).contains(&p99), "{overview}");

    let text = of(&proxy, &["--once", "--interval-ms", "100"]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("ROUTE") && text.contains("REQ/S") && text.contains("  up\n"), "{text}");
}

#[test]
fn nobody_there_is_a_failure_that_says_so() {
    let ports = [testbed::ports::free(), testbed::ports::free()];
    let top = top(ports[0], ports[1], &["--once", "--interval-ms", "100"]).output().unwrap();
    assert_eq!(top.status.code(), Some(1));
    let text = String::from_utf8(top.stdout).unwrap();
    assert_eq!(text.matches("away: no answer from http://127.0.0.1:").count(), 2, "{text}");
}

#[test]
fn an_envoy_that_answers_something_else_is_away_too() {
    let origin = testbed::Origin::start(|_| Answer::new(404, "nothing here")).unwrap();
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    let top = top(origin.port(), companion.port(), &["--once", "--interval-ms", "100"]).output().unwrap();
    let text = String::from_utf8(top.stdout).unwrap();
    assert!(top.status.success(), "the companion is there: {text}");
    assert!(text.contains("away: ") && text.contains("404"), "{text}");
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let top = top(1, 2, &[]).output().unwrap();
    assert_eq!(top.status.code(), Some(1));
    let said = String::from_utf8_lossy(&top.stderr).into_owned();
    assert!(said.contains("no terminal") && said.contains("--once"), "{said}");
}

/// A program at a terminal of 24 lines and 120 columns.
struct Terminal {
    program: Child,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Runs it by `script`, which makes the terminal.
    fn run(program: &Command) -> Terminal {
        let words = std::iter::once(program.get_program()).chain(program.get_args());
        let line: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let line = format!("stty rows 24 cols 120; exec {}", line.join(" "));
        let mut program = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command", &line, "/dev/null"])
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = program.stdout.take().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(24, 120, 0)));
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..length]);
            }
        });
        Terminal { program, screen }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn wait_for(&self, what: &str, shows: impl Fn(&str) -> bool) {
        let found = testbed::wait_until(e2e::PATIENCE, || shows(&self.text()));
        assert!(found, "waited in vain for {what} in\n{}", self.text());
    }

    /// Types, and returns the exit status.
    fn end_with(mut self, keys: &[u8]) -> (Option<i32>, bool, bool) {
        self.program.stdin.as_mut().unwrap().write_all(keys).unwrap();
        let mut status = None;
        wait_for("the program to end", || {
            status = self.program.try_wait().unwrap();
            status.is_some()
        });
        wait_for("the terminal to be as it was", || !self.screen.lock().unwrap().screen().alternate_screen());
        let screen = self.screen.lock().unwrap();
        (
            status.and_then(|status| status.code()),
            screen.screen().alternate_screen(),
            screen.screen().hide_cursor(),
        )
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn an_envoy_that_goes_away_and_comes_back_is_shown_so() {
    let mut proxy = Setup::new().start(service);
    let terminal = Terminal::run(&of(&proxy, &["--interval-ms", "200"]));
    let envoy = format!("http://127.0.0.1:{}", proxy.front.envoy.admin_port());
    let state = |text: &str| {
        text.lines().find_map(|line| line.strip_prefix(&envoy).map(|state| state.trim().to_owned()))
    };
    terminal.wait_for("Envoy to be up", |text| state(text).as_deref() == Some("up"));
    terminal.wait_for("a route", |text| {
        traffic(&proxy);
        text.contains("workspace/items-list") && text.contains("100.0 %") && text.contains("companion  ready")
    });

    proxy.front.envoy.process().kill();
    terminal
        .wait_for("Envoy to be away", |text| state(text).is_some_and(|state| state.starts_with("away: ")));
    terminal.wait_for("the companion to be up all the same", |text| text.contains("companion  ready"));
    proxy.front.envoy.start_again().unwrap();
    terminal.wait_for("Envoy to be up again", |text| state(text).as_deref() == Some("up"));

    assert!(terminal.screen.lock().unwrap().screen().alternate_screen());
    assert_eq!(terminal.end_with(b"q"), (Some(0), false, false));
}

#[test]
fn every_way_to_end_it_restores_the_terminal() {
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    for keys in [&b"\x03"[..], b"q"] {
        let terminal = Terminal::run(&top(testbed::ports::free(), companion.port(), &[]));
        terminal.wait_for("a first picture", |text| text.contains("q: quit"));
        assert_eq!(terminal.end_with(keys), (Some(0), false, false), "{keys:?}");
    }
}
