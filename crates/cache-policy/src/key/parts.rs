//! What a route makes part of its keys, and what it leaves out.

use std::fmt;

use http_semantics::{Fields, cookie};

use super::{is_named, query_values};

/// What is part of a route's keys, beside method and path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyParts {
    /// Names of request fields.
    pub headers: Vec<String>,
    /// Names of cookies.
    pub cookies: Vec<String>,
    /// Which parameters of the query.
    pub query: Query,
    /// Whether parameters of different names in another order make another key.
    pub keeps_query_order: bool,
    /// Whether all hosts share their responses.
    pub without_host: bool,
    /// A text that sets the route's keys apart from others, as a version does.
    pub prefix: Option<String>,
    /// What stands in the key in place of the whole query.
    pub template: Option<Template>,
}

/// Which parameters of the query are part of the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Query {
    /// All.
    #[default]
    All,
    /// Those of these names.
    Only(Vec<String>),
    /// All but those of these names; `utm_*` stands for all that begin so.
    Except(Vec<String>),
}

impl KeyParts {
    /// Whether the request field `name` is part of the key.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header.eq_ignore_ascii_case(name))
    }

    pub(super) const fn has_host(&self) -> bool {
        !self.without_host
    }

    /// What is left of a query; none where all of it is part of the key.
    pub(super) fn reduce(&self, query: Option<&[u8]>) -> Option<Vec<u8>> {
        if self.template.is_some() {
            return Some(Vec::new());
        }
        let is_listed =
            |names: &[String], parameter: &[u8]| names.iter().any(|listed| matches(listed, parameter));
        let keeps: &dyn Fn(&[u8]) -> bool = match &self.query {
            Query::All => return None,
            Query::Only(names) => &|parameter| is_listed(names, parameter),
            Query::Except(names) => &|parameter| !is_listed(names, parameter),
        };
        let parameters = query.into_iter().flat_map(|query| query.split(|byte| *byte == b'&'));
        Some(parameters.filter(|parameter| keeps(parameter)).collect::<Vec<_>>().join(&b'&'))
    }

    /// Names of the request fields that the key reads.
    pub(crate) fn request_fields(&self) -> impl Iterator<Item = &str> {
        let template = self.template.iter().flat_map(Template::request_fields);
        let cookie = (!self.cookies.is_empty()).then_some("cookie");
        self.headers.iter().map(String::as_str).chain(template).chain(cookie)
    }
}

fn matches(listed: &str, parameter: &[u8]) -> bool {
    match listed.strip_suffix('*') {
        Some(start) => {
            let mut name = super::name(parameter);
            start.bytes().all(|byte| name.next() == Some(byte.to_ascii_lowercase()))
        }
        None => is_named(parameter, listed),
    }
}

/// Text with places for parts of the request: `{query:page}`, `{header:x-tenant}`, `{cookie:lang}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Query(String),
    Header(String),
    Cookie(String),
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The offending place.
    pub place: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no place: expected {{query:NAME}}, {{header:NAME}} or {{cookie:NAME}}", self.place)
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let wrong = |place: &str| TemplateError { place: place.chars().take(64).collect() };
            let (place, after) = after.split_once('}').ok_or_else(|| wrong(rest))?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(match place.split_once(':') {
                Some(("query", name)) if !name.is_empty() => Piece::Query(name.to_owned()),
                Some(("header", name)) if !name.is_empty() => Piece::Header(name.to_owned()),
                Some(("cookie", name)) if !name.is_empty() => Piece::Cookie(name.to_owned()),
                _ => return Err(wrong(place)),
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// The text with the request's parts in it. Each part is told apart from text and from a part that is not there.
    pub(super) fn render(&self, target: &[u8], fields: &(impl Fields + ?Sized)) -> Vec<u8> {
        let mut key = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => key.extend_from_slice(text.as_bytes()),
                Piece::Query(name) => write_all(&mut key, query_values(target, name)),
                Piece::Header(name) => write_all(&mut key, fields.values(name)),
                Piece::Cookie(name) => write_all(&mut key, cookie::value(fields, name).into_iter()),
            }
        }
        key
    }

    fn request_fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Header(name) => Some(name.as_str()),
            Piece::Cookie(_) => Some("cookie"),
            Piece::Text(_) | Piece::Query(_) => None,
        })
    }
}

/// Appends how many values there are, and each with its length, so that no value can pass for other pieces.
fn write_all<'a>(key: &mut Vec<u8>, values: impl Iterator<Item = &'a [u8]>) {
    key.push(b'{');
    for value in values {
        key.extend_from_slice(format!("{}:", value.len()).as_bytes());
        key.extend_from_slice(value);
    }
    key.push(b'}');
}
