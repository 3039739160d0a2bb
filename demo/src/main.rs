//! The demo's workspace API on PostgreSQL.
fn main() {}
