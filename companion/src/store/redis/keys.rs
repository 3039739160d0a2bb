//! The names under which Redis keeps what is the companion's.

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
            epoch: format!("{prefix}:epoch"),
            head: format!("{prefix}:head"),
            log: format!("{prefix}:log"),
            responses: format!("{prefix}:response:"),
        }
    }

    /// Where the envelope of this full key is.
    pub(super) fn response(&self, full_key: &str) -> String {
        [self.responses.as_str(), full_key].concat()
    }
}
