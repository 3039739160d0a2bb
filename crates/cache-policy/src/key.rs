//! Keys: what makes two requests ask for the same stored response (RFC 9111 §2).
//!
//! A **primary key** is `GET shop.example/api/items?category=tools&page=2`; a **full key** is the primary key, `#`, the
//! coding that was negotiated (`zstd`, `gzip`, …, `identity`, or `no-compression` if the client opted out), `:`, the route's name, and `;name=value` for each request field and each cookie that the route makes part of the
//! key. (The route is in it because a proxy may choose a route, and with it another origin, by fields that are not in the key.)
//!
//! A route may leave parts of the URL out of the primary key. What it stores can then answer several URLs, and has a tag
//! ([`Key::path_tag`]) by which an invalidation of any of them finds it. What a route adds to the key stands behind the `#`,
//! so that an invalidation of a URL always hits all of its variants.
//!
//! Two different resources never share a key, and no field value can forge a part of one. That rests on
//! [`is_valid_target`]: bytes that may not stand in a URI are percent-encoded, so without that check `/a b` and `/a%20b`
//! would share a key. [`crate::request::decide`] bypasses such requests.

use http_semantics::{Fields, cookie};

mod parts;

pub use compression_policy::Coding;
pub use parts::{KeyParts, Query, Template, TemplateError};

/// The primary key of a request; `path_and_query` is its `:path`. What invalidates a URI names the key of its GET.
///
/// Parameters are sorted by name, and those of one name keep their order: `a=2&a=1` is not `a=1&a=2`. Names are
/// compared as a server may understand them, without percent-encoding and case. Empty parameters are kept.
pub fn primary(method: &[u8], authority: &[u8], path_and_query: &[u8]) -> String {
    let mut key = String::with_capacity(method.len() + 1 + authority.len() + path_and_query.len());
    encode(&mut key, if method == b"HEAD" { b"GET" } else { method }, |byte| matches!(byte, b'#' | b'%'));
    key.push(' ');
    let authority_start = key.len();
    encode(&mut key, authority, |byte| matches!(byte, b'/' | b'?' | b'#' | b'%'));
    if let Some(authority) = key.get_mut(authority_start..) {
        authority.make_ascii_lowercase();
    }
    let (path, query) = split_query(path_and_query);
    encode(&mut key, path, |byte| byte == b'#');
    if let Some(query) = query {
        key.push('?');
        write_query(&mut key, query);
    }
    key
}

/// The key under which a response is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The full key.
    pub full: String,
    /// The tag of what may answer several URLs: `path:shop.example/api/items`, with `*` for the host if it is not in the key.
    pub path_tag: Option<String>,
}

/// The key of a GET or HEAD on the route named `route`.
///
/// A field with several lines is written line by line, one that is not there as `;name` alone, so that absent and empty
/// differ. What could be mistaken for a part of the key is percent-encoded.
pub fn of_request(
    authority: &[u8],
    path_and_query: &[u8],
    coding: Coding,
    route: &str,
    parts: &KeyParts,
    fields: &(impl Fields + ?Sized),
) -> Key {
    let (path, query) = split_query(path_and_query);
    let reduced = parts.reduce(query);
    let is_whole = parts.has_host() && reduced.is_none();
    // What is left of a query may be nothing; a query that was empty from the start is not the same as none.
    let query = match &reduced {
        Some(reduced) => Some(reduced.as_slice()).filter(|reduced| !reduced.is_empty()),
        None => query,
    };
    let host = if parts.has_host() { authority } else { b"*" };
    let mut full = if is_whole {
        primary(b"GET", host, path_and_query)
    } else {
        let target = query.map_or_else(|| path.to_vec(), |query| [path, b"?", query].concat());
        primary(b"GET", host, &target)
    };
    let path_tag = (!is_whole).then(|| {
        let without_query = primary(b"GET", host, path);
        format!("path:{}", without_query.strip_prefix("GET ").unwrap_or_default())
    });
    full.push('#');
    full.push_str(coding.as_str());
    full.push(':');
    encode(&mut full, route.as_bytes(), is_reserved_in_variant);
    for name in &parts.headers {
        let mut lines = fields.values(name).peekable();
        if lines.peek().is_none() {
            write_variant_field(&mut full, name, None);
        }
        lines.for_each(|value| write_variant_field(&mut full, name, Some(value)));
    }
    // A colon cannot stand in a field's name.
    for name in &parts.cookies {
        write_variant(&mut full, &format!("cookie:{name}"), cookie::value(fields, name));
    }
    if parts.keeps_query_order
        && let Some(query) = query
    {
        write_variant(&mut full, ":query", Some(query));
    }
    if let Some(template) = &parts.template {
        write_variant(&mut full, ":key", Some(&template.render(path_and_query, fields)));
    }
    if let Some(prefix) = &parts.prefix {
        write_variant(&mut full, ":prefix", Some(prefix.as_bytes()));
    }
    Key { full, path_tag }
}

