//! The companion's settings: what they are, their defaults and their ranges.

mod address;
mod check;
mod check_pooling;
mod check_rag;
mod connections;
mod databases;
mod fields;
mod load;
mod pooling;
mod rag;
mod semantic;
mod share;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

pub use address::Address;
pub use connections::{Connections, Tls};
pub use databases::{Database, Migrate};
pub use load::ConfigError;
pub use pooling::{PgBouncerVersion, PoolMode, Pooling, TlsMode};
pub use rag::{Rag, RagEngine};
pub use semantic::{Embeddings, Semantic, SemanticIndex};
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
    /// What clients' connections may take.
    pub connections: Connections,
    /// Where connections are encrypted.
    pub tls: Tls,
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
    /// Where traces go.
    pub telemetry: Telemetry,
    /// The page at `/ui`.
    pub ui: Ui,
    /// The database of the workspace.
    pub workspace: Database,
    /// The database of the trading signals.
    pub tp_capital: Database,
    /// How the databases' schemas are brought up to date.
    pub migrate: Migrate,
    /// PgBouncer between the services and the databases.
    pub pooling: Pooling,
    /// Following the changes of a database.
    pub change_capture: ChangeCapture,
    /// What turns texts into vectors.
    pub embeddings: Embeddings,
    /// The semantic cache.
    pub semantic: Semantic,
    /// The service that answers questions.
    pub rag: Rag,
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

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// The collector that takes traces by OTLP over HTTP; empty: none are made.
    #[serde(deserialize_with = "fields::http_url")]
    pub otlp_endpoint: String,
    /// The companion's name in them.
    pub service_name: String,
    /// Of a hundred requests that come without a trace, how many begin one. Those that come with one follow it.
    #[serde(deserialize_with = "fields::bounded::<0, 100, u8, _>")]
    pub sample_percent: u8,
    /// How many spans may wait to be sent; further ones are dropped.
    #[serde(deserialize_with = "fields::bounded::<1, 1_000_000, usize, _>")]
    pub max_queued_spans: usize,
}

/// The page at `/ui`, and what `slipstream top` looks at unless it is told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ui {
    /// Whether there is the page.
    pub enabled: bool,
    /// The admin addresses of the Envoys that it shows.
    #[serde(deserialize_with = "fields::http_urls")]
    pub envoys: Vec<String>,
    /// How often they are read, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<500, 60_000, u64, _>")]
    pub interval_ms: u64,
    /// How many readings the charts show.
    #[serde(deserialize_with = "fields::bounded::<10, 10_000, usize, _>")]
    pub history: usize,
}

/// Following the changes of a database, for query caches and for responses built from its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeCapture {
    /// Whether they are followed.
    pub enabled: bool,
    /// The database's own URL, not a pooler's, as a user who may replicate.
    pub url: Secret,
    /// Who may have signed the server's certificate (PEM); empty: whom the system trusts.
    pub tls_ca_file: String,
    /// The publication to follow, which is made if need be.
    #[serde(deserialize_with = "fields::database_name")]
    pub publication: String,
    /// What the names of the temporary slots start with.
    #[serde(deserialize_with = "fields::database_name")]
    pub slot: String,
    /// The tables to publish, by `NAME`, `SCHEMA.NAME` or `SCHEMA.*`; none: all that can be.
    pub tables: Vec<String>,
    /// Tables, and the tags of the responses that are built from their rows: `TABLE=TAG`.
    pub tags: Vec<String>,
    /// How long after a purge by a changed row it is purged once more, in milliseconds; 0: never.
    #[serde(deserialize_with = "fields::bounded::<0, 60_000, u64, _>")]
    pub purge_again_ms: u64,
    /// How often it is made sure that all that was committed is known, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1, 1_000, u64, _>")]
    pub heartbeat_ms: u64,
    /// How often definitions that no event trigger tells of are compared, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<10, 60_000, u64, _>")]
    pub definitions_poll_ms: u64,
    /// How far it may fall behind before the slot is given up, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1_000, 3_600_000, u64, _>")]
    pub max_lag_ms: u64,
    /// How much of the log it may be behind before the slot is given up, in bytes.
    #[serde(deserialize_with = "fields::bounded::<1_048_576, 1_099_511_627_776, u64, _>")]
    pub max_lag_bytes: u64,
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
        local_url(self.listen)
    }
}

fn local_url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8900)),
            token: Secret::default(),
            shutdown_grace_ms: 5_000,
            connections: Connections::default(),
            tls: Tls::default(),
            log: Log::default(),
            cache: Cache::default(),
            embedded: Embedded::default(),
            redis: Redis::default(),
            invalidation: Invalidation::default(),
            telemetry: Telemetry::default(),
            ui: Ui::default(),
            workspace: Database::default(),
            tp_capital: Database::default(),
            migrate: Migrate::default(),
            pooling: Pooling::default(),
            change_capture: ChangeCapture::default(),
            embeddings: Embeddings::default(),
            semantic: Semantic::default(),
            rag: Rag::default(),
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

impl Default for ChangeCapture {
    fn default() -> Self {
        Self {
            enabled: false,
            url: Secret::default(),
            tls_ca_file: String::new(),
            publication: "slipstream".to_owned(),
            slot: "slipstream".to_owned(),
            tables: Vec::new(),
            tags: Vec::new(),
            purge_again_ms: 500,
            heartbeat_ms: 20,
            definitions_poll_ms: 1_000,
            max_lag_ms: 30_000,
            max_lag_bytes: 1 << 30,
        }
    }
}

impl Default for Invalidation {
    fn default() -> Self {
        Self { capacity: 10_000, lease_ms: 1_000 }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: String::new(),
            service_name: "slipstream".to_owned(),
            sample_percent: 1,
            max_queued_spans: 2_048,
        }
    }
}

impl Default for Ui {
    fn default() -> Self {
        Self { enabled: true, envoys: Vec::new(), interval_ms: 5_000, history: 180 }
    }
}
