//! Label values that are closed sets.

/// The method as a label: those that HTTP defines (RFC 9110 section 9.3, RFC 5789), and `_OTHER`.
pub fn method(method: &[u8]) -> &'static [u8] {
    const KNOWN: [&[u8]; 9] =
        [b"GET", b"POST", b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or(b"_OTHER")
}

/// How the cache dealt with a request, by the field `X-Cache` of its response; none if no cache did.
pub fn cache_status(x_cache: Option<&[u8]>) -> Option<&'static [u8]> {
    match x_cache? {
        b"HIT" => Some(b"hit"),
        b"STALE" => Some(b"stale"),
        b"MISS" => Some(b"miss"),
        b"BYPASS" => Some(b"bypass"),
        _ => None,
    }
}

/// The status code as a label, without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    digits: [u8; 3],
    known: bool,
}

impl Status {
    /// The label of a code; `0` if there was none, or nothing that RFC 9110 section 15 would call one.
    pub fn new(code: Option<i64>) -> Status {
        let code = code.and_then(|code| u16::try_from(code).ok()).filter(|code| (100..=999).contains(code));
        let code_or_0 = code.unwrap_or(0);
        let digits = [code_or_0 / 100, code_or_0 / 10, code_or_0].map(|n| b'0' + (n % 10) as u8);
        Status { digits, known: code.is_some() }
    }

    /// The label of a `:status` field.
    pub fn parse(value: Option<&[u8]>) -> Status {
        Status::new(value.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()))
    }

    /// Whether the request failed: no response, or one that says that a server is at fault (RFC 9110 §15.6).
    pub fn is_failure(&self) -> bool {
        !self.known || self.digits.first() == Some(&b'5')
    }

    /// The label.
    pub fn as_bytes(&self) -> &[u8] {
        if self.known { &self.digits } else { b"0" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_one_of_a_few() {
        for (given, label) in
            [("GET", "GET"), ("PATCH", "PATCH"), ("get", "_OTHER"), ("PURGE", "_OTHER"), ("", "_OTHER")]
        {
            assert_eq!(method(given.as_bytes()), label.as_bytes(), "{given}");
        }
    }

    #[test]
    fn a_status_is_three_digits_or_0() {
        for (code, label) in [
            (Some(200), "200"),
            (Some(404), "404"),
            (Some(999), "999"),
            (Some(100), "100"),
            (Some(99), "0"),
            (Some(1000), "0"),
            (Some(0), "0"),
            (Some(-200), "0"),
            (Some(65_736), "0"),
            (None, "0"),
        ] {
            assert_eq!(Status::new(code).as_bytes(), label.as_bytes(), "{code:?}");
        }
        for (field, label) in [("200", "200"), ("", "0"), ("2xx", "0"), ("99", "0"), ("4294967496", "0")] {
            assert_eq!(Status::parse(Some(field.as_bytes())).as_bytes(), label.as_bytes(), "{field:?}");
        }
        assert_eq!(Status::parse(None).as_bytes(), b"0");
    }
}
