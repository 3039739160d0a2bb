//! The filter's flow against the host's test double.

mod faults;
mod hits;
mod stores;
mod support;
mod writes;
