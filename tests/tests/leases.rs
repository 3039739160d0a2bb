//! Identical misses make one request to the service, through however many workers and Envoys they come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Connection, Proxy, Setup, assert_text, hit, wait_for, x_cache};
use testbed::{Answer, Client, FrontProxy, Question, Relay, Request, Response, Way, wait_until};

const SLOW: Duration = Duration::from_millis(700);

fn slow(question: &Question) -> Answer {
    Answer::json(question.target.clone()).delay(SLOW)
}

/// Two Envoys with two workers each, before the same service and companion.
fn two_envoys(service: impl Fn(&Question) -> Answer + Send + Sync + 'static) -> (Proxy, FrontProxy) {
    let proxy = Setup::uncompressed().workers(2).start(service);
    let second = proxy.another_envoy();
    proxy.wait_for_followers(2);
    (proxy, second)
}

/// Asks for a path at the same time, in turn at each Envoy, each on a connection of its own.
fn all_at_once(proxy: &Proxy, second: &FrontProxy, path: &str, times: usize) -> Vec<Response> {
    let asked: Vec<_> = (0..times)
        .map(|number| {
            let url = if number % 2 == 0 { proxy.url(path) } else { second.url(path) };
            let request = Request::get(url).header("host", proxy.authority());
            thread::spawn(move || Client::new().send(request).expect("an answer"))
        })
        .collect();
    asked.into_iter().map(|asked| asked.join().expect("no panic")).collect()
}

#[test]
fn one_fetches_for_all() {
    let (proxy, second) = two_envoys(slow);
    for path in ["/api/items", "/api/items?page=2"] {
        let before = proxy.origin.total();
        let answers = all_at_once(&proxy, &second, path, 60);
        answers.iter().for_each(|answer| assert_text(answer, 200, path));
        assert_eq!(proxy.origin.total() - before, 1, "{path}");
        assert_eq!(answers.iter().filter(|answer| x_cache(answer) == "MISS").count(), 1, "{path}");
        assert_text(&hit(proxy.get_at(&second, path)), 200, path);
    }
}

#[test]
fn what_may_not_be_stored_does_not_queue() {
    let (proxy, second) = two_envoys(|question| slow(question).header("cache-control", "no-store"));
    let start = Instant::now();
    for answer in all_at_once(&proxy, &second, "/v", 20) {
        assert_eq!((answer.status, x_cache(&answer).as_str()), (200, "MISS"));
    }
    assert!(start.elapsed() < 6 * SLOW, "{:?}", start.elapsed());
    assert_eq!(proxy.origin.total(), 20);
}

#[test]
fn whoever_leads_and_goes_away_leaves_nobody_waiting() {
    let (proxy, second) = two_envoys(slow);
    let mut leader = Connection::open(proxy.front.port());
    leader.send(format!("GET /api/items HTTP/1.1\r\nhost: {}\r\n\r\n", proxy.authority()).as_bytes());
    wait_for("the service to be asked", || proxy.origin.total() == 1);
    let start = Instant::now();
    thread::scope(|scope| {
        let others = scope.spawn(|| all_at_once(&proxy, &second, "/api/items", 10));
        thread::sleep(SLOW / 4);
        drop(leader);
        others.join().expect("no panic").iter().for_each(|answer| assert_text(answer, 200, "/api/items"));
    });
    assert_eq!(proxy.origin.total(), 2, "one of them took over");
    assert!(start.elapsed() < 6 * SLOW, "its lease was given back: {:?}", start.elapsed());
}

/// Whoever fetches has told the companion that it has ended, and the companion those that wait: a word that an Envoy which
/// is cut off does not hear.
#[test]
fn nobody_waits_at_a_companion_that_falls_silent() {
    let asked = Arc::new(AtomicUsize::new(0));
    let service = {
        let asked = Arc::clone(&asked);
        move |question: &Question| {
            let is_first = asked.fetch_add(1, Ordering::SeqCst) == 0;
            let other_came = || asked.load(Ordering::SeqCst) > 1;
            match is_first && !wait_until(Duration::from_secs(12), other_came) {
                true => Answer::new(500, "nobody else has asked"),
                false => Answer::json(question.target.clone()),
            }
        }
    };
    let long = "            collapse_wait_ms: 30000\n                            max_entry_bytes:";
    let setup = Setup::uncompressed().edit("            max_entry_bytes:", long);
    let proxy = setup.clone().start(service);
    let relay = Relay::start(proxy.companion.port()).expect("a relay");
    let second = setup.front(proxy.origin.port(), relay.port()).expect("another Envoy");
    proxy.wait_for_followers(2);
    let ask = |url: String| {
        Client::new().send(Request::get(url).header("host", proxy.authority())).expect("an answer")
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| ask(proxy.url("/api/items")));
        wait_for("the service to be asked", || asked.load(Ordering::SeqCst) == 1);
        let waiting = scope.spawn(|| ask(second.url("/api/items")));
        let metrics = proxy.companion.url("/metrics");
        wait_for("it to wait", || {
            Client::new().get(&metrics).text().contains("slipstream_lease_waiters 1\n")
        });
        relay.set(Way::Silent);
        for answer in [first, waiting] {
            assert_text(&answer.join().expect("no panic"), 200, "/api/items");
        }
    });
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}
