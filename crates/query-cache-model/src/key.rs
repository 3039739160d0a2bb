//! The key a result is cached under.

use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// All that an answer depends on, and its MD5, by which it is found.
///
/// Two keys are the same if all of it is: an MD5 that two share costs a hit and never brings another query's rows.
#[derive(Clone)]
pub struct Key {
    digest: [u8; 16],
    full: Arc<[u8]>,
}

impl Key {
    /// The key of these bytes, as [`Key::full`] gives them.
    pub fn new(full: &[u8]) -> Self {
        Self { digest: md5::compute(full).0, full: full.into() }
    }

    /// Everything that went into the key.
    pub fn full(&self) -> &[u8] {
        &self.full
    }

    /// The MD5 as 32 hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut text = String::with_capacity(32);
        for byte in self.digest {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.digest()).finish()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.full == other.full
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// Puts a key together, field by field; each is written with its length, so that no two lists of fields look alike.
#[derive(Debug, Default)]
pub struct KeyBuilder {
    bytes: Vec<u8>,
}

impl KeyBuilder {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { bytes: Vec::with_capacity(512) }
    }

    /// One more field.
    pub fn field(&mut self, bytes: &[u8]) -> &mut Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// One more parameter: the type it has and its bytes, or none for NULL.
    pub fn parameter(&mut self, type_oid: u32, value: Option<&[u8]>) -> &mut Self {
        self.field(&type_oid.to_be_bytes());
        match value {
            Some(value) => self.field(&[1]).field(value),
            None => self.field(&[0]),
        }
    }

    /// The key.
    pub fn finish(&self) -> Key {
        Key::new(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fields: &[&[u8]], parameters: &[(u32, Option<&[u8]>)]) -> Key {
        let mut builder = KeyBuilder::new();
        for field in fields {
            builder.field(field);
        }
        for (oid, value) in parameters {
            builder.parameter(*oid, *value);
        }
        builder.finish()
    }

    #[test]
    fn whatever_an_answer_depends_on_makes_another_key() {
        let keys = [
            key(&[b"ab", b"c"], &[]),
            key(&[b"a", b"bc"], &[]),
            key(&[b"abc"], &[]),
            key(&[b"abc", b""], &[]),
            key(&[b"abc"], &[(25, None)]),
            key(&[b"abc"], &[(25, Some(b""))]),
            key(&[b"abc"], &[(25, Some(b"1"))]),
            key(&[b"abc"], &[(23, Some(b"1"))]),
            key(&[b"abc"], &[(25, Some(b"1")), (25, None)]),
        ];
        for (i, one) in keys.iter().enumerate() {
            for (j, other) in keys.iter().enumerate() {
                assert_eq!(one == other, i == j, "{i} {j}");
            }
        }
    }

    #[test]
    fn a_shared_md5_is_no_shared_key() {
        let one = Key::new(b"one");
        let other = Key { digest: one.digest, full: b"other".as_slice().into() };
        assert_ne!(one, other);
        assert_eq!(Key::new(b"").digest(), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
