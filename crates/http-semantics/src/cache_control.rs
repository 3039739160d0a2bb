//! Cache-Control, of requests and of responses (RFC 9111 §5.2).

use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::{Fields, delta_seconds, list};

/// The directives of all Cache-Control lines of one message; what is unknown is ignored.
///
/// Ages and lifetimes are in seconds. Where a directive is repeated the strictest one counts, and a lifetime that is
/// not a number counts as 0, which makes the response stale (RFC 9111 §4.2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// `no-store` (§5.2.1.5, §5.2.2.5).
    pub no_store: bool,
    /// `no-cache` (§5.2.1.4, §5.2.2.4).
    pub no_cache: Scope,
    /// `private` (§5.2.2.7).
    pub private: Scope,
    /// `public` (§5.2.2.9).
    pub public: bool,
    /// `must-revalidate` (§5.2.2.2).
    pub must_revalidate: bool,
    /// `proxy-revalidate` (§5.2.2.8).
    pub proxy_revalidate: bool,
    /// `no-transform` (§5.2.1.6, §5.2.2.6).
    pub no_transform: bool,
    /// `must-understand` (§5.2.2.3).
    pub must_understand: bool,
    /// `only-if-cached` (§5.2.1.7).
    pub only_if_cached: bool,
    /// `immutable` (RFC 8246).
    pub immutable: bool,
    /// `max-age` (§5.2.1.1, §5.2.2.1).
    pub max_age: Option<u64>,
    /// `s-maxage` (§5.2.2.10).
    pub s_maxage: Option<u64>,
    /// `min-fresh` (§5.2.1.3). The strictest is the largest; what is not a number asks for nothing.
    pub min_fresh: Option<u64>,
    /// `max-stale` (§5.2.1.2).
    pub max_stale: Option<MaxStale>,
    /// `stale-while-revalidate` (RFC 5861 §3).
    pub stale_while_revalidate: Option<u64>,
    /// `stale-if-error` (RFC 5861 §4).
    pub stale_if_error: Option<u64>,
}

/// How much of a response `no-cache` or `private` speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// The directive is not there.
    #[default]
    Absent,
    /// Only the fields named, in lower case: `private="set-cookie"`.
    Fields(Vec<String>),
    /// The whole response.
    Whole,
}

/// How long past its lifetime a client still takes a response (RFC 9111 §5.2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxStale {
    /// At most so many seconds.
    Seconds(u64),
    /// However long: `max-stale` without a value.
    Any,
}

impl CacheControl {
    /// Reads all Cache-Control lines of a message.
    pub fn parse(fields: &(impl Fields + ?Sized)) -> Self {
        let mut directives = Self::default();
        for member in list::members(fields, "cache-control") {
            let (name, value) = name_value(member);
            directives.add(name, value);
        }
        directives
    }

    /// Reads all lines of a targeted field such as CDN-Cache-Control (RFC 9213 §2.1), a dictionary of structured fields. None
    /// where the field is not there, is empty, or does not parse: then it is as if it had not been sent.
    pub fn parse_targeted(fields: &(impl Fields + ?Sized), name: &str) -> Option<Self> {
        let mut lines = fields.values(name);
        let mut joined = lines.next()?.to_vec();
        for line in lines {
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(line);
        }
        let members =
            Parser::new(&joined).parse::<Dictionary>().ok().filter(|members| !members.is_empty())?;
        let mut directives = Self::default();
        for (name, member) in &members {
            let name = name.as_str().as_bytes();
            let ListEntry::Item(item) = member else { return None };
            match &item.bare_item {
                BareItem::Integer(number) => directives.add(name, Some(number.to_string().as_bytes())),
                // What is to be a number and is none makes the field one that does not parse.
                _ if is_in_seconds(name) => return None,
                BareItem::Boolean(false) => {}
                BareItem::String(text) => directives.add(name, Some(text.as_str().as_bytes())),
                _ => directives.add(name, None),
            }
        }
        Some(directives)
    }

    fn add(&mut self, name: &[u8], value: Option<&[u8]>) {
        let mut buffer = [0; LONGEST_NAME];
        let Some(lower) = buffer.get_mut(..name.len()) else { return };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        match &*lower {
            b"no-store" => self.no_store = true,
            b"no-cache" => self.no_cache.widen(value),
            b"private" => self.private.widen(value),
            b"public" => self.public = true,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"no-transform" => self.no_transform = true,
            b"must-understand" => self.must_understand = true,
            b"only-if-cached" => self.only_if_cached = true,
            b"immutable" => self.immutable = true,
            b"max-age" => keep_smallest(&mut self.max_age, value),
            b"s-maxage" => keep_smallest(&mut self.s_maxage, value),
            b"min-fresh" => self.min_fresh = self.min_fresh.max(Some(seconds(value))),
            b"max-stale" => self.add_max_stale(value),
            b"stale-while-revalidate" => keep_smallest(&mut self.stale_while_revalidate, value),
            b"stale-if-error" => keep_smallest(&mut self.stale_if_error, value),
            _ => {}
        }
    }

    fn add_max_stale(&mut self, value: Option<&[u8]>) {
        self.max_stale = match (self.max_stale, value) {
            (Some(known), None) => Some(known),
            (None, None) => Some(MaxStale::Any),
            (Some(MaxStale::Seconds(known)), Some(_)) => Some(MaxStale::Seconds(known.min(seconds(value)))),
            (Some(MaxStale::Any) | None, Some(_)) => Some(MaxStale::Seconds(seconds(value))),
        };
    }
}

/// A directive's name and value. No space may stand beside the `=` (RFC 9111 §5.2): what has one has no valid value.
fn name_value(member: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (name, value) = list::name_value(member);
    let is_spaced = value.is_some_and(|value| member.len() != name.len() + 1 + value.len());
    (name, if is_spaced { Some(b"") } else { value })
}

impl Scope {
    /// The names of the fields that the directive speaks of; none where it speaks of the whole response, or is not there.
    pub fn fields(&self) -> &[String] {
        match self {
            Self::Fields(names) => names,
            Self::Absent | Self::Whole => &[],
        }
    }

    /// Whether the directive is there, in whichever form.
    pub fn is_present(&self) -> bool {
        *self != Self::Absent
    }

    /// Takes in one more occurrence. One that names no field after all speaks of the whole response.
    fn widen(&mut self, value: Option<&[u8]>) {
        let value = list::unquote(value.unwrap_or_default());
        let mut named =
            list::split(&value).map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).peekable();
        match self {
            Self::Whole => {}
            _ if named.peek().is_none() => *self = Self::Whole,
            Self::Absent => *self = Self::Fields(named.collect()),
            Self::Fields(known) => known.extend(named),
        }
    }
}

/// Whether a directive's value is a number of seconds.
fn is_in_seconds(name: &[u8]) -> bool {
    matches!(name, b"max-age" | b"s-maxage" | b"stale-while-revalidate" | b"stale-if-error")
}

/// The length of `stale-while-revalidate`; longer names are unknown.
const LONGEST_NAME: usize = 22;

fn keep_smallest(known: &mut Option<u64>, value: Option<&[u8]>) {
    let seconds = seconds(value);
    *known = Some(known.map_or(seconds, |known| known.min(seconds)));
}

fn seconds(value: Option<&[u8]>) -> u64 {
    value.and_then(|value| delta_seconds::parse(&list::unquote(value))).unwrap_or(0)
}
