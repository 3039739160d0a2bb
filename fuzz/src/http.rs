//! Parsers of `http-semantics`.

use crate::input::Input;
use http_semantics::{
    AcceptEncoding, CacheControl, ContentCoding, ContentRange, EntityTag, Vary, cookie, date, delta_seconds,
    etag, list, media_type, range,
};

/// Each line is a field's value.
pub fn fields(bytes: &[u8]) {
    let values: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for name in ["cache-control", "accept-encoding", "cookie", "if-none-match", "vary", "content-range"] {
        let fields: Vec<_> = values.iter().map(|value| (name, value)).collect();
        CacheControl::parse(&fields);
        CacheControl::parse_targeted(&fields, name);
        cookie::value(&fields, "a");
        etag::if_none_match(&fields, Some(EntityTag { weak: false, opaque: b"a" }));
        Vary::parse(&fields);
    }
    for value in values {
        let _ = (date::parse(value), delta_seconds::parse(value), media_type::essence(value));
        let _ = (list::unquote(value), list::name_value(value), list::parameters(value).count());
        let _ =
            (media_type::is_within(value, "text/*"), etag::tags(value).count(), ContentCoding::parse(value));
        assert!(list::split(value).all(|member| member.len() <= value.len()));
        let _ = ContentRange::parse(value);
        if let Some(ranges) = range::parse(value) {
            assert!(!ranges.is_empty(), "a Range without ranges is none");
        }
    }
}

/// Each line is a line of Accept-Encoding.
pub fn accept_encoding(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut values = Vec::new();
    while !input.is_empty() && values.len() < 8 {
        values.push(input.line());
    }
    let fields: Vec<_> = values.iter().map(|value| ("accept-encoding", value)).collect();
    let accepted = AcceptEncoding::parse(&fields);
    let codings = compression_policy::Codings::default();
    if let compression_policy::Coding::Encoded(coding) =
        compression_policy::Coding::of_request(&fields, &codings)
    {
        let quality = accepted.quality(coding.as_str());
        assert!(quality.is_some(), "{coding:?} was ruled out by {fields:?}");
    }
}
