//! The filter's flow against the host's test double.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod clocks;
mod codings;
mod collapsing;
mod directives;
mod faults;
mod heads;
mod hits;
mod keys;
mod leases;
mod partial;
mod parts;
mod policies;
mod purges;
mod questions;
mod queueing;
mod refresh;
mod revalidating;
mod softness;
mod stores;
mod support;
mod traces;
mod validation;
mod variants;
mod varying;
mod writes;
