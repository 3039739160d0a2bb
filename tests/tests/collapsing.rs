//! Identical misses that come together make one request to the service.

use std::thread;
use std::time::{Duration, Instant};

use e2e::{Connection, Proxy, Setup, assert_text, hit, route, wait_for, x_cache};
use testbed::{Answer, Client, Question, Response};

const SLOW: Duration = Duration::from_millis(700);

fn slow(question: &Question) -> Answer {
    Answer::json(format!("{{\"of\":\"{}\",\"filler\":\"{}\"}}", question.target, "x".repeat(2_000)))
        .delay(SLOW)
}

/// Asks for these paths at the same time, each on a connection of its own.
fn all_at_once(
    proxy: &Proxy,
    paths: &[String],
    headers: &'static [(&'static str, &'static str)],
) -> Vec<Response> {
    let ask = |url: String| {
        thread::spawn(move || {
            let request = testbed::Request::get(url);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            Client::new().send(request).expect("an answer")
        })
    };
    let asked: Vec<_> = paths.iter().map(|path| ask(proxy.url(path))).collect();
    asked.into_iter().map(|asked| asked.join().expect("no panic")).collect()
}

fn same(path: &str, times: usize) -> Vec<String> {
    vec![path.to_owned(); times]
}

#[test]
fn misses_that_come_together_are_one_request() {
    let proxy = Setup::new().start(slow);
    for headers in [&[][..], &[("accept-encoding", "gzip")]] {
        let before = proxy.origin.total();
        let answers = all_at_once(&proxy, &same("/api/items", 60), headers);
        let body = answers[0].decoded().unwrap();
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.decoded().unwrap() == body));
        assert_eq!(proxy.origin.total() - before, 1);
        let hits = answers.iter().filter(|answer| x_cache(answer) == "HIT").count();
        assert_eq!(hits, 59);
        hit(proxy.get_with("/api/items", headers));
    }
    proxy.wait_for_metric("slipstream_cache_lookups_total", &[("outcome", "miss")], 2.0);
    let collapsed = proxy.metrics().sum("slipstream_cache_lookups_total", &[("outcome", "collapsed")]);
    // On a busy machine some come only when it has landed, and are ordinary hits.
    assert!((1.0..=118.0).contains(&collapsed), "{collapsed}");
}

#[test]
fn different_urls_are_fetched_side_by_side() {
    let proxy = Setup::uncompressed().start(slow);
    let paths: Vec<String> = (0..60).map(|number| format!("/api/items?page={}", number % 12)).collect();
    let start = Instant::now();
    let answers = all_at_once(&proxy, &paths, &[]);
    for (path, answer) in paths.iter().zip(&answers) {
        assert!(answer.text().contains(path), "{path}: {}", answer.text());
    }
    assert_eq!(proxy.origin.total(), 12);
    assert!(start.elapsed() < 6 * SLOW, "{:?}", start.elapsed());
}

#[test]
fn what_may_not_be_stored_does_not_queue() {
    let proxy = Setup::uncompressed().start(|question| slow(question).header("cache-control", "no-store"));
    let start = Instant::now();
    for answer in all_at_once(&proxy, &same("/api/items", 20), &[]) {
        assert_eq!((answer.status, x_cache(&answer).as_str()), (200, "MISS"));
    }
    // They wait for the first, and then go side by side.
    assert!(start.elapsed() < 6 * SLOW, "{:?}", start.elapsed());
    assert_eq!(proxy.origin.total(), 20);
    let start = Instant::now();
    all_at_once(&proxy, &same("/api/items", 20), &[]);
    assert!(start.elapsed() < 4 * SLOW, "now known not to be stored: {:?}", start.elapsed());
}

#[test]
fn a_client_that_leads_and_goes_away_leaves_nobody_waiting() {
    let proxy = Setup::uncompressed().start(slow);
    let mut leader = Connection::open(proxy.front.port());
    leader.send(format!("GET /api/items HTTP/1.1\r\nhost: {}\r\n\r\n", proxy.authority()).as_bytes());
    wait_for("the service to be asked", || proxy.origin.total() == 1);
    let url = proxy.url("/api/items");
    let followers: Vec<_> = (0..10)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || Client::new().get(url))
        })
        .collect();
    thread::sleep(SLOW / 4);
    drop(leader);
    for follower in followers {
        assert_eq!(follower.join().expect("no panic").status, 200);
    }
    assert_eq!(proxy.origin.total(), 2, "one of them took over");
}

#[test]
fn a_write_that_comes_in_between_is_seen_by_those_who_wait() {
    let proxy = Setup::uncompressed()
        .route(route("slow", "{ path: /slow }", "{ default_ttl_seconds: 60, tags: [items] }"))
        .start(|question| match question.method.as_str() {
            "POST" => Answer::json("{}"),
            _ => Answer::json("read").delay(SLOW),
        });
    let url = proxy.url("/slow");
    let ask = |url: &str| {
        let url = url.to_owned();
        thread::spawn(move || Client::new().get(url))
    };
    let before = ask(&url);
    wait_for("the service to be asked", || proxy.origin.count("/slow") == 1);
    assert_eq!(proxy.post("/api/items").status, 200);
    let after = ask(&url);
    for answer in [before, after] {
        assert_text(&answer.join().expect("no panic"), 200, "read");
    }
    assert_eq!(
        proxy.origin.count("/slow"),
        2,
        "what was read before the write answers nobody who came after it"
    );
}
