//! What is handed over, case by case.

use metric_model::{GroupId, GroupSpec, HistogramSpec, Metrics, OVERFLOWED};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Everything that a drain hands over, by full name.
fn drained(metrics: &mut Metrics) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    metrics.drain(|series, delta| {
        all.push((series.to_string(), delta));
        true
    });
    all
}

fn grown(metrics: &mut Metrics) -> Vec<(String, u64)> {
    drained(metrics).into_iter().filter(|(_, delta)| *delta > 0).collect()
}

fn owned(series: &[(&str, u64)]) -> Vec<(String, u64)> {
    series.iter().map(|(name, delta)| ((*name).to_owned(), *delta)).collect()
}

fn counters_by_route(max_label_sets: usize) -> (Metrics, GroupId) {
    let mut metrics = Metrics::new(max_label_sets);
    let group = metrics.group(GroupSpec { labels: &["route"], counters: &["hits"], histograms: Vec::new() });
    drained(&mut metrics);
    (metrics, group)
}

#[test]
fn a_label_set_is_handed_over_under_its_encoded_name() {
    let mut metrics = Metrics::new(10);
    let group = metrics.group(GroupSpec {
        labels: &["service", "route"],
        counters: &["hits_total", "misses_total"],
        histograms: vec![
            HistogramSpec::whole("size_bytes", &[10, 20]),
            HistogramSpec::seconds("duration_seconds", &[5_000, 1_000_000]),
        ],
    });
    let set = metrics.set(group, &[b"shop", b"items"]);
    metrics.add(set, 1, 3);
    for size in [10, 11, 300] {
        metrics.observe(set, 0, size);
    }
    metrics.observe(set, 1, 1_250_000);
    let labels = "service=.=shop;.;route=.=items;.;";
    let expected: Vec<_> = [
        ("hits_total", 0),
        ("misses_total", 3),
        ("le=.=10;.;size_bytes_bucket", 1),
        ("le=.=20;.;size_bytes_bucket", 2),
        ("le=.=+Inf;.;size_bytes_bucket", 3),
        ("size_bytes_count", 3),
        ("size_bytes_sum", 321),
        ("le=.=0.005;.;duration_seconds_bucket", 0),
        ("le=.=1;.;duration_seconds_bucket", 0),
        ("le=.=+Inf;.;duration_seconds_bucket", 1),
        ("duration_seconds_count", 1),
        ("duration_seconds_sum", 1),
        ("duration_microseconds_total", 1_250_000),
    ]
    .map(|(name, delta)| (format!("{labels}{name}"), delta))
    .into();
    let all = drained(&mut metrics);
    assert_eq!(all[0], (OVERFLOWED.to_owned(), 0));
    assert_eq!(all[1..], expected);
    assert_eq!(drained(&mut metrics), [], "nothing was added since");
}

#[test]
fn a_set_made_early_is_handed_over_at_zero_first() {
    let (mut metrics, group) = counters_by_route(10);
    let set = metrics.set(group, &[b"items"]);
    assert_eq!(drained(&mut metrics), owned(&[("route=.=items;.;hits", 0)]));
    metrics.add(set, 0, 7);
    assert_eq!(drained(&mut metrics), owned(&[("route=.=items;.;hits", 7)]));
}

#[test]
fn no_label_value_breaks_out_of_its_label() {
    let long = vec![b'x'; 1_000];
    let cases: [(&[u8], String); 9] = [
        (b"items-v1.2/{id}:read_all", "items-v1.2/_id_:read_all".into()),
        (b"", "none".into()),
        (b";.;d=.=e", "_._d_._e".into()),
        (b"a;.;hits", "a_._hits".into()),
        (b"with space\r\n", "with_space__".into()),
        ("\u{e7}".as_bytes(), "__".into()),
        (b"\xff\0\"", "___".into()),
        (b"+Inf", "_Inf".into()),
        (&long, "x".repeat(128)),
    ];
    for (value, label) in cases {
        let (mut metrics, group) = counters_by_route(10);
        let set = metrics.set(group, &[value]);
        metrics.add(set, 0, 1);
        assert_eq!(drained(&mut metrics), vec![(format!("route=.={label};.;hits"), 1)], "{value:?}");
    }
}

