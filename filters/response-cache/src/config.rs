//! The filter's configuration.

use crate::settings::{Settings, within};
use cache_policy::Policy;
use compression_policy::{Codings, InvalidCodings};
use serde::Deserialize;
use slipstream_host::{ConfigError, check_field_names};

/// The plugin's configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The label `service` of the metrics; without it the name of the route's cluster.
    pub service: Option<String>,
    /// Where the companion is.
    pub companion: Companion,
    /// The cache in the VM's memory.
    #[serde(default)]
    pub l1: L1,
    /// Bytes that a response's body may have to be stored.
    #[serde(default = "default_max_entry_bytes")]
    #[cfg_attr(test, schemars(range(min = 1, max = 67108864)))]
    pub max_entry_bytes: u64,
    /// Request fields that carry credentials: a request with one of them bypasses the cache, unless the route makes the
    /// field part of the key.
    #[serde(default = "default_credential_headers")]
    pub credential_headers: Vec<String>,
    /// Request fields, beside method, authority and path, by which Envoy's routes are chosen. With it, Envoy is not asked
    /// for the route of a request that is like one before.
    pub route_fields: Option<Vec<String>>,
    /// Response fields that list tags, by which a response can be invalidated besides those of its route.
    #[serde(default = "default_tag_headers")]
    pub tag_headers: Vec<String>,
    /// Milliseconds that a request waits at most for another's fetch of the same response; 0 has each fetch for itself.
    #[serde(default = "default_collapse_wait_ms")]
    #[cfg_attr(test, schemars(range(min = 0, max = 60000)))]
    pub collapse_wait_ms: u64,
    /// Response fields that speak to this cache alone, in place of Cache-Control and Expires; the first that is there counts
    /// (RFC 9213).
    #[serde(default = "default_targeted_fields")]
    pub targeted_fields: Vec<String>,
    /// Variants that a key's responses may have at most by their Vary field; further ones are not stored.
    #[serde(default = "default_max_variants")]
    #[cfg_attr(test, schemars(range(min = 1, max = 10000)))]
    pub max_variants: usize,
    /// How stale responses are refreshed that are served meanwhile; without it they are fetched before they are served.
    pub refresh: Option<Refresh>,
    /// Settings of routes that do not have their own.
    #[serde(default)]
    pub defaults: Settings,
    /// The codings that the compression filter offers, in its order; what a client gets of them is part of the key.
    pub codings: Option<Vec<String>>,
    /// Label sets that each metric has at most; what exceeds them is counted as `other`.
    #[serde(default = "default_max_label_sets")]
    #[cfg_attr(test, schemars(range(min = 1, max = 100000)))]
    pub max_label_sets: usize,
}

/// How to reach the companion.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Companion {
    /// Name of its cluster in Envoy's configuration.
    pub cluster: String,
    /// The companion's token, if it has one.
    #[serde(default)]
    pub token: String,
    /// Milliseconds that a request waits for a lookup before it goes to the origin.
    #[serde(default = "default_lookup_timeout_ms")]
    #[cfg_attr(test, schemars(range(min = 1, max = 60000)))]
    pub lookup_timeout_ms: u32,
    /// Milliseconds that the answer to a write waits for its invalidation. Past that it goes out, and the
    /// invalidation is tried again.
    #[serde(default = "default_invalidation_timeout_ms")]
    #[cfg_attr(test, schemars(range(min = 1, max = 60000)))]
    pub invalidation_timeout_ms: u32,
    /// Failures in a row after which the companion is left alone for a while.
    #[serde(default = "default_failures_to_open")]
    #[cfg_attr(test, schemars(range(min = 1, max = 1000000)))]
    pub breaker_failures: u32,
    /// Milliseconds that it is left alone before one request probes it.
    #[serde(default = "default_open_ms")]
    #[cfg_attr(test, schemars(range(min = 1, max = 3600000)))]
    pub breaker_open_ms: u64,
}

/// How stale responses are refreshed.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Name of a cluster in Envoy's configuration that leads back to this listener, so that a refresh takes the way of
    /// a client's request.
    pub cluster: String,
    /// Milliseconds that a refresh may take.
    #[serde(default = "default_refresh_timeout_ms")]
    #[cfg_attr(test, schemars(range(min = 1, max = 600000)))]
    pub timeout_ms: u32,
}

