//! URI references in responses, resolved against the request's target (RFC 3986 §5).

use crate::key::split_query;

/// The path and query that a reference leads to, if it stays at the request's own authority. `path_and_query` is the
/// request's `:path`. None if it leads elsewhere, or is no reference to an HTTP resource.
pub fn resolve(reference: &[u8], authority: &[u8], path_and_query: &[u8]) -> Option<Vec<u8>> {
    let reference = reference.split(|byte| *byte == b'#').next()?;
    let (path, query) = split_query(reference);
    let (base, base_query) = split_query(path_and_query);
    let (merged, query) = match path {
        _ if starts_with_scheme(path) || path.starts_with(b"//") => {
            let rest = after_authority(reference, authority)?;
            let (path, query) = split_query(rest);
            (path.to_vec(), query)
        }
        [] => (base.to_vec(), query.or(base_query)),
        [b'/', ..] => (path.to_vec(), query),
        _ => {
            let folder = base.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            ([base.get(..folder).unwrap_or_default(), path].concat(), query)
        }
    };
    let mut target = without_dots(&merged);
    if let Some(query) = query {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    Some(target)
}

/// A scheme ends with the first colon, if no slash comes before it.
fn starts_with_scheme(path: &[u8]) -> bool {
    path.iter().find(|byte| matches!(byte, b':' | b'/')) == Some(&b':')
}

/// What follows `//authority` in an absolute reference, if its scheme is HTTP's and its authority this one.
fn after_authority<'a>(reference: &'a [u8], authority: &[u8]) -> Option<&'a [u8]> {
    let rest = ["https:", "http:"].iter().find_map(|scheme| {
        let (start, rest) = reference.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    });
    let rest = rest.unwrap_or(reference).strip_prefix(b"//")?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (found, rest) = rest.split_at_checked(end)?;
    found.eq_ignore_ascii_case(authority).then_some(rest)
}

/// Removes the segments `.` and `..` (RFC 3986 §5.2.4). A path begins with a slash afterwards.
fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.strip_prefix(b"/").unwrap_or(path).split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"." => {}
            b".." => {
                kept.pop();
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if is_last {
            kept.push(b"");
        }
    }
    [b"/", kept.join(&b'/').as_slice()].concat()
}
