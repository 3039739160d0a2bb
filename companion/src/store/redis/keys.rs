//! The names under which Redis keeps what is the companion's.
//!
//! In a cluster the log must lie in one slot, for scripts work on all of it, so its names have the prefix in braces.
//! All else is to be spread: an empty pair of braces keeps those that a key may have from deciding on the slot.

/// The names under which Redis keeps what is the companion's.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// The log's epoch, and the run of the server on which it began.
    pub(super) epoch: String,
    /// The sequence number of the log's last record.
    pub(super) head: String,
    /// The stream of the latest records.
    pub(super) log: String,
    /// The companions that have followers, or may have, by when they are forgotten.
    pub(super) companions: String,
    reaches: String,
    responses: String,
    leases: String,
    key_indexes: String,
    tag_indexes: String,
}

impl Keys {
    /// The names that start with this prefix.
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            epoch: format!("{{{prefix}}}:epoch"),
            head: format!("{{{prefix}}}:head"),
            log: format!("{{{prefix}}}:log"),
            companions: format!("{{{prefix}}}:companions"),
            reaches: format!("{{{prefix}}}:reach:"),
            responses: format!("{prefix}:response:{{}}"),
            leases: format!("{prefix}:lease:{{}}"),
            key_indexes: format!("{prefix}:index:key:{{}}"),
            tag_indexes: format!("{prefix}:index:tag:{{}}"),
        }
    }

    /// Where the envelope of this full key is.
    pub(super) fn response(&self, full_key: &str) -> String {
        [self.responses.as_str(), full_key].concat()
    }

    /// Where the lease of this full key is.
    pub(super) fn lease(&self, full_key: &str) -> String {
        [self.leases.as_str(), full_key].concat()
    }

    /// Where it says how far the followers of this companion have confirmed the log.
    pub(super) fn reach(&self, companion: &str) -> String {
        [self.reaches.as_str(), companion].concat()
    }

    /// The full key of the envelope that is here; none if no key of an envelope looks like this.
    pub(super) fn full_key<'a>(&self, response: &'a [u8]) -> Option<&'a str> {
        std::str::from_utf8(response.strip_prefix(self.responses.as_bytes())?).ok()
    }

    /// What to scan for to find the envelopes whose full keys match one of Redis' own patterns.
    pub(super) fn responses_like(&self, pattern: &str) -> String {
        [&escaped(&self.responses), pattern].concat()
    }

    /// Where the full keys are that are stored under this primary key.
    pub(super) fn index_of_key(&self, primary_key: &str) -> String {
        [self.key_indexes.as_str(), primary_key].concat()
    }

    /// Where the full keys are that are stored with this tag.
    pub(super) fn index_of_tag(&self, tag: &str) -> String {
        [self.tag_indexes.as_str(), tag].concat()
    }
}

/// A text as it stands in one of Redis' patterns for itself.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::slots::slot;
    use super::*;

    #[test]
    fn full_keys_are_read_back() {
        let keys = Keys::new("mine*");
        assert_eq!(keys.full_key(keys.response("GET a/?q#gzip").as_bytes()), Some("GET a/?q#gzip"));
        assert_eq!(keys.full_key(b"other:response:{}GET a/"), None);
        assert_eq!(keys.full_key(b"mine*:response:{}\xff"), None);
        assert_eq!(keys.responses_like(&escaped("GET a/?[q]")), "mine\\*:response:{}GET a/\\?\\[q\\]");
    }

    #[test]
    fn the_log_lies_in_one_slot_and_all_else_is_spread() {
        let keys = Keys::new("slipstream");
        assert_eq!(slot(&keys.epoch), slot("slipstream"));
        for name in [&keys.head, &keys.log, &keys.companions, &keys.reach("id")] {
            assert_eq!(slot(name), slot(&keys.epoch), "{name}");
        }
        let names = [Keys::response, Keys::lease, Keys::index_of_key, Keys::index_of_tag];
        for name in names {
            assert_ne!(slot(&name(&keys, "GET a/{id}/1#gzip")), slot(&name(&keys, "GET a/{id}/2#gzip")));
        }
    }
}
