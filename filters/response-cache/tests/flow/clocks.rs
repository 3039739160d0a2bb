//! What becomes of all that lasts when somebody sets the clock.

use crate::support::*;
use slipstream_host::Action;
use slipstream_host::double::{advance_ms, set_clock_by_ms};

const HOUR_MS: i64 = 3_600_000;

/// What the VM answers with, if it answers.
fn answer_from_the_vm(proxy: &Proxy) -> Option<String> {
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    let answer = reply().map(|reply| String::from_utf8(reply.body).unwrap());
    if answer.is_none() {
        answer_miss(&mut stream);
    }
    answer
}

/// Lets time pass, at the end of which there is a lease.
fn let_pass_ms(proxy: &Proxy, ms: u64) {
    advance_ms(ms);
    (0..2).for_each(|_| answer_poll(proxy, POSITION, false, "[]"));
}

#[test]
fn a_clock_that_is_set_back_does_not_prolong_the_lease() {
    let proxy = leased_proxy();
    fill(&proxy, "one");
    set_clock_by_ms(-HOUR_MS);
    advance_ms(1_000);
    assert_eq!(answer_from_the_vm(&proxy), None);
}

#[test]
fn a_clock_that_is_set_ahead_does_not_end_the_lease() {
    let proxy = leased_proxy();
    set_clock_by_ms(HOUR_MS);
    fill(&proxy, "one");
    assert_eq!(answer_from_the_vm(&proxy).as_deref(), Some("one"));
}

#[test]
fn what_the_vm_has_grows_as_old_as_it_is_whatever_the_clock_says() {
    for set_by_ms in [-HOUR_MS, HOUR_MS] {
        let proxy = leased_proxy();
        fill(&proxy, "one");
        set_clock_by_ms(set_by_ms);
        let_pass_ms(&proxy, 299_999);
        assert_eq!(answer_from_the_vm(&proxy).as_deref(), Some("one"), "set by {set_by_ms} ms");
        let_pass_ms(&proxy, 1);
        assert_eq!(answer_from_the_vm(&proxy), None, "set by {set_by_ms} ms");
    }
}

#[test]
fn what_another_stored_whose_clock_is_ahead_is_not_served_even_to_who_takes_it_stale() {
    let proxy = leased_proxy();
    for more in [&[][..], &[("cache-control", "max-stale=600")]] {
        let mut stream = proxy.stream();
        assert_eq!(stream.request(&get(more), b""), Action::Pause);
        let mut ahead = entry("from the future");
        ahead.response_time_ms += HOUR_MS as u64;
        answer_hit(&mut stream, &ahead);
        assert_eq!(reply(), None);
        stream.log();
    }
}

#[test]
fn clocks_that_differ_a_little_do_no_harm() {
    let proxy = leased_proxy();
    let mut stream = proxy.stream();
    assert_eq!(stream.request(GET, b""), Action::Pause);
    let mut ahead = entry("just stored");
    // As if stored nine tenths of a second from now.
    ahead.response_time_ms += 1_900;
    answer_hit(&mut stream, &ahead);
    assert_eq!(reply().unwrap().header("age"), Some("0"));
}
