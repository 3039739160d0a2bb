//! Connections to PostgreSQL that stay right behind PgBouncer in transaction mode, and a probe that shows which do.
//!
//! In transaction mode each transaction may run on another server connection, so nothing that a client leaves in one may
//! be relied on in the next: no named statement, no `SET`, no advisory lock of the session, no `LISTEN`, no temporary table.
//! A statement is safe when it is parsed, bound and executed between two syncs: [`tokio_postgres::Client::query_typed`] does
//! so, or the simple protocol. `query` and `execute` do not; they prepare a named statement first.

mod mode;
mod pool;
pub mod probe;
mod rows;
mod secret;
mod secured;
mod way;
mod wire;

pub use mode::ClientMode;
pub use pool::{PoolError, PoolOptions, pool};
pub use rows::rows;
pub use secret::{ScramSecret, SecretError, server_secret};
pub use secured::{Secured, Stream, secured};
pub use tokio_postgres_rustls::MakeRustlsConnect as Tls;
pub use way::{Way, WayError};
pub use wire::WireError;
