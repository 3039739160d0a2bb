//! What the cache decides, as tables whose rows name the RFC section; natively and in wasm.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache_status;
mod condition;
mod conditional;
mod directives;
mod key;
mod range;
mod reference;
mod request;
mod reuse;
mod stale;
mod store;
mod stored_fields;
mod tags;
mod vary;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use std::prelude::v1::test;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Field lines of one message.
type Lines = &'static [(&'static str, &'static str)];

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}
