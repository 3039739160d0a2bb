//! Whatever happens to it, the breaker never blocks for good and never lets two probes through at once.
#![cfg(not(target_family = "wasm"))]

use circuit_breaker::{Breaker, State};
use proptest::{collection::vec, prelude::*};

proptest! {
    #[test]
    fn it_always_recovers(
        failures_to_open in any::<u32>(),
        open_ms in 0_u64..1000,
        steps in vec((0_u8..3, prop_oneof![0_u64..5000, any::<u64>()]), 0..40),
    ) {
        let mut breaker = Breaker::new(failures_to_open, open_ms);
        for (step, now_ms) in steps {
            match step {
                0 => {
                    let passes = breaker.try_acquire(now_ms);
                    let second_passes = breaker.try_acquire(now_ms);
                    let one_at_a_time = breaker.state() == State::Closed || open_ms == 0;
                    prop_assert!(one_at_a_time || !(passes && second_passes));
                }
                1 => breaker.succeeded(),
                _ => breaker.failed(now_ms),
            }
        }
        breaker.try_acquire(0);
        prop_assert!(breaker.try_acquire(open_ms));
    }
}
