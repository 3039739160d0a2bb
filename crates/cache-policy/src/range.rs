//! Parts of a stored representation (RFC 9110 §14, RFC 9111 §3.3, §3.4).

use http_semantics::{ContentRange, EntityTag, Fields, date, list, range};

/// How a request for parts is answered by what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// With the whole of it: it is not a request for parts that is to be heeded.
    Whole,
    /// With one part.
    One(ContentRange),
    /// With several, each in a body part of its own (RFC 9110 §14.6).
    Several(Vec<ContentRange>),
    /// With 416: no such part exists. The bytes of the whole.
    Unsatisfiable(u64),
    /// Not: what is stored is a part itself, and does not hold all that is asked for.
    Missing,
}

/// Which parts of a stored response a request asks for. `stored` are its fields, `bytes` is the length of its content.
///
/// Content that is encoded is answered whole: its bytes are those of whoever encoded it, and the parts of one encoding are
/// not those of another.
pub fn decide(
    request: &(impl Fields + ?Sized),
    status: u16,
    stored: &(impl Fields + ?Sized),
    bytes: u64,
) -> Parts {
    let held = match held(status, stored, bytes) {
        Some(held) => held,
        None if status == 206 => return Parts::Missing,
        None => return Parts::Whole,
    };
    let complete = held.complete.unwrap_or(bytes);
    let otherwise = || {
        let holds_all = held.first == 0 && held.last.checked_add(1) == Some(complete);
        if status != 206 || holds_all { Parts::Whole } else { Parts::Missing }
    };
    let asked = request.first("range").and_then(range::parse).filter(|_| may_be_parted(request, stored));
    let Some(asked) = asked else { return otherwise() };
    let parts: Vec<_> = asked
        .into_iter()
        .filter_map(|range| range.within(complete))
        .map(|(first, last)| ContentRange { first, last, complete: Some(complete) })
        .collect();
    let sum = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.last - part.first + 1));
    match parts.as_slice() {
        [] => Parts::Unsatisfiable(complete),
        _ if !parts.iter().all(|part| held.first <= part.first && part.last <= held.last) => Parts::Missing,
        [part] => Parts::One(*part),
        // Ranges that overlap or repeat cost more than the whole (RFC 9110 §17.15).
        _ if sum > complete => otherwise(),
        _ => Parts::Several(parts),
    }
}

/// Whether the content of a 206 is as long as its Content-Range says.
pub fn is_whole_part(stored: &(impl Fields + ?Sized), bytes: u64) -> bool {
    held(206, stored, bytes).is_some()
}

/// The bytes of a part, out of the content of a stored response with this status and these fields.
pub fn slice<'a>(
    status: u16,
    stored: &(impl Fields + ?Sized),
    content: &'a [u8],
    part: &ContentRange,
) -> &'a [u8] {
    let offset = held(status, stored, content.len() as u64).map_or(0, |held| held.first);
    let within = |position: u64| usize::try_from(position.saturating_sub(offset)).unwrap_or(usize::MAX);
    let end = within(part.last).saturating_add(1);
    content.get(within(part.first)..end).unwrap_or_default()
}

/// The value of Content-Range for a part.
pub fn content_range(part: &ContentRange) -> String {
    let complete = part.complete.map_or_else(|| "*".to_owned(), |complete| complete.to_string());
    format!("bytes {}-{}/{complete}", part.first, part.last)
}

/// The content of an answer with several parts, each with its Content-Type if there is one (RFC 9110 §14.6).
pub fn multipart<'a>(
    boundary: &str,
    content_type: Option<&[u8]>,
    parts: impl Iterator<Item = (&'a ContentRange, &'a [u8])>,
) -> Vec<u8> {
    let mut content = Vec::new();
    for (part, bytes) in parts {
        content.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        if let Some(content_type) = content_type {
            content.extend_from_slice(&[b"Content-Type: ", content_type, b"\r\n"].concat());
        }
        content.extend_from_slice(format!("Content-Range: {}\r\n\r\n", content_range(part)).as_bytes());
        content.extend_from_slice(bytes);
    }
    content.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    content
}

/// What part of the representation is stored; none if that is not known, or if the whole of it is encoded.
fn held(status: u16, stored: &(impl Fields + ?Sized), bytes: u64) -> Option<ContentRange> {
    let is_plain =
        list::members(stored, "content-encoding").all(|coding| coding.eq_ignore_ascii_case(b"identity"));
    let last = bytes.checked_sub(1);
    match status {
        206 => {
            let part = stored.first("content-range").and_then(ContentRange::parse)?;
            let is_what_it_says = (part.last - part.first).checked_add(1) == Some(bytes);
            (is_what_it_says && part.complete.is_some()).then_some(part)
        }
        200 if is_plain => last.map(|last| ContentRange { first: 0, last, complete: Some(bytes) }),
        _ => None,
    }
}

/// Whether If-Range allows an answer with parts: the stored response is the one that the client has others of (RFC 9110 §13.1.5).
fn may_be_parted(request: &(impl Fields + ?Sized), stored: &(impl Fields + ?Sized)) -> bool {
    let Some(condition) = request.first("if-range") else { return true };
    match EntityTag::parse(condition) {
        Some(wanted) => {
            stored.first("etag").and_then(EntityTag::parse).is_some_and(|own| own.strong_eq(wanted))
        }
        None => {
            let is_theirs = stored.first("last-modified") == Some(list::trim(condition));
            is_theirs && is_strong_date(date::parse(condition), stored)
        }
    }
}

/// Whether a response that was modified at this time cannot have been modified again within the same second
/// (RFC 9110 §8.8.2.2).
fn is_strong_date(modified: Option<u64>, stored: &(impl Fields + ?Sized)) -> bool {
    let made = stored.first("date").and_then(date::parse);
    matches!((modified, made), (Some(modified), Some(made)) if modified < made)
}
