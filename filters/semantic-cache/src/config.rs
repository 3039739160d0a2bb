//! The filter's configuration.

use serde::Deserialize;
use slipstream_host::{ConfigError, check_field_names, load_config, within};

/// The plugin's configuration.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The label `service` of the metrics; without it the name of the route's cluster.
    pub service: Option<String>,
    /// Where the companion is.
    pub companion: Companion,
    /// Bytes that the body of a request may have to be looked at.
    #[serde(default = "default_max_request_bytes")]
    #[cfg_attr(test, schemars(range(min = 1, max = 16777216)))]
    pub max_request_bytes: u64,
    /// How deep its arrays and objects may be nested.
    #[serde(default = "default_max_depth")]
    #[cfg_attr(test, schemars(range(min = 1, max = 120)))]
    pub max_depth: usize,
    /// Bytes that a question may have: of what is longer than its model's 256 tokens, the embedder sees the beginning only.
    #[serde(default = "default_max_question_bytes")]
    #[cfg_attr(test, schemars(range(min = 1, max = 16777216)))]
    pub max_question_bytes: usize,
    /// Bytes that an answer may have to be kept: its body, or the text that its events come to.
    #[serde(default = "default_max_answer_bytes")]
    #[cfg_attr(test, schemars(range(min = 1, max = 16777216)))]
    pub max_answer_bytes: u64,
    /// Bytes that the answers under way may take in each worker; more are not recorded.
    #[serde(default = "default_max_recording_bytes")]
    #[cfg_attr(test, schemars(range(min = 1, max = 2147483648u32)))]
    pub max_recording_bytes: u64,
    /// Request fields that carry credentials: answers are not shared between different ones, unless a route says so.
    #[serde(default = "default_credential_headers")]
    pub credential_headers: Vec<String>,
    /// The request field by which a client, with the value `skip`, goes past the cache.
    #[serde(default = "default_skip_header")]
    pub skip_header: String,
    /// Label sets that each metric has at most; what exceeds them is counted as `other`.
    #[serde(default = "default_max_label_sets")]
    #[cfg_attr(test, schemars(range(min = 1, max = 100000)))]
    pub max_label_sets: usize,
}

/// How to reach the companion.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Companion {
    /// Name of its cluster in Envoy's configuration.
    pub cluster: String,
    /// The companion's token, if it has one.
    #[serde(default)]
    pub token: String,
    /// Milliseconds that a request waits for a lookup before it goes to the service.
    #[serde(default = "default_lookup_timeout_ms")]
    #[cfg_attr(test, schemars(range(min = 1, max = 60000)))]
    pub lookup_timeout_ms: u32,
    /// Milliseconds that storing an answer may take; nobody waits for it.
    #[serde(default = "default_store_timeout_ms")]
    #[cfg_attr(test, schemars(range(min = 1, max = 60000)))]
    pub store_timeout_ms: u32,
    /// Failures in a row after which the companion is left alone for a while.
    #[serde(default = "default_breaker_failures")]
    #[cfg_attr(test, schemars(range(min = 1, max = 1000000)))]
    pub breaker_failures: u32,
    /// Milliseconds that it is left alone before one request probes it.
    #[serde(default = "default_breaker_open_ms")]
    #[cfg_attr(test, schemars(range(min = 1, max = 3600000)))]
    pub breaker_open_ms: u64,
}

fn default_max_request_bytes() -> u64 {
    256 << 10
}

fn default_max_depth() -> usize {
    32
}

fn default_max_question_bytes() -> usize {
    1_000
}

fn default_max_answer_bytes() -> u64 {
    256 << 10
}

fn default_max_recording_bytes() -> u64 {
    32 << 20
}

fn default_credential_headers() -> Vec<String> {
    ["authorization", "cookie", "x-api-key", "api-key"].map(str::to_owned).to_vec()
}

fn default_skip_header() -> String {
    "x-semantic-cache".to_owned()
}

fn default_max_label_sets() -> usize {
    200
}

fn default_lookup_timeout_ms() -> u32 {
    250
}

fn default_store_timeout_ms() -> u32 {
    5_000
}

fn default_breaker_failures() -> u32 {
    5
}

fn default_breaker_open_ms() -> u64 {
    1_000
}

