//! A host and a port.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host and a port, `shop.internal:8080`, `127.0.0.1:80` or `[::1]:80`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The name or address, without brackets.
    pub host: String,
    /// The port, not 0.
    pub port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let wrong = || format!("`{text}` is no address: expected HOST:PORT, such as 127.0.0.1:8080");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(host) if host.parse::<std::net::Ipv6Addr>().is_ok() => host,
            None if is_host(host) => host,
            _ => return Err(wrong()),
        };
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        // Quotes do no harm to a name, and an IPv6 address needs them in YAML's flow style.
        let host = if host.contains(':') { format!("\"{host}\"") } else { host.to_owned() };
        Ok(Address { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.bare();
        if host.contains(':') {
            write!(f, "[{host}]:{}", self.port)
        } else {
            write!(f, "{host}:{}", self.port)
        }
    }
}

impl Address {
    fn bare(&self) -> &str {
        self.host.trim_matches('"')
    }

    /// How Envoy finds it.
    pub(super) fn cluster_type(&self) -> &'static str {
        if self.bare().parse::<IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" }
    }

    /// Where a listener with this address can be reached from its own machine.
    pub(super) fn reachable_host(&self) -> &str {
        match self.bare() {
            "0.0.0.0" => "127.0.0.1",
            "::" => "\"::1\"",
            _ => &self.host,
        }
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, kind, reachable) in [
            ("shop.internal:8080", "STRICT_DNS", "shop.internal"),
            ("127.0.0.1:80", "STATIC", "127.0.0.1"),
            ("0.0.0.0:80", "STATIC", "127.0.0.1"),
            ("[::]:80", "STATIC", "\"::1\""),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(
                (address.to_string().as_str(), address.cluster_type(), address.reachable_host()),
                (text, kind, reachable)
            );
        }
        for text in
            ["", "shop", "shop:", "shop:0", "shop:65536", ":80", "::1:80", "a b:80", "a}:80", "[x]:80"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
