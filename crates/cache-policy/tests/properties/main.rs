//! Keys of different resources differ, and no input makes a decision panic or contradict itself.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod deciding_fields;
mod decisions;
mod inputs;
mod keys;
mod primary_keys;
mod ranges;
mod variants;

use proptest::{collection::vec, prelude::*, sample::select};

/// Text of few characters, so that two of them often nearly agree.
fn text(characters: &'static str, longest: usize) -> impl Strategy<Value = String> {
    vec(select(characters.chars().collect::<Vec<_>>()), 0..=longest).prop_map(String::from_iter)
}

fn query() -> impl Strategy<Value = Option<Vec<String>>> {
    proptest::option::of(vec(text("ab=%61+?", 3), 0..4))
}

fn path_and_query(path: &str, query: Option<&[String]>) -> String {
    query.map_or_else(|| format!("/{path}"), |query| format!("/{path}?{}", query.join("&")))
}

#[test]
fn each_run_tries_the_same_cases() {
    use proptest::test_runner::{Config, RngSeed};
    // By .cargo/config.toml, for all crates.
    assert!(matches!(Config::default().rng_seed, RngSeed::Fixed(_)));
}
