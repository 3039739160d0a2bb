//! The messages of PostgreSQL's output plugin `pgoutput`, as far as they say which tables changed.

use std::fmt;

/// Bytes that are no message of the plugin, or a message where there should be none; what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a message of pgoutput that is none: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// The tables (by oid) whose rows this message changes; none if it is of something else.
///
/// # Errors
/// If it is no message of the plugin, or is cut off.
pub fn changed_tables(message: &[u8]) -> Result<Vec<u32>, Malformed> {
    let (kind, rest) = message.split_first().ok_or_else(|| Malformed("empty".to_owned()))?;
    match kind {
        b'I' | b'U' | b'D' => Ok(vec![number(rest, *kind)?.0]),
        b'T' => {
            let (count, rest) = number(rest, *kind)?;
            // One byte of options stands between.
            let mut rest = rest.get(1..).unwrap_or_default();
            let mut tables = Vec::new();
            for _ in 0..count {
                let (table, after) = number(rest, *kind)?;
                tables.push(table);
                rest = after;
            }
            Ok(tables)
        }
        // Relation, type, origin.
        b'R' | b'Y' | b'O' => Ok(Vec::new()),
        other => Err(Malformed(format!("kind {:?}", char::from(*other)))),
    }
}

fn number(bytes: &[u8], kind: u8) -> Result<(u32, &[u8]), Malformed> {
    let (number, rest) =
        bytes.split_first_chunk().ok_or_else(|| Malformed(format!("{:?} is cut off", char::from(kind))))?;
    Ok((u32::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_message_names_its_tables() {
        for (message, tables) in [
            (&b"I\0\0\x40\x01N\0\x01"[..], Some(vec![0x4001])),
            (b"U\0\0\x40\x02K", Some(vec![0x4002])),
            (b"D\0\0\x40\x03K", Some(vec![0x4003])),
            (b"T\0\0\0\x02\x01\0\0\0\x05\0\0\0\x06", Some(vec![5, 6])),
            (b"R\0\0\0\x01", Some(vec![])),
            (b"Y", Some(vec![])),
            (b"", None),
            (b"I\0\0", None),
            (b"T\0\0\0\x02\0\0\0\0\x05", None),
            (b"S\0\0\0\x01", None),
        ] {
            assert_eq!(changed_tables(message).ok(), tables, "{message:?}");
        }
    }
}
