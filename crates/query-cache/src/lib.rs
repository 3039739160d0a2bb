//! A drop-in for the query call of a tokio-postgres pool that answers repeated queries from memory, and never with stale rows.
//!
//! ```no_run
//! # async fn example(pool: deadpool_postgres::Pool) -> Result<(), query_cache::Error> {
//! use query_cache::{Options, QueryCache};
//!
//! let cache = QueryCache::new(pool, Options::from_env());
//! let rows = cache.query("SELECT name FROM items WHERE id = $1", &[&7]).await?;
//! for row in &rows {
//!     let name: &str = row.try_get("name")?;
//! }
//! # Ok(()) }
//! ```
//!
//! What may be cached is found out from the statement and the catalogue. What a commit changes is invalid some milliseconds
//! after it, whoever made it, for the companion `slipstream` follows the database's write-ahead log. While it does not, or Redis is
//! away, or anything else is in doubt, every query goes to the database.

mod anchor;
mod answer;
mod ask;
mod cache;
mod catalogue;
mod class;
mod classify;
mod column;
mod direct;
mod error;
mod fill;
mod flights;
mod follower;
mod identity;
mod inner;
mod l2;
mod metrics;
mod options;
mod parameters;
mod rows;
mod session;
mod wire;

pub use cache::{QueryCache, Status};
pub use column::{Column, ColumnIndex};
pub use error::Error;
pub use options::{Options, QueryOptions};
pub use query_cache_model::Lsn;
pub use rows::{Row, Rows};
pub use session::Session;
