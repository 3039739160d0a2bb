//! Filters are changed while Envoy serves: their configuration, and their code, without a request that fails.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use e2e::wait_for;
use testbed::{
    Answer, Client, Companion, CompanionOptions, Envoy, EnvoyOptions, Origin, Request, artifacts, ports,
    render, temp_dir, workspace_root,
};

const CLIENTS: usize = 6;

/// Moves a file over the one that Envoy watches.
fn replace(folder: &Path, filter: &str, text: &str) {
    let next = folder.join(format!(".{filter}.next"));
    fs::write(&next, text).unwrap();
    fs::rename(next, folder.join(format!("{filter}.yaml"))).unwrap();
}

/// Asks for what is stored, for what is not, and writes, until told to stop; how many answers came.
fn hammer(client: usize, url: &str, stop: &AtomicBool, writes: &AtomicU64, all: &AtomicU64) -> u64 {
    let http = Client::new();
    let mut answers = 0;
    while !stop.load(Ordering::Relaxed) {
        let request = match answers % 7 {
            // One client writes: two at once would not know whose write an answer shows.
            3 if client == 0 => {
                writes.fetch_add(1, Ordering::SeqCst);
                Request::new("POST", format!("{url}/orders")).body("x")
            }
            5 => Request::get(format!("{url}/orders/{client}/{answers}")),
            _ => Request::get(format!("{url}/orders/hot")),
        };
        let request = request
            .header("host", "orders")
            .header("accept-encoding", ["gzip", "br", "zstd", "identity"][client % 4]);
        let answer = http
            .send(request)
            .unwrap_or_else(|error| panic!("client {client}, request {answers}: {error:#}"));
        assert_eq!(answer.status, 200, "client {client}, request {answers}: {answer:?}");
        let text = answer.text();
        assert!(
            text.len() == 3_000 && text.bytes().all(|byte| byte == b'7'),
            "client {client}: {} bytes",
            text.len()
        );
        answers += 1;
        all.fetch_add(1, Ordering::SeqCst);
    }
    answers
}

#[test]
fn filters_are_changed_under_load_and_no_request_fails() {
    let dir = temp_dir("hot-change").unwrap();
    let watched = dir.path().join("filters");
    fs::create_dir(&watched).unwrap();
    let origin = Origin::start(|_| Answer::json("7".repeat(3_000))).unwrap();
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    let read = |name: &str| fs::read_to_string(workspace_root().join("envoy/hot-change").join(name)).unwrap();
    let built = artifacts::filters_dir().display().to_string();
    let resources = artifacts::FILTERS.map(|filter| {
        // On a busy machine the shipped time would make misses of lookups; either is right here.
        let text = render(&read(&format!("{filter}.yaml")), &[("target/filters", &built)]).unwrap();
        replace(&watched, filter, &text);
        (filter, text)
    });
    let port = ports::free();
    let yaml = render(
        &read("envoy.yaml"),
        &[
            ("port_value: 10000", &format!("port_value: {port}")),
            ("port_value: 9901", "port_value: 0"),
            ("port_value: 8080", &format!("port_value: {}", origin.port())),
            ("port_value: 8900", &format!("port_value: {}", companion.port())),
            ("envoy/hot-change", &watched.display().to_string()),
        ],
    )
    .unwrap();
    let options = EnvoyOptions { concurrency: 2, ..EnvoyOptions::default() };
    let envoy = Envoy::start(&yaml, &options).unwrap();
    let url = format!("http://127.0.0.1:{port}");

    let stop = AtomicBool::new(false);
    let (writes, all) = (AtomicU64::new(0), AtomicU64::new(0));
    let answers = thread::scope(|scope| {
        let (url, stop, writes, all) = (url.as_str(), &stop, &writes, &all);
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || hammer(client, url, stop, writes, all))).collect();
        // Whatever fails below, the clients end.
        let ended = StopOnDrop(stop);
        let metrics = || envoy.stats_prometheus().unwrap();
        let has = |part: &str| metrics().contains(part);
        let updates = |filter: &str| -> u64 {
            let name = format!("_slipstream_{}_config_reload{{}} ", filter.replace('-', "_"));
            let text = metrics();
            let line = text.lines().find_map(|line| line.split_once(&name));
            line.unwrap_or_else(|| panic!("no {name}: {text}")).1.parse().unwrap()
        };
        wait_for("the first requests to be counted", || has("service=\"orders\""));

        // The configuration of each: the label `service` shows which one counts.
        for round in 0..2 {
            for (filter, text) in &resources {
                let before = updates(filter);
                let service = format!("service: orders-{round}");
                replace(&watched, filter, &render(text, &[("service: orders", &service)]).unwrap());
                wait_for(&format!("{filter} to be taken, round {round}"), || updates(filter) > before);
            }
            let label = format!("service=\"orders-{round}\"");
            for metric in ["http_requests_total", "opt004_cache_hits_total", "slipstream_compression_total"] {
                wait_for(&format!("{metric} of round {round}"), || {
                    metrics().lines().any(|line| {
                        line.starts_with(metric) && line.contains(&label) && !line.ends_with(" 0")
                    })
                });
            }
        }

        // New code: the same module under another name, as a new version would come.
        for (filter, text) in &resources {
            let before = updates(filter);
            let next = dir.path().join(format!("{filter}-2.wasm"));
            fs::copy(artifacts::filter(filter).unwrap(), &next).unwrap();
            let old = format!("{built}/{filter}.wasm");
            let pieces = [
                (old.as_str(), next.to_str().unwrap()),
                ("service: orders", "service: orders-new"),
                ("vm_id: ", "vm_id: next-"),
            ];
            replace(&watched, filter, &render(text, &pieces).unwrap());
            wait_for(&format!("the new code of {filter}"), || updates(filter) > before);
        }
        wait_for("the new code to count", || {
            ["http_requests_total", "opt004_cache_hits_total"].iter().all(|metric| {
                metrics()
                    .lines()
                    .any(|line| line.starts_with(metric) && line.contains("service=\"orders-new\""))
            })
        });

        // What cannot be loaded is refused, and the one that is there stays.
        let text = &resources[2].1;
        replace(&watched, resources[2].0, &render(text, &[("min_bytes:", "min_byte:")]).unwrap());
        wait_for("the mistake to be named in the log", || envoy.log().contains("`min_byte`"));
        let then = all.load(Ordering::SeqCst);
        wait_for("requests after the mistake", || {
            all.load(Ordering::SeqCst) > then + 300 || clients.iter().all(|client| client.is_finished())
        });
        drop(ended);
        clients.into_iter().map(|client| client.join().expect("no failed request")).sum::<u64>()
    });
    let log = envoy.log();
    let signs = ["panicked", "VM failure", "in-VM backtrace"];
    assert!(!signs.iter().any(|sign| log.contains(sign)), "{log}");
    println!("{answers} answers, {} of them to writes, over 9 changes", writes.load(Ordering::SeqCst));
    assert!(answers > 100 && writes.load(Ordering::SeqCst) > 0);
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
