//! Cookies of a request (RFC 6265 §5.4).

use crate::{Fields, list};

/// The value of the request's first cookie of this name. Names of cookies differ by case.
pub fn value<'a>(fields: &'a (impl Fields + ?Sized), name: &'a str) -> Option<&'a [u8]> {
    let pairs = fields.values("cookie").flat_map(|line| line.split(|byte| *byte == b';'));
    pairs
        .map(list::name_value)
        .find(|(own, _)| *own == name.as_bytes())
        .map(|(_, value)| value.unwrap_or_default())
}
