//! The filter's configuration.

use crate::labels;
use crate::templates::Template;
use serde::Deserialize;
use slipstream_host::{ConfigError, check_field_names, load_config};

/// OpenTelemetry's buckets for `http.server.request.duration`, in seconds.
const DURATION_BUCKETS_SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// From 1 KiB to 16 MiB in powers of 4.
const SIZE_BUCKETS_BYTES: [u64; 8] =
    [1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

/// Each bucket is a series a label set.
const MAX_BUCKETS: usize = 50;

/// The configuration as it is written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Written {
    /// Value of the label `service`; without it, the name of the cluster that the route leads to.
    service: Option<String>,
    /// The request fields, beside method, authority and path, by which your routes are chosen (`[]` if there are none). With it a
    /// request like an earlier one is not asked for its route. Leave it out where anything else chooses routes: an address,
    /// a certificate, filter state, chance.
    route_fields: Option<Vec<String>>,
    /// Label sets that a metric may have, in all workers together; more are counted as `other`.
    #[serde(default = "default_max_label_sets")]
    #[cfg_attr(test, schemars(range(min = 1, max = 100000)))]
    max_label_sets: u64,
    /// Upper bounds of the buckets of `http_request_duration_seconds`, ascending, 50 at most. OpenTelemetry's unless set, 0.005
    /// to 10.
    duration_buckets_seconds: Option<Vec<f64>>,
    /// Upper bounds of the buckets of the sizes, ascending, 50 at most. 1 KiB to 16 MiB in powers of 4 unless set.
    size_buckets_bytes: Option<Vec<u64>>,
    /// Labels for paths where a route's name is too coarse: with `/api/items/{id}` the label `route` is `/api/items/:id`;
    /// `{rest=**}` at the end stands for the rest. The first that matches counts.
    #[serde(default)]
    path_templates: Vec<String>,
    /// Series that are there from the start, at 0, so that `rate()` sees the first requests. Needs `service`.
    #[serde(default)]
    label_sets_at_start: Vec<LabelSet>,
    /// Measures how long services take, apart from the whole (`slipstream_http_upstream_duration_seconds`); asks Envoy one more
    /// thing for each request that is not a hit.
    #[serde(default)]
    upstream_duration: bool,
}

/// Labels of requests that are known to come.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LabelSet {
    /// The label `route`.
    pub route: String,
    /// The label `method`.
    pub method: String,
    /// The label `status`.
    #[cfg_attr(test, schemars(range(min = 100, max = 599)))]
    pub status: u16,
}

fn default_max_label_sets() -> u64 {
    200
}

/// The configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The label `service`; without it, it is the name of the cluster that the route leads to.
    pub service: Option<String>,
    /// Request fields, beside method, authority and path, by which Envoy's routes are chosen. With it, Envoy is not asked
    /// for the route of a request that is like one before.
    pub route_fields: Option<Vec<String>>,
    /// How many label sets are told apart, by all workers together.
    pub max_label_sets: usize,
    /// Upper bounds of the buckets of durations, in microseconds, ascending.
    pub duration_bounds_us: Vec<u64>,
    /// Upper bounds of the buckets of sizes, in bytes, ascending.
    pub size_bounds: Vec<u64>,
    /// What stands for paths in the label `route`, the first that matches.
    pub path_templates: Vec<Template>,
    /// Label sets that are there from the start, at 0, so that rates see their first requests.
    pub label_sets_at_start: Vec<LabelSet>,
    /// Whether Envoy is asked how long the service took.
    pub upstream_duration: bool,
}

impl Config {
    /// Reads a configuration; the error names the field.
    pub fn parse(configuration: &[u8]) -> Result<Config, ConfigError> {
        let written: Written = load_config(configuration)?;
        if written.service.as_deref() == Some("") {
            return Err(ConfigError::new("service", "is empty, expected a name, or no such field"));
        }
        check_field_names("route_fields", written.route_fields.as_deref().unwrap_or_default())?;
        let max_label_sets =
            usize::try_from(written.max_label_sets).ok().filter(|n| (1..=100_000).contains(n));
        let Some(max_label_sets) = max_label_sets else {
            let message = format!("is {}, expected 1 to 100000", written.max_label_sets);
            return Err(ConfigError::new("max_label_sets", message));
        };
        let label_sets_at_start = at_start(&written, max_label_sets)?;
        let seconds = written.duration_buckets_seconds.unwrap_or_else(|| DURATION_BUCKETS_SECONDS.into());
        let bytes = written.size_buckets_bytes.unwrap_or_else(|| SIZE_BUCKETS_BYTES.into());
        Ok(Config {
            path_templates: templates(&written.path_templates)?,
            label_sets_at_start,
            upstream_duration: written.upstream_duration,
            service: written.service,
            route_fields: written.route_fields,
            max_label_sets,
            duration_bounds_us: ascending("duration_buckets_seconds", &seconds, |seconds| {
                // A bound past what 64 bits hold becomes the greatest number, and a second one is refused as equal.
                (seconds * 1e6).round() as u64
            })?,
            size_bounds: ascending("size_buckets_bytes", &bytes, |bytes| bytes)?,
        })
    }
}

