//! The filter's configuration, and what a route may say.

use compression_policy::{Codings, ContentTypes};
use serde::Deserialize;
use slipstream_host::{ConfigError, load_config};
use std::ops::RangeInclusive;

/// The filter's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Value of the metrics' label `service`; the name of the route's cluster if none.
    pub service: Option<String>,
    /// gzip's level, 1 (fast) to 9 (small). 6 unless set.
    pub level: u32,
    /// What is compressed. 1,024 bytes to 1 MiB of text and JSON unless set; 1 MiB is what Envoy buffers unless told
    /// otherwise.
    pub policy: compression_policy::Config,
    /// Label sets of each group of metrics; what exceeds them is counted as `other`. 1,000 unless set.
    pub max_label_sets: usize,
}

/// Settings in a route's `metadata.filter_metadata["slipstream.compression"]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct RouteSettings {
    /// Whether the route's responses are compressed. True unless set.
    pub enabled: bool,
}

impl Default for RouteSettings {
    fn default() -> Self {
        RouteSettings { enabled: true }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    service: Option<String>,
    level: u64,
    min_bytes: u64,
    max_bytes: u64,
    max_label_sets: u64,
    content_types: Option<Vec<String>>,
}

impl Default for Raw {
    fn default() -> Self {
        Raw {
            service: None,
            level: 6,
            min_bytes: 1_024,
            max_bytes: 1 << 20,
            max_label_sets: 1_000,
            content_types: None,
        }
    }
}

/// The longest body that may be configured. A body is compressed at a stroke: 16 MiB block a worker for about 60 ms.
const MAX_BYTES: u64 = 16 << 20;

impl Config {
    /// Reads the plugin's configuration, JSON.
    pub fn parse(json: &[u8]) -> Result<Config, ConfigError> {
        let raw: Raw = load_config(json)?;
        if raw.service.as_deref() == Some("") {
            return Err(ConfigError::new("service", "is empty, expected a name or no such field"));
        }
        let level = within("level", raw.level, 1..=9)? as u32;
        let max_bytes = within("max_bytes", raw.max_bytes, 1..=MAX_BYTES)?;
        let min_bytes = within("min_bytes", raw.min_bytes, 1..=max_bytes)?;
        let types = match raw.content_types {
            Some(patterns) => ContentTypes::parse(&patterns).map_err(|invalid| {
                ConfigError::new(format!("content_types[{}]", invalid.index), invalid.to_string())
            })?,
            None => ContentTypes::default(),
        };
        Ok(Config {
            service: raw.service,
            level,
            policy: compression_policy::Config { codings: Codings::default(), min_bytes, max_bytes, types },
            max_label_sets: within("max_label_sets", raw.max_label_sets, 1..=100_000)? as usize,
        })
    }
}

fn within(field: &str, value: u64, range: RangeInclusive<u64>) -> Result<u64, ConfigError> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (start, end) = range.into_inner();
    Err(ConfigError::new(field, format!("is {value}, expected {start} to {end}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_all_defaults() {
        let config = Config::parse(b"").unwrap();
        assert_eq!((config.level, config.service), (6, None));
        assert_eq!((config.policy.min_bytes, config.policy.max_bytes), (1_024, 1_048_576));
        assert!(config.policy.types.contains(b"application/json"));
    }

    #[test]
    fn all_fields() {
        let json = br#"{"service": "shop", "level": 9, "min_bytes": 10, "max_bytes": 20,
            "max_label_sets": 5, "content_types": ["text/plain"]}"#;
        let config = Config::parse(json).unwrap();
        assert_eq!(config.service.as_deref(), Some("shop"));
        assert_eq!((config.level, config.max_label_sets), (9, 5));
        assert_eq!((config.policy.min_bytes, config.policy.max_bytes), (10, 20));
        assert!(config.policy.types.contains(b"text/plain") && !config.policy.types.contains(b"text/html"));
    }

    #[test]
    fn a_mistake_is_named() {
        for (json, path, message) in [
            (r#"{"levels": 1}"#, "levels", "unknown field"),
            (r#"{"level": 0}"#, "level", "is 0, expected 1 to 9"),
            (r#"{"level": 10}"#, "level", "is 10, expected 1 to 9"),
            (r#"{"level": "6"}"#, "level", "invalid type: string"),
            (r#"{"service": ""}"#, "service", "is empty"),
            (r#"{"min_bytes": 0}"#, "min_bytes", "expected 1 to 1048576"),
            (r#"{"min_bytes": 11, "max_bytes": 10}"#, "min_bytes", "is 11, expected 1 to 10"),
            (r#"{"max_bytes": -1}"#, "max_bytes", "invalid value: integer `-1`"),
            (r#"{"max_bytes": 16777217}"#, "max_bytes", "expected 1 to 16777216"),
            (r#"{"max_label_sets": 0}"#, "max_label_sets", "is 0"),
            (
                r#"{"content_types": ["text/*", "json"]}"#,
                "content_types[1]",
                "`json`: expected `type/subtype`",
            ),
            (r#"{"content_types": ["text/*", 1]}"#, "content_types[1]", "invalid type"),
        ] {
            let error = Config::parse(json.as_bytes()).unwrap_err();
            assert_eq!(error.path, path, "{json}");
            assert!(error.message.contains(message), "{json}: {error}");
        }
    }
}
