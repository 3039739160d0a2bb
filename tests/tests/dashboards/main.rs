//! The shipped dashboards: that their panels are sound, that every one of them shows something of the real stack under
//! real traffic, and that what the promised queries say is what a client measured.

mod database;
mod panels;
mod pool;
mod promised;
mod stack;
mod units;

use std::collections::BTreeSet;

use database::Database;
use e2e::{is_hit, is_miss, wait_for};
use panels::{Panel, dashboards, filled_in};
use promised::{COMPRESSION_RATIO, Fed, HIT_RATIO, NOT_YET, QUERIES, QUERY_TIME, SEMANTIC_HITS, STREAMS_P95};
use stack::{Measured, Stack, TRACE_ID, load};

/// A question that is asked again and again.
const EXACT: &str = "Where is the documentation?";

/// Panels where nothing to be seen is good news.
const QUIET: [&str; 4] =
    ["Filters restarted", "Requests under way", "Wrong hits", "Log kept for change capture"];

#[test]
fn panels_are_sound() {
    let all = dashboards();
    let uids: BTreeSet<&str> = all.iter().map(|dashboard| dashboard.json["uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), all.len(), "two dashboards have one uid");
    for dashboard in &all {
        let ids: BTreeSet<u64> = dashboard.panels.iter().map(|panel| panel.id).collect();
        assert_eq!(ids.len(), dashboard.panels.len(), "{}: two panels have one id", dashboard.file);
        for (place, panel) in dashboard.panels.iter().enumerate() {
            let Panel { name, .. } = panel;
            assert!(
                !panel.title.is_empty() && panel.description.len() > 20,
                "{name}: no title or description"
            );
            assert_eq!(panel.source, "slipstream-prometheus", "{name}");
            assert!(
                panel.place.w > 0 && panel.place.h > 0 && panel.place.x + panel.place.w <= 24,
                "{name}: {:?}",
                panel.place
            );
            for other in &dashboard.panels[place + 1..] {
                assert!(!panel.place.overlaps(other.place), "{name} overlaps {}", other.name);
            }
            assert!(!panel.queries.is_empty(), "{name}: no query");
            for query in &panel.queries {
                let query = filled_in(query, "1m");
                let unit = units::unit(&query).unwrap_or_else(|error| panic!("{name}: {query}: {error}"));
                let right = unit.shown_as();
                assert!(
                    right.contains(&panel.unit.as_str()),
                    "{name}: the unit is {:?}, expected one of {right:?} for {query}",
                    panel.unit
                );
            }
        }
    }
}

#[test]
fn grafana_finds_prometheus_by_the_panels_name_of_it() {
    let path = testbed::workspace_root().join("compose/grafana/provisioning/datasources/prometheus.yml");
    assert!(std::fs::read_to_string(path).unwrap().contains("uid: slipstream-prometheus\n"));
}

#[test]
fn promised_queries_are_on_a_dashboard() {
    let all = dashboards();
    let queries: Vec<&String> =
        all.iter().flat_map(|dashboard| dashboard.panels.iter().flat_map(|panel| &panel.queries)).collect();
    for (promised, fed) in QUERIES {
        assert!(units::unit(promised).is_ok(), "{promised}");
        let metrics: Vec<&str> =
            promised.split(['(', ')', '[', ' ']).filter(|word| word.starts_with("opt0")).collect();
        for metric in metrics {
            assert!(queries.iter().any(|query| query.contains(metric)), "no panel shows {metric}");
            assert_eq!(fed == Fed::NotYet, is_not_yet(metric), "{metric}: QUERIES and NOT_YET do not agree");
        }
    }
}

fn is_not_yet(query: &str) -> bool {
    NOT_YET.iter().any(|beginning| query.contains(beginning))
}

/// One stack for all of it: it takes seconds to start.
#[test]
fn every_panel_shows_the_stack_and_promised_queries_are_right() {
    let stack = Stack::start();
    let Stack { proxy, prometheus, database, .. } = &stack;
    stack.ask(EXACT, &[]);
    // Rates see what grows: the second time everything does that the first time made.
    stack.exercise();
    stack.wait_until_scraped("http_requests_total", &[("route", "items-write")], 1.0);
    stack.wait_until_all_scraped();
    stack.exercise();
    let measured = [("route", "measured"), ("status", "200")];
    // These series begin here, with one hit and one miss.
    let compared = [("route", "compared"), ("method", "GET")];
    let compare =
        |page: usize| proxy.get_with(&format!("/compared?page={page}"), &[("accept-encoding", "gzip")]);
    assert!(is_miss(&compare(0)) && is_hit(&compare(0)));
    stack.wait_until_scraped("http_requests_total", &measured, 2.0);
    stack.wait_until_scraped("opt004_cache_hits_total", &compared, 1.0);
    stack.wait_until_scraped("opt001_compression_ratio_percent_count", &compared[..1], 1.0);

    let before = timed(database);
    let slow = database.slow_queries(20);

    let load = load(proxy, 8, 50);
    let mut streams: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u64)
            .map(|number| {
                let stack = &stack;
                let ask = move |time: u64| stack.listen(100 + (time * 157 + number * 61) % 400);
                scope.spawn(move || (0..10).map(ask).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    streams.sort_by(f64::total_cmp);
    let (mut hits, mut misses, mut saved) = (0.0, 0.0, Vec::new());
    for request in 0..200 {
        let answer = compare(100 + request % 40);
        if is_hit(&answer) {
            hits += 1.0;
        } else {
            assert!(is_miss(&answer), "{answer:?}");
            misses += 1.0;
            let original: f64 = answer.header("x-original-size").unwrap().parse().unwrap();
            saved.push(100.0 * (1.0 - answer.body.len() as f64 / original));
        }
    }
    let count = load.durations.len() as f64;
    stack.wait_until_scraped("http_requests_total", &measured, 2.0 + count);
    stack.wait_until_scraped("opt004_cache_hits_total", &compared, 1.0 + hits);
    stack.wait_until_scraped("opt001_compression_ratio_percent_count", &compared[..1], 1.0 + misses);

    let answered = "sum(opt008_streaming_response_time_seconds_count)";
    wait_for("all streams to be scraped", || {
        prometheus.number(answered).is_ok_and(|number| number == 2.0 + streams.len() as f64)
    });

    stack.wait_until_all_scraped();
    every_panel_shows_something(&stack);
    let number = |query: &str| prometheus.number(query).unwrap();

    // One of four: durations, by the sum in seconds and in microseconds.
    let of = |metric: &str| format!("rate({metric}{{route=\"measured\",status=\"200\"}}[5m])");
    let (sum, counted) = (of("http_request_duration_seconds_sum"), of("http_request_duration_seconds_count"));
    let precise = format!("{} / 1e6 / {counted}", of("http_request_duration_microseconds_total"));
    for (what, query) in [("sum", format!("{sum} / {counted}")), ("microseconds", precise)] {
        let mean = number(&query);
        let off = (mean / load.mean() - 1.0).abs();
        println!(
            "mean by {what}: Prometheus {mean:.4} s, the client {:.4} s, off by {:.2} %",
            load.mean(),
            off * 100.0
        );
        assert!(off < 0.05, "mean by {what}: Prometheus says {mean} s, the client {} s", load.mean());
    }
    let p95 = number(&format!(
        "histogram_quantile(0.95, sum by (le) ({}))",
        of("http_request_duration_seconds_bucket")
    ));
    let truth = load.quantile(0.95);
    println!("p95: Prometheus {p95:.4} s, the client {truth:.4} s");
    let bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
    let bucket = |seconds: f64| bounds.partition_point(|bound| *bound < seconds) as i64;
    assert!((bucket(p95) - bucket(truth)).abs() <= 1, "p95: Prometheus says {p95} s, the client {truth} s");

    // The promised ones.
    let ratio = answer_for(&stack, HIT_RATIO, &compared);
    println!("hit ratio: Prometheus {ratio:.4}, the client {:.4}", hits / (hits + misses));
    assert!((ratio - hits / (hits + misses)).abs() < 0.01, "{ratio}, expected {hits} of {}", hits + misses);
    let percent = answer_for(&stack, COMPRESSION_RATIO, &compared[..1]);
    let truth = saved.iter().sum::<f64>() / saved.len() as f64;
    println!("saved: Prometheus {percent:.2} %, the client {truth:.2} %");
    assert!((percent - truth).abs() < 1.0, "{percent} %, expected {truth} %");

    let of_chat = [("route", "chat"), ("service", "chat")];
    for _ in 0..20 {
        assert!(stack.ask(EXACT, &[]));
    }
    wait_for("the semantic hits to be scraped", || {
        let hits = number("sum(increase(opt007_semantic_cache_hits_total[5m]))");
        let rate = answer_for(&stack, SEMANTIC_HITS, &of_chat);
        println!("semantic hits: Prometheus {hits:.1} in 5 minutes, the client 22 or more");
        (20.0..40.0).contains(&hits) && rate > 0.0
    });

    queries_are_timed(&stack, &slow, before);
    let p95 = answer_for(&stack, STREAMS_P95, &[("cache", "miss"), ("service", "rag")]);
    let truth = Measured { durations: streams }.quantile(0.95);
    println!("p95 of streams: Prometheus {p95:.4} s, the client {truth:.4} s");
    let bounds = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let bucket = |seconds: f64| bounds.partition_point(|bound| *bound < seconds) as i64;
    assert!(
        (bucket(p95) - bucket(truth)).abs() <= 1,
        "p95 of streams: Prometheus says {p95} s, the client {truth} s"
    );

    traces_are_kept(&stack);
    let filters = prometheus.query("count by (filter) (envoy_wasm_vm_reload_success)").unwrap();
    let names: Vec<&str> = filters.iter().map(|series| series.labels["filter"].as_str()).collect();
    assert_eq!(names, ["compression", "request_metrics", "response_cache", "semantic_cache"]);
    let firing = prometheus.query("ALERTS{alertstate=\"firing\",severity=\"page\"}").unwrap();
    assert!(firing.is_empty(), "all is well, but {firing:?}");
}

/// Queries by their key that went to the database.
const SLOW: &str = "query=\"item\",result=\"miss\"";

/// The seconds that such queries took by now, and how many they are, as the API says it.
fn timed(database: &Database) -> (f64, f64) {
    let counted = |part| database.counted(&format!("opt005_db_query_duration_seconds_{part}"), SLOW);
    (counted("sum"), counted("count"))
}

fn number_of(prometheus: &testbed::Prometheus, query: &str) -> f64 {
    prometheus.number(query).unwrap_or(f64::NAN)
}

/// What the API says of its queries is what its client measured; and nothing is lost between API and Prometheus.
fn queries_are_timed(stack: &Stack, slow: &[f64], before: (f64, f64)) {
    let Stack { database, prometheus, .. } = stack;
    for name in ["opt005_db_query_cache_hits_total", "opt005_db_query_cache_misses_total"] {
        let counted = database.counted(name, "");
        assert!(counted > 0.0, "{name}");
        wait_for(name, || number_of(prometheus, &format!("sum({name})")) == counted);
    }
    let (seconds, count) = timed(database);
    let of = |part: &str| format!("sum(opt005_db_query_duration_seconds_{part}{{{SLOW}}})");
    wait_for("all queries", || number_of(prometheus, &of("count")) == count);
    assert_eq!(count - before.1, slow.len() as f64);
    let mean = (number_of(prometheus, &of("sum")) - before.0) / (count - before.1);
    assert!((number_of(prometheus, &of("sum")) - seconds).abs() < 1e-6);
    let truth = slow.iter().sum::<f64>() / slow.len() as f64;
    println!("mean of slow queries: Prometheus {mean:.4} s, the client {truth:.4} s");
    assert!((mean / truth - 1.0).abs() < 0.1, "mean: Prometheus says {mean} s, the client {truth} s");
    let p95 = answer_for(stack, QUERY_TIME, &[("query", "item"), ("result", "miss")]);
    let truth = slow[slow.len() * 95 / 100];
    println!("p95 of slow queries: Prometheus {p95:.4} s, the client {truth:.4} s");
    assert!(
        (0.25..=1.0).contains(&truth) && (0.25..=1.0).contains(&p95),
        "p95: {p95} s, the client {truth} s"
    );
}

/// The one series with these labels of a promised query's answer.
fn answer_for(stack: &Stack, query: &str, labels: &[(&str, &str)]) -> f64 {
    let answer = stack.prometheus.query(query).unwrap();
    let mut of_labels = answer.iter().filter(|series| {
        labels.iter().all(|(name, value)| series.labels.get(*name).is_some_and(|own| own == value))
    });
    let found = of_labels.next().unwrap_or_else(|| panic!("{query}: nothing for {labels:?} in {answer:?}"));
    found.values[0]
}

fn every_panel_shows_something(stack: &Stack) {
    let Stack { proxy, prometheus, .. } = stack;
    for beginning in NOT_YET {
        let there = prometheus.query(&format!("count({{__name__=~\"{beginning}.*\"}})")).unwrap();
        assert!(there.is_empty(), "{beginning}… is fed: take it out of NOT_YET");
    }
    let mut empty = Vec::new();
    for panel in dashboards().iter().flat_map(|dashboard| &dashboard.panels) {
        for query in panel.queries.iter().filter(|query| !is_not_yet(query)) {
            let filled = filled_in(query, "10s");
            let enough =
                |value: &f64| value.is_finite() && (*value > 0.0 || QUIET.contains(&panel.title.as_str()));
            let answer = prometheus
                .query_range(&filled, 120, 1)
                .unwrap_or_else(|error| panic!("{}: {error:#}", panel.name));
            if !answer.iter().any(|series| series.values.iter().any(enough)) {
                empty.push(format!("{}: {filled}: {} series", panel.name, answer.len()));
            }
        }
    }
    let counted = proxy.metrics();
    let names: Vec<&str> = empty.iter().flat_map(|panel| panel.split(['(', '{', '['])).collect();
    let shown: String = names.iter().map(|name| counted.text(name)).collect();
    // What Prometheus saw of them, second by second.
    let seen = names.iter().chain(&["up"]).filter_map(|name| prometheus.query_range(name, 120, 1).ok());
    let seen: String =
        seen.flatten().map(|series| format!("{:?}: {:?}\n", series.labels, series.values)).collect();
    assert!(empty.is_empty(), "{shown}\n{seen}\npanels that show nothing:\n{}", empty.join("\n"));
}

/// The trace that a client's request named has come by filter, companion and scrape to where Grafana looks for it.
fn traces_are_kept(stack: &Stack) {
    wait_for("an exemplar of the client's trace", || {
        let query = "slipstream_store_operation_duration_seconds_bucket";
        let now = stack.prometheus.number("time()").unwrap();
        let (start, end) = ((now - 300.0).to_string(), now.to_string());
        let found =
            stack.prometheus.ask("query_exemplars", &[("query", query), ("start", &start), ("end", &end)]);
        found.unwrap().to_string().contains(TRACE_ID)
    });
}