fn templates(written: &[String]) -> Result<Vec<Template>, ConfigError> {
    let parse = |(index, text): (usize, &String)| {
        Template::parse(text).map_err(|malformed| {
            ConfigError::new(format!("path_templates[{index}]"), format!("is `{text}`, {malformed}"))
        })
    };
    written.iter().enumerate().map(parse).collect()
}

fn at_start(written: &Written, max_label_sets: usize) -> Result<Vec<LabelSet>, ConfigError> {
    let sets = &written.label_sets_at_start;
    if !sets.is_empty() && written.service.is_none() {
        return Err(ConfigError::new(
            "label_sets_at_start",
            "needs `service`: a cluster is not known beforehand",
        ));
    }
    if sets.len() > max_label_sets {
        let message =
            format!("has {} label sets, expected max_label_sets ({max_label_sets}) at most", sets.len());
        return Err(ConfigError::new("label_sets_at_start", message));
    }
    for (index, set) in sets.iter().enumerate() {
        let path = |field: &str| format!("label_sets_at_start[{index}].{field}");
        if labels::method(set.method.as_bytes()) != set.method.as_bytes() {
            let message = format!("is `{}`, expected a method of HTTP in capitals, or _OTHER", set.method);
            return Err(ConfigError::new(path("method"), message));
        }
        if !(100..=599).contains(&set.status) {
            return Err(ConfigError::new(path("status"), format!("is {}, expected 100 to 599", set.status)));
        }
    }
    Ok(sets.clone())
}

