//! The filter's configuration.

use compression_common::ModeName;
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
    /// Label sets of each group of metrics; what exceeds them is counted as `other`. 200 unless set.
    #[cfg_attr(test, schemars(range(min = 1, max = 100000)))]
    pub max_label_sets: u64,
}

const MAX_LABEL_SETS: u64 = 100_000;

impl Default for Config {
    fn default() -> Self {
        Config { service: None, mode: None, max_label_sets: 200 }
    }
}

impl Config {
    /// Reads the plugin's configuration, JSON.
    pub fn parse(json: &[u8]) -> Result<Config, ConfigError> {
        let config: Config = load_config(json)?;
        if config.service.as_deref() == Some("") {
            return Err(ConfigError::new("service", "is empty, expected a name or no such field"));
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
            (r#"{"codings": []}"#, "codings", "unknown field"),
        ] {
            let error = Config::parse(json.as_bytes()).unwrap_err();
            assert_eq!(error.path, path, "{json}");
            assert!(error.message.contains(message), "{json}: {}", error.message);
        }
        assert_eq!(Config::parse(b"").unwrap(), Config { service: None, mode: None, max_label_sets: 200 });
    }
}
