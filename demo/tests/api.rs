//! The API on a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not their helpers")]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::{Client, Demo, PgBouncer, PgBouncerOptions, Postgres, Request};

const ITEMS: u32 = 2_000;

struct Fixture {
    demo: Demo,
    postgres: Postgres,
}

fn start(items: u32) -> Fixture {
    let postgres = Postgres::start().unwrap();
    let binary = env!("CARGO_BIN_EXE_slipstream-demo");
    let demo = Demo::start_binary(binary.as_ref(), &postgres.url(), items).unwrap();
    Fixture { demo, postgres }
}

/// Shared by the tests that only read.
static READ_ONLY: LazyLock<Fixture> = LazyLock::new(|| start(ITEMS));

fn get(path: &str) -> Value {
    let response = Client::new().get(READ_ONLY.demo.url(path));
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    assert_eq!(response.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(response.header("cache-control"), None, "the service knows nothing of caches");
    response.json()
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap()
}

#[test]
fn lists_are_pages_newest_first() {
    let first = get("/api/items");
    assert_eq!(
        (&first["total"], &first["page"], &first["page_size"]),
        (&json!(ITEMS), &json!(1), &json!(50))
    );
    let ids: Vec<i64> = items(&first).iter().map(|item| item["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, (1951..=2000).rev().collect::<Vec<_>>());
    let last = get("/api/items?page=10&page_size=200");
    assert_eq!((items(&last).len(), &last["items"][199]["id"]), (200, &json!(1)));
    assert_eq!(items(&get("/api/items?page=11&page_size=200")).len(), 0);
}

#[test]
fn through_pgbouncer_every_answer_is_the_same() {
    let postgres = &READ_ONLY.postgres;
    let target = format!("host=127.0.0.1 port={}", postgres.port());
    let databases = vec![("postgres".to_owned(), target)];
    let settings = vec!["default_pool_size = 3".to_owned()];
    let pgbouncer = PgBouncer::start(&PgBouncerOptions { databases, settings }).unwrap();
    let binary = env!("CARGO_BIN_EXE_slipstream-demo");
    let pooled =
        Demo::start_binary_pooled(binary.as_ref(), &postgres.url(), pgbouncer.port(), ITEMS).unwrap();
    let paths: Vec<String> = (1..=12)
        .map(|page| format!("/api/items?page={page}&page_size=7"))
        .chain((1..=24).map(|id| format!("/api/items/{id}")))
        .chain(["/api/stats", "/api/items?category=data&q=ledger&tag=api"].map(str::to_owned))
        .collect();
    let expected: Vec<Value> = paths.iter().map(|path| get(path)).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let client = Client::new();
                for (path, expected) in paths.iter().zip(&expected) {
                    assert_eq!(client.get(pooled.url(path)).json(), *expected, "{path}");
                }
            });
        }
    });
}

/// An API with a query cache that nobody feeds answers as one without.
#[test]
fn without_a_companion_every_read_is_the_databases() {
    let env = [("QUERY_CACHE_ENABLED", "true"), ("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", "1")];
    let binary = env!("CARGO_BIN_EXE_slipstream-demo");
    let demo = Demo::start_binary_with(binary.as_ref(), &READ_ONLY.postgres.url(), ITEMS, &env).unwrap();
    let client = Client::new();
    for path in
        ["/api/items?page=3", "/api/items?q=payment&status=new", "/api/items/7", "/api/items/0", "/api/stats"]
    {
        let own = client.get(demo.url(path));
        let expected = client.get(READ_ONLY.demo.url(path));
        assert_eq!((own.status, own.json()), (expected.status, expected.json()), "{path}");
    }
    assert!(client.get(demo.url("/metrics")).text().contains("slipstream_query_cache_bypasses_total"));
    assert_eq!(client.get(READ_ONLY.demo.url("/metrics")).text(), "");
}

