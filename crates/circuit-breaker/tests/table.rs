//! What the breaker lets through, step by step; natively and in wasm.

use circuit_breaker::{
    Breaker,
    State::{self, Closed, HalfOpen, Open},
};

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What happens to the breaker, at which time in milliseconds.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A call asks, and is let through.
    Passes(u64),
    /// A call asks, and is refused.
    Refused(u64),
    /// A call was answered.
    Succeeds,
    /// A call failed.
    Fails(u64),
}
use Step::{Fails, Passes, Refused, Succeeds};

#[test]
fn sequences() {
    // Two failures open it for 100 ms. Each step is followed by the state it leads to.
    let table: &[(&str, &[(Step, State)])] = &[
        ("closed lets all through", &[(Passes(0), Closed), (Passes(0), Closed), (Succeeds, Closed)]),
        (
            "failures in a row open",
            &[(Fails(0), Closed), (Fails(5), Open), (Refused(5), Open), (Refused(104), Open)],
        ),
        ("a success between them starts over", &[(Fails(0), Closed), (Succeeds, Closed), (Fails(0), Closed)]),
        (
            "one probe at a time",
            &[(Fails(0), Closed), (Fails(5), Open), (Passes(105), HalfOpen), (Refused(105), HalfOpen)],
        ),
        (
            "a probe that succeeds closes",
            &[
                (Fails(0), Closed),
                (Fails(0), Open),
                (Passes(100), HalfOpen),
                (Succeeds, Closed),
                (Passes(101), Closed),
            ],
        ),
        (
            "closed again, it takes as many failures as before",
            &[
                (Fails(0), Closed),
                (Fails(0), Open),
                (Passes(100), HalfOpen),
                (Succeeds, Closed),
                (Fails(101), Closed),
                (Fails(102), Open),
            ],
        ),
        (
            "a probe that fails opens for the whole time again",
            &[
                (Fails(0), Closed),
                (Fails(0), Open),
                (Passes(100), HalfOpen),
                (Fails(150), Open),
                (Refused(249), Open),
                (Passes(250), HalfOpen),
            ],
        ),
        (
            "a probe that never reports is given up",
            &[
                (Fails(0), Closed),
                (Fails(0), Open),
                (Passes(100), HalfOpen),
                (Refused(199), HalfOpen),
                (Passes(200), HalfOpen),
                (Refused(200), HalfOpen),
            ],
        ),
        (
            "reports of calls from before it opened change nothing",
            &[
                (Fails(0), Closed),
                (Fails(0), Open),
                (Succeeds, Open),
                (Fails(90), Open),
                (Refused(99), Open),
                (Passes(100), HalfOpen),
            ],
        ),
        (
            "a clock that is set back costs one more wait at most",
            &[
                (Fails(0), Closed),
                (Fails(9000), Open),
                (Refused(50), Open),
                (Refused(149), Open),
                (Passes(150), HalfOpen),
            ],
        ),
    ];
    for (case, steps) in table {
        let mut breaker = Breaker::new(2, 100);
        for (index, (step, expected)) in steps.iter().enumerate() {
            match *step {
                Passes(now_ms) => assert!(breaker.try_acquire(now_ms), "{case}, step {index}: {step:?}"),
                Refused(now_ms) => assert!(!breaker.try_acquire(now_ms), "{case}, step {index}: {step:?}"),
                Succeeds => breaker.succeeded(),
                Fails(now_ms) => breaker.failed(now_ms),
            }
            assert_eq!(breaker.state(), *expected, "{case}, step {index}: {step:?}");
        }
    }
}

#[test]
fn settings_at_their_edges() {
    for failures_to_open in [0, 1] {
        let mut breaker = Breaker::new(failures_to_open, 100);
        breaker.failed(0);
        assert_eq!(breaker.state(), Open, "{failures_to_open} failures");
    }
    let mut breaker = Breaker::new(1, 0);
    breaker.failed(0);
    assert!(breaker.try_acquire(0), "open for 0 ms");
    let mut breaker = Breaker::new(1, u64::MAX);
    breaker.failed(0);
    assert!(!breaker.try_acquire(u64::MAX - 1), "open for good");
}
