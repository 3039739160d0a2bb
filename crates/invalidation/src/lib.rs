//! A sequenced log of invalidations with epochs, and the set that judges stored entries by it.

mod glob;
mod newest;
mod path;
mod position;
mod record;
mod set;

pub use path::path_tags;
pub use position::{ParsePositionError, Position};
pub use record::{ParseTargetError, Record, Target, primary_key};
pub use set::{Gap, InvalidationSet, MAX_GLOBS, Verdict};
