//! What a query reads, the key its result is cached under, and which results are still true.
//!
//! Nothing here knows a database client, a socket or a clock: a cache inside a service and one that speaks PostgreSQL's own
//! protocol can stand on it alike.

mod functions;
mod key;
pub mod pgoutput;
mod record;
mod sql;
mod tables;
mod version;

pub use functions::{Builtin, builtin, is_readonly_procedural};
pub use key::{Key, KeyBuilder};
pub use record::{Record, RecordError};
pub use sql::{Call, Name, Refusal, Shape, body_shapes, expression_shape, shape};
pub use tables::{Applied, Tables};
pub use version::{Lsn, Version, WrongLsn};
