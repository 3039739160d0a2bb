//! PgBouncer between the services and their databases.

use std::fmt;
use std::time::Duration;

use pooled_postgres::{ClientMode, Way};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Secret, fields};

/// PgBouncer between the services and their databases: where it is, and what its configuration is rendered from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pooling {
    /// Whether queries go through PgBouncer. Migrations and change capture never do.
    pub use_pgbouncer: bool,
    /// PgBouncer's name or address for clients.
    #[serde(deserialize_with = "fields::one_line")]
    pub host: String,
    /// PgBouncer's port.
    #[serde(deserialize_with = "fields::bounded::<1, 65_535, u16, _>")]
    pub port: u16,
    /// How clients hand over their statements.
    pub client_mode: ClientMode,
    /// The PgBouncer that the configuration is for.
    pub version: PgBouncerVersion,
    /// The addresses that PgBouncer listens on.
    #[serde(deserialize_with = "fields::one_line")]
    pub listen_addr: String,
    /// When a server connection is given back.
    pub mode: PoolMode,
    /// Clients that may be connected.
    #[serde(deserialize_with = "fields::bounded::<1, 1_000_000, u32, _>")]
    pub max_client_conn: u32,
    /// Server connections for each pair of user and database.
    #[serde(deserialize_with = "fields::bounded::<1, 10_000, u32, _>")]
    pub default_pool_size: u32,
    /// Server connections that are kept open for each pair.
    #[serde(deserialize_with = "fields::bounded::<0, 10_000, u32, _>")]
    pub min_pool_size: u32,
    /// Further server connections for a pair whose clients have waited for long.
    #[serde(deserialize_with = "fields::bounded::<0, 10_000, u32, _>")]
    pub reserve_pool_size: u32,
    /// How many users each database has; with `default_pool_size` it bounds the server connections of a database.
    #[serde(deserialize_with = "fields::bounded::<1, 10_000, u32, _>")]
    pub users_per_database: u32,
    /// Server connections that do not come from PgBouncer: migrations, change capture, people.
    #[serde(deserialize_with = "fields::bounded::<0, 100_000, u32, _>")]
    pub direct_connections: u32,
    /// Files that PgBouncer's process may have open; 0: not known here.
    #[serde(deserialize_with = "fields::bounded::<0, 100_000_000, u32, _>")]
    pub file_descriptors: u32,
    /// The age from which a server connection is replaced, in seconds.
    #[serde(deserialize_with = "fields::bounded::<0, 31_536_000, u32, _>")]
    pub server_lifetime_seconds: u32,
    /// How long a server connection may be idle, in seconds.
    #[serde(deserialize_with = "fields::bounded::<0, 31_536_000, u32, _>")]
    pub server_idle_timeout_seconds: u32,
    /// How long a server that could not be reached is not tried again, in seconds: so long are clients refused after it is back.
    #[serde(deserialize_with = "fields::bounded::<1, 3_600, u32, _>")]
    pub server_login_retry_seconds: u32,
    /// How long a query may wait for a server connection, in seconds; 0: for ever.
    #[serde(deserialize_with = "fields::bounded::<0, 86_400, u32, _>")]
    pub query_wait_timeout_seconds: u32,
    /// How long a client may leave a transaction open without a word, in seconds; 0: for ever.
    #[serde(deserialize_with = "fields::bounded::<0, 86_400, u32, _>")]
    pub idle_transaction_timeout_seconds: u32,
    /// Named statements that PgBouncer keeps for each server connection (1.21 and later); 0: none.
    #[serde(deserialize_with = "fields::bounded::<0, 100_000, u32, _>")]
    pub max_prepared_statements: u32,
    /// What clients may ask for at their start without getting it.
    pub ignore_startup_parameters: Vec<String>,
    /// Who may use PgBouncer's console.
    #[serde(deserialize_with = "fields::one_line")]
    pub admin_user: String,
    /// The password for the console; empty: nobody may.
    pub admin_password: Secret,
    /// Who asks the databases for the secrets of users that the userlist lacks; empty: only those of the userlist get in.
    #[serde(deserialize_with = "fields::one_line")]
    pub auth_user: String,
    /// That user's password at the databases.
    pub auth_password: Secret,
    /// How a user's secret is asked for.
    #[serde(deserialize_with = "fields::one_line")]
    pub auth_query: String,
    /// TLS between clients and PgBouncer.
    pub client_tls_mode: TlsMode,
    /// PgBouncer's certificate (PEM).
    #[serde(deserialize_with = "fields::one_line")]
    pub client_tls_cert_file: String,
    /// The key of that certificate (PEM).
    #[serde(deserialize_with = "fields::one_line")]
    pub client_tls_key_file: String,
    /// Who may have signed clients' certificates (PEM).
    #[serde(deserialize_with = "fields::one_line")]
    pub client_tls_ca_file: String,
    /// Who may have signed PgBouncer's certificate, for the companion as its client (PEM); empty: any is taken.
    #[serde(deserialize_with = "fields::one_line")]
    pub tls_ca_file: String,
    /// TLS between PgBouncer and the databases.
    pub server_tls_mode: TlsMode,
    /// Who may have signed the databases' certificates (PEM).
    #[serde(deserialize_with = "fields::one_line")]
    pub server_tls_ca_file: String,
    /// Where the configuration is written.
    #[serde(deserialize_with = "fields::one_line")]
    pub config_file: String,
    /// Where the users' secrets are written.
    #[serde(deserialize_with = "fields::one_line")]
    pub userlist_file: String,
    /// How often `serve` reads PgBouncer's statistics, in milliseconds; 0: never.
    #[serde(deserialize_with = "fields::bounded::<0, 3_600_000, u64, _>")]
    pub poll_interval_ms: u64,
    /// The longest that PgBouncer's console may take, in milliseconds.
    #[serde(deserialize_with = "fields::bounded::<1, 60_000, u64, _>")]
    pub console_timeout_ms: u64,
    /// Pools that have metrics of their own; the rest is summed up as `other`.
    #[serde(deserialize_with = "fields::bounded::<1, 10_000, usize, _>")]
    pub max_metric_pools: usize,
    /// Queries that `serve` asks through PgBouncer when it starts, to see whether clients get each other's answers; 0: none.
    #[serde(deserialize_with = "fields::bounded::<0, 1_000_000, u32, _>")]
    pub probe_queries: u32,
}

