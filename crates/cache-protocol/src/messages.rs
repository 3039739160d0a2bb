//! The JSON bodies of the companion's HTTP interface.

use invalidation::{Position, Record, Target};
use serde::{Deserialize, Serialize};

/// The body of `POST /v1/invalidations`: what to invalidate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InvalidationRequest {
    /// Primary keys.
    pub keys: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Prefixes of full keys.
    pub prefixes: Vec<String>,
    /// Everything.
    pub all: bool,
    /// Patterns of primary keys, in which `*` stands for any run of characters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub globs: Vec<String>,
    /// URLs of resources, such as `https://shop.example/api/items?page=2`; without a scheme, they start with the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// What is hit becomes stale instead of invalid. Left out when false: a companion of an earlier version does not know it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub soft: bool,
}

impl InvalidationRequest {
    /// Whether nothing is to be invalidated.
    pub fn is_empty(&self) -> bool {
        let lists = [&self.keys, &self.tags, &self.prefixes, &self.globs, &self.urls];
        lists.iter().all(|list| list.is_empty()) && !self.all
    }

    /// The targets to record, in the order keys, tags, prefixes, globs. `all` stands for every other target. URLs are none:
    /// whoever knows how keys are made puts theirs among the keys.
    pub fn into_targets(self) -> Vec<Target> {
        if self.all {
            return vec![Target::All];
        }
        let keys = self.keys.into_iter().map(Target::Key);
        let tags = self.tags.into_iter().map(Target::Tag);
        let prefixes = self.prefixes.into_iter().map(Target::Prefix);
        let globs = self.globs.into_iter().map(Target::Glob);
        keys.chain(tags).chain(prefixes).chain(globs).collect()
    }
}

/// The answer to an invalidation: nobody serves what it hit any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidationAck {
    /// The position after its last record.
    #[serde(with = "position_as_string")]
    pub position: Position,
    /// Followers that confirmed it.
    pub confirmed: u64,
    /// Followers that did not, and whose lease has run out.
    pub expired: u64,
    /// Other companions whose followers all confirmed it.
    #[serde(default)]
    pub companions: u64,
    /// Stored entries that it hit.
    #[serde(default)]
    pub met: u64,
    /// It may have hit more.
    #[serde(default)]
    pub met_at_least: bool,
}

/// The answer to a long poll: what is new in the log, and leave to serve without asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollAnswer {
    /// How long the follower may go on serving what it holds, in milliseconds from the sending of its poll.
    pub lease_ms: u64,
    /// What is new.
    #[serde(flatten)]
    pub page: LogPage,
}

/// A piece of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// The position after the page's last record: what to poll after next.
    #[serde(with = "position_as_string")]
    pub position: Position,
    /// The follower must drop all it holds and go on from `position`.
    pub reset: bool,
    /// The records after the position that was asked for.
    #[serde(with = "flat_records")]
    pub records: Vec<Record>,
}

/// The answer to `POST /v1/leases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseGrant {
    /// The lease: 16 hexadecimal digits.
    pub lease: String,
}

/// The body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong, for people.
    pub error: String,
}

pub(crate) mod position_as_string {
    use std::borrow::Cow;

    use super::Position;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(position)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Position, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

mod flat_records {
    use super::{Record, Target};
    use invalidation::ParseTargetError;
    use serde::ser::SerializeSeq;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[derive(Serialize)]
    struct Written<'a> {
        seq: u64,
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<&'a str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        soft: bool,
    }

    #[derive(Deserialize)]
    struct Read {
        seq: u64,
        kind: String,
        #[serde(default)]
        value: Option<String>,
        #[serde(default)]
        soft: bool,
    }