#[test]
fn filters_and_search_select_and_combine() {
    let all: i64 = get("/api/items?category=data")["total"].as_i64().unwrap();
    let filters = ["status=new", "priority=high", "tag=api", "q=ledger"];
    for filter in filters {
        let page = get(&format!("/api/items?category=data&{filter}&page_size=200"));
        let (name, value) = filter.split_once('=').unwrap();
        assert!((1..all).contains(&page["total"].as_i64().unwrap()), "{filter}: {}", page["total"]);
        for item in items(&page) {
            assert_eq!(item["category"], "data");
            match name {
                "tag" => assert!(item["tags"].as_array().unwrap().contains(&json!(value))),
                "q" => assert!(item.to_string().contains(value)),
                _ => assert_eq!(item[name], value),
            }
        }
    }
    // Stemming, two words in any order, and a word that is nowhere.
    assert!(get("/api/items?q=ledgers")["total"].as_i64() > Some(0));
    assert_eq!(get("/api/items?q=ledger+slow")["total"], get("/api/items?q=slow%20ledger")["total"]);
    assert_eq!(get("/api/items?q=xylophone")["total"], 0);
}

#[test]
fn statistics_add_up() {
    let stats = get("/api/stats");
    assert_eq!(stats["total"], ITEMS);
    for (group, names) in [("by_category", 8), ("by_status", 5)] {
        let rows = stats[group].as_array().unwrap();
        assert_eq!(rows.len(), names);
        assert_eq!(rows.iter().map(|row| row["count"].as_i64().unwrap()).sum::<i64>(), i64::from(ITEMS));
        for row in rows {
            assert!((1.0..=3.0).contains(&row["average_tags"].as_f64().unwrap()), "{row}");
        }
        let name = group.trim_start_matches("by_");
        let listed = get(&format!("/api/items?{name}={}", rows[0]["name"].as_str().unwrap()));
        assert_eq!(rows[0]["count"], listed["total"]);
    }
}

