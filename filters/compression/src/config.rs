//! The filter's configuration.

use compression_common::ModeName;
use compression_policy::levels::{CodingLevels, range};
use compression_policy::{Codings, ContentTypes, Levels, Mode};
use serde::Deserialize;
use slipstream_host::{ConfigError, load_config, within};

/// The filter's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Value of the metrics' label `service`; the name of the route's cluster if none.
    pub service: Option<String>,
    /// How hard each coding tries.
    pub levels: Levels,
    /// What is compressed, and with which codings. zstd, gzip, br and deflate, 1,024 bytes to 1 MiB of text and JSON
    /// unless set; 1 MiB is what Envoy buffers unless told otherwise.
    pub policy: compression_policy::Config,
    /// How responses are compressed where their route does not say.
    pub mode: Option<Mode>,
    /// How many responses each worker compresses piece by piece at a time; what exceeds them is sent as it is. 100 unless
    /// set.
    pub max_streams: usize,
    /// Bytes that the body of a request may have that is decompressed, before and after. 1 MiB unless set.
    pub max_request_bytes: usize,
    /// How many times its size such a body may grow to. 100 unless set.
    pub max_request_ratio: usize,
    /// Label sets of each group of metrics; what exceeds them is counted as `other`. 1,000 unless set.
    pub max_label_sets: usize,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct Raw {
    /// Value of the metrics' label `service`; without it, the name of the route's cluster.
    service: Option<String>,
    /// What clients are offered, the most preferred first: zstd, gzip, br and deflate unless set.
    codings: Option<Vec<String>>,
    /// How hard each coding tries: gzip 6, br 5, zstd 3 and deflate 6 unless set.
    levels: RawLevels,
    /// The same for some content types; the first rule that names the type counts.
    level_by_content_type: Vec<RawRule>,
    /// Shorter responses are left as they are.
    #[cfg_attr(test, schemars(range(min = 1, max = 16777216)))]
    min_bytes: u64,
    /// Longer responses, and those of unknown length, are compressed as they come. Envoy holds the others meanwhile: the
    /// listener's `per_connection_buffer_limit_bytes` must be at least this.
    #[cfg_attr(test, schemars(range(min = 1, max = 16777216)))]
    max_bytes: u64,
    /// How responses are compressed where their route does not say: `buffer` (whole), `stream` (as they come) or `observe`. Unless
    /// set: whole up to `max_bytes`, others as they come. `stream` needs no `allow_on_headers_stop_iteration`.
    mode: Option<ModeName>,
    /// Responses that each worker compresses as they come at a time; more are sent as they are.
    #[cfg_attr(test, schemars(range(min = 0, max = 10000)))]
    max_streams: u64,
    /// Bytes that the body of a request may have that is decompressed, before and after.
    #[cfg_attr(test, schemars(range(min = 1, max = 16777216)))]
    max_request_bytes: u64,
    /// How many times its size such a body may grow to.
    #[cfg_attr(test, schemars(range(min = 1, max = 100000)))]
    max_request_ratio: u64,
    /// Label sets that a metric may have, in all workers together; more are counted as `other`.
    #[cfg_attr(test, schemars(range(min = 1, max = 100000)))]
    max_label_sets: u64,
    /// What is compressed: text, JSON, JavaScript, XML and SVG unless set.
    content_types: Option<Vec<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RawLevels {
    /// Level of gzip, 1 to 9.
    #[cfg_attr(test, schemars(range(min = 1, max = 9)))]
    gzip: Option<u8>,
    /// Level of br, 0 to 11.
    #[cfg_attr(test, schemars(range(min = 0, max = 11)))]
    br: Option<u8>,
    /// Level of zstd, 1 to 19.
    #[cfg_attr(test, schemars(range(min = 1, max = 19)))]
    zstd: Option<u8>,
    /// Level of deflate, 1 to 9.
    #[cfg_attr(test, schemars(range(min = 1, max = 9)))]
    deflate: Option<u8>,
}

/// Not flattened, because serde forgets the paths of mistakes there.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawRule {
    /// Content types, such as `text/css` or `text/*`.
    types: Vec<String>,
    /// Level of gzip, 1 to 9.
    #[cfg_attr(test, schemars(range(min = 1, max = 9)))]
    gzip: Option<u8>,
    /// Level of br, 0 to 11.
    #[cfg_attr(test, schemars(range(min = 0, max = 11)))]
    br: Option<u8>,
    /// Level of zstd, 1 to 19.
    #[cfg_attr(test, schemars(range(min = 1, max = 19)))]
    zstd: Option<u8>,
    /// Level of deflate, 1 to 9.
    #[cfg_attr(test, schemars(range(min = 1, max = 9)))]
    deflate: Option<u8>,
}

