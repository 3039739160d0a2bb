//! What TimescaleDB does with a table: sizes, policies, the health of jobs, and which layout compresses best.

mod error;
mod jobs;
mod layout;
mod measure;
mod presence;
mod segments;
mod sizes;
mod status;

pub use error::Error;
pub use jobs::{Health, Job};
pub use layout::{CHOSEN, LAYOUTS, Layout};
pub use measure::{Footprint, Measured, measure};
pub use presence::Presence;
pub use segments::{Segments, better, segments};
pub use sizes::{Aggregate, Hypertable};
pub use status::{Risk, Status, status};
