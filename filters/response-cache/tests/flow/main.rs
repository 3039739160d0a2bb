//! The filter's flow against the host's test double.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod collapsing;
mod faults;
mod hits;
mod leases;
mod partial;
mod parts;
mod questions;
mod queueing;
mod stores;
mod support;
mod validation;
mod variants;
mod varying;
mod writes;
