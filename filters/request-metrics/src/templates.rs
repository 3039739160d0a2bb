//! Path templates, such as `/api/items/{id}`: labels for paths that name things.

use std::fmt;
use std::rc::Rc;

/// What stands for a template in the label `route` is cut there.
const MAX_BYTES: usize = 128;

/// A path in which `{name}` stands for one segment, and `{name=**}` at the end for any number of them.
///
/// The label writes them `:name`, because some readers of Prometheus' format stumble over braces in a label's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    label: Rc<[u8]>,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<[u8]>),
    One,
    Rest,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Template, Malformed> {
        let Some(path) = text.strip_prefix('/') else { return Err(Malformed("expected it to begin with /")) };
        if text.len() > MAX_BYTES {
            return Err(Malformed("expected 128 bytes at most"));
        }
        let mut label = String::new();
        let segments: Vec<Segment> =
            path.split('/').map(|text| segment(text, &mut label)).collect::<Result<_, _>>()?;
        let before_last = segments.len() - 1;
        if segments.iter().take(before_last).any(|segment| *segment == Segment::Rest) {
            return Err(Malformed("expected =** in the last segment only"));
        }
        Ok(Template { label: label.as_bytes().into(), segments })
    }

    /// Whether a `:path` is like this; its query does not matter.
    pub fn matches(&self, path: &[u8]) -> bool {
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        let Some(path) = path.strip_prefix(b"/") else { return false };
        let mut given = path.split(|byte| *byte == b'/');
        for segment in &self.segments {
            let matches = match segment {
                Segment::Rest => return given.next().is_some(),
                Segment::One => given.next().is_some_and(|given| !given.is_empty()),
                Segment::Literal(literal) => given.next() == Some(literal),
            };
            if !matches {
                return false;
            }
        }
        given.next().is_none()
    }

    /// The label that stands for the paths that are like this.
    pub fn label(&self) -> Rc<[u8]> {
        self.label.clone()
    }
}

/// Reads a segment, and appends it to the label.
fn segment(text: &str, label: &mut String) -> Result<Segment, Malformed> {
    label.push('/');
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        let is_literal = !text.contains(['{', '}', '?', '#']);
        return match is_literal {
            true => {
                label.push_str(text);
                Ok(Segment::Literal(text.as_bytes().into()))
            }
            false => Err(Malformed("expected segments that are literal, {name}, or {name=**}")),
        };
    };
    let (name, found) = match inner.strip_suffix("=**") {
        Some(name) => (name, Segment::Rest),
        None => (inner, Segment::One),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(Malformed("expected a name of letters, digits, _ and - between { and }"));
    }
    label.push(':');
    label.push_str(name);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_matches_whole_paths() {
        let cases: [(&str, &[&str], &[&str]); 5] = [
            ("/", &["/", "/?a"], &["", "/a", "*"]),
            (
                "/api/items/{id}",
                &["/api/items/7", "/api/items/%2F?x=/y", "/api/items/\u{e9}"],
                &[
                    "/api/items",
                    "/api/items/",
                    "/api/items/7/",
                    "/api/items/7/parts",
                    "/API/items/7",
                    "api/items/7",
                ],
            ),
            ("/api/items/{id}/parts", &["/api/items/7/parts"], &["/api/items//parts", "/api/items/7/part"]),
            ("/files/{path=**}", &["/files/", "/files/a/b/c", "/files//"], &["/files", "/file/a"]),
            ("/a/", &["/a/"], &["/a", "/a/b"]),
        ];
        for (template, like, unlike) in cases {
            let template = Template::parse(template).unwrap();
            for path in like {
                assert!(template.matches(path.as_bytes()), "{template:?} {path}");
            }
            for path in unlike {
                assert!(!template.matches(path.as_bytes()), "{template:?} {path}");
            }
        }
    }

    #[test]
    fn the_label_has_no_braces() {
        for (template, label) in [
            ("/", "/"),
            ("/api/items/{id}/parts", "/api/items/:id/parts"),
            ("/files/{path=**}", "/files/:path"),
        ] {
            assert_eq!(*Template::parse(template).unwrap().label(), *label.as_bytes());
        }
    }

    #[test]
    fn what_is_no_template_is_told() {
        let long = format!("/{}", "a".repeat(128));
        for (text, reason) in [
            ("", "begin with /"),
            ("items/{id}", "begin with /"),
            ("/items/{}", "a name of"),
            ("/items/{a b}", "a name of"),
            ("/items/x{id}", "segments that are"),
            ("/items/{id", "segments that are"),
            ("/items?x", "segments that are"),
            ("/{rest=**}/x", "last segment only"),
            (long.as_str(), "128 bytes at most"),
        ] {
            assert!(Template::parse(text).unwrap_err().to_string().contains(reason), "{text}");
        }
    }
}
