//! A server's name and port.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fields;

/// A server's name or address, and its port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// A name or address, and a port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Reads `HOST:PORT`; an IPv6 address may stand in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port: u16 = port.parse().ok()?;
        let fits = !host.is_empty() && port > 0 && host.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self::new(host, port))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fields::address(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (text, address) in [
            ("redis:6379", Some(Address::new("redis", 6379))),
            ("10.0.0.1:1", Some(Address::new("10.0.0.1", 1))),
            ("[::1]:6379", Some(Address::new("::1", 6379))),
            ("redis", None),
            (":6379", None),
            ("redis:0", None),
            ("redis:65536", None),
            ("a b:1", None),
        ] {
            assert_eq!(Address::parse(text), address, "{text}");
            if let Some(address) = address {
                assert_eq!(address.to_string(), text);
            }
        }
        // Redis writes it so.
        assert_eq!(Address::parse("::1:6379"), Some(Address::new("::1", 6379)));
    }
}