/// When a server connection is given back to its pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    /// When the client disconnects.
    Session,
    /// When the transaction ends.
    #[default]
    Transaction,
    /// When the statement ends; transactions of several are refused.
    Statement,
}

impl PoolMode {
    /// As PgBouncer writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        }
    }
}

/// How much TLS there must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// None.
    #[default]
    Disable,
    /// If the other side wants.
    Allow,
    /// If the other side can.
    Prefer,
    /// Always, with whoever it is.
    Require,
    /// Always, with a certificate that is signed by a known authority.
    VerifyCa,
    /// Always, with a certificate that is for the name, too.
    VerifyFull,
}

impl TlsMode {
    /// As PgBouncer writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// A version of PgBouncer, as far as it matters: `1.18`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PgBouncerVersion {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl PgBouncerVersion {
    /// The first that keeps named statements in transaction mode.
    pub const WITH_PREPARED_STATEMENTS: Self = Self { major: 1, minor: 21 };

    /// Reads `1.18`, `1.18.0` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| number.parse::<u16>().ok());
        Some(Self { major: numbers.next()??, minor: numbers.next()?? })
    }
}

impl fmt::Display for PgBouncerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for PgBouncerVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PgBouncerVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fields::pgbouncer_version(deserializer)
    }
}

impl Pooling {
    /// Which way queries take.
    pub fn way(&self) -> Way {
        if self.use_pgbouncer { self.pooler() } else { Way::Direct }
    }

    /// The way through PgBouncer.
    pub fn pooler(&self) -> Way {
        Way::Pooled { host: self.host.clone(), port: self.port, tls: self.speaks_tls() }
    }

    /// Whether the companion speaks to PgBouncer by TLS.
    pub fn speaks_tls(&self) -> bool {
        self.client_tls_mode != TlsMode::Disable
    }

    /// The server connections that PgBouncer may have to one database, whoever its users are.
    pub fn connections_per_database(&self) -> u32 {
        (self.default_pool_size + self.reserve_pool_size).saturating_mul(self.users_per_database)
    }

    /// The longest that PgBouncer's console may take.
    pub fn console_timeout(&self) -> Duration {
        Duration::from_millis(self.console_timeout_ms)
    }

    /// How often `serve` reads PgBouncer's statistics, if it does.
    pub fn poll_interval(&self) -> Option<Duration> {
        let polls = self.poll_interval_ms > 0 && !self.admin_password.reveal().is_empty();
        polls.then(|| Duration::from_millis(self.poll_interval_ms))
    }
}

impl Default for Pooling {
    fn default() -> Self {
        Self {
            use_pgbouncer: false,
            host: "127.0.0.1".to_owned(),
            port: 6432,
            client_mode: ClientMode::Typed,
            version: PgBouncerVersion { major: 1, minor: 18 },
            listen_addr: "127.0.0.1".to_owned(),
            mode: PoolMode::Transaction,
            max_client_conn: 1_000,
            default_pool_size: 20,
            min_pool_size: 0,
            reserve_pool_size: 0,
            users_per_database: 1,
            direct_connections: 10,
            file_descriptors: 0,
            server_lifetime_seconds: 3_600,
            server_idle_timeout_seconds: 600,
            server_login_retry_seconds: 1,
            query_wait_timeout_seconds: 120,
            idle_transaction_timeout_seconds: 0,
            max_prepared_statements: 0,
            ignore_startup_parameters: vec!["extra_float_digits".to_owned()],
            admin_user: "slipstream".to_owned(),
            admin_password: Secret::default(),
            auth_user: String::new(),
            auth_password: Secret::default(),
            auth_query: "SELECT usename, passwd FROM pgbouncer_user($1)".to_owned(),
            client_tls_mode: TlsMode::Disable,
            client_tls_cert_file: String::new(),
            client_tls_key_file: String::new(),
            client_tls_ca_file: String::new(),
            tls_ca_file: String::new(),
            server_tls_mode: TlsMode::Prefer,
            server_tls_ca_file: String::new(),
            config_file: "/etc/pgbouncer/pgbouncer.ini".to_owned(),
            userlist_file: "/etc/pgbouncer/userlist.txt".to_owned(),
            poll_interval_ms: 10_000,
            console_timeout_ms: 2_000,
            max_metric_pools: 200,
            probe_queries: 2_000,
        }
    }
}
