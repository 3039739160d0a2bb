//! The service that answers questions: the real companion, the real model, and a chat server that behaves as it is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod documents;
mod engines;
mod many;
mod questions;
mod stack;
mod streams;
mod through_envoy;
