//! Server-sent events (WHATWG HTML, section "Server-sent events"): how they are written, and read as they come.
//!
//! Whatever a text holds, what is written is read as one event with this text; only its line breaks all become `\n`.

mod parser;
mod writer;

pub use parser::{Event, Item, Parser, TooLong};
pub use writer::{Frame, comment, retry};
