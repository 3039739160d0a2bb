//! Entity tags: ETag, and the lists of If-Match and If-None-Match (RFC 9110 §8.8.3).

use crate::{Fields, list};

/// An entity tag: `"abc"` or `W/"abc"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// Whether equal tags promise only equivalent content, not equal bytes.
    pub weak: bool,
    /// What stands between the quotes.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads the value of an ETag field.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (tag, rest) = take(list::trim(value))?;
        rest.is_empty().then_some(tag)
    }

    /// Weak comparison, for If-None-Match (RFC 9110 §8.8.3.2).
    pub fn weak_eq(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// Strong comparison, for If-Match and If-Range (RFC 9110 §8.8.3.2).
    pub fn strong_eq(self, other: EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// The tag as a weak one: what a response gets whose bytes were changed but whose meaning was not.
    pub const fn to_weak(self) -> Self {
        Self { weak: true, ..self }
    }

    /// The tag as a field value.
    pub fn to_bytes(self) -> Vec<u8> {
        let prefix: &[u8] = if self.weak { b"W/\"" } else { b"\"" };
        [prefix, self.opaque, b"\""].concat()
    }
}

/// What an If-None-Match field says of a stored entity tag (RFC 9110 §13.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfNoneMatch {
    /// The field is not there.
    Absent,
    /// `*`, or a member that weakly equals the stored tag.
    Matched,
    /// No member equals the stored tag.
    Unmatched,
}

/// Compares the request's If-None-Match with the tag of the stored response; `None` if that has no (valid) tag.
pub fn if_none_match(fields: &(impl Fields + ?Sized), stored: Option<EntityTag<'_>>) -> IfNoneMatch {
    let mut outcome = IfNoneMatch::Absent;
    for value in fields.values("if-none-match") {
        let any = list::trim(value) == b"*";
        if any || tags(value).any(|tag| stored.is_some_and(|stored| stored.weak_eq(tag))) {
            return IfNoneMatch::Matched;
        }
        outcome = IfNoneMatch::Unmatched;
    }
    outcome
}

/// The entity tags of a list; malformed members are skipped.
///
/// Not [`list::split`]: within an entity tag a backslash is a character like any other.
pub fn tags(value: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            rest = list::trim(rest);
            if rest.is_empty() {
                return None;
            }
            if let Some((tag, after)) = take(rest) {
                rest = list::trim(after);
                if rest.is_empty() || rest.starts_with(b",") {
                    return Some(tag);
                }
            }
            rest = rest.iter().position(|&byte| byte == b',').and_then(|comma| rest.get(comma + 1..))?;
        }
    })
}

/// The entity tag that `value` begins with, and what follows it.
fn take(value: &[u8]) -> Option<(EntityTag<'_>, &[u8])> {
    let (weak, quoted) = match value.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, value),
    };
    let inner = quoted.strip_prefix(b"\"")?;
    let end = inner.iter().position(|&byte| byte == b'"')?;
    let (opaque, rest) = inner.split_at_checked(end)?;
    let valid = opaque.iter().all(|&byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..));
    valid.then_some((EntityTag { weak, opaque }, rest.get(1..)?))
}
