//! Content types: which are worth compressing, and which must flow as they come.

use http_semantics::media_type::essence;
use std::fmt;

/// A list of content types, each `type/subtype`, `type/*`, `type/*+suffix` or `*/*+suffix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentTypes(Vec<Pattern>);

/// A content type pattern that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern {
    /// Which of the list, from 0.
    pub index: usize,
    /// As it was written.
    pub pattern: String,
}

/// Formats that are text, and so shrink.
const DEFAULT: [&str; 7] = [
    "text/*",
    "application/json",
    "*/*+json",
    "application/javascript",
    "application/x-javascript",
    "application/xml",
    "*/*+xml",
];

/// Bodies made of messages that the client wants as they come; to hold them would break them.
const STREAMING: [&str; 8] = [
    "text/event-stream",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/stream+json",
    "application/json-seq",
    "multipart/x-mixed-replace",
];

/// gRPC, gRPC-Web and Connect frame their messages, and compress them by themselves.
const FRAMED_PREFIXES: [&str; 2] = ["application/grpc", "application/connect+"];

impl ContentTypes {
    /// Reads patterns. Case does not matter.
    pub fn parse<S: AsRef<str>>(patterns: &[S]) -> Result<ContentTypes, InvalidPattern> {
        let parsed = patterns.iter().map(AsRef::as_ref).enumerate().map(|(index, pattern)| {
            Pattern::parse(pattern).ok_or_else(|| InvalidPattern { index, pattern: pattern.to_owned() })
        });
        Ok(ContentTypes(parsed.collect::<Result<_, _>>()?))
    }

    /// Whether a Content-Type value is of one of these types.
    pub fn contains(&self, content_type: &[u8]) -> bool {
        let essence = essence(content_type);
        self.0.iter().any(|pattern| pattern.matches(essence))
    }
}

impl Default for ContentTypes {
    fn default() -> Self {
        ContentTypes(DEFAULT.iter().filter_map(|pattern| Pattern::parse(pattern)).collect())
    }
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pattern = &self.pattern;
        write!(f, "`{pattern}`: expected `type/subtype`, `type/*`, `type/*+suffix` or `*/*+suffix`")
    }
}

impl std::error::Error for InvalidPattern {}

/// Whether a Content-Type value is of a type that is delivered piece by piece.
pub(crate) fn is_streaming(content_type: &[u8]) -> bool {
    let essence = essence(content_type);
    STREAMING.iter().any(|streaming| essence.eq_ignore_ascii_case(streaming.as_bytes()))
        || FRAMED_PREFIXES.iter().any(|prefix| {
            essence.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        })
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// The type; any if none.
    kind: Option<String>,
    subtype: Subtype,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subtype {
    Any,
    Exact(String),
    /// Structured syntax, with its `+` (RFC 6838 §4.2.8).
    Suffix(String),
}

impl Pattern {
    fn parse(pattern: &str) -> Option<Pattern> {
        let (kind, subtype) = pattern.split_once('/')?;
        let subtype = match subtype.strip_prefix('*') {
            Some("") => Subtype::Any,
            Some(suffix) => Subtype::Suffix(suffix.strip_prefix('+').filter(is_name).map(|_| suffix.into())?),
            None => Subtype::Exact(Some(subtype).filter(is_name)?.to_owned()),
        };
        match (kind, &subtype) {
            ("*", Subtype::Suffix(_)) => Some(Pattern { kind: None, subtype }),
            _ => Some(Pattern { kind: Some(Some(kind).filter(is_name)?.to_owned()), subtype }),
        }
    }

    fn matches(&self, essence: &[u8]) -> bool {
        let Some(slash) = essence.iter().position(|&byte| byte == b'/') else { return false };
        let Some((kind, [_, subtype @ ..])) = essence.split_at_checked(slash) else { return false };
        self.kind.as_ref().is_none_or(|expected| kind.eq_ignore_ascii_case(expected.as_bytes()))
            && match &self.subtype {
                Subtype::Any => true,
                Subtype::Exact(expected) => subtype.eq_ignore_ascii_case(expected.as_bytes()),
                Subtype::Suffix(suffix) => subtype
                    .len()
                    .checked_sub(suffix.len())
                    .and_then(|start| subtype.get(start..))
                    .is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes())),
            }
    }
}

/// A restricted name (RFC 6838 §4.2).
fn is_name(text: &&str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}
