//! Writes drop what they change, everywhere, before their clients have the answer.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Setup, assert_text, cache_detail, hit, is_hit, is_miss, miss, route, wait_for, x_cache};
use testbed::{Answer, Client, Question, Redis, RedisOptions, Request, artifacts};

/// A list that grows by one with each POST: the number of its version is its body.
fn growing() -> impl Fn(&Question) -> Answer {
    let version = AtomicU64::new(1);
    move |question| {
        if question.method == "POST" {
            return Answer {
                status: 201,
                ..Answer::json((version.fetch_add(1, Ordering::SeqCst) + 1).to_string())
            };
        }
        let seen = version.load(Ordering::SeqCst);
        // What was read takes a while to arrive: a write may overtake it.
        Answer::json(seen.to_string()).delay(Duration::from_millis(seen % 7))
    }
}

#[test]
fn a_post_drops_the_lists_before_its_answer() {
    let proxy = Setup::uncompressed().start(growing());
    let others = ["/api/items?page=2", "/api/stats"];
    for round in 1..=5 {
        for path in ["/api/items", others[0], others[1]] {
            assert_text(&miss(proxy.get(path)), 200, &round.to_string());
            assert_text(&hit(proxy.get(path)), 200, &round.to_string());
        }
        let written = proxy.post("/api/items");
        assert_eq!(written.status, 201);
        assert_eq!(written.header("cache-status").as_deref(), Some("slipstream; fwd=method"));
    }
    proxy.wait_for_metric("slipstream_cache_invalidations_total", &[("outcome", "delivered")], 5.0);
}