/// The bounds in the unit in which they are compared: positive, ascending and not too many.
fn ascending<T: Copy + std::fmt::Display>(
    field: &str,
    written: &[T],
    bound: impl Fn(T) -> u64,
) -> Result<Vec<u64>, ConfigError> {
    if written.len() > MAX_BUCKETS {
        let message = format!("has {} buckets, expected {MAX_BUCKETS} at most", written.len());
        return Err(ConfigError::new(field, message));
    }
    let mut bounds: Vec<u64> = Vec::with_capacity(written.len());
    for (index, value) in written.iter().enumerate() {
        let bound = bound(*value);
        if bound <= bounds.last().copied().unwrap_or(0) {
            let expected = "expected a number above 0 and above the one before";
            return Err(ConfigError::new(format!("{field}[{index}]"), format!("is {value}, {expected}")));
        }
        bounds.push(bound);
    }
    Ok(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_the_codes() {
        testbed::assert_generated(
            "envoy/schemas/request-metrics.json",
            &format!("{:#}\n", schemars::schema_for!(Written).to_value()),
        );
    }

    #[test]
    fn nothing_is_all_defaults() {
        let config = Config::parse(b"").unwrap();
        assert_eq!((config.service, config.max_label_sets), (None, 200));
        assert_eq!(config.duration_bounds_us[..3], [5_000, 10_000, 25_000]);
        assert_eq!(config.duration_bounds_us.last(), Some(&10_000_000));
        assert_eq!(config.size_bounds, SIZE_BUCKETS_BYTES);
    }

    #[test]
    fn all_fields_are_taken() {
        let json = br#"{"service": "shop", "route_fields": ["x-canary"], "max_label_sets": 7, "duration_buckets_seconds": [0.0001, 2], "size_buckets_bytes": [],
            "path_templates": ["/items/{id}"], "label_sets_at_start": [{"route": "a", "method": "GET", "status": 200}], "upstream_duration": true}"#;
        let expected = Config {
            service: Some("shop".into()),
            route_fields: Some(vec!["x-canary".into()]),
            max_label_sets: 7,
            duration_bounds_us: vec![100, 2_000_000],
            size_bounds: vec![],
            path_templates: vec![Template::parse("/items/{id}").unwrap()],
            label_sets_at_start: vec![LabelSet { route: "a".into(), method: "GET".into(), status: 200 }],
            upstream_duration: true,
        };
        assert_eq!(Config::parse(json), Ok(expected));
    }

    #[test]
    fn a_mistake_names_its_field_and_what_is_expected() {
        let many = format!(r#"{{"size_buckets_bytes": {:?}}}"#, (1..=51).collect::<Vec<_>>());
        let cases = [
            (r#"{"servise": "shop"}"#, "servise", "unknown field `servise`, expected one of `service`"),
            (r#"{"service": 1}"#, "service", "invalid type: integer `1`, expected a string"),
            (r#"{"service": ""}"#, "service", "is empty, expected a name"),
            (r#"{"route_fields": "x"}"#, "route_fields", "expected a sequence"),
            (r#"{"route_fields": ["a", "b c"]}"#, "route_fields[1]", "not the name of a header field"),
            (r#"{"max_label_sets": 0}"#, "max_label_sets", "is 0, expected 1 to 100000"),
            (r#"{"max_label_sets": 100001}"#, "max_label_sets", "is 100001, expected 1 to 100000"),
            (r#"{"max_label_sets": -1}"#, "max_label_sets", "invalid value: integer `-1`, expected u64"),
            (r#"{"max_label_sets": "9"}"#, "max_label_sets", "invalid type: string \"9\", expected u64"),
            (r#"{"duration_buckets_seconds": 1}"#, "duration_buckets_seconds", "expected a sequence"),
            (r#"{"duration_buckets_seconds": [1, "2"]}"#, "duration_buckets_seconds[1]", "expected f64"),
            (
                r#"{"duration_buckets_seconds": [0.5, 0.1]}"#,
                "duration_buckets_seconds[1]",
                "is 0.1, expected a number above",
            ),
            (
                r#"{"duration_buckets_seconds": [0.5, 0.5]}"#,
                "duration_buckets_seconds[1]",
                "is 0.5, expected",
            ),
            (
                r#"{"duration_buckets_seconds": [0]}"#,
                "duration_buckets_seconds[0]",
                "is 0, expected a number above 0",
            ),
            (
                r#"{"duration_buckets_seconds": [-1]}"#,
                "duration_buckets_seconds[0]",
                "is -1, expected a number above 0",
            ),
            (
                r#"{"duration_buckets_seconds": [1e-9]}"#,
                "duration_buckets_seconds[0]",
                "is 0.000000001, expected",
            ),
            (
                r#"{"duration_buckets_seconds": [1e300, 1e301]}"#,
                "duration_buckets_seconds[1]",
                "expected a number above",
            ),
            (r#"{"size_buckets_bytes": [10, 5]}"#, "size_buckets_bytes[1]", "is 5, expected"),
            (
                r#"{"size_buckets_bytes": [-10]}"#,
                "size_buckets_bytes[0]",
                "invalid value: integer `-10`, expected u64",
            ),
            (&many, "size_buckets_bytes", "has 51 buckets, expected 50 at most"),
            (
                r#"{"path_templates": ["/a", "b"]}"#,
                "path_templates[1]",
                "is `b`, expected it to begin with /",
            ),
            (
                r#"{"label_sets_at_start": [{"route": "a"}]}"#,
                "label_sets_at_start[0]",
                "missing field `method`",
            ),
            (
                r#"{"label_sets_at_start": [{"route": "a", "method": "GET", "status": 200}]}"#,
                "label_sets_at_start",
                "needs `service`",
            ),
            (
                r#"{"service": "x", "label_sets_at_start": [{"route": "a", "method": "get", "status": 200}]}"#,
                "label_sets_at_start[0].method",
                "is `get`, expected a method",
            ),
            (
                r#"{"service": "x", "label_sets_at_start": [{"route": "a", "method": "GET", "status": 99}]}"#,
                "label_sets_at_start[0].status",
                "is 99, expected 100 to 599",
            ),
            (r#"{"upstream_duration": 1}"#, "upstream_duration", "expected a boolean"),
            ("[]", ".", "invalid length 0"),
            ("{", ".", "EOF"),
        ];
        for (json, path, message) in cases {
            let error = Config::parse(json.as_bytes()).unwrap_err();
            assert_eq!(error.path, path, "{json}");
            assert!(error.message.contains(message), "{json}: {error}");
        }
    }
}
