//! What each field means, as tables whose rows name the RFC section; natively and in wasm.

mod accept_encoding;
mod cache_control;
mod dates;
mod etag;
mod fields;
mod list;
mod range;
mod targeted;
mod values;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use std::prelude::v1::test;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;
