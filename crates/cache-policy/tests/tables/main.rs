//! What the cache decides, as tables whose rows name the RFC section; natively and in wasm.

mod cache_status;
mod conditional;
mod key;
mod reference;
mod request;
mod reuse;
mod stale;
mod store;
mod stored_fields;
mod tags;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use std::prelude::v1::test;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Field lines of one message.
type Lines = &'static [(&'static str, &'static str)];