#[test]
fn what_exceeds_the_cap_falls_into_other_and_is_counted() {
    let (mut metrics, group) = counters_by_route(2);
    for (route, n) in [("a", 1), ("b", 10), ("c", 100), ("a", 1_000), ("d", 10_000)] {
        let set = metrics.set(group, &[route.as_bytes()]);
        metrics.add(set, 0, n);
    }
    let expected = [
        (OVERFLOWED, 2),
        ("route=.=a;.;hits", 1_001),
        ("route=.=b;.;hits", 10),
        ("route=.=other;.;hits", 10_100),
    ];
    let mut all = drained(&mut metrics);
    all.sort();
    let mut expected = owned(&expected);
    expected.sort();
    assert_eq!(all, expected);
}

#[test]
fn neighbouring_values_are_not_confused() {
    let mut metrics = Metrics::new(10);
    let group = metrics.group(GroupSpec { labels: &["a", "b"], counters: &["n"], histograms: Vec::new() });
    let sets = [[&b"x"[..], b"yz"], [b"xy", b"z"], [b"", b"xyz"]].map(|values| metrics.set(group, &values));
    assert!(sets[0] != sets[1] && sets[1] != sets[2] && sets[0] != sets[2]);
    assert_eq!(metrics.set(group, &[b"x", b"yz"]), sets[0]);
}

#[test]
fn a_sum_in_seconds_keeps_what_is_left_for_the_next_time() {
    let mut metrics = Metrics::new(10);
    let group = metrics.group(GroupSpec {
        labels: &[],
        counters: &[],
        histograms: vec![HistogramSpec::seconds("wait_seconds", &[])],
    });
    let set = metrics.set(group, &[]);
    let (mut sum, mut exact) = (0, 0);
    for _ in 0..1_000 {
        metrics.observe(set, 0, 1_500);
        for (name, delta) in drained(&mut metrics) {
            match name.as_str() {
                "wait_seconds_sum" => sum += delta,
                "wait_microseconds_total" => exact += delta,
                _ => {}
            }
        }
    }
    assert_eq!((sum, exact), (1, 1_500_000));
}

#[test]
fn what_is_refused_is_offered_again_with_what_came_since() {
    let (mut metrics, group) = counters_by_route(10);
    let [a, b] = [&b"a"[..], b"b"].map(|route| metrics.set(group, &[route]));
    metrics.add(a, 0, 1);
    metrics.add(b, 0, 10);
    let mut offered = Vec::new();
    metrics.drain(|series, delta| {
        offered.push((series.to_string(), delta));
        series.to_string().contains("=b;")
    });
    assert_eq!(offered, owned(&[("route=.=a;.;hits", 1), ("route=.=b;.;hits", 10)]));
    metrics.add(a, 0, 5);
    assert_eq!(grown(&mut metrics), owned(&[("route=.=a;.;hits", 6)]));
    assert_eq!(drained(&mut metrics), []);
}

#[test]
fn a_sum_stops_at_the_greatest_number() {
    let mut metrics = Metrics::new(10);
    let group = metrics.group(GroupSpec {
        labels: &[],
        counters: &[],
        histograms: vec![HistogramSpec::whole("size_bytes", &[u64::MAX])],
    });
    let set = metrics.set(group, &[]);
    metrics.observe(set, 0, u64::MAX);
    metrics.observe(set, 0, u64::MAX);
    let all = grown(&mut metrics);
    assert!(all.contains(&("size_bytes_sum".to_owned(), u64::MAX)), "{all:?}");
    assert!(all.contains(&("size_bytes_count".to_owned(), 2)), "{all:?}");
}
