//! What clients see while parts fail: faults under load, and a long run.
//!
//! A [`Row`] is one fault. [`run`] puts a constant load on two Envoys that share a companion and a Redis, brings the fault about,
//! heals it, and judges every answer by what the service would have given: that is an [`Outcome`], a line of
//! `docs/RELIABILITY.md`.

mod catalogue;
mod items;
mod judge;
mod load;
mod outcome;
mod row;
mod rows;
mod run;
mod soak;
mod stand;
mod trap;
mod truth;

pub use outcome::{Outcome, table};
pub use row::{Row, Service};
pub use rows::ROWS;
pub use run::{Effort, run};
pub use soak::{Level, Report, soak};
pub use stand::{Kind, Stand};
