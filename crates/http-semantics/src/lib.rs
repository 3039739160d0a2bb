//! HTTP field values, parsed: Cache-Control, Accept-Encoding, ETag, Range, Vary, dates (RFC 9110, RFC 9111).
//!
//! Everything reads bytes, never fails on foreign input, and borrows where it can: a field value is what a stranger wrote.

pub mod accept_encoding;
pub mod cache_control;
mod content_coding;
pub mod cookie;
pub mod date;
pub mod delta_seconds;
pub mod etag;
mod fields;
pub mod list;
pub mod media_type;
pub mod range;
pub mod vary;

pub use accept_encoding::AcceptEncoding;
pub use cache_control::CacheControl;
pub use content_coding::ContentCoding;
pub use etag::EntityTag;
pub use fields::Fields;
pub use range::{ByteRange, ContentRange};
pub use vary::Vary;
