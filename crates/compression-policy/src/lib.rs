//! Which responses are compressed, with which coding, and what becomes of their headers.

mod config;
mod content_types;
mod decision;
pub mod levels;
mod negotiation;
mod request;
mod rewrite;

pub use config::{Config, Mode};
pub use content_types::{ContentTypes, InvalidPattern};
pub use decision::{Plan, Response, Skip, Way, decide};
pub use levels::Levels;
pub use negotiation::{Coding, Codings, InvalidCodings};
pub use request::Request;
pub use rewrite::{Change, Framing, compressed, not_modified, streamed, vary};

/// A request or response that has this field, whatever its value, is not to be compressed.
pub const OPT_OUT: &str = "x-no-compression";
/// Response field: bytes of the body before compression.
pub const ORIGINAL_SIZE: &str = "x-original-size";
/// Response field: by how many percent the body shrank, with one decimal: `73.4`.
pub const COMPRESSION_RATIO: &str = "x-compression-ratio";
