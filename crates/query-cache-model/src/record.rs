//! What the change capture publishes: one record for each thing that happened to the tables of a database.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Lsn;

/// What happened, in the order of commits. Records are numbered without a gap, so that a reader knows when it missed one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The record's number; the next one has the next.
    pub number: u64,
    /// The changes up to here are known: the last commit that the record is of, or a later place.
    pub lsn: Lsn,
    /// Tables (by oid) whose rows changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<u32>,
    /// Tables whose changes are known from here on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracked: Vec<u32>,
    /// Everything is void, what tables there are included: a definition changed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reset: bool,
    /// Everything that had been committed when the record with this number was published is in this one or an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_since: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Bytes that are no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError(String);

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no record of changes: {}", self.0)
    }
}

impl std::error::Error for RecordError {}

impl Record {
    /// The record as JSON.
    pub fn encode(&self) -> Result<String, RecordError> {
        serde_json::to_string(self).map_err(|error| RecordError(error.to_string()))
    }

    /// Reads what [`Record::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        serde_json::from_slice(bytes).map_err(|error| RecordError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_way_through_redis() {
        let records = [
            Record { number: 1, lsn: Lsn(u64::MAX), complete_since: Some(0), ..Record::default() },
            Record { number: 2, lsn: Lsn(5), changed: vec![1, u32::MAX], ..Record::default() },
            Record { number: 3, lsn: Lsn(5), reset: true, tracked: vec![7], ..Record::default() },
        ];
        for record in records {
            assert_eq!(Record::decode(record.encode().unwrap().as_bytes()), Ok(record));
        }
        assert!(Record::decode(b"{}").is_err());
        assert!(Record::decode(b"nonsense").is_err());
    }
}
