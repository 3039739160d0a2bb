//! A place in the log of invalidations.

use std::fmt;
use std::str::FromStr;

/// A place in the log: which log it is, and how many of its records came before.
///
/// It is written `EPOCH:SEQ`, the epoch as 16 hexadecimal digits, the sequence number in decimal. Positions of
/// different epochs have no order, so the type has none either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The log's identity: random, and new whenever the log may have lost a record.
    pub epoch: u64,
    /// The number of the last record before this place; 0 at the log's beginning.
    pub seq: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}:{}", self.epoch, self.seq)
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParsePositionError { text: text.chars().take(64).collect() })
    }
}

fn parse(text: &str) -> Option<Position> {
    let (epoch, seq) = text.split_once(':')?;
    // `from_str_radix` and `parse` take a leading `+`, which is not part of the form.
    let well_formed = epoch.len() == 16
        && epoch.bytes().all(|byte| byte.is_ascii_hexdigit())
        && seq.bytes().all(|byte| byte.is_ascii_digit());
    if !well_formed {
        return None;
    }
    Some(Position { epoch: u64::from_str_radix(epoch, 16).ok()?, seq: seq.parse().ok()? })
}

/// A text that is no position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsePositionError {
    /// The offending text, at most its first 64 characters.
    pub text: String,
}

impl fmt::Display for ParsePositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no position: expected EPOCH:SEQ, 16 hexadecimal digits and a decimal number",
            self.text
        )
    }
}

impl std::error::Error for ParsePositionError {}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn is_written_and_read_back() {
        for (position, text) in [
            (Position { epoch: 0, seq: 0 }, "0000000000000000:0"),
            (Position { epoch: 0xab, seq: 7 }, "00000000000000ab:7"),
            (Position { epoch: u64::MAX, seq: u64::MAX }, "ffffffffffffffff:18446744073709551615"),
        ] {
            assert_eq!(position.to_string(), text);
            assert_eq!(text.parse(), Ok(position));
        }
    }

    #[test]
    fn refuses_what_is_no_position() {
        for text in [
            "",
            ":",
            "7",
            "ab:7",
            "00000000000000ab",
            "00000000000000ab:",
            "00000000000000ab:+7",
            "+0000000000000ab:7",
            "00000000000000ab:-1",
            "00000000000000ag:1",
            "00000000000000ab:7:8",
            "00000000000000ab: 7",
            "00000000000000ab:18446744073709551616",
        ] {
            assert_eq!(
                text.parse::<Position>(),
                Err(ParsePositionError { text: text.to_owned() }),
                "{text:?}"
            );
        }
    }
}
