//! A filter's configuration: typed, and refused with the path of the field that is wrong.

use crate::structs;
use prost::Message;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where: `l1.max_bytes`, or `.` for the whole.
    pub path: String,
    /// What is wrong there and what would be right.
    pub message: String,
}

impl ConfigError {
    /// An error at a field.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> ConfigError {
        ConfigError { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration field `{}`: {}", self.path, self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Reads a configuration: JSON (what Envoy hands on of a `StringValue`) or a serialized `google.protobuf.Struct` (what it
/// hands on of a YAML mapping). No bytes at all stand for `{}`.
pub fn load<T: DeserializeOwned>(configuration: &[u8]) -> Result<T, ConfigError> {
    let json = as_json(configuration);
    let mut deserializer = serde_json::Deserializer::from_slice(&json);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| ConfigError::new(path_of(&error), error.inner().to_string()))?;
    deserializer.end().map_err(|error| ConfigError::new(".", error.to_string()))?;
    Ok(value)
}

/// JSON that breaks off has no path.
fn path_of(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = error.path().to_string();
    if path == "?" { ".".to_owned() } else { path }
}

/// A Struct is never JSON: the tag of each of its values is a control character.
fn as_json(configuration: &[u8]) -> Cow<'_, [u8]> {
    if configuration.iter().all(u8::is_ascii_whitespace) {
        return Cow::Borrowed(b"{}");
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(configuration).is_ok() {
        return Cow::Borrowed(configuration);
    }
    match prost_types::Struct::decode(configuration) {
        Ok(fields) => Cow::Owned(structs::to_json(fields).to_string().into_bytes()),
        Err(_) => Cow::Borrowed(configuration),
    }
}

/// Checks the names of header fields, which are tokens (RFC 9110 §5.1), under `path` in the configuration.
pub fn check_field_names(path: &str, names: &[String]) -> Result<(), ConfigError> {
    let is_token = |name: &String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    match names.iter().position(|name| !is_token(name)) {
        None => Ok(()),
        Some(index) => Err(ConfigError::new(
            format!("{path}[{index}]"),
            format!("{:?} is not the name of a header field", names.get(index).map_or("", String::as_str)),
        )),
    }
}

/// Checks that a number is in its range; `path` is where it stands in the configuration.
pub fn within(path: &str, value: u64, range: RangeInclusive<u64>) -> Result<u64, ConfigError> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (start, end) = range.into_inner();
    Err(ConfigError::new(path, format!("is {value}, expected {start} to {end}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        inner: Inner,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(default)]
        max_bytes: u32,
    }

    #[test]
    fn an_error_names_the_path_and_what_is_expected() {
        let cases: [(&str, &str, &str); 6] = [
            (
                r#"{"inner": {"max_bytes": -1}}"#,
                "inner.max_bytes",
                "invalid value: integer `-1`, expected u32",
            ),
            (
                r#"{"inner": {"max_byte": 1}}"#,
                "inner.max_byte",
                "unknown field `max_byte`, expected `max_bytes`",
            ),
            (r#"{"inner": {"max_bytes": "1"}}"#, "inner.max_bytes", "invalid type: string \"1\""),
            (r#"{"inner": {}} x"#, ".", "trailing characters"),
            (r#"{"inner": "#, "inner", "EOF while parsing"),
            ("{", ".", "EOF while parsing"),
        ];
        for (json, path, message) in cases {
            let error = load::<Outer>(json.as_bytes()).unwrap_err();
            assert_eq!(error.path, path, "{json}");
            assert!(error.message.contains(message), "{json}: {error}");
        }
    }

    #[test]
    fn a_struct_is_as_good_as_json() {
        for max_bytes in [0, 1, 123, 67_108_864] {
            let fields = structs::from_json(&serde_json::json!({"inner": {"max_bytes": max_bytes}}));
            let loaded = load::<Outer>(&fields.encode_to_vec());
            assert_eq!(loaded, Ok(Outer { inner: Inner { max_bytes } }));
        }
        let fields = structs::from_json(&serde_json::json!({"inner": {"max_bytes": 1.5}}));
        let error = load::<Outer>(&fields.encode_to_vec()).unwrap_err();
        assert_eq!(
            (error.path.as_str(), error.message.contains("floating point `1.5`")),
            ("inner.max_bytes", true)
        );
    }

    #[test]
    fn nothing_is_all_defaults() {
        assert_eq!(load::<Outer>(b" \n"), Ok(Outer { inner: Inner { max_bytes: 0 } }));
    }
}
