//! Comma-separated field values (RFC 9110 §5.6.1) and the quoted strings in them (§5.6.4).

use std::borrow::Cow;

use crate::Fields;

/// The members of the field `name` over all its lines: trimmed, empty ones skipped, commas within quoted strings kept.
pub fn members<'a, F: Fields + ?Sized>(fields: &'a F, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.values(name).flat_map(split)
}

/// The members of one line, as [`members`] gives them.
pub fn split(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    Parts { rest: Some(value), separator: b',' }.filter(|member| !member.is_empty())
}

/// The parts of a member that semicolons divide: the item, then its parameters (RFC 9110 §5.6.6), trimmed.
pub fn parameters(member: &[u8]) -> impl Iterator<Item = &[u8]> {
    Parts { rest: Some(member), separator: b';' }
}

/// `name=value` divided at the first `=` and trimmed; no value where there is no `=`.
pub fn name_value(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut halves = part.splitn(2, |&byte| byte == b'=');
    let name = trim(halves.next().unwrap_or_default());
    (name, halves.next().map(trim))
}

/// A token as it stands, or what a quoted string means: without its quotes and backslashes (RFC 9110 §5.6.4).
///
/// A quoted string that never ends is taken to end with the value.
pub fn unquote(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = value.strip_prefix(b"\"") else { return Cow::Borrowed(value) };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut escaped = false;
    let meant = inner.iter().copied().filter(|&byte| {
        let is_escape = byte == b'\\' && !escaped;
        escaped = is_escape;
        !is_escape
    });
    Cow::Owned(meant.collect())
}

/// `value` without the spaces and tabs around it (OWS, RFC 9110 §5.6.3).
pub fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// A value divided at a separator, but not within quoted strings.
struct Parts<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut quoted = false;
        let mut escaped = false;
        let end = rest.iter().position(|&byte| {
            if escaped {
                escaped = false;
            } else if quoted && byte == b'\\' {
                escaped = true;
            } else if byte == b'"' {
                quoted = !quoted;
            } else {
                return byte == self.separator && !quoted;
            }
            false
        });
        let (part, rest) = match end.and_then(|end| rest.split_at_checked(end)) {
            Some((part, rest)) => (part, rest.get(1..)),
            None => (rest, None),
        };
        self.rest = rest;
        Some(trim(part))
    }
}
