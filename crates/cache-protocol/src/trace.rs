//! The trace that a request belongs to, as its `traceparent` says (W3C Trace Context §3.2).

use std::fmt;

/// What a `traceparent` of version 00 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The request's span; never 0.
    pub span_id: u64,
    /// Whether the caller records the trace.
    pub is_sampled: bool,
}

/// The length of a `traceparent` of version 00; of later ones, whatever follows is left out.
const LENGTH: usize = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".len();

impl TraceParent {
    /// Reads a field's value; none if it is damaged, and then it must not be passed on.
    pub fn parse(value: &[u8]) -> Option<TraceParent> {
        let known = value.get(..LENGTH)?;
        let rest = value.get(LENGTH..)?;
        let mut parts = std::str::from_utf8(known).ok()?.split('-');
        let version: u8 = hex(parts.next()?, 2)?.try_into().ok()?;
        let is_later = rest.first().is_none_or(|next| *next == b'-');
        if version == 0xff || (version == 0 && !rest.is_empty()) || !is_later {
            return None;
        }
        let trace_id = hex(parts.next()?, 32).filter(|id| *id != 0)?;
        let span_id = hex(parts.next()?, 16).filter(|id| *id != 0)?;
        let flags = hex(parts.next()?, 2)?;
        if parts.next().is_some() {
            return None;
        }
        Some(TraceParent { trace_id, span_id: span_id.try_into().ok()?, is_sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for TraceParent {
    /// As a field's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

/// A number of so many hexadecimal digits in lower case.
fn hex(digits: &str, count: usize) -> Option<u128> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = digits.len() == count && digits.bytes().all(is_hex);
    fits.then(|| u128::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_nothing_damaged() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parsed = TraceParent {
            trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
            span_id: 0xb7ad_6b71_6920_3331,
            is_sampled: true,
        };
        assert_eq!(parsed.to_string(), good);
        for (value, expected) in [
            (good.to_owned(), Some(parsed)),
            (good.replace("-01", "-00"), Some(TraceParent { is_sampled: false, ..parsed })),
            (good.replace("-01", "-03"), Some(parsed)),
            // A later version may say more; what is known of it stands at the same places.
            (good.replacen("00-", "01-", 1) + "-more", Some(parsed)),
            (good.replacen("00-", "01-", 1) + "more", None),
            (good.replacen("00-", "ff-", 1), None),
            (good.to_owned() + "-more", None),
            (good.to_uppercase(), None),
            (good.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)), None),
            (good.replace("b7ad6b7169203331", &"0".repeat(16)), None),
            (good.replace("319c", "31-c"), None),
            (good.replace("319c", "31é"), None),
            (good.replace("-01", "-+1"), None),
            (good.trim_end_matches("1").to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(TraceParent::parse(value.as_bytes()), expected, "{value}");
        }
        assert_eq!(TraceParent::parse(&[0xff; 55]), None);
    }
}