/// The cache in the VM's memory.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct L1 {
    /// Bytes it may take in each worker; 0 turns it off.
    #[serde(default = "default_l1_bytes")]
    #[cfg_attr(test, schemars(range(min = 0, max = 2_147_483_648_u64)))]
    pub max_bytes: u64,
}

impl Default for L1 {
    fn default() -> Self {
        L1 { max_bytes: default_l1_bytes() }
    }
}

fn default_max_entry_bytes() -> u64 {
    1 << 20
}

fn default_credential_headers() -> Vec<String> {
    Policy::default().credential_headers
}

fn default_tag_headers() -> Vec<String> {
    vec!["surrogate-key".to_owned(), "cache-tag".to_owned()]
}

fn default_collapse_wait_ms() -> u64 {
    5_000
}

fn default_targeted_fields() -> Vec<String> {
    Policy::default().targeted_fields
}

fn default_max_variants() -> usize {
    64
}

fn default_refresh_timeout_ms() -> u32 {
    30_000
}

fn default_max_label_sets() -> usize {
    200
}

fn default_lookup_timeout_ms() -> u32 {
    100
}

fn default_invalidation_timeout_ms() -> u32 {
    2_000
}

fn default_failures_to_open() -> u32 {
    5
}

fn default_open_ms() -> u64 {
    1_000
}

fn default_l1_bytes() -> u64 {
    64 << 20
}

/// The most that a VM can address is 4 GiB; what is left over is for everything else.
const L1_LIMIT: u64 = 2 << 30;
const ENTRY_LIMIT: u64 = 64 << 20;