/// The values of a query's parameters of this name, as they stand in the target.
pub(crate) fn query_values<'a>(target: &'a [u8], wanted: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let parameters = split_query(target).1.into_iter().flat_map(|query| query.split(|byte| *byte == b'&'));
    parameters.filter(|parameter| is_named(parameter, wanted)).map(|parameter| {
        parameter
            .iter()
            .position(|byte| *byte == b'=')
            .and_then(|at| parameter.get(at + 1..))
            .unwrap_or_default()
    })
}

/// Whether a query's parameter has this name, as a server may understand it.
fn is_named(parameter: &[u8], wanted: &str) -> bool {
    name(parameter).eq(wanted.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// The path, and what follows its question mark if it has one.
pub(crate) fn split_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match target.iter().position(|&byte| byte == b'?').and_then(|at| target.split_at_checked(at)) {
        Some((path, query)) => (path, query.get(1..)),
        None => (target, None),
    }
}

/// Whether a request's `:path` is a path and query that its key stands for unambiguously: it begins with `/`, and all of
/// it is visible ASCII without `#` (RFC 3986 §3.3, §3.4).
pub fn is_valid_target(path_and_query: &[u8]) -> bool {
    path_and_query.starts_with(b"/")
        && path_and_query.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#')
}

/// Appends `;name=value`, or `;name` where the field is not there; its name in lower case.
pub(crate) fn write_variant_field(key: &mut String, name: &str, value: Option<&[u8]>) {
    write_variant(key, &name.to_ascii_lowercase(), value);
}

fn write_variant(key: &mut String, name: &str, value: Option<&[u8]>) {
    key.push(';');
    encode(key, name.as_bytes(), is_reserved_in_variant);
    if let Some(value) = value {
        key.push('=');
        encode(key, value, is_reserved_in_variant);
    }
}

const fn is_reserved_in_variant(byte: u8) -> bool {
    matches!(byte, b';' | b'#' | b'=' | b'%')
}

fn write_query(key: &mut String, query: &[u8]) {
    let parameters = || query.split(|&byte| byte == b'&');
    if parameters().is_sorted_by(|left, right| name(left).le(name(right))) {
        return encode(key, query, |byte| byte == b'#');
    }
    let mut sorted: Vec<_> = parameters().collect();
    sorted.sort_by(|left, right| name(left).cmp(name(right)));
    for (index, parameter) in sorted.into_iter().enumerate() {
        if index > 0 {
            key.push('&');
        }
        encode(key, parameter, |byte| byte == b'#');
    }
}

/// The name of a query parameter as a server may understand it: percent-decoded and in lower case.
fn name(parameter: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = parameter;
    std::iter::from_fn(move || {
        let (byte, after) = match rest {
            [] | [b'=', ..] => return None,
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_value(*high) << 4 | hex_value(*low), after)
            }
            [b'+', after @ ..] => (b' ', after),
            [byte, after @ ..] => (*byte, after),
        };
        rest = after;
        Some(byte.to_ascii_lowercase())
    })
}

const fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a' - 10),
    }
}

/// Appends `bytes`; those that are reserved or not visible ASCII are percent-encoded.
fn encode(key: &mut String, bytes: &[u8], is_reserved: impl Fn(u8) -> bool) {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !is_reserved(byte);
    // The usual case: nothing to encode, and one copy.
    if let Ok(text) = str::from_utf8(bytes)
        && bytes.iter().all(|&byte| is_plain(byte))
    {
        return key.push_str(text);
    }
    for &byte in bytes {
        if is_plain(byte) {
            key.push(char::from(byte));
        } else {
            key.push('%');
            key.extend([byte >> 4, byte & 15].map(hex_digit));
        }
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}