#[test]
fn nobody_reads_an_old_list_after_a_write_was_answered() {
    const DURATION: Duration = Duration::from_secs(5);
    let proxy = Setup::uncompressed().workers(2).start(growing());
    let second = proxy.another_envoy();
    proxy.wait_for_followers(2);
    let urls = [proxy.url("/api/items"), second.url("/api/items")];
    // Asked by one name, the two Envoys share their entries.
    let host = proxy.authority();
    let stop = AtomicBool::new(false);
    let hits = AtomicU64::new(0);
    let writes = AtomicU64::new(0);
    let get = |client: &Client, url: &str| -> u64 {
        let response = client.send(Request::get(url).header("host", &host)).expect("an answer");
        hits.fetch_add(u64::from(is_hit(&response)), Ordering::Relaxed);
        response.text().parse().expect("a version")
    };
    thread::scope(|scope| {
        for filler in 0..4 {
            let (get, urls, stop) = (&get, &urls, &stop);
            scope.spawn(move || {
                let client = Client::new();
                while !stop.load(Ordering::Relaxed) {
                    get(&client, &urls[filler % 2]);
                }
            });
        }
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (get, urls, writes, host) = (&get, &urls, &writes, &host);
                scope.spawn(move || {
                    let post = Client::new();
                    // Several connections to each Envoy, so that both its workers are asked.
                    let readers: Vec<Client> = (0..6).map(|_| Client::new()).collect();
                    let start = Instant::now();
                    while start.elapsed() < DURATION {
                        let body = serde_json::json!({});
                        let request = Request::post_json(&urls[writer], &body).header("host", host);
                        let written = post.send(request).expect("an answer");
                        assert_eq!(written.status, 201);
                        let written: u64 = written.text().parse().expect("a version");
                        for (number, reader) in readers.iter().enumerate() {
                            let read = get(reader, &urls[number % 2]);
                            assert!(read >= written, "read {read} after {written} was written");
                        }
                        writes.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        stop.store(true, Ordering::Relaxed);
        outcomes.into_iter().for_each(|outcome| outcome.expect("no old list"));
    });
    let (hits, writes) = (hits.into_inner(), writes.into_inner());
    assert!(writes >= 10 && hits >= writes, "{writes} writes and {hits} hits prove little");
}

/// Lets the origin's first answer to GET wait until the test says so.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
}

#[test]
fn a_store_that_began_before_an_invalidation_does_not_come_back() {
    for by_post in [true, false] {
        let gate = Gate::default();
        let at_origin = gate.clone();
        let written = AtomicBool::new(false);
        let proxy = Setup::uncompressed().start(move |question| {
            if question.method == "POST" {
                written.store(true, Ordering::SeqCst);
                return Answer::json("{}");
            }
            if question.target.ends_with("slow") {
                // Read before the write, answered after it.
                let body = if written.swap(true, Ordering::SeqCst) { "new" } else { "old" };
                if body == "old" {
                    at_origin.pass();
                }
                return Answer::json(body);
            }
            Answer::json("x")
        });
        thread::scope(|scope| {
            let slow = scope.spawn(|| Client::new().get(proxy.url("/api/items?slow")));
            wait_for("the request to reach the origin", || proxy.origin.count("/api/items") == 1);
            if by_post {
                assert_eq!(proxy.post("/api/items").status, 200);
            } else {
                proxy.invalidate(&serde_json::json!({"prefixes": ["GET "]}));
            }
            gate.open();
            assert_text(&slow.join().unwrap(), 200, "old");
        });
        // The slow answer is stored by its client's stream; ask until that must be over.
        for _ in 0..50 {
            assert_text(&proxy.get("/api/items?slow"), 200, "new");
        }
        hit(proxy.get("/api/items?slow"));
        let second = proxy.another_envoy();
        assert_text(&proxy.get_at(&second, "/api/items?slow"), 200, "new");
    }
}

#[test]
fn only_a_write_that_succeeded_invalidates() {
    for (status, invalidates) in [
        (200, true),
        (204, true),
        (303, true),
        (400, false),
        (404, false),
        (409, false),
        (500, false),
        (503, false),
    ] {
        // One proxy would do but for the time it takes to tell their entries apart: a query each.
        let path = format!("/api/items/{status}");
        let proxy = shared();
        miss(proxy.get(&path));
        hit(proxy.get(&path));
        assert_eq!(proxy.send("DELETE", &path, &[]).status, status);
        assert_eq!(is_miss(&proxy.get(&path)), invalidates, "{status}");
    }
}

/// Answers what a write's path says.
fn shared() -> &'static e2e::Proxy {
    use std::sync::OnceLock;
    static SHARED: OnceLock<e2e::Proxy> = OnceLock::new();
    SHARED.get_or_init(|| {
        Setup::uncompressed().start(|question| match question.method.as_str() {
            "GET" => Answer::json("x"),
            _ => Answer::new(question.path().rsplit('/').next().unwrap().parse().unwrap_or(200), ""),
        })
    })
}

#[test]
fn every_unsafe_method_invalidates_its_own_uri_and_no_safe_one_does() {
    let proxy = Setup::uncompressed().start(|_| Answer::json("x"));
    for (method, invalidates) in [
        ("POST", true),
        ("PUT", true),
        ("PATCH", true),
        ("DELETE", true),
        ("MODIFY", true),
        ("OPTIONS", false),
        ("PROPFIND", false),
        ("HEAD", false),
    ] {
        proxy.get("/api/items/1?a=1&b=2");
        proxy.get("/api/items/2");
        hit(proxy.get("/api/items/1?a=1&b=2"));
        assert_eq!(proxy.send(method, "/api/items/1?b=2&a=1", &[]).status, 200, "{method}");
        assert_eq!(is_miss(&proxy.get("/api/items/1?a=1&b=2")), invalidates, "{method}");
        hit(proxy.get("/api/items/2"));
    }
}

#[test]
fn the_purge_command_purges_both_levels() {
    let proxy = Setup::uncompressed()
        .route(route("tagged", "{ prefix: /tagged }", "{ default_ttl_seconds: 60, tags: [red, blue] }"))
        .start(|_| Answer::json("x"));
    let second = proxy.another_envoy();
    proxy.wait_for_followers(2);
    let paths = ["/api/items", "/api/items?page=2", "/api/items/7", "/tagged/1"];
    let key = format!("GET {}/api/items", proxy.authority());
    let prefix = format!("{key}/");
    let get_second = |path: &str| proxy.get_at(&second, path);
    for (what, purged) in [
        (vec!["--key", key.as_str()], vec![paths[0]]),
        (vec!["--tag", "blue"], vec![paths[3]]),
        (vec!["--tag", "nobody-has-it"], vec![]),
        (vec!["--prefix", prefix.as_str()], vec![paths[2]]),
        (vec!["--key", key.as_str(), "--tag", "red"], vec![paths[0], paths[3]]),
        (vec!["--all"], paths.to_vec()),
    ] {
        for path in paths {
            proxy.get(path);
            hit(proxy.get(path));
            wait_for("the second Envoy to have it", || is_hit(&get_second(path)));
        }
        let mut command = Command::new(artifacts::companion().unwrap());
        let output = command
            .arg("purge")
            .args(&what)
            .args(["--companion", &proxy.companion.url("")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{what:?}: {output:?}");
        assert!(said.starts_with("purged ") && said.contains("4 followers confirmed, 0 leases"), "{said}");
        for path in paths {
            let is_purged = purged.contains(&path);
            let first = if is_purged { miss(get_second(path)) } else { hit(get_second(path)) };
            assert_eq!(first.status, 200);
            if !is_purged {
                hit(proxy.get(path));
            } else {
                // The first Envoy's own copy is gone too: what it serves now came through the second's store.
                let age = proxy.get(path).header("age");
                assert!(age.is_none_or(|age| age.parse::<u64>().unwrap() <= 20), "{what:?} {path}");
            }
        }
    }
}

#[test]
fn companions_with_one_redis_share_entries_and_invalidations() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let setup = Setup::uncompressed().redis(&redis);
    let proxy = setup.clone().start(growing());
    let other = setup.companion(None).unwrap();
    let second = setup.front(proxy.origin.port(), other.port()).unwrap();
    let get_second = || proxy.get_at(&second, "/api/items");
    wait_for("the first to have stored", || is_hit(&proxy.get("/api/items")));
    wait_for("the second to find it", || is_hit(&get_second()));
    assert_eq!(get_second().text(), "1");
    proxy.post("/api/items");
    assert_text(&miss(proxy.get("/api/items")), 200, "2");
    wait_for("the second companion to know", || get_second().text() == "2");
    assert_ne!(x_cache(&get_second()), "BYPASS");
}

#[test]
fn addresses_too_long_to_be_invalidated_leave_the_cache_on() {
    let proxy = Setup::uncompressed().start(|_| Answer::json("x"));
    let long = format!("/api/items/1?{}", "q".repeat(20_000));
    for _ in 0..2 {
        let response = proxy.get(&long);
        assert_eq!((x_cache(&response).as_str(), cache_detail(&response).as_str()), ("BYPASS", "long-key"));
    }
    assert_eq!(proxy.send("PUT", &long, &[]).status, 200);
    miss(proxy.get("/api/items"));
    hit(proxy.get("/api/items"));
    // The tags that a route invalidates go even so. (This route is told by its path and method.)
    assert_eq!(proxy.send("POST", &format!("/api/items?{}", "q".repeat(20_000)), &[]).status, 200);
    miss(proxy.get("/api/items"));
    hit(proxy.get("/api/items"));
}

#[test]
fn a_write_drops_what_its_answer_names() {
    let proxy = Setup::uncompressed().start(|question| match question.method.as_str() {
        "POST" => Answer::new(201, "{}").header("location", "/elsewhere/7"),
        _ => Answer::json("{}").header("cache-control", "max-age=60"),
    });
    for path in ["/elsewhere/7", "/elsewhere/8"] {
        miss(proxy.get(path));
        hit(proxy.get(path));
    }
    assert_eq!(proxy.post("/elsewhere").status, 201);
    miss(proxy.get("/elsewhere/7"));
    hit(proxy.get("/elsewhere/8"));
}

#[test]
fn responses_are_invalidated_by_the_tags_they_bring() {
    let proxy = Setup::uncompressed().start(|question| {
        let tags = if question.path().ends_with("/7") { "item-7 shop" } else { "shop" };
        Answer::json("{}").header("surrogate-key", tags)
    });
    for path in ["/api/items/7", "/api/items/8"] {
        miss(proxy.get(path));
        hit(proxy.get(path));
    }
    proxy.invalidate(&serde_json::json!({"tags": ["item-7"]}));
    miss(proxy.get("/api/items/7"));
    hit(proxy.get("/api/items/8"));
    proxy.invalidate(&serde_json::json!({"tags": ["shop"]}));
    for path in ["/api/items/7", "/api/items/8"] {
        miss(proxy.get(path));
    }
}
