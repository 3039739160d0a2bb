//! The mesh example, run: web calls orders, and orders calls stock, each through the sidecars of both.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use e2e::wait_for;
use testbed::{
    Answer, Client, Companion, CompanionOptions, Envoy, EnvoyOptions, Origin, Request, Response, artifacts,
    ports, render, workspace_root,
};

/// The shipped ports, and those that take their places.
struct Ports(Vec<(String, String)>);

impl Ports {
    fn new(shipped: &[u16]) -> Ports {
        Ports(shipped.iter().map(|port| (port.to_string(), ports::free().to_string())).collect())
    }

    fn set(&mut self, shipped: u16, port: u16) {
        self.0.push((shipped.to_string(), port.to_string()));
    }

    fn of(&self, shipped: u16) -> u16 {
        let found = self.0.iter().find(|(old, _)| *old == shipped.to_string());
        found.map(|(_, new)| new.parse().unwrap()).unwrap()
    }

    fn sidecar(&self, service: &str) -> Envoy {
        let text = fs::read_to_string(workspace_root().join(format!("envoy/mesh/{service}.yaml"))).unwrap();
        let port = |port: &String| format!("port_value: {port}");
        let mut pieces: Vec<(String, String)> =
            self.0.iter().map(|(old, new)| (port(old), port(new))).collect();
        pieces.push(("target/filters/".to_owned(), format!("{}/", artifacts::filters_dir().display())));
        // On a busy machine the shipped time would make misses of hits.
        pieces.push(("lookup_timeout_ms: 100".to_owned(), "lookup_timeout_ms: 5000".to_owned()));
        pieces.retain(|(old, _)| text.contains(old));
        let pieces: Vec<(&str, &str)> =
            pieces.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
        Envoy::start(&render(&text, &pieces).unwrap(), &EnvoyOptions::default()).unwrap()
    }
}

/// A service that asks another one, by its own sidecar, and says what it heard. Port 0 asks nobody.
fn service(
    name: &'static str,
    callee: &'static str,
    outbound: Arc<AtomicU16>,
    version: Arc<AtomicU64>,
) -> Origin {
    Origin::start(move |question| {
        let version = version.load(Ordering::SeqCst);
        let own = format!("{name}-{version} ");
        let port = outbound.load(Ordering::SeqCst);
        if port == 0 || question.method != "GET" {
            return Answer::json(own.repeat(400));
        }
        let request = Request::get(format!("http://127.0.0.1:{port}/{callee}")).header("host", callee);
        let heard = Client::new().send(request).expect("the callee's answer");
        assert_eq!(heard.status, 200, "{heard:?}");
        Answer::json(format!("{}{}", own, heard.text()))
    })
    .unwrap()
}

#[test]
fn three_services_with_sidecars_cache_at_both_ends_and_a_write_reaches_all() {
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    let [calls_orders, calls_stock, calls_nobody] = [(); 3].map(|()| Arc::new(AtomicU16::new(0)));
    let stock_version = Arc::new(AtomicU64::new(1));
    let one = || Arc::new(AtomicU64::new(1));
    let web = service("web", "orders", Arc::clone(&calls_orders), one());
    let orders = service("orders", "stock", Arc::clone(&calls_stock), one());
    let stock = service("stock", "", calls_nobody, Arc::clone(&stock_version));
    let mut ports = Ports::new(&[16_000, 16_001, 16_006, 17_000, 17_001, 17_006, 18_000, 18_006]);
    for (shipped, port) in
        [(8_081, web.port()), (8_082, orders.port()), (8_083, stock.port()), (8_900, companion.port())]
    {
        ports.set(shipped, port);
    }
    let sidecars = ["web", "orders", "stock"].map(|service| ports.sidecar(service));
    calls_orders.store(ports.of(16_001), Ordering::SeqCst);
    calls_stock.store(ports.of(17_001), Ordering::SeqCst);
    wait_for("all VMs to follow the companion", || {
        // Inbound and outbound, in a worker and in the main thread each; stock calls nobody.
        Client::new().get(companion.url("/v1/stats")).json()["followers"].as_u64() == Some(10)
    });

    let client = Client::new();
    let at = |shipped: u16, host: &str, method: &str, path: &str| -> Response {
        let request = Request::new(method, format!("http://127.0.0.1:{}{path}", ports.of(shipped)));
        client.send(request.header("host", host).header("accept-encoding", "gzip")).unwrap()
    };
    let expected = |stock: u64| format!("web-1 orders-1 {}", format!("stock-{stock} ").repeat(400));
    let first = at(16_006, "web", "GET", "/web");
    assert_eq!((first.status, first.text()), (200, expected(1)));
    assert_eq!(first.header("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(at(16_006, "web", "GET", "/web").header("x-cache").as_deref(), Some("HIT"));
    assert_eq!((web.total(), orders.total(), stock.total()), (1, 1, 1));

    // What a service's own cache does not have, the caller's has: orders does not ask stock again.
    at(17_006, "orders", "GET", "/orders/new");
    assert_eq!((orders.total(), stock.total()), (2, 1), "orders asked stock again");

    // A write at stock: the answers of stock are gone from its own sidecar, and from that of orders, which stores them by
    // stock's tag. What orders and web made of them is theirs, and lives on until they say so.
    stock_version.store(2, Ordering::SeqCst);
    assert_eq!(at(18_006, "stock", "POST", "/stock").status, 200);
    assert_eq!(at(16_006, "web", "GET", "/web").text(), expected(1));
    for (port, owner) in [(17_006, "orders"), (16_006, "web")] {
        assert_eq!(at(port, owner, "DELETE", &format!("/{owner}")).status, 200);
    }
    assert_eq!(at(16_006, "web", "GET", "/web").text(), expected(2));

    // Each sidecar tells what comes to its service apart from what its service asks others.
    let labels = [
        ("web", vec!["web", "outbound-orders"]),
        ("orders", vec!["orders", "outbound-stock"]),
        ("stock", vec!["stock"]),
    ];
    for (sidecar, (name, services)) in sidecars.iter().zip(labels) {
        for service in services {
            wait_for(&format!("requests of {service} at {name}"), || {
                let stats = sidecar.stats_prometheus().unwrap();
                stats.lines().any(|line| {
                    line.starts_with("http_requests_total{")
                        && line.contains(&format!("service=\"{service}\""))
                })
            });
        }
        let log = sidecar.log();
        assert!(!log.contains("panicked") && !log.contains("[critical]"), "{log}");
    }
}

#[test]
fn the_shipped_sidecar_is_valid() {
    testbed::validate(
        &fs::read_to_string(workspace_root().join("envoy/sidecar.yaml"))
            .unwrap()
            .replace("target/filters", &artifacts::filters_dir().display().to_string()),
    )
    .unwrap();
}
