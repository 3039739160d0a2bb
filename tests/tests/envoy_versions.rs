//! The filters in Envoys of other versions than the one they are made for: that they load, cache, compress and count.

use e2e::{Setup, hit, miss, route};
use testbed::{Answer, Tool};

/// What every version must do, with the shipped configuration.
fn works(tool: Tool) {
    let proxy = Setup::new()
        .envoy(tool)
        .workers(2)
        .route(route("kept", "{ prefix: /kept }", "{ default_ttl_seconds: 600, tags: [kept] }"))
        .start(|question| {
            Answer::json(if question.method == "GET" { "7".repeat(5_000) } else { "{}".to_owned() })
        });
    for coding in ["gzip", "br", "zstd", "deflate"] {
        let fields = [("accept-encoding", coding)];
        let path = format!("/kept/{coding}");
        for answer in [miss(proxy.get_with(&path, &fields)), hit(proxy.get_with(&path, &fields))] {
            assert_eq!(answer.header("content-encoding").as_deref(), Some(coding), "{answer:?}");
            assert_eq!(answer.text(), "7".repeat(5_000));
        }
    }
    // What another Envoy has stored is found at the companion.
    let other = proxy.another_envoy();
    proxy.wait_for_followers(2);
    let kept = proxy.ask(
        testbed::Request::get(other.url("/kept/gzip"))
            .header("host", proxy.authority())
            .header("accept-encoding", "gzip"),
    );
    hit(kept);
    // A write is held until the stored answers are gone everywhere.
    miss(proxy.get("/api/items"));
    hit(proxy.get("/api/items"));
    assert_eq!(proxy.post("/api/items").status, 200);
    miss(proxy.get("/api/items"));
    proxy.wait_for_metric("opt004_cache_hits_total", &[("route", "kept"), ("service", "workspace")], 4.0);
    proxy.wait_for_metric(
        "http_requests_total",
        &[("route", "items-write"), ("method", "POST"), ("status", "200")],
        1.0,
    );
}

#[test]
fn the_filters_work_in_the_oldest_envoy() {
    works(Tool::OLDER_ENVOYS[0]);
}

#[test]
#[ignore = "long: cargo xtask trial"]
fn the_filters_work_in_every_envoy() {
    for tool in Tool::OLDER_ENVOYS.into_iter().chain([Tool::Envoy]) {
        let folder = tool.path().expect("an Envoy");
        let version = folder
            .ancestors()
            .nth(3)
            .and_then(|folder| folder.file_name())
            .expect("a folder")
            .to_string_lossy();
        works(tool);
        println!("{version}: works");
    }
}