    pub(super) fn serialize<S: Serializer>(records: &[Record], serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(records.len()))?;
        for Record { seq, target, soft } in records {
            let (kind, value) = (target.kind(), target.value());
            list.serialize_element(&Written { seq: *seq, kind, value, soft: *soft })?;
        }
        list.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Record>, D::Error> {
        let read = Vec::<Read>::deserialize(deserializer)?;
        read.into_iter()
            .map(|Read { seq, kind, value, soft }| match Target::from_parts(&kind, value) {
                Ok(target) => Ok(Record { seq, target, soft }),
                // A later version's: what it hits is anyone's guess, so it hits everything.
                Err(ParseTargetError::KindUnknown(_)) => Ok(Record { seq, target: Target::All, soft: false }),
                Err(error) => Err(de::Error::custom(error)),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const POSITION: Position = Position { epoch: 0xfeed, seq: 9 };

    #[test]
    fn a_page_is_written_as_the_interface_says() {
        let page = PollAnswer {
            lease_ms: 1_000,
            page: LogPage {
                position: POSITION,
                reset: false,
                records: vec![
                    Record { seq: 7, target: Target::Tag("items".into()), soft: true },
                    Record { seq: 8, target: Target::Key("GET a/\"x".into()), soft: false },
                    Record { seq: 9, target: Target::All, soft: false },
                ],
            },
        };
        let text = concat!(
            r#"{"lease_ms":1000,"position":"000000000000feed:9","reset":false,"records":["#,
            r#"{"seq":7,"kind":"tag","value":"items","soft":true},{"seq":8,"kind":"key","value":"GET a/\"x"},"#,
            r#"{"seq":9,"kind":"all"}]}"#
        );
        assert_eq!(serde_json::to_string(&page).unwrap(), text);
        assert_eq!(serde_json::from_str::<PollAnswer>(text).unwrap(), page);
    }

    #[test]
    fn an_acknowledgement_is_written_as_the_interface_says() {
        let ack = InvalidationAck {
            position: POSITION,
            confirmed: 2,
            expired: 0,
            companions: 1,
            met: 3,
            met_at_least: true,
        };
        let text = concat!(
            r#"{"position":"000000000000feed:9","confirmed":2,"expired":0,"companions":1,"#,
            r#""met":3,"met_at_least":true}"#
        );
        assert_eq!(serde_json::to_string(&ack).unwrap(), text);
        assert_eq!(serde_json::from_str::<InvalidationAck>(text).unwrap(), ack);
        let of_an_older_companion = r#"{"position":"000000000000feed:9","confirmed":2,"expired":0}"#;
        let ack = InvalidationAck { companions: 0, met: 0, met_at_least: false, ..ack };
        assert_eq!(serde_json::from_str::<InvalidationAck>(of_an_older_companion).unwrap(), ack);
    }

    #[test]
    fn refuses_what_the_interface_does_not_say() {
        for (text, complaint) in [
            (r#"{"position":"feed:9","reset":false,"records":[]}"#, "expected EPOCH:SEQ"),
            (r#"{"position":"000000000000feed:9","reset":false}"#, "missing field `records`"),
            (
                r#"{"position":"000000000000feed:9","reset":false,"records":[{"seq":1,"kind":"tag"}]}"#,
                "without a value",
            ),
        ] {
            let error = serde_json::from_str::<LogPage>(text).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
        let error = serde_json::from_str::<InvalidationRequest>(r#"{"key":["a"]}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `key`, expected one of `keys`"), "{error}");
    }

    #[test]
    fn what_a_later_version_records_hits_everything() {
        let text = r#"{"position":"000000000000feed:9","reset":false,"records":[{"seq":9,"kind":"orbit","value":"x","soft":true}]}"#;
        let page: LogPage = serde_json::from_str(text).unwrap();
        assert_eq!(page.records, [Record { seq: 9, target: Target::All, soft: false }]);
    }

    #[test]
    fn a_request_names_its_targets() {
        for (text, targets) in [
            ("{}", vec![]),
            (r#"{"all":true,"keys":["a"]}"#, vec![Target::All]),
            (
                r#"{"prefixes":["p"],"tags":["t"],"keys":["a","b"],"globs":["g*"],"soft":true}"#,
                vec![
                    Target::Key("a".into()),
                    Target::Key("b".into()),
                    Target::Tag("t".into()),
                    Target::Prefix("p".into()),
                    Target::Glob("g*".into()),
                ],
            ),
        ] {
            let request: InvalidationRequest = serde_json::from_str(text).unwrap();
            assert_eq!(request.is_empty(), targets.is_empty());
            assert_eq!(request.into_targets(), targets);
        }
    }
}
