//! The demo's real API on PostgreSQL behind the front proxy.

use e2e::{PATIENCE, hit, is_hit, miss, wait_for, x_cache};
use testbed::{Client, Companion, CompanionOptions, Demo, EnvoyOptions, FrontProxy, Postgres, Request};

const ITEMS: u32 = 200;

struct Stack {
    front: FrontProxy,
    _companion: Companion,
    demo: Demo,
    _postgres: Postgres,
    client: Client,
}

impl Stack {
    fn start() -> Stack {
        let postgres = Postgres::start().unwrap();
        let demo = Demo::start(&postgres.url(), ITEMS).unwrap();
        let companion = Companion::start(&CompanionOptions::default()).unwrap();
        let front = FrontProxy::start(demo.port(), companion.port(), &EnvoyOptions::default()).unwrap();
        Stack { front, _companion: companion, demo, _postgres: postgres, client: Client::new() }
    }

    fn get(&self, path: &str, coding: &str) -> testbed::Response {
        let request = Request::get(self.front.url(path)).header("accept-encoding", coding);
        self.client.send(request).expect("an answer")
    }
}

#[test]
fn every_answer_is_the_apis_own() {
    let stack = Stack::start();
    let paths = [
        "/api/items",
        "/api/items?page=2&page_size=5",
        "/api/items?category=backend",
        "/api/items?page=-1",
        "/api/items?page=nonsense",
        "/api/items/1",
        "/api/items/0",
        "/api/items/nonsense",
        "/api/stats",
        "/health",
        "/nothing",
    ];
    for path in paths {
        let own = stack.client.get(stack.demo.url(path));
        for coding in ["gzip", "identity"] {
            for _ in 0..3 {
                let through = stack.get(path, coding);
                assert_eq!(through.status, own.status, "{path}");
                assert_eq!(through.json(), own.json(), "{path} {coding}");
                assert_eq!(through.header("content-type"), own.header("content-type"), "{path}");
            }
        }
    }
}

#[test]
fn a_list_is_cached_until_an_item_is_added() {
    let stack = Stack::start();
    wait_for("hits", || is_hit(&stack.get("/api/items", "gzip")));
    assert!(stack.get("/api/items", "gzip").header("content-encoding").is_some());
    for number in 0..5 {
        wait_for("hits", || is_hit(&stack.get("/api/stats", "gzip")));
        let title = format!("item number {number}");
        let item = serde_json::json!({"title": title, "category": "backend"});
        let created = stack.client.send(Request::post_json(stack.front.url("/api/items"), &item)).unwrap();
        assert_eq!(created.status, 201, "{}", created.text());
        let list = miss(stack.get("/api/items", "gzip"));
        assert_eq!(list.json()["items"][0]["title"], serde_json::json!(title), "{PATIENCE:?}");
        assert_eq!(stack.get("/api/stats", "gzip").json()["total"], serde_json::json!(ITEMS + number + 1));
        wait_for("hits", || x_cache(&stack.get("/api/items", "gzip")) == "HIT");
        assert_eq!(hit(stack.get("/api/items", "gzip")).json(), list.json());
    }
}
