//! Accept-Encoding: which codings a client can decode, and which it prefers (RFC 9110 §12.5.3).

use crate::{ContentCoding, Fields, list};

/// The Accept-Encoding of one request. Read on demand, so nothing is allocated.
#[derive(Debug, Clone, Copy)]
pub struct AcceptEncoding<'a, F: ?Sized> {
    fields: &'a F,
}

/// A weight from 0.001 to 1 (RFC 9110 §12.4.2); larger is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quality {
    thousandths: u16,
}

impl Quality {
    /// The weight of what has none given.
    pub const MAX: Self = Self { thousandths: 1000 };
    /// The least weight of what is acceptable at all.
    pub const MIN: Self = Self { thousandths: 1 };

    /// The weight in thousandths, 1 to 1000.
    pub const fn thousandths(self) -> u16 {
        self.thousandths
    }
}

impl<'a, F: Fields + ?Sized> AcceptEncoding<'a, F> {
    /// The Accept-Encoding among `fields`, if any.
    pub const fn parse(fields: &'a F) -> Self {
        Self { fields }
    }

    /// Whether the client sent the field. Without it every coding is formally acceptable; an empty one means identity.
    pub fn is_present(&self) -> bool {
        self.fields.contains(FIELD)
    }

    /// How much the client likes `coding` (`gzip`, `identity`, …), or `None` if it does not accept it.
    ///
    /// A coding that is not listed takes the weight of `*`. Identity is acceptable unless ruled out, but comes last
    /// where it is not listed. A malformed weight counts as 0, and of repeated members the smallest weight counts.
    pub fn quality(&self, coding: &str) -> Option<Quality> {
        let Some([weight, any]) = self.weights([coding, "*"]) else { return Some(Quality::MAX) };
        let unlisted = if coding.eq_ignore_ascii_case("identity") { Quality::MIN.thousandths } else { 0 };
        let thousandths = weight.or(any).unwrap_or(unlisted);
        (thousandths > 0).then_some(Quality { thousandths })
    }

    /// Which of the codings on offer to send: the one that the client likes most, and of those that it likes alike the
    /// first. None is identity: the client accepts none of them, or likes identity better.
    ///
    /// A client that sent no Accept-Encoding at all gets identity: many of those cannot decode.
    pub fn choose(&self, offered: &[ContentCoding]) -> Option<ContentCoding> {
        let [gzip, br, zstd, deflate, identity, any] =
            self.weights(["gzip", "br", "zstd", "deflate", "identity", "*"])?;
        let weight = |coding: ContentCoding| {
            let listed = match coding {
                ContentCoding::Gzip => gzip,
                ContentCoding::Br => br,
                ContentCoding::Zstd => zstd,
                ContentCoding::Deflate => deflate,
            };
            listed.or(any).unwrap_or(0)
        };
        // The last of several that are equal is what `max_by_key` gives.
        let best = offered.iter().copied().rev().max_by_key(|coding| weight(*coding))?;
        (weight(best) > 0 && weight(best) >= identity.or(any).unwrap_or(0)).then_some(best)
    }

    /// The weights of the members for `codings` in thousandths, by one pass; `None` if the field is not there.
    fn weights<const COUNT: usize>(&self, codings: [&str; COUNT]) -> Option<[Option<u16>; COUNT]> {
        let mut lines = self.fields.values(FIELD).peekable();
        lines.peek()?;
        let mut weights = [None; COUNT];
        for member in lines.flat_map(list::split) {
            let mut parts = list::parameters(member);
            let name = parts.next().unwrap_or_default();
            let matching = codings.iter().zip(&mut weights).find(|(coding, _)| is_same_coding(name, coding));
            if let Some((_, known)) = matching {
                let weight = parts.find_map(weight_parameter).unwrap_or(1000);
                *known = Some(known.map_or(weight, |known: u16| known.min(weight)));
            }
        }
        Some(weights)
    }
}

const FIELD: &str = "accept-encoding";

/// `x-gzip` is another name of `gzip` (RFC 9110 §8.4.1.3).
fn is_same_coding(name: &[u8], coding: &str) -> bool {
    name.eq_ignore_ascii_case(coding.as_bytes())
        || (coding.eq_ignore_ascii_case("gzip") && name.eq_ignore_ascii_case(b"x-gzip"))
}

/// The weight that a `q` parameter gives, in thousandths; `None` for any other parameter (RFC 9110 §12.4.2).
pub fn weight_parameter(part: &[u8]) -> Option<u16> {
    let (name, value) = list::name_value(part);
    name.eq_ignore_ascii_case(b"q").then(|| value.and_then(thousandths).unwrap_or(0))
}

/// A qvalue in thousandths: `0` or `1`, with at most three decimals (RFC 9110 §12.4.2).
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, decimals) = match value {
        [whole] | [whole, b'.'] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    if !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let fraction = (0..3)
        .fold(0, |sum, place| sum * 10 + decimals.get(place).map_or(0, |digit| u16::from(digit - b'0')));
    match whole {
        b'0' => Some(fraction),
        b'1' if fraction == 0 => Some(1000),
        _ => None,
    }
}
