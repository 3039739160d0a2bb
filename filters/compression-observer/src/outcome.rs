//! What has become of a response.

use http_semantics::ContentCoding;

/// The one question, as an expression: what has gone out, and how. The host is in it because names of routes are unique within a virtual
/// host only. What may contain a line's end comes last.
pub const QUESTION: &str = r#"string(response.size)
 + "\n" + ("content-encoding" in response.headers ? response.headers["content-encoding"] : "")
 + "\n" + request.host
 + "\n" + xds.route_name"#;

/// The answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent<'a> {
    /// Bytes of the body.
    pub size: u64,
    /// The content coding, if it is one that is compressed with.
    pub coding: Option<ContentCoding>,
    /// The request's host.
    pub authority: &'a [u8],
    /// The route's name.
    pub route: &'a [u8],
}

impl<'a> Sent<'a> {
    /// Reads the answer to [`QUESTION`]; nothing if it is not one.
    pub fn parse(answer: &'a [u8]) -> Option<Sent<'a>> {
        let mut lines = answer.splitn(4, |byte| *byte == b'\n');
        let size = std::str::from_utf8(lines.next()?).ok()?.parse().ok()?;
        let coding = ContentCoding::parse(lines.next()?);
        Some(Sent { size, coding, authority: lines.next()?, route: lines.next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let sent = |size, coding, authority, route| Some(Sent { size, coding, authority, route });
        for (answer, expected) in [
            (
                "5095\ngzip\nshop.example\nitems",
                sent(5_095, Some(ContentCoding::Gzip), b"shop.example", b"items"),
            ),
            ("0\n\n\n", sent(0, None, b"", b"")),
            ("1\naes128gcm\na\nb\nc", sent(1, None, b"a", b"b\nc")),
            ("-1\ngzip\na\nb", None),
            ("\ngzip\na\nb", None),
            ("1\ngzip\na", None),
            ("", None),
        ] {
            assert_eq!(Sent::parse(answer.as_bytes()), expected, "{answer:?}");
        }
    }
}
