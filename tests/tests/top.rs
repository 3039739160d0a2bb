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
    /// Where the process id of the program is.
    folder: tempfile::TempDir,
}

impl Terminal {
    /// Runs it by `script`, which makes the terminal.
    fn run(program: &Command) -> Terminal {
        let words = std::iter::once(program.get_program()).chain(program.get_args());
        let line: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let folder = testbed::temp_dir("terminal").unwrap();
        let process = folder.path().join("process");
        // What the terminal is like afterwards is shown on it.
        let line = format!(
            "stty rows 24 cols 120; sh -c 'echo $$ >{}; exec {}'; status=$?; stty -a; exit $status",
            process.display(),
            line.join(" ")
        );
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
        Terminal { program, screen, folder }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn wait_for(&self, what: &str, shows: impl Fn(&str) -> bool) {
        let found = testbed::wait_until(e2e::PATIENCE, || shows(&self.text()));
        assert!(found, "waited in vain for {what} in\n{}", self.text());
    }

    /// Types, and waits until the program has ended well and the terminal is as it was.
    fn end_with(mut self, keys: &[u8]) {
        self.program.stdin.as_mut().unwrap().write_all(keys).unwrap();
        self.ends();
    }

    /// Sends the program a signal by its name, and waits as `end_with` does.
    fn end_by(mut self, signal: &str) {
        let process = std::fs::read_to_string(self.folder.path().join("process")).unwrap();
        let kill = format!("kill -{signal} {process}");
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
        self.ends();
    }

    fn ends(&mut self) {
        let mut status = None;
        wait_for("the program to end", || {
            status = self.program.try_wait().unwrap();
            status.is_some()
        });
        self.wait_for("the settings of the terminal", |text| text.contains("iexten"));
        let (text, screen) = (self.text(), self.screen.lock().unwrap());
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{text}");
        assert!(!screen.screen().alternate_screen() && !screen.screen().hide_cursor(), "{text}");
        for setting in [" icanon", " echo", " isig"] {
            assert!(
                text.contains(setting) || text.contains(&setting.replace(' ', "\n")),
                "{setting}: {text}"
            );
        }
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
    terminal.end_with(b"q");
}

#[test]
fn several_envoys_are_one_picture_and_one_that_goes_away_leaves_the_others() {
    let proxy = Setup::new().start(service);
    let mut other = proxy.another_envoy();
    let companion = proxy.companion.port();
    let (first, second) = (proxy.front.envoy.admin_port(), other.envoy.admin_port());
    let second_url = format!("http://127.0.0.1:{second}");
    let arguments = ["--envoy", &second_url, "--interval-ms", "200", "--window", "5"];
    let terminal = Terminal::run(&top(first, companion, &arguments));
    let state = |text: &str, port: u16| {
        let url = format!("http://127.0.0.1:{port}");
        text.lines().find_map(|line| line.strip_prefix(&url).map(|state| state.trim().to_owned()))
    };
    terminal.wait_for("both Envoys to be up", |text| {
        [first, second].iter().all(|port| state(text, *port).as_deref() == Some("up"))
    });
    // Each Envoy is asked for another route: the picture has both.
    let ask_both = || {
        proxy.get("/api/items");
        proxy.get_at(&other, "/health");
    };
    terminal.wait_for("routes of both", |text| {
        ask_both();
        text.contains("workspace/items-list") && text.contains("workspace/health")
    });
    other.envoy.process().kill();
    terminal.wait_for("the second to be away, and the first not", |text| {
        proxy.get("/api/items");
        state(text, second).is_some_and(|state| state.starts_with("away: "))
            && state(text, first).as_deref() == Some("up")
    });
    terminal.wait_for("only what the first serves", |text| {
        proxy.get("/api/items");
        text.contains("workspace/items-list")
            && !rate(text, "workspace/health").is_some_and(|rate| rate > 0.0)
    });
    terminal.wait_for("the first's rate", |text| {
        proxy.get("/api/items");
        rate(text, "workspace/items-list").is_some_and(|rate| rate > 0.0)
    });
    terminal.end_by("TERM");

    let once = top(first, companion, &["--envoy", &second_url, "--once", "--json", "--interval-ms", "100"]);
    let overview: serde_json::Value = serde_json::from_slice(&{ once }.output().unwrap().stdout).unwrap();
    let up: Vec<&serde_json::Value> =
        overview["sources"].as_array().unwrap().iter().map(|source| &source["up"]).collect();
    assert_eq!(up, [true, false, true], "{overview}");
}

/// The requests a second that stand in a route's line.
fn rate(text: &str, route: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.split_once(route))?;
    line.1.split_whitespace().next()?.parse().ok()
}

#[test]
fn every_way_to_end_it_restores_the_terminal() {
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    let start = || {
        let terminal = Terminal::run(&top(testbed::ports::free(), companion.port(), &[]));
        terminal.wait_for("a first picture", |text| text.contains("q: quit"));
        assert!(terminal.screen.lock().unwrap().screen().alternate_screen());
        terminal
    };
    for keys in [&b"\x03"[..], b"q", b"\x1b"] {
        start().end_with(keys);
    }
    for signal in ["TERM", "INT", "HUP"] {
        start().end_by(signal);
    }
}
