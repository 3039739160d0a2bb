//! The engine on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod load;
mod looks;
mod support;

mod bad_input;
mod built_in;
mod evidence;
mod interrupted;
mod record;
mod together;
mod under_load;
