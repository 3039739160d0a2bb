//! Media types (RFC 9110 §8.3.1).

use crate::list;

/// The type and subtype of a Content-Type value, without parameters, in the case it was written in.
pub fn essence(content_type: &[u8]) -> &[u8] {
    list::parameters(content_type).next().unwrap_or_default()
}

/// Whether a Content-Type value is of this type and subtype (`text/html`), whatever its case and parameters.
pub fn is(content_type: &[u8], expected: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case(expected.as_bytes())
}

/// Whether a Content-Type value is within a media range (RFC 9110 §12.5.1): `text/html`, `text/*` or `*/*`.
pub fn is_within(content_type: &[u8], range: &str) -> bool {
    match range.strip_suffix('*') {
        Some("*/") => true,
        Some(start) => essence(content_type)
            .get(..start.len())
            .is_some_and(|own| own.eq_ignore_ascii_case(start.as_bytes())),
        None => is(content_type, range),
    }
}
