//! PgBouncer by `slipstream pooling`: real servers on configurations that it rendered.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[macro_use]
#[path = "../common/mod.rs"]
mod common;
mod stack;

mod apply;
mod bad_input;
mod mixed_up;
mod secured;
mod serving;
mod users;