#[test]
fn pages_by_where_the_last_one_ended_miss_nothing_and_repeat_nothing() {
    for filter in ["", "&category=data", "&q=payment&status=completed"] {
        let by_number = get(&format!("/api/items?page_size=200{filter}"));
        let mut after = String::new();
        let mut seen = Vec::new();
        loop {
            let page = get(&format!("/api/items?page_size=20{filter}{after}"));
            seen.extend(items(&page).clone());
            match page["next"].as_str().filter(|_| seen.len() < 200) {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
            assert!(get(&format!("/api/items?page_size=20{filter}{after}"))["total"].is_null());
        }
        assert_eq!(&seen, items(&by_number), "{filter}");
    }
}

#[test]
fn signals_are_listed_by_asset_channel_and_type() {
    let signals = |path: &str| get(path)["signals"].as_array().unwrap().clone();
    let all = signals("/api/signals?page_size=200");
    assert_eq!((all.len(), &all[0]["id"]), (200, &json!(ITEMS)));
    let first = &all[0];
    let (asset, channel, kind) = (&first["asset"], &first["channel"], &first["type"]);
    let path = format!(
        "/api/signals?asset={}&channel={}&type={}",
        asset.as_str().unwrap(),
        channel.as_str().unwrap(),
        kind.as_str().unwrap()
    );
    let some = signals(&path);
    assert!(some.contains(first));
    for signal in &some {
        assert_eq!((&signal["asset"], &signal["channel"], &signal["type"]), (asset, channel, kind));
    }
    let page = get("/api/signals?page_size=100");
    let next = get(&format!("/api/signals?page_size=100&after={}", page["next"].as_str().unwrap()));
    assert_eq!(next["signals"].as_array().unwrap()[..], all[100..]);
    let latest = signals("/api/signals/latest");
    assert_eq!(latest.len(), 20);
    assert!(
        latest.contains(first) && latest.is_sorted_by_key(|own| own["asset"].as_str().unwrap().to_owned())
    );
    let summary = get("/api/signals/summary?day=2024-01-01");
    let groups = summary["groups"].as_array().unwrap();
    let total: i64 = groups.iter().map(|group| group["count"].as_i64().unwrap()).sum();
    assert_eq!(total, i64::from(ITEMS), "the first day has 2,879 places");
    assert!(groups.iter().all(|own| own["lowest"].as_f64() <= own["average"].as_f64()));
}

#[test]
fn bad_requests_say_what_is_wrong() {
    let client = Client::new();
    let cases = [
        ("GET", "/api/items?page=0", "", 400, "page"),
        ("GET", "/api/items?tag=%00", "", 400, "tag"),
        ("GET", "/api/items?category=x", "", 400, "category"),
        ("GET", "/api/items?after=x", "", 400, "after"),
        ("GET", "/api/items?after=1-1&page=2", "", 400, "after"),
        ("GET", "/api/signals?type=x", "", 400, "type"),
        ("GET", "/api/signals/summary?day=2023-02-29", "", 400, "day"),
        (
            "POST",
            "/api/signals",
            r#"{"asset": "A", "channel": "c", "type": "buy", "price": -1}"#,
            422,
            "price",
        ),
        ("POST", "/api/signals", r#"{"asset": "", "channel": "c", "type": "buy", "price": 1}"#, 422, "asset"),
        ("GET", "/api/items/999999999", "", 404, ""),
        ("GET", "/api/items/abc", "", 404, ""),
        ("GET", "/nowhere", "", 404, ""),
        ("DELETE", "/api/items", "", 405, ""),
        ("POST", "/api/items", "{", 400, "body"),
        ("POST", "/api/items", r#"{"title": "", "category": "data"}"#, 422, "title"),
    ];
    for (method, path, body, status, field) in cases {
        let mut request = Request::new(method, READ_ONLY.demo.url(path));
        if method == "POST" {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = client.send(request).unwrap();
        assert_eq!(response.status, status, "{method} {path}: {}", response.text());
        let answer = response.json();
        assert!(answer["error"].is_string(), "{answer}");
        assert_eq!(answer["field"].as_str().unwrap_or_default(), field, "{answer}");
    }
}

#[test]
fn a_new_item_is_there_at_once_and_survives_a_restart() {
    let Fixture { demo, postgres } = start(10);
    let client = Client::new();
    let new =
        json!({"title": "Try it", "category": "data", "tags": ["x"], "metadata": {"b": 1, "a": [true]}});
    let made = client.send(Request::post_json(demo.url("/api/items"), &new)).unwrap();
    assert_eq!((made.status, made.header("location").as_deref()), (201, Some("/api/items/11")));
    for field in ["title", "category", "tags", "metadata"] {
        assert_eq!(made.json()[field], new[field]);
    }
    assert_eq!(client.get(demo.url("/api/items/11")).body, made.body);
    assert_eq!(client.get(demo.url("/api/items")).json()["items"][0], made.json());

    let signal =
        json!({"asset": "NEW", "channel": "alpha", "type": "buy", "price": 1.25, "metadata": {"a": 1}});
    let made = client.send(Request::post_json(demo.url("/api/signals"), &signal)).unwrap();
    assert_eq!((made.status, &made.json()["price"]), (201, &json!(1.25)), "{}", made.text());
    let latest = client.get(demo.url("/api/signals?asset=NEW")).json();
    assert_eq!(latest["signals"], json!([made.json()]));

    let before = client.get(demo.url("/api/items")).body;
    drop(demo);
    let binary = env!("CARGO_BIN_EXE_slipstream-demo");
    let again = Demo::start_binary(binary.as_ref(), &postgres.url(), 10).unwrap();
    assert_eq!(client.get(again.url("/api/items")).body, before, "a filled database is left alone");
}

#[test]
fn two_databases_hold_the_same_items() {
    let other = start(ITEMS);
    for path in
        ["/api/items?page_size=200", "/api/items/7", "/api/stats", "/api/items?q=payment&priority=low"]
    {
        assert_eq!(Client::new().get(other.demo.url(path)).json(), get(path), "{path}");
    }
}

#[test]
fn without_its_database_it_answers_503_and_recovers_nothing_by_itself() {
    let Fixture { demo, mut postgres } = start(10);
    postgres.process().kill();
    for path in ["/health", "/api/items"] {
        let response = Client::new().get(demo.url(path));
        assert_eq!(response.status, 503, "{path}");
        assert_eq!(response.json(), json!({"error": "the database does not answer"}));
    }
    assert!(demo.log().contains("the database does not answer"));
}

#[test]
fn it_stops_gracefully_and_refuses_nonsense() {
    let Fixture { mut demo, .. } = start(10);
    let start = Instant::now();
    assert!(demo.process().stop_within(Duration::from_secs(5)), "{}", demo.log());
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(demo.log().contains("\"stopped\""), "{}", demo.log());
    let binary = env!("CARGO_BIN_EXE_slipstream-demo");
    let error = Demo::start_binary(binary.as_ref(), "nonsense", 10).unwrap_err().to_string();
    assert!(error.contains("--database-url is not a PostgreSQL URL"), "{error}");
}
