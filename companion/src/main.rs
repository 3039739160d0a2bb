//! The native companion of the filters: cache service and command line.
fn main() {}
