//! Database migrations that lock nobody out, survive a crash at any point, and prove that their indexes are used.
//!
//! A [`Series`] is read from SQL files, and a [`Migrator`] brings one database in line with it, over one direct connection. The files'
//! format, and what each operation promises, stand in `docs/DATABASE.md`.

mod advisory_lock;
mod apply;
mod catalogue;
mod connection;
mod drift;
mod error;
mod evidence;
mod index;
mod ledger;
mod lint;
mod migrator;
mod plan;
mod progress;
mod report;
mod requirement;
mod revert;
mod script;
mod series;
mod source;
mod statement;
mod target;
mod verify;

pub use connection::{Endpoint, connect, tls_connector, tls_connector_by_authority};
pub use drift::{Difference, Expected};
pub use error::{Error, FileError};
pub use evidence::Evidence;
pub use ledger::{Entry, Outcome};
pub use lint::Finding;
pub use migrator::{Event, Migrator, Observer, Options};
pub use plan::{Condition, Planned, State, Status};
pub use report::{IndexReport, Measured};
pub use requirement::Requirement;
pub use script::{Migration, Part};
pub use series::Series;
pub use source::Source;
pub use statement::{Blocks, Lock, Statement};
pub use target::Target;
pub use verify::{Check, Verdict};
