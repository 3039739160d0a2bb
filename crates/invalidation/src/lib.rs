//! A sequenced log of invalidations with epochs, and the set that judges stored entries by it.

mod newest;
mod position;
mod record;
mod set;

pub use position::{ParsePositionError, Position};
pub use record::{ParseTargetError, Record, Target, primary_key};
pub use set::{Gap, InvalidationSet, Verdict};
