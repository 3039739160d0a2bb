use std::mem;

use super::*;
use crate::double::{self, Host, with};

const KEY: &str = "slipstream.gauge.bytes";

fn start() {
    with(|host| {
        *host = Host::default();
        host.monotonic_ns = 1_000 * SILENCE_NS;
    });
}

fn pass(nanoseconds: u64) {
    with(|host| host.monotonic_ns += nanoseconds);
}

fn refuse(calls: &[&'static str]) {
    with(|host| host.failing = calls.iter().copied().collect());
}

fn shown() -> Option<i64> {
    double::metric("bytes")
}

#[test]
fn it_is_the_sum_over_all_vms() {
    start();
    let mut first = Gauge::new("bytes");
    let mut second = Gauge::new("bytes");
    for (a, b, sum) in [(5, 0, 5), (5, 7, 12), (2, 7, 9), (0, u64::MAX, i64::MAX)] {
        first.set(a).unwrap();
        second.set(b).unwrap();
        assert_eq!(shown(), Some(sum));
    }
    drop(second);
    assert_eq!(shown(), Some(0));
}

#[test]
fn what_was_refused_is_made_up_for() {
    for call in ["define_metric", "increment_metric", "get_shared_data", "set_shared_data"] {
        start();
        let mut gauge = Gauge::new("bytes");
        refuse(&[call]);
        assert!(gauge.set(5).is_err(), "{call}");
        refuse(&[]);
        gauge.set(6).unwrap();
        assert_eq!(shown(), Some(6), "{call}");
    }
}

#[test]
fn what_the_dead_held_is_taken_off() {
    start();
    let (mut dies, mut lives) = (Gauge::new("bytes"), Gauge::new("bytes"));
    dies.set(5).unwrap();
    lives.set(2).unwrap();
    mem::forget(dies);
    pass(SILENCE_NS - 1);
    lives.set(2).unwrap();
    assert_eq!(shown(), Some(7), "it may be slow");
    pass(1);
    lives.set(3).unwrap();
    assert_eq!(shown(), Some(3));
    let mut successor = Gauge::new("bytes");
    successor.set(1).unwrap();
    assert_eq!(shown(), Some(4));
    let shares = with(|host| decode(host.shared_data(KEY).unwrap()));
    assert_eq!(shares.len(), 2, "{shares:?}");
}

#[test]
fn who_was_only_slow_is_counted_again() {
    start();
    let (mut slow, mut other) = (Gauge::new("bytes"), Gauge::new("bytes"));
    slow.set(5).unwrap();
    pass(SILENCE_NS);
    other.set(1).unwrap();
    assert_eq!(shown(), Some(1));
    slow.set(5).unwrap();
    assert_eq!(shown(), Some(6));
    slow.set(0).unwrap();
    assert_eq!(shown(), Some(1));
}

#[test]
fn an_unchanged_number_is_still_heard_of() {
    start();
    let (mut first, mut second) = (Gauge::new("bytes"), Gauge::new("bytes"));
    for _ in 0..40 {
        first.set(5).unwrap();
        second.set(2).unwrap();
        assert_eq!(shown(), Some(7));
        pass(1_000_000_000);
    }
}

#[test]
fn a_list_that_was_begun_twice_counts_nobody_twice() {
    start();
    let mut first = Gauge::new("bytes");
    first.set(5).unwrap();
    with(|host| host.share(KEY, &[]));
    pass(SIGN_OF_LIFE_NS);
    first.set(5).unwrap();
    assert_eq!(shown(), Some(5));
    first.set(4).unwrap();
    assert_eq!(shown(), Some(4));
}

#[test]
fn a_list_that_is_no_list_is_begun_anew() {
    start();
    with(|host| host.share(KEY, &[1, 2, 3]));
    let mut gauge = Gauge::new("bytes");
    gauge.set(5).unwrap();
    assert_eq!(shown(), Some(5));
}
