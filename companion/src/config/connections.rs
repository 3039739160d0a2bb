//! The settings of clients' connections, and of their encryption.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::fields;

/// What clients' connections may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// Connections that there may be at a time; more are closed at once.
    #[serde(deserialize_with = "fields::bounded::<1, 1_000_000, usize, _>")]
    pub max: usize,
    /// How long a client may take for the head of a request or a TLS handshake, and a connection of HTTP/1.1 may be idle, in
    /// milliseconds.
    #[serde(deserialize_with = "fields::bounded::<100, 3_600_000, u64, _>")]
    pub head_timeout_ms: u64,
    /// How long a client may not read although there is something for it, in milliseconds; then it is cut off.
    #[serde(deserialize_with = "fields::bounded::<100, 3_600_000, u64, _>")]
    pub slow_reader_ms: u64,
}

/// A second address, where connections are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The address to listen on, if there is a certificate.
    #[serde(deserialize_with = "fields::socket_address")]
    pub listen: SocketAddr,
    /// The certificate and those between it and its authority, in PEM format; empty: there is no such address.
    pub cert_file: String,
    /// The certificate's key, in PEM format.
    pub key_file: String,
    /// The authorities whose certificates clients must show, in PEM format; empty: they need none.
    pub client_ca_file: String,
}

impl Default for Connections {
    fn default() -> Self {
        Self { max: 10_000, head_timeout_ms: 60_000, slow_reader_ms: 30_000 }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8943)),
            cert_file: String::new(),
            key_file: String::new(),
            client_ca_file: String::new(),
        }
    }
}
