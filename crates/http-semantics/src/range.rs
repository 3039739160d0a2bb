//! Range and Content-Range in bytes (RFC 9110 §14).

use crate::list;

/// The most ranges that a request may ask for; more are not worth serving (RFC 9110 §17.15).
pub const MAX_RANGES: usize = 16;

/// One range of a Range field, as it was asked for (RFC 9110 §14.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `first-last`, or `first-`: from this byte to that one, or to the end.
    From {
        /// Position of the first byte, counted from 0.
        first: u64,
        /// Position of the last byte, which is part of the range.
        last: Option<u64>,
    },
    /// `-length`: so many bytes at the end.
    Suffix(u64),
}

/// The ranges of a Range field. None if it is malformed, of another unit, or asks for too many: then it is to be ignored
/// (RFC 9110 §14.2).
pub fn parse(value: &[u8]) -> Option<Vec<ByteRange>> {
    let (unit, set) = list::name_value(value);
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let ranges: Vec<_> = list::split(set?).map(range).collect::<Option<_>>()?;
    (1..=MAX_RANGES).contains(&ranges.len()).then_some(ranges)
}

fn range(spec: &[u8]) -> Option<ByteRange> {
    let dash = spec.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (spec.get(..dash)?, spec.get(dash + 1..)?);
    match (first, last) {
        ([], length) => bounded(length).map(ByteRange::Suffix),
        (first, []) => bounded(first).map(|first| ByteRange::From { first, last: None }),
        (first, last) => {
            let (first, last) = (bounded(first)?, bounded(last)?);
            (first <= last).then_some(ByteRange::From { first, last: Some(last) })
        }
    }
}

impl ByteRange {
    /// The first and the last byte of the range in a representation of `length` bytes; none if there is no such part of it.
    pub fn within(self, length: u64) -> Option<(u64, u64)> {
        let end = length.checked_sub(1)?;
        match self {
            Self::From { first, last } => {
                (first <= end).then(|| (first, last.map_or(end, |last| last.min(end))))
            }
            Self::Suffix(0) => None,
            Self::Suffix(wanted) => Some((length.saturating_sub(wanted), end)),
        }
    }
}

/// The Content-Range of a 206: `bytes first-last/complete` (RFC 9110 §14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// Position of the first byte.
    pub first: u64,
    /// Position of the last byte.
    pub last: u64,
    /// Bytes of the whole representation, where they are known.
    pub complete: Option<u64>,
}

impl ContentRange {
    /// Reads a field value; none if it is malformed, contradicts itself, or is of another unit.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (unit, rest) = value.split_at_checked(b"bytes ".len())?;
        let slash = rest.iter().position(|byte| *byte == b'/')?;
        let (range, complete) = (rest.get(..slash)?, rest.get(slash + 1..)?);
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (number(range.get(..dash)?)?, number(range.get(dash + 1..)?)?);
        let complete = if complete == b"*" { None } else { Some(number(complete)?) };
        let is_sound = first <= last && complete.is_none_or(|complete| last < complete);
        (unit.eq_ignore_ascii_case(b"bytes ") && is_sound).then_some(Self { first, last, complete })
    }
}

/// A position that is asked for. One too large for us is past the end of anything (RFC 9110 §14.1.2).
fn bounded(digits: &[u8]) -> Option<u64> {
    is_number(digits).then(|| number(digits).unwrap_or(u64::MAX))
}

fn number(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok().filter(|_| is_number(digits))?.parse().ok()
}

fn is_number(digits: &[u8]) -> bool {
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