impl Config {
    /// Reads and checks a configuration.
    pub fn load(json: &[u8]) -> Result<Config, ConfigError> {
        let config: Config = slipstream_host::load_config(json)?;
        let companion = &config.companion;
        if companion.cluster.is_empty() {
            return Err(ConfigError::new(
                "companion.cluster",
                "expected the name of a cluster, found nothing",
            ));
        }
        if !companion.token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::new("companion.token", "expected visible ASCII characters only"));
        }
        within("companion.lookup_timeout_ms", companion.lookup_timeout_ms.into(), 1, 60_000)?;
        within("companion.invalidation_timeout_ms", companion.invalidation_timeout_ms.into(), 1, 60_000)?;
        within("companion.breaker_failures", companion.breaker_failures.into(), 1, 1_000_000)?;
        within("companion.breaker_open_ms", companion.breaker_open_ms, 1, 3_600_000)?;
        within("l1.max_bytes", config.l1.max_bytes, 0, L1_LIMIT)?;
        within("max_entry_bytes", config.max_entry_bytes, 1, ENTRY_LIMIT)?;
        within("collapse_wait_ms", config.collapse_wait_ms, 0, 60_000)?;
        within("max_variants", config.max_variants as u64, 1, 10_000)?;
        within("max_label_sets", config.max_label_sets as u64, 1, 100_000)?;
        config.codings().map_err(|invalid| ConfigError::new(invalid.path("codings"), invalid.to_string()))?;
        check_field_names("credential_headers", &config.credential_headers)?;
        check_field_names("tag_headers", &config.tag_headers)?;
        check_field_names("targeted_fields", &config.targeted_fields)?;
        if let Some(refresh) = &config.refresh {
            if refresh.cluster.is_empty() {
                return Err(ConfigError::new(
                    "refresh.cluster",
                    "expected the name of a cluster, found nothing",
                ));
            }
            if config.collapse_wait_ms == 0 {
                let message =
                    "expected 1 at least, where there is a `refresh`: one of all refreshes, under a lease";
                return Err(ConfigError::new("collapse_wait_ms", message));
            }
            within("refresh.timeout_ms", refresh.timeout_ms.into(), 1, 600_000)?;
        }
        config
            .defaults
            .clone()
            .resolve()
            .map_err(|error| ConfigError { path: format!("defaults.{}", error.path), ..error })?;
        check_field_names("route_fields", config.route_fields.as_deref().unwrap_or_default())?;
        Ok(config)
    }

    /// What of it decides on storing and reusing.
    pub fn policy(&self) -> Policy {
        Policy {
            credential_headers: self.credential_headers.clone(),
            targeted_fields: self.targeted_fields.clone(),
            codings: self.codings().unwrap_or_default(),
        }
    }

    fn codings(&self) -> Result<Codings, InvalidCodings> {
        self.codings.as_deref().map_or_else(|| Ok(Codings::default()), Codings::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_policy::RoutePolicy;

    #[test]
    fn the_schema_is_the_codes() {
        testbed::assert_generated(
            "envoy/schemas/response-cache.json",
            &format!("{:#}\n", schemars::schema_for!(Config).to_value()),
        );
    }

    #[test]
    fn defaults_are_cautious() {
        let config = Config::load(br#"{"companion": {"cluster": "c"}}"#).unwrap();
        assert_eq!(config.credential_headers, ["authorization", "cookie", "x-api-key"]);
        assert_eq!((config.l1.max_bytes, config.max_entry_bytes), (64 << 20, 1 << 20));
        assert_eq!(Settings::load(b"{}", &config.defaults).unwrap(), RoutePolicy::cautious());
    }

    #[test]
    fn a_mistake_is_named_with_its_path() {
        let cases = [
            ("{}", ".", "missing field `companion`"),
            (r#"{"companion": {}}"#, "companion", "missing field `cluster`"),
            (r#"{"companion": {"cluster": ""}}"#, "companion.cluster", "expected the name of a cluster"),
            (r#"{"companion": {"cluster": "c", "time_out": 1}}"#, "companion.time_out", "unknown field"),
            (r#"{"companion": {"cluster": "c", "token": "a b"}}"#, "companion.token", "visible ASCII"),
            (r#"{"companion": {"cluster": "c"}, "ttl": 1}"#, "ttl", "unknown field"),
            (
                r#"{"companion": {"cluster": "c"}, "codings": ["gzip", "lzma"]}"#,
                "codings[1]",
                "`lzma`: expected gzip, br, zstd, deflate",
            ),
            (r#"{"companion": {"cluster": "c"}, "codings": []}"#, "codings", "expected one of gzip"),
            (
                r#"{"companion": {"cluster": "c"}, "defaults": {"max_ttl_seconds": -1}}"#,
                "defaults.max_ttl_seconds",
                "`-1`, expected u64",
            ),
            (
                r#"{"companion": {"cluster": "c"}, "collapse_wait_ms": 60001}"#,
                "collapse_wait_ms",
                "expected 0 to 60000",
            ),
            (
                r#"{"companion": {"cluster": "c"}, "defaults": {"max_ttl_seconds": 0}}"#,
                "defaults.max_ttl_seconds",
                "expected 1 to",
            ),
            (
                r#"{"companion": {"cluster": "c"}, "refresh": {"cluster": ""}}"#,
                "refresh.cluster",
                "expected the name of a cluster",
            ),
            (r#"{"companion": {"cluster": "c"}, "l1": {"max_bytes": "1"}}"#, "l1.max_bytes", "expected u64"),
            (
                r#"{"companion": {"cluster": "c"}, "l1": {"max_bytes": 9999999999}}"#,
                "l1.max_bytes",
                "out of range",
            ),
            (
                r#"{"companion": {"cluster": "c"}, "credential_headers": ["a", "b c"]}"#,
                "credential_headers[1]",
                "not the name of a header field",
            ),
            (
                r#"{"companion": {"cluster": "c"}, "route_fields": ["x-canary", ""]}"#,
                "route_fields[1]",
                "not the name of a header field",
            ),
            (
                r#"{"companion": {"cluster": "c"}, "route_fields": true}"#,
                "route_fields",
                "expected a sequence",
            ),
        ];
        for (json, path, message) in cases {
            let error = Config::load(json.as_bytes()).unwrap_err();
            assert_eq!(error.path, path, "{json}");
            assert!(error.message.contains(message), "{json}: {error}");
        }
    }
}
