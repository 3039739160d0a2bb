//! What becomes of a response's headers.

use crate::{COMPRESSION_RATIO, Coding, ORIGINAL_SIZE, Request};
use http_semantics::etag::{EntityTag, tags};
use http_semantics::{ContentCoding, Fields, list};

/// A change of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Give the field this one value, whatever it had.
    Set(&'static str, Vec<u8>),
    /// Take all lines of the field away.
    Remove(&'static str),
}

/// How the end of the body is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By Content-Length.
    Length,
    /// By the protocol: trailers follow, which HTTP/1.1 can carry only after chunks (RFC 9112 §7.1.2).
    Trailers,
}

/// Fields that speak of the bytes before compression: digests of the content (RFC 9530, RFC 3230, RFC 2616 §14.15),
/// ranges of it (RFC 9110 §14.3), and how it was framed.
const UNTRUE: [&str; 6] =
    ["content-md5", "digest", "content-digest", "repr-digest", "accept-ranges", "transfer-encoding"];

/// The changes that a response needs which was compressed whole, removals first. Sizes are in bytes.
pub fn compressed<F: Fields + ?Sized>(
    fields: &F,
    coding: ContentCoding,
    original: usize,
    size: usize,
    framing: Framing,
) -> Vec<Change> {
    let mut changes = match framing {
        Framing::Length => encoded(fields, coding),
        Framing::Trailers => streamed(fields, coding),
    };
    if framing == Framing::Length {
        changes.push(Change::Set("content-length", size.to_string().into_bytes()));
    }
    changes.push(Change::Set(ORIGINAL_SIZE, original.to_string().into_bytes()));
    changes.push(Change::Set(COMPRESSION_RATIO, ratio(original, size).into_bytes()));
    changes
}

/// The changes that a response needs which is compressed piece by piece, removals first: nobody knows its length yet.
pub fn streamed<F: Fields + ?Sized>(fields: &F, coding: ContentCoding) -> Vec<Change> {
    let length = fields.contains("content-length").then_some(Change::Remove("content-length"));
    length.into_iter().chain(encoded(fields, coding)).collect()
}

fn encoded<F: Fields + ?Sized>(fields: &F, coding: ContentCoding) -> Vec<Change> {
    let is_there = |name: &&str| fields.contains(name);
    let mut changes: Vec<Change> = UNTRUE.into_iter().filter(is_there).map(Change::Remove).collect();
    changes.extend(weaker_etag(fields));
    changes.push(Change::Set("content-encoding", coding.as_str().into()));
    changes.extend(vary(fields));
    changes
}

/// The change that a response needs which another request would have got compressed: Vary names Accept-Encoding.
/// None if it does so, or says `*`, already (RFC 9110 §12.5.5).
pub fn vary<F: Fields + ?Sized>(fields: &F) -> Option<Change> {
    let covers = |name: &[u8]| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding");
    if list::members(fields, "vary").any(covers) {
        return None;
    }
    let mut names: Vec<&[u8]> = list::members(fields, "vary").collect();
    names.push(b"Accept-Encoding");
    Some(Change::Set("vary", names.join(b", ".as_slice())))
}

/// The changes that a 304 needs whose client holds a compressed response: the entity tag that it knows is the weak
/// one, and with a strong one in the answer it could not update what it holds (RFC 9111 §4.3.4).
pub fn not_modified<R, F>(request: &Request, request_fields: &R, fields: &F) -> Vec<Change>
where
    R: Fields + ?Sized,
    F: Fields + ?Sized,
{
    let strong = fields.first("etag").and_then(EntityTag::parse).filter(|tag| !tag.weak);
    let held = strong.filter(|strong| {
        let known = request_fields.values("if-none-match").flat_map(tags);
        matches!(request.coding, Coding::Encoded(_))
            && known.into_iter().any(|known| known == strong.to_weak())
    });
    match held {
        Some(tag) => {
            vary(fields).into_iter().chain([Change::Set("etag", tag.to_weak().to_bytes())]).collect()
        }
        None => Vec::new(),
    }
}

/// Compressed and uncompressed bodies differ in their bytes, so they cannot share a strong tag (RFC 9110 §8.8.3.3).
/// What is no entity tag is taken away.
fn weaker_etag<F: Fields + ?Sized>(fields: &F) -> Option<Change> {
    match EntityTag::parse(fields.first("etag")?) {
        Some(tag) if tag.weak => None,
        Some(tag) => Some(Change::Set("etag", tag.to_weak().to_bytes())),
        None => Some(Change::Remove("etag")),
    }
}

/// By how many percent `size` is less than `original`, with one decimal, rounded down.
fn ratio(original: usize, size: usize) -> String {
    let saved = original.saturating_sub(size) as u64;
    let per_mille = saved.saturating_mul(1_000).checked_div(original as u64).unwrap_or(0);
    format!("{}.{}", per_mille / 10, per_mille % 10)
}
