//! What is stored under a key whose responses vary: not a response, but what they vary by.

use cache_policy::vary;
use cache_protocol::Entry;
use http_semantics::{Fields, list};
use invalidation::Position;
use std::hash::{DefaultHasher, Hasher};

/// What the variants of a key differ by, and which of them are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variants {
    /// Names of request fields, in order.
    pub names: Vec<String>,
    listed: Vec<Variant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Variant {
    /// Of its key.
    hash: u64,
    until_ms: u64,
}

/// A key has as many variants as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// The status of an entry that is no response.
const VARIANTS: u16 = 0;

impl Variants {
    /// Whether an entry is one of these.
    pub fn are(status: u16) -> bool {
        status == VARIANTS
    }

    /// Reads an entry that is one of these.
    pub fn read(entry: &Entry) -> Variants {
        let names = list::members(&entry.headers, "vary");
        let (listed, _) = entry.body.as_chunks::<16>();
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let variant = |bytes: &[u8; 16]| {
            let (hash, until_ms) = bytes.split_at(8);
            Variant { hash: number(hash), until_ms: number(until_ms) }
        };
        Variants {
            names: names.map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            listed: listed.iter().map(variant).collect(),
        }
    }

    /// Adds the variant under `key`, which is kept until `until_ms`, to those of a key. None if that changes nothing.
    pub fn with(
        &self,
        names: Vec<String>,
        key: &str,
        until_ms: u64,
        unix_ms: u64,
        most: usize,
    ) -> Result<Option<Variants>, TooMany> {
        let hash = hash(key);
        if self.names == names
            && self.listed.iter().any(|known| known.hash == hash && known.until_ms >= until_ms)
        {
            return Ok(None);
        }
        let is_other = |known: &Variant| known.hash != hash && known.until_ms > unix_ms;
        // Under other names they had other keys, and are found no longer.
        let mut listed: Vec<Variant> = if self.names == names {
            self.listed.iter().copied().filter(is_other).collect()
        } else {
            Vec::new()
        };
        if listed.len() >= most {
            return Err(TooMany);
        }
        listed.push(Variant { hash, until_ms });
        Ok(Some(Variants { names, listed }))
    }

    /// The entry to store under the key, and how long to keep it: as long as the variant that is kept longest.
    pub fn into_entry(self, key: &str, tags: Vec<String>, position: Position, unix_ms: u64) -> (Entry, u64) {
        let until_ms = self.listed.iter().map(|variant| variant.until_ms).max().unwrap_or(0);
        let keep_ms = until_ms.saturating_sub(unix_ms);
        let pairs = self.listed.iter().flat_map(|variant| [variant.hash, variant.until_ms]);
        let entry = Entry {
            key: key.to_owned(),
            position,
            response_time_ms: unix_ms,
            initial_age_ms: 0,
            freshness_lifetime_ms: keep_ms,
            status: VARIANTS,
            tags,
            headers: vec![(b"vary".to_vec(), self.names.join(", ").into_bytes())],
            body: pairs.flat_map(u64::to_le_bytes).collect(),
        };
        (entry, keep_ms)
    }

    /// The key of the variant that a request asks for.
    pub fn key(&self, full: &str, request: &impl Fields) -> String {
        vary::key(full, &self.names, request)
    }
}

fn hash(key: &str) -> u64 {
    // With fixed keys, so that every worker comes to the same. Whoever makes two keys collide saves us a place.
    let mut hasher = DefaultHasher::new();
    hasher.write(key.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION: Position = Position { epoch: 1, seq: 2 };

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn with(
        variants: &Variants,
        key: &str,
        until_ms: u64,
        unix_ms: u64,
    ) -> Result<Option<Variants>, TooMany> {
        variants.with(names(&["accept"]), key, until_ms, unix_ms, 2)
    }

    #[test]
    fn are_stored_and_read_back() {
        let one = with(&Variants::default(), "a", 900, 100).unwrap().unwrap();
        let two = with(&one, "b", 800, 100).unwrap().unwrap();
        let (entry, keep_ms) = two.clone().into_entry("key", vec![], POSITION, 100);
        assert_eq!((keep_ms, entry.freshness_lifetime_ms), (800, 800));
        assert!(Variants::are(entry.status));
        assert_eq!(Variants::read(&entry), two);
    }

    #[test]
    fn a_known_variant_changes_nothing_until_it_is_kept_longer() {
        let one = with(&Variants::default(), "a", 900, 100).unwrap().unwrap();
        assert_eq!(with(&one, "a", 900, 100), Ok(None));
        assert_eq!(with(&one, "a", 901, 100).unwrap().unwrap().listed.len(), 1);
    }

    #[test]
    fn are_bounded_and_forget_what_is_gone() {
        let one = with(&Variants::default(), "a", 900, 100).unwrap().unwrap();
        let two = with(&one, "b", 800, 100).unwrap().unwrap();
        assert_eq!(with(&two, "c", 900, 100), Err(TooMany));
        assert_eq!(with(&two, "c", 900, 800).unwrap().unwrap().listed.len(), 2);
        let other_names = two.with(names(&["accept", "user-agent"]), "d", 900, 100, 2).unwrap().unwrap();
        assert_eq!(other_names.listed.len(), 1);
    }
}