impl Default for Raw {
    fn default() -> Self {
        Raw {
            service: None,
            codings: None,
            levels: RawLevels::default(),
            level_by_content_type: Vec::new(),
            min_bytes: 1_024,
            max_bytes: 1 << 20,
            mode: None,
            max_streams: 100,
            max_request_bytes: 1 << 20,
            max_request_ratio: 100,
            max_label_sets: 200,
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
        let max_bytes = within("max_bytes", raw.max_bytes, 1..=MAX_BYTES)?;
        let min_bytes = within("min_bytes", raw.min_bytes, 1..=max_bytes)?;
        let codings = raw.codings.as_deref().map_or_else(|| Ok(Codings::default()), Codings::parse);
        let codings =
            codings.map_err(|invalid| ConfigError::new(invalid.path("codings"), invalid.to_string()))?;
        let types = raw.content_types.map(|patterns| types("content_types", &patterns));
        let RawLevels { gzip, br, zstd, deflate } = raw.levels;
        let default = CodingLevels { gzip, br, zstd, deflate };
        check_levels("levels", &default)?;
        let rules = raw.level_by_content_type.iter().enumerate();
        let by_content_type = rules.map(|(index, rule)| rule.read(index)).collect::<Result<_, _>>()?;
        Ok(Config {
            service: raw.service,
            levels: Levels { default, by_content_type },
            policy: compression_policy::Config {
                codings,
                min_bytes,
                max_bytes,
                types: types.transpose()?.unwrap_or_default(),
            },
            mode: raw.mode.map(Mode::from),
            max_streams: within("max_streams", raw.max_streams, 0..=10_000)? as usize,
            max_request_bytes: within("max_request_bytes", raw.max_request_bytes, 1..=MAX_BYTES)? as usize,
            max_request_ratio: within("max_request_ratio", raw.max_request_ratio, 1..=100_000)? as usize,
            max_label_sets: within("max_label_sets", raw.max_label_sets, 1..=100_000)? as usize,
        })
    }
}

impl RawRule {
    fn read(&self, index: usize) -> Result<(ContentTypes, CodingLevels), ConfigError> {
        let path = format!("level_by_content_type[{index}]");
        let RawRule { gzip, br, zstd, deflate, .. } = *self;
        let levels = CodingLevels { gzip, br, zstd, deflate };
        check_levels(&path, &levels)?;
        Ok((types(&format!("{path}.types"), &self.types)?, levels))
    }
}

fn types(path: &str, patterns: &[String]) -> Result<ContentTypes, ConfigError> {
    ContentTypes::parse(patterns)
        .map_err(|invalid| ConfigError::new(format!("{path}[{}]", invalid.index), invalid.to_string()))
}

fn check_levels(path: &str, levels: &CodingLevels) -> Result<(), ConfigError> {
    let Some((coding, level)) = levels.out_of_range() else { return Ok(()) };
    let (start, end) = range(coding).into_inner();
    let path = format!("{path}.{}", coding.as_str());
    Err(ConfigError::new(path, format!("is {level}, expected {start} to {end}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_semantics::ContentCoding;

    #[test]
    fn the_schema_is_the_codes() {
        for (file, schema) in [
            ("compression.json", schemars::schema_for!(Raw)),
            ("compression.route.json", schemars::schema_for!(compression_common::RouteSettings)),
        ] {
            testbed::assert_generated(
                &format!("envoy/schemas/{file}"),
                &format!("{:#}\n", schema.to_value()),
            );
        }
    }

    #[test]
    fn nothing_is_all_defaults() {
        let config = Config::parse(b"").unwrap();
        assert_eq!((config.max_streams, config.service), (100, None));
        assert_eq!(config.levels, Levels::default());
        assert!(
            config.policy.codings.iter().map(|coding| coding.as_str()).eq(["zstd", "gzip", "br", "deflate"])
        );
        assert_eq!((config.policy.min_bytes, config.policy.max_bytes), (1_024, 1_048_576));
        assert!(config.policy.types.contains(b"application/json"));
    }

    #[test]
    fn all_fields() {
        let json = br#"{"service": "shop", "levels": {"gzip": 9}, "min_bytes": 10, "max_bytes": 20,
            "max_label_sets": 5, "content_types": ["text/plain"], "codings": ["br", "gzip"], "max_streams": 0, "mode": "stream",
            "level_by_content_type": [{"types": ["text/css"], "br": 11}]}"#;
        let config = Config::parse(json).unwrap();
        assert_eq!(config.service.as_deref(), Some("shop"));
        assert_eq!((config.max_streams, config.max_label_sets, config.mode), (0, 5, Some(Mode::Stream)));
        assert_eq!(config.levels.level(ContentCoding::Gzip, b"text/css"), 9);
        assert_eq!(config.levels.level(ContentCoding::Br, b"text/css"), 11);
        assert!(config.policy.codings.iter().eq([ContentCoding::Br, ContentCoding::Gzip]));
        assert_eq!((config.policy.min_bytes, config.policy.max_bytes), (10, 20));
        assert!(config.policy.types.contains(b"text/plain") && !config.policy.types.contains(b"text/html"));
    }

    #[test]
    fn a_mistake_is_named() {
        for (json, path, message) in [
            (r#"{"level": 1}"#, "level", "unknown field"),
            (r#"{"levels": {"gzip": 0}}"#, "levels.gzip", "is 0, expected 1 to 9"),
            (r#"{"levels": {"br": 12}}"#, "levels.br", "is 12, expected 0 to 11"),
            (r#"{"levels": {"zstd": 20}}"#, "levels.zstd", "is 20, expected 1 to 19"),
            (r#"{"levels": {"gzip": "6"}}"#, "levels.gzip", "invalid type: string"),
            (r#"{"levels": {"brotli": 5}}"#, "levels.brotli", "unknown field"),
            (
                r#"{"level_by_content_type": [{"gzip": 9}]}"#,
                "level_by_content_type[0]",
                "missing field `types`",
            ),
            (
                r#"{"level_by_content_type": [{"types": ["text/css"], "deflate": 10}]}"#,
                "level_by_content_type[0].deflate",
                "is 10, expected 1 to 9",
            ),
            (
                r#"{"level_by_content_type": [{"types": ["text/css", "css"]}]}"#,
                "level_by_content_type[0].types[1]",
                "`css`: expected `type/subtype`",
            ),
            (
                r#"{"codings": ["gzip", "brotli"]}"#,
                "codings[1]",
                "`brotli`: expected gzip, br, zstd, deflate",
            ),
            (r#"{"codings": []}"#, "codings", "expected one of"),
            (r#"{"mode": "chunk"}"#, "mode", "expected one of `buffer`, `stream`, `observe`"),
            (r#"{"max_request_bytes": 0}"#, "max_request_bytes", "expected 1 to 16777216"),
            (r#"{"max_request_ratio": 0}"#, "max_request_ratio", "expected 1 to 100000"),
            (r#"{"max_streams": 10001}"#, "max_streams", "expected 0 to 10000"),
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
