//! What a route may say.

use compression_policy::Mode;
use serde::Deserialize;

/// Where in a route's metadata its settings are.
pub const NAMESPACE: &str = "slipstream.compression";

/// Settings in a route's `metadata.filter_metadata["slipstream.compression"]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RouteSettings {
    /// Whether the route's responses are compressed. True unless set.
    pub enabled: bool,
    /// How they are compressed. Unless set: whole where their length is known and no more than `max_bytes`, else piece by
    /// piece.
    pub mode: Option<ModeName>,
    /// Whether requests with compressed bodies are decompressed. False unless set.
    pub decompress_requests: bool,
}

impl Default for RouteSettings {
    fn default() -> Self {
        RouteSettings { enabled: true, mode: None, decompress_requests: false }
    }
}

/// A mode as it is written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ModeName {
    /// [`Mode::Buffer`].
    Buffer,
    /// [`Mode::Stream`].
    Stream,
    /// [`Mode::Observe`].
    Observe,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Buffer => Mode::Buffer,
            ModeName::Stream => Mode::Stream,
            ModeName::Observe => Mode::Observe,
        }
    }
}