/// What a body may have that is held whole.
const BODY_LIMIT: u64 = 16 << 20;
/// The most that a VM can address is 4 GiB; what is left over is for everything else.
const RECORDING_LIMIT: u64 = 2 << 30;

impl Config {
    /// Reads and checks a configuration.
    pub fn load(json: &[u8]) -> Result<Config, ConfigError> {
        let config: Config = load_config(json)?;
        let companion = &config.companion;
        if config.service.as_deref() == Some("") {
            return Err(ConfigError::new("service", "is empty, expected a name or no such field"));
        }
        if companion.cluster.is_empty() {
            let message = "expected the name of a cluster, found nothing";
            return Err(ConfigError::new("companion.cluster", message));
        }
        if !companion.token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::new("companion.token", "expected visible ASCII characters only"));
        }
        within("companion.lookup_timeout_ms", companion.lookup_timeout_ms.into(), 1..=60_000)?;
        within("companion.store_timeout_ms", companion.store_timeout_ms.into(), 1..=60_000)?;
        within("companion.breaker_failures", companion.breaker_failures.into(), 1..=1_000_000)?;
        within("companion.breaker_open_ms", companion.breaker_open_ms, 1..=3_600_000)?;
        within("max_request_bytes", config.max_request_bytes, 1..=BODY_LIMIT)?;
        within("max_depth", config.max_depth as u64, 1..=semantic_exchange::MAX_DEPTH as u64)?;
        within("max_question_bytes", config.max_question_bytes as u64, 1..=config.max_request_bytes)?;
        within("max_answer_bytes", config.max_answer_bytes, 1..=BODY_LIMIT)?;
        within("max_recording_bytes", config.max_recording_bytes, config.max_answer_bytes..=RECORDING_LIMIT)?;
        within("max_label_sets", config.max_label_sets as u64, 1..=100_000)?;
        check_field_names("credential_headers", &config.credential_headers)?;
        check_field_names("skip_header", std::slice::from_ref(&config.skip_header))
            .map_err(|error| ConfigError::new("skip_header", error.message))?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_the_codes() {
        testbed::assert_generated(
            "envoy/schemas/semantic-cache.json",
            &format!("{:#}\n", schemars::schema_for!(Config).to_value()),
        );
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let config = Config::load(br#"{"companion": {"cluster": "c"}}"#).unwrap();
        assert_eq!((config.max_depth, config.companion.lookup_timeout_ms), (32, 250));
        assert_eq!(config.credential_headers, ["authorization", "cookie", "x-api-key", "api-key"]);
    }

    #[test]
    fn a_mistake_is_named_with_what_would_be_right() {
        for (json, path, message) in [
            ("{}", ".", "missing field `companion`"),
            (r#"{"companion": {"cluster": ""}}"#, "companion.cluster", "found nothing"),
            (r#"{"companion": {"cluster": "c", "token": "a b"}}"#, "companion.token", "visible ASCII"),
            (
                r#"{"companion": {"cluster": "c", "lookup_timeout_ms": 0}}"#,
                "companion.lookup_timeout_ms",
                "is 0, expected 1 to 60000",
            ),
            (r#"{"companion": {"cluster": "c"}, "max_depth": 121}"#, "max_depth", "expected 1 to 120"),
            (
                r#"{"companion": {"cluster": "c"}, "max_request_bytes": 10}"#,
                "max_question_bytes",
                "is 1000, expected 1 to 10",
            ),
            (
                r#"{"companion": {"cluster": "c"}, "max_recording_bytes": 10}"#,
                "max_recording_bytes",
                "is 10, expected 262144 to",
            ),
            (
                r#"{"companion": {"cluster": "c"}, "credential_headers": ["a b"]}"#,
                "credential_headers[0]",
                "not the name",
            ),
            (r#"{"companion": {"cluster": "c"}, "skip_header": ""}"#, "skip_header", "not the name"),
            (r#"{"companion": {"cluster": "c"}, "model": 1}"#, "model", "unknown field"),
        ] {
            let error = Config::load(json.as_bytes()).unwrap_err();
            assert_eq!(error.path, path, "{json}: {error}");
            assert!(error.message.contains(message), "{json}: {error}");
        }
    }
}
