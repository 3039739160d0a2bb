//! What came as an answer.

use bytes::Bytes;
use compression_policy::{COMPRESSION_RATIO, ORIGINAL_SIZE};
use http_semantics::{EntityTag, list};
use hyper::{HeaderMap, StatusCode};

/// An answer as it came over the wire; only the transfer coding is undone.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
    pub body: Bytes,
    /// Why the body came to an early end, if it did.
    pub cut: Option<String>,
    /// Bytes that followed the answer's end, as far as they came at once.
    pub surplus: usize,
}

impl Answer {
    /// The first value of a field as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.fields.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The members of a field that is a list, in lower case.
    pub(super) fn members(&self, name: &str) -> Vec<String> {
        let lines = self.fields.get_all(name).iter().flat_map(|line| list::split(line.as_bytes()));
        lines.map(|member| String::from_utf8_lossy(member).to_ascii_lowercase()).collect()
    }

    /// How the content is encoded, such as `gzip`; empty if it is as it is.
    pub(super) fn codings(&self) -> String {
        let mut codings = self.members("content-encoding");
        codings.retain(|coding| coding != "identity");
        // Another name of the same (RFC 9110 §8.4.1.3).
        let name = |coding: String| if coding == "x-gzip" { "gzip".to_owned() } else { coding };
        codings.into_iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// Whether a cache that has this answer knows that another Accept-Encoding may get another one.
    pub(super) fn varies(&self) -> bool {
        self.members("vary").iter().any(|name| name == "*" || name == "accept-encoding")
    }

    pub(super) fn content_type(&self) -> &[u8] {
        self.fields.get("content-type").map_or(b"", |value| value.as_bytes())
    }

    pub(super) fn original_size(&self) -> Option<String> {
        self.text(ORIGINAL_SIZE)
    }

    pub(super) fn compression_ratio(&self) -> Option<String> {
        self.text(COMPRESSION_RATIO)
    }

    /// Whether both have the same strong entity tag, which promises the same bytes (RFC 9110 §8.8.3).
    pub(super) fn shares_a_strong_tag(&self, other: &Self) -> bool {
        let tag = |answer: &Self| answer.fields.get("etag").map(|value| value.as_bytes().to_vec());
        let (Some(own), Some(other)) = (tag(self), tag(other)) else { return false };
        match (EntityTag::parse(&own), EntityTag::parse(&other)) {
            (Some(own), Some(other)) => own.strong_eq(other),
            _ => false,
        }
    }

    /// Coding and size, for people.
    pub(super) fn summary(&self) -> String {
        let codings = self.codings();
        let how = if codings.is_empty() { "as it is" } else { &codings };
        let status = if self.status == StatusCode::OK { String::new() } else { format!("{}: ", self.status) };
        format!("{status}{how}, {} bytes", self.body.len())
    }
}
