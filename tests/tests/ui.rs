//! The page at `/ui` in a real browser, over a real Envoy under traffic.

use std::path::PathBuf;
use std::time::Duration;

use e2e::{Setup, wait_for};
use testbed::browser::{Look, rendered, screenshot};
use testbed::{Answer, Client, Companion, CompanionOptions, Question, Request};

/// Longer than the page's interval, in its own clock.
const LIGHT: Look = Look { size: (1280, 1400), is_dark: false, script_ms: 3_000 };
const DARK: Look = Look { is_dark: true, ..LIGHT };

fn service(question: &Question) -> Answer {
    match question.path() {
        "/api/items/500" => Answer::new(500, "broken"),
        path if path.starts_with("/api/items/") => Answer::json("{}").delay(Duration::from_millis(20)),
        _ => Answer::json("slipstream ".repeat(500)).header("cache-control", "max-age=60"),
    }
}

/// A companion that shows this Envoy, reading it often.
fn companion(envoy: u16) -> Companion {
    let env = [
        ("SLIPSTREAM_UI__ENVOYS".to_owned(), format!("http://127.0.0.1:{envoy}")),
        ("SLIPSTREAM_UI__INTERVAL_MS".to_owned(), "500".to_owned()),
    ];
    Companion::start(&CompanionOptions { env: env.into(), ..CompanionOptions::default() }).unwrap()
}

#[test]
fn a_browser_shows_what_is_going_on() {
    let mut proxy = Setup::new()
        .route("{ name: '<img src=x>', match: { path: /odd }, route: { cluster: workspace } }")
        .start(service);
    // Not the companion that the proxy asks: the page may be any companion's.
    let companion = companion(proxy.front.envoy.admin_port());
    let url = companion.url("/ui");
    let mut page = 0;
    wait_for("charts and hits", || {
        for _ in 0..5 {
            page += 1;
            proxy.get_with(&format!("/api/items?page={}", page % 4), &[("accept-encoding", "gzip")]);
            proxy.get(&format!("/api/items/{}", page % 7));
        }
        proxy.get("/api/items/500");
        proxy.get("/odd");
        let content = Client::new().get(companion.url("/ui/content")).text();
        content.matches("<polyline").count() >= 7 && content.contains("items-list")
    });

    let html = rendered(&url, LIGHT).unwrap();
    assert_eq!(html.matches("<svg").count(), 4, "{html}");
    for expected in [
        "<td>items-list</td>",
        "Requests per second",
        "Hit ratio",
        "class=\"up\">up</td>",
        "id=\"live\" class=\"\">live",
    ] {
        assert!(html.contains(expected), "{expected} in {html}");
    }
    // The filter makes names harmless before the page gets to see them.
    assert!(html.contains("_img_src_x_") && !html.contains("<img"), "{html}");
    assert!(!html.contains("not live"), "{html}");

    // Pictures to look at; that they differ is what can be tested of them.
    let folder = testbed::temp_dir("ui").unwrap();
    let picture = |name: &str, look: Look| {
        let folder = std::env::var_os("SLIPSTREAM_PICTURES").map_or(folder.path().to_owned(), PathBuf::from);
        screenshot(&url, look, &folder.join(name)).unwrap();
        std::fs::read(folder.join(name)).unwrap()
    };
    let pictures: [Vec<u8>; 2] = std::thread::scope(|scope| {
        let taking = scope.spawn(|| [picture("light.png", LIGHT), picture("dark.png", DARK)]);
        while !taking.is_finished() {
            proxy.get(&format!("/api/items?page={page}"));
            proxy.get("/api/items/1");
            page += 1;
        }
        taking.join().unwrap()
    });
    assert!(pictures.iter().all(|picture| picture.len() > 20_000), "an empty page?");
    assert_ne!(pictures[0], pictures[1], "dark is as light");

    proxy.front.envoy.process().kill();
    wait_for("the Envoy to be away", || {
        Client::new().get(companion.url("/ui/content")).text().contains("class=\"away\">away: ")
    });
}

#[test]
fn nothing_foreign_runs_in_it_and_nothing_is_kept() {
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    for path in ["/ui", "/ui/content", "/ui/style.css", "/ui/live.js"] {
        let answer = Client::new().get(companion.url(path));
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"), "{path}");
        assert!(!answer.text().contains("https://"), "{path} asks others");
    }
    let page = Client::new().get(companion.url("/ui")).text();
    assert!(page.contains("ui.envoys"), "it says what to set: {page}");
}

#[test]
fn it_can_be_turned_off() {
    let env = vec![("SLIPSTREAM_UI__ENABLED".to_owned(), "false".to_owned())];
    let companion = Companion::start(&CompanionOptions { env, ..CompanionOptions::default() }).unwrap();
    for path in ["/ui", "/ui/content"] {
        assert_eq!(Client::new().send(Request::get(companion.url(path))).unwrap().status, 404, "{path}");
    }
}
