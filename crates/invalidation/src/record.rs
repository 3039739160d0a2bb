//! What one record of the log invalidates.

use std::fmt;

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The record's number in its epoch; the first is 1.
    pub seq: u64,
    /// What it hits.
    pub target: Target,
    /// What it hits becomes stale instead of invalid.
    pub soft: bool,
}

/// What an invalidation hits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// Every variant stored under this primary key, and every entry with one of its [`path_tags`](crate::path_tags).
    Key(String),
    /// Every entry that carries this tag.
    Tag(String),
    /// Every entry whose full key starts with this.
    Prefix(String),
    /// Every entry whose whole primary key matches this pattern, in which `*` stands for any run of characters and
    /// everything else for itself.
    Glob(String),
    /// Every entry.
    All,
}

impl Target {
    /// The target's kind as it is written on the wire: `key`, `tag`, `prefix`, `glob` or `all`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Tag(_) => "tag",
            Self::Prefix(_) => "prefix",
            Self::Glob(_) => "glob",
            Self::All => "all",
        }
    }

    /// The key, tag, prefix or pattern; none for [`Target::All`].
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Key(value) | Self::Tag(value) | Self::Prefix(value) | Self::Glob(value) => Some(value),
            Self::All => None,
        }
    }

    /// The target that [`kind`](Self::kind) and [`value`](Self::value) were taken from.
    pub fn from_parts(kind: &str, value: Option<String>) -> Result<Self, ParseTargetError> {
        match (kind, value) {
            ("key", Some(value)) => Ok(Self::Key(value)),
            ("tag", Some(value)) => Ok(Self::Tag(value)),
            ("prefix", Some(value)) => Ok(Self::Prefix(value)),
            ("glob", Some(value)) => Ok(Self::Glob(value)),
            ("all", None) => Ok(Self::All),
            ("key" | "tag" | "prefix" | "glob", None) => Err(ParseTargetError::ValueMissing(kind.to_owned())),
            ("all", Some(value)) => Err(ParseTargetError::ValueUnexpected(value)),
            _ => Err(ParseTargetError::KindUnknown(kind.to_owned())),
        }
    }
}

/// A kind and value that make no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseTargetError {
    /// The kind is none of `key`, `tag`, `prefix`, `glob` and `all`.
    KindUnknown(String),
    /// This kind needs a value.
    ValueMissing(String),
    /// `all` takes no value, but got this one.
    ValueUnexpected(String),
}

impl fmt::Display for ParseTargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KindUnknown(kind) => {
                write!(f, "unknown kind {kind:?}: expected key, tag, prefix, glob or all")
            }
            Self::ValueMissing(kind) => write!(f, "kind {kind:?} without a value"),
            Self::ValueUnexpected(value) => write!(f, "kind \"all\" takes no value, got {value:?}"),
        }
    }
}

impl std::error::Error for ParseTargetError {}

/// The primary part of a full key: what stands before its `#`.
pub fn primary_key(full_key: &str) -> &str {
    full_key.split_once('#').map_or(full_key, |(primary, _variant)| primary)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn targets_survive_the_way_through_their_parts() {
        for target in [
            Target::Key("GET a/".into()),
            Target::Tag("t".into()),
            Target::Prefix(String::new()),
            Target::Glob("GET a/*".into()),
            Target::All,
        ] {
            let parts = Target::from_parts(target.kind(), target.value().map(str::to_owned));
            assert_eq!(parts, Ok(target));
        }
    }

    #[test]
    fn refuses_parts_that_make_no_target() {
        for (kind, value, error) in [
            ("tags", Some("x"), ParseTargetError::KindUnknown("tags".into())),
            ("tag", None, ParseTargetError::ValueMissing("tag".into())),
            ("all", Some("x"), ParseTargetError::ValueUnexpected("x".into())),
        ] {
            assert_eq!(Target::from_parts(kind, value.map(str::to_owned)), Err(error));
        }
    }

    #[test]
    fn the_primary_key_ends_before_the_first_hash() {
        for (full, primary) in [("GET a/#gzip", "GET a/"), ("GET a/", "GET a/"), ("a#b#c", "a"), ("#x", "")] {
            assert_eq!(primary_key(full), primary);
        }
    }
}
