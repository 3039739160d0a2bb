//! Which resource to ask for.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use hyper::http::uri::Authority;

/// The URL of a resource at a listener that speaks plain HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Url {
    text: String,
    authority: Authority,
    target: String,
}

impl Url {
    /// Host and port, as a request names them.
    pub(super) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// Path and query.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Where to connect to.
    pub(super) fn address(&self) -> (&str, u16) {
        // An IPv6 address stands in brackets.
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        (host, self.authority.port_u16().unwrap_or(80))
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|error| format!("{error}; expected one such as http://127.0.0.1:10000/api/items"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err("this command speaks no TLS; name a listener of plain HTTP, such as \
                            http://127.0.0.1:10000/, and the site with --host"
                    .to_owned());
            }
            Some(other) => return Err(format!("its scheme is {other}; expected http://")),
            None => return Err("it has no scheme; expected http://HOST:PORT/PATH".to_owned()),
        }
        let authority = uri.authority().ok_or("it has no host; expected http://HOST:PORT/PATH")?.clone();
        if authority.host().is_empty() {
            return Err("it has no host; expected http://HOST:PORT/PATH".to_owned());
        }
        if authority.as_str().contains('@') {
            return Err("it names a user; send credentials with --header 'authorization: …'".to_owned());
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(Self { text: text.to_owned(), authority, target })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_to_connect_and_what_to_ask_for() {
        for (text, address, target) in [
            ("http://shop.example", ("shop.example", 80), "/"),
            ("http://127.0.0.1:10000/a/b?c=d", ("127.0.0.1", 10000), "/a/b?c=d"),
            ("http://[::1]:8080/x#part", ("::1", 8080), "/x"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.address(), url.target()), (address, target), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_url() {
        for (text, why) in [
            ("https://shop.example/", "speaks no TLS"),
            ("ftp://shop.example/", "scheme is ftp"),
            ("shop.example", "no scheme"),
            ("/api/items", "no scheme"),
            ("http://user@shop.example/", "names a user"),
            ("http://:80/", "no host"),
            ("http://a b/", "expected one such as"),
            ("", "expected one such as"),
        ] {
            let error = text.parse::<Url>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
