//! The scripts that Redis runs in one piece, and the reading of their answers.

use invalidation::{Position, Record, Target};
use redis::Script;

/// The scripts that Redis runs in one piece.
#[derive(Debug, Clone)]
pub(super) struct Scripts {
    /// Appends records to the log.
    pub(super) append: Script,
    /// Reads what a copy of the log lacks.
    pub(super) catch_up: Script,
    /// Stores an entry unless the log says no.
    pub(super) store: Script,
    /// Adds an entry to an index.
    pub(super) index: Script,
    /// Takes entries out of an index.
    pub(super) drop_from_index: Script,
    /// Removes an entry if it is from before a position.
    pub(super) unlink: Script,
    /// Tells other companions of this one.
    pub(super) announce: Script,
    /// Takes a lease.
    pub(super) claim: Script,
    /// Releases a lease.
    pub(super) release: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            append: Script::new(concat!(include_str!("begin.lua"), include_str!("append.lua"))),
            catch_up: Script::new(concat!(include_str!("begin.lua"), include_str!("catch_up.lua"))),
            store: Script::new(concat!(
                include_str!("hits.lua"),
                include_str!("index.lua"),
                include_str!("store.lua")
            )),
            index: Script::new(concat!(include_str!("index.lua"), include_str!("add.lua"))),
            drop_from_index: Script::new(include_str!("drop.lua")),
            unlink: Script::new(include_str!("unlink.lua")),
            announce: Script::new(include_str!("announce.lua")),
            claim: Script::new(include_str!("claim.lua")),
            release: Script::new(include_str!("release.lua")),
        }
    }
}

/// The log's state, and the records that were asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogState {
    pub(super) head: Position,
    pub(super) records: Vec<Record>,
}

/// An epoch as it is kept in Redis.
pub(super) fn epoch_text(epoch: u64) -> String {
    format!("{epoch:016x}")
}

/// What a soft record's kind starts with.
const SOFT: &str = "soft-";

/// A record's kind as it stands in the stream.
pub(super) fn kind(target: &Target, soft: bool) -> String {
    [if soft { SOFT } else { "" }, target.kind()].concat()
}

/// The record that stands in the stream as this.
fn record(seq: u64, kind: &str, value: String) -> Record {
    let (soft, kind) = kind.strip_prefix(SOFT).map_or((false, kind), |kind| (true, kind));
    let value = if kind == "all" { None } else { Some(value) };
    match Target::from_parts(kind, value) {
        Ok(target) => Record { seq, target, soft },
        // A later version's: what it hits is anyone's guess, so it hits everything.
        Err(_) => Record { seq, target: Target::All, soft: false },
    }
}

/// The position that the values of epoch and head stand for; none if one is missing or nonsense.
pub(super) fn position(epoch: Option<&str>, head: Option<&str>) -> Option<Position> {
    // Behind the digits stands the run of the server.
    format!("{}:{}", epoch?.get(..16)?, head?).parse().ok()
}

/// The answer of `catch_up.lua`.
pub(super) fn log_state(answer: Vec<String>) -> Option<LogState> {
    let mut parts = answer.into_iter();
    let head = position(Some(&parts.next()?), Some(&parts.next()?))?;
    let mut records = Vec::with_capacity(parts.len() / 3);
    while let Some(seq) = parts.next() {
        let (kind, value) = (parts.next()?, parts.next()?);
        records.push(record(seq.parse().ok()?, &kind, value));
    }
    Some(LogState { head, records })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn reads_the_state_of_the_log() {
        let head = Position { epoch: 0xab, seq: 9 };
        for (answer, records) in [
            (vec!["00000000000000ab", "9"], Some(vec![])),
            (vec!["00000000000000ab run", "9"], Some(vec![])),
            (
                vec!["00000000000000ab", "9", "8", "tag", "t", "9", "all", ""],
                Some(vec![
                    Record { seq: 8, target: Target::Tag("t".into()), soft: false },
                    Record { seq: 9, target: Target::All, soft: false },
                ]),
            ),
            (
                vec!["00000000000000ab", "9", "8", "soft-tag", "t", "9", "soft-all", ""],
                Some(vec![
                    Record { seq: 8, target: Target::Tag("t".into()), soft: true },
                    Record { seq: 9, target: Target::All, soft: true },
                ]),
            ),
            (
                vec!["00000000000000ab", "9", "8", "from-the-future", "x", "9", "soft-future", "x"],
                Some(vec![
                    Record { seq: 8, target: Target::All, soft: false },
                    Record { seq: 9, target: Target::All, soft: false },
                ]),
            ),
            (vec!["00000000000000ab", "9", "9", "tag"], None),
            (vec!["00000000000000ab", "9", "x", "tag", "t"], None),
            (vec!["00000000000000ab"], None),
            (vec!["ab", "9"], None),
            (vec![], None),
        ] {
            let expected = records.map(|records| LogState { head, records });
            assert_eq!(log_state(texts(&answer)), expected, "{answer:?}");
        }
    }
}
