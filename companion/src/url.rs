//! What a URL's responses are stored under.

use std::fmt;

use axum::http::uri::Authority;
use cache_policy::key;

/// A text that names no resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoUrl {
    text: String,
    why: &'static str,
}

impl fmt::Display for NoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, why } = self;
        write!(f, "{text:?} is no URL: {why}; expected one such as https://shop.example/api/items?page=2")
    }
}

/// The primary key of a GET of `url`, which may leave out its scheme (RFC 3986 §3). A fragment is dropped, as is the
/// port that the scheme implies.
pub(crate) fn primary_key(url: &str) -> Result<String, NoUrl> {
    let no_url = |why| NoUrl { text: url.chars().take(256).collect(), why };
    let resource = url.split_once('#').map_or(url, |(resource, _fragment)| resource);
    let (scheme, rest) = match resource.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => (Some(scheme), rest),
        _ => (None, resource),
    };
    let implied_port = match scheme {
        None => None,
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => Some(":80"),
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => Some(":443"),
        Some(_) => return Err(no_url("its scheme is neither http nor https")),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if scheme.is_none() && !target.starts_with('/') {
        return Err(no_url("it has neither scheme nor path"));
    }
    let host = implied_port.and_then(|port| authority.strip_suffix(port)).unwrap_or(authority);
    match host.parse::<Authority>() {
        Ok(parsed) if !parsed.host().is_empty() && !host.contains('@') => {}
        _ => return Err(no_url("its host is none")),
    }
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    if !key::is_valid_target(target.as_bytes()) {
        return Err(no_url("its path or query holds what must be percent-encoded"));
    }
    Ok(key::primary(b"GET", host.as_bytes(), target.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_the_key_of_its_get() {
        for (url, key) in [
            (
                "https://Shop.example/api/items?page=2&category=a",
                "GET shop.example/api/items?category=a&page=2",
            ),
            ("shop.example/api/Items", "GET shop.example/api/Items"),
            ("http://shop.example", "GET shop.example/"),
            ("http://shop.example?q", "GET shop.example/?q"),
            ("HTTP://shop.example:80/", "GET shop.example/"),
            ("https://shop.example:443/", "GET shop.example/"),
            ("http://shop.example:443/", "GET shop.example:443/"),
            ("https://shop.example:80/", "GET shop.example:80/"),
            ("shop.example:80/", "GET shop.example:80/"),
            ("http://[::1]:8080/x", "GET [::1]:8080/x"),
            ("http://a/x#part", "GET a/x"),
            ("http://a#part", "GET a/"),
            ("a/to?next=http://b/", "GET a/to?next=http://b/"),
            ("https://a//b", "GET a//b"),
        ] {
            assert_eq!(primary_key(url), Ok(key.to_owned()), "{url}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_what_is_no_url() {
        for (text, why) in [
            ("", "neither scheme nor path"),
            ("items", "neither scheme nor path"),
            ("shop.example?q=1", "neither scheme nor path"),
            ("ftp://shop.example/", "neither http nor https"),
            ("/api/items", "host is none"),
            ("http://", "host is none"),
            ("http:///x", "host is none"),
            ("http://:80/x", "host is none"),
            ("http://user@shop.example/", "host is none"),
            ("http://a b/", "host is none"),
            ("GET shop.example/x", "host is none"),
            ("http://a/b c", "percent-encoded"),
            ("http://a/ü", "percent-encoded"),
        ] {
            let error = primary_key(text).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("expected one such as"), "{text}: {error}");
        }
    }
}
