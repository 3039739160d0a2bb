//! The names under which Redis keeps what is the companion's.
//!
//! In a cluster the log must lie in one slot, for scripts work on all of it, so its names have the prefix in braces.
//! Entries are to be spread: an empty pair of braces keeps those that a full key may have from deciding on the slot.

/// The names under which Redis keeps what is the companion's.
#[derive(Debug)]
pub(super) struct Keys {
    /// The log's epoch, and the run of the server on which it began.
    pub(super) epoch: String,
    /// The sequence number of the log's last record.
    pub(super) head: String,
    /// The stream of the latest records.
    pub(super) log: String,
    responses: String,
}

impl Keys {
    /// The names that start with this prefix.
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            epoch: format!("{{{prefix}}}:epoch"),
            head: format!("{{{prefix}}}:head"),
            log: format!("{{{prefix}}}:log"),
            responses: format!("{prefix}:response:{{}}"),
        }
    }

    /// Where the envelope of this full key is.
    pub(super) fn response(&self, full_key: &str) -> String {
        [self.responses.as_str(), full_key].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::slot;
    use super::*;

    #[test]
    fn the_log_lies_in_one_slot_and_entries_are_spread() {
        let keys = Keys::new("slipstream");
        assert_eq!(slot(&keys.epoch), slot("slipstream"));
        assert!(slot(&keys.head) == slot(&keys.epoch) && slot(&keys.log) == slot(&keys.epoch));
        let (one, two) = (keys.response("GET a/{id}/1#gzip"), keys.response("GET a/{id}/2#gzip"));
        assert_ne!(slot(&one), slot(&two));
    }
}
