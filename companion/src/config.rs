//! The companion's settings: what they are, their defaults and their ranges.

mod address;
mod check;
mod fields;
mod load;
mod semantic;
mod share;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

pub use address::Address;
pub use load::ConfigError;
pub use semantic::{Embeddings, Semantic};
pub use share::Share;

/// Every setting of the companion. A file or an environment that sets none of them yields the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on.
    #[serde(deserialize_with = "fields::socket_address")]
    pub listen: SocketAddr,
    /// What filters and people must know to use the interface; empty: nothing.
    #[serde(deserialize_with = "fields::token")]
    pub token: Secret,
    /// How long requests in flight may take to finish after a signal to stop, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<0, 600_000, u64, _>")]
    pub shutdown_grace_ms: u64,
    /// What is logged, and how.
    pub log: Log,
    /// What is stored.
    pub cache: Cache,
    /// The store in the companion's own memory.
    pub embedded: Embedded,
    /// The store in Redis.
    pub redis: Redis,
    /// The log of invalidations.
    pub invalidation: Invalidation,
    /// What turns texts into vectors.
    pub embeddings: Embeddings,
    /// The semantic cache.
    pub semantic: Semantic,
}

/// What is logged, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// One JSON object a line, or text for people.
    #[serde(deserialize_with = "fields::log_format")]
    pub format: LogFormat,
    /// The least severe level that is logged.
    #[serde(deserialize_with = "fields::log_level")]
    pub level: LogLevel,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    #[default]
    Text,
}

/// How severe an event is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something was survived.
    Warn,
    /// Starts, stops and changes of state.
    #[default]
    Info,
    /// What happens inside.
    Debug,
    /// Everything.
    Trace,
}

/// What is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// The largest envelope that is stored, in bytes.
    #[serde(deserialize_with = "fields::bounded::<1, 536_870_912, usize, _>")]
    pub max_entry_bytes: usize,
    /// The longest time an entry is kept, in seconds; a longer one asked for is cut to it.
    #[serde(deserialize_with = "fields::bounded::<1, 31_536_000, u64, _>")]
    pub max_ttl_seconds: u64,
}

/// The store in the companion's own memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Embedded {
    /// Room for entries, in bytes.
    #[serde(deserialize_with = "fields::bounded::<1, 1_099_511_627_776, u64, _>")]
    pub max_bytes: u64,
}

/// The store in Redis: one server, one that sentinels name, or a cluster. Without any, the embedded store is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Redis {
    /// The server's name or address; empty: there is not just one.
    pub host: String,
    /// The server's port.
    #[serde(deserialize_with = "fields::bounded::<1, 65_535, u16, _>")]
    pub port: u16,
    /// The number of the database.
    #[serde(deserialize_with = "fields::bounded::<0, 1_000_000, u32, _>")]
    pub db: u32,
    /// The user that the password is of; empty: the default one.
    pub username: String,
    /// The password; empty: none.
    pub password: Secret,
    /// Whether servers, sentinels and nodes are spoken to by TLS.
    pub tls: bool,
    /// Who may have signed their certificates (PEM); empty: whom the system trusts.
    pub tls_ca_file: String,
    /// The certificate that is shown to them (PEM); empty: none.
    pub tls_cert_file: String,
    /// The key of that certificate (PEM).
    pub tls_key_file: String,
    /// Who is asked for the master at each new connection.
    pub sentinels: Vec<Address>,
    /// The name by which the sentinels know the master.
    pub sentinel_master: String,
    /// The sentinels' own password; empty: none.
    pub sentinel_password: Secret,
    /// Some nodes of a cluster; they name the others.
    pub cluster_nodes: Vec<Address>,
    /// The longest a command may take, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1, 60_000, u64, _>")]
    pub timeout_ms: u64,
    /// What every key starts with: companions that share it share their cache.
    #[serde(deserialize_with = "fields::key_prefix")]
    pub key_prefix: String,
}

/// The log of invalidations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Invalidation {
    /// How many records are kept; entries from before the oldest are invalid.
    #[serde(deserialize_with = "fields::bounded::<1, 1_000_000, usize, _>")]
    pub capacity: usize,
    /// How long a follower may serve its own copies after it sent a poll, in milliseconds. Filters must use the same.
    #[serde(deserialize_with = "fields::bounded::<10, 60_000, u64, _>")]
    pub lease_ms: u64,
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn masked(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "********" }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.masked(), f)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.masked())
    }
}

impl Redis {
    /// Whether there is a Redis to use.
    pub fn is_used(&self) -> bool {
        !(self.host.is_empty() && self.sentinels.is_empty() && self.cluster_nodes.is_empty())
    }
}

impl Config {
    /// How long requests in flight may take to finish after a signal to stop.
    pub fn shutdown_grace(&self) -> Duration {
        Duration::from_millis(self.shutdown_grace_ms)
    }

    /// How long a follower may serve its own copies after it sent a poll.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.invalidation.lease_ms)
    }

    /// The longest time an entry is kept.
    pub fn max_ttl(&self) -> Duration {
        Duration::from_secs(self.cache.max_ttl_seconds)
    }

    /// Where people and the command line reach a companion with these settings on this machine.
    pub fn local_url(&self) -> String {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8900)),
            token: Secret::default(),
            shutdown_grace_ms: 5_000,
            log: Log::default(),
            cache: Cache::default(),
            embedded: Embedded::default(),
            redis: Redis::default(),
            invalidation: Invalidation::default(),
            embeddings: Embeddings::default(),
            semantic: Semantic::default(),
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self { max_entry_bytes: 1 << 20, max_ttl_seconds: 86_400 }
    }
}

impl Default for Embedded {
    fn default() -> Self {
        Self { max_bytes: 256 << 20 }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 6379,
            db: 0,
            username: String::new(),
            password: Secret::default(),
            tls: false,
            tls_ca_file: String::new(),
            tls_cert_file: String::new(),
            tls_key_file: String::new(),
            sentinels: Vec::new(),
            sentinel_master: "mymaster".to_owned(),
            sentinel_password: Secret::default(),
            cluster_nodes: Vec::new(),
            timeout_ms: 100,
            key_prefix: "slipstream".to_owned(),
        }
    }
}

impl Default for Invalidation {
    fn default() -> Self {
        Self { capacity: 10_000, lease_ms: 1_000 }
    }
}
