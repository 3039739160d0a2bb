//! The filter's configuration.

use compression_common::ModeName;
use http_semantics::ContentCoding;
use serde::Deserialize;
use slipstream_host::{ConfigError, load_config, within};

/// The filter's configuration.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Value of the metrics' label `service`; the name of the route's cluster if none.
    pub service: Option<String>,
    /// How responses are compressed where their route does not say; only what says `observe` is measured.
    pub mode: Option<ModeName>,
    /// The one coding that Envoy's compressor has. Without it Envoy is asked with which one each response was compressed.
    pub coding: Option<CodingName>,
    /// Whether routes are told apart and their settings heeded. If not, Envoy is not asked for them: all that passes is observed, and
    /// counted under the route `all`; it needs `mode: observe` and `service`. True unless set.
    pub by_route: bool,
    /// Label sets of each group of metrics; what exceeds them is counted as `other`. 200 unless set.
    #[cfg_attr(test, schemars(range(min = 1, max = 100000)))]
    pub max_label_sets: u64,
}

/// A coding that Envoy's compressor may have.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CodingName {
    /// [`ContentCoding::Gzip`].
    Gzip,
    /// [`ContentCoding::Br`].
    Br,
    /// [`ContentCoding::Zstd`].
    Zstd,
}

impl From<CodingName> for ContentCoding {
    fn from(name: CodingName) -> Self {
        match name {
            CodingName::Gzip => ContentCoding::Gzip,
            CodingName::Br => ContentCoding::Br,
            CodingName::Zstd => ContentCoding::Zstd,
        }
    }
}

const MAX_LABEL_SETS: u64 = 100_000;

impl Default for Config {
    fn default() -> Self {
        Config { service: None, mode: None, coding: None, by_route: true, max_label_sets: 200 }
    }
}

impl Config {
    /// Reads the plugin's configuration, JSON.
    pub fn parse(json: &[u8]) -> Result<Config, ConfigError> {
        let config: Config = load_config(json)?;
        if config.service.as_deref() == Some("") {
            return Err(ConfigError::new("service", "is empty, expected a name or no such field"));
        }
        if !config.by_route {
            // Only a route could tell.
            if config.mode != Some(ModeName::Observe) {
                return Err(ConfigError::new("mode", "is not `observe`, which `by_route: false` needs"));
            }
            if config.service.is_none() {
                return Err(ConfigError::new("service", "is not there, but `by_route: false` needs it"));
            }
        }
        within("max_label_sets", config.max_label_sets, 1..=MAX_LABEL_SETS)?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings of a route: none of its own. It follows those under `slipstream.compression`.
    #[derive(Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct RouteSettings {}

    #[test]
    fn the_schema_is_the_codes() {
        for (file, schema) in [
            ("compression-observer.json", schemars::schema_for!(Config)),
            ("compression-observer.route.json", schemars::schema_for!(RouteSettings)),
        ] {
            testbed::assert_generated(
                &format!("envoy/schemas/{file}"),
                &format!("{:#}\n", schema.to_value()),
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (json, path, message) in [
            (r#"{"service": ""}"#, "service", "is empty"),
            (r#"{"max_label_sets": 0}"#, "max_label_sets", "is 0"),
            (r#"{"max_label_sets": 100001}"#, "max_label_sets", "is 100001"),
            (r#"{"mode": "watch"}"#, "mode", "unknown variant"),
            (r#"{"coding": "deflate"}"#, "coding", "unknown variant"),
            (r#"{"by_route": false, "service": "shop"}"#, "mode", "is not `observe`"),
            (r#"{"by_route": false, "service": "shop", "mode": "stream"}"#, "mode", "is not `observe`"),
            (r#"{"by_route": false, "mode": "observe"}"#, "service", "is not there"),
            (r#"{"codings": []}"#, "codings", "unknown field"),
        ] {
            let error = Config::parse(json.as_bytes()).unwrap_err();
            assert_eq!(error.path, path, "{json}");
            assert!(error.message.contains(message), "{json}: {}", error.message);
        }
        assert_eq!(Config::parse(b"").unwrap(), Config::default());
    }
}
