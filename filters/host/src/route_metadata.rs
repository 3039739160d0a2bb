//! The settings that a route's metadata hold for a filter.
//!
//! Envoy hands a map over as encoded pairs and says nothing of the values' types, so each is read as what its
//! schema says: a number is 8 bytes (f64, little-endian), a truth value one byte, a list pairs with empty values.

use crate::HostError;
use crate::abi;
use crate::pairs;

/// `metadata.filter_metadata[FILTER]` of the current stream's route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteMetadata(Vec<u8>);

impl RouteMetadata {
    /// Reads what the current stream's route says to `filter`, `slipstream.response-cache` say. Empty if it says
    /// nothing.
    pub fn read(filter: &str) -> Result<RouteMetadata, HostError> {
        let mut path = b"xds\0route_metadata\0filter_metadata\0".to_vec();
        path.extend_from_slice(filter.as_bytes());
        Ok(RouteMetadata(abi::property(&path)?.unwrap_or_default()))
    }

    /// Names and values, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Value<'_>)> {
        pairs::decode(&self.0).map(|(name, value)| (name, Value(value)))
    }
}

/// A value of unknown type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// As a finite number.
    pub fn number(self) -> Option<f64> {
        Some(f64::from_le_bytes(self.0.try_into().ok()?)).filter(|number| number.is_finite())
    }

    /// As a truth value.
    pub fn boolean(self) -> Option<bool> {
        match self.0 {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    /// As a string.
    pub fn string(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// As a list of strings.
    pub fn strings(self) -> Option<Vec<&'a str>> {
        pairs::decode(self.0).map(|(item, _)| std::str::from_utf8(item).ok()).collect()
    }
}
