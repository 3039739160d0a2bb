//! What a filter and the companion say to each other: the envelope of a stored response, and the HTTP interface's
//! names and JSON bodies.

mod decode;
mod encode;
mod entry;
mod listing;
mod messages;
pub mod names;
mod trace;
mod wire;

pub use decode::{DecodeError, stated_position, summary};
pub use entry::{Entry, Summary, View};
pub use listing::{EntryPage, EntryState, ListedEntry};
pub use messages::{ErrorBody, InvalidationAck, InvalidationRequest, LeaseGrant, LogPage, PollAnswer};
pub use trace::TraceParent;
pub use wire::POSITION_END;
