//! How a cache is to work, and what a single query may ask for.

use std::env;
use std::time::Duration;

use prometheus::Registry;
use query_cache_model::Lsn;

/// How a cache is to work.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether anything is cached at all.
    pub enabled: bool,
    /// The Redis that the companion publishes the changes to, such as `redis://127.0.0.1:6379/0`; the companion's `[redis]`.
    pub state_url: String,
    /// What the companion's names in it start with; its `redis.key_prefix`.
    pub key_prefix: String,
    /// The Redis that keeps results for all processes, which may evict; none: each process has its own results only.
    pub shared_url: Option<String>,
    /// Room for results in this process, in bytes.
    pub max_bytes: u64,
    /// The largest result that is cached, in bytes.
    pub max_result_bytes: usize,
    /// Room for what is known of statements, in bytes.
    pub max_statement_bytes: u64,
    /// The longest statement that is looked into, in bytes.
    pub max_sql_bytes: usize,
    /// How long a result is kept if nothing changes, unless the query says it.
    pub ttl: Duration,
    /// How long a result without rows is kept, at most.
    pub empty_ttl: Duration,
    /// How old what is known of the changes may be: what was committed longer ago is never missed.
    pub max_staleness: Duration,
    /// How long a look into the shared results may take.
    pub shared_timeout: Duration,
    /// How often it is made sure that pool and companion speak of the same server.
    pub anchor_interval: Duration,
    /// Whether the pool leads to a pooler such as PgBouncer in transaction mode: each statement may meet another connection.
    pub pooled: bool,
    /// Label sets that the metrics may have; more are counted as `other`.
    pub max_label_sets: usize,
    /// Where the metrics are registered.
    pub registry: Registry,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            enabled: true,
            state_url: "redis://127.0.0.1:6379/0".to_owned(),
            key_prefix: "slipstream".to_owned(),
            shared_url: None,
            max_bytes: 64 << 20,
            max_result_bytes: 1 << 20,
            max_statement_bytes: 8 << 20,
            max_sql_bytes: 16 << 10,
            ttl: Duration::from_secs(300),
            empty_ttl: Duration::from_secs(60),
            max_staleness: Duration::from_millis(250),
            shared_timeout: Duration::from_millis(20),
            anchor_interval: Duration::from_secs(1),
            pooled: false,
            max_label_sets: 1_000,
            registry: Registry::new(),
        }
    }
}

impl Options {
    /// The defaults, changed by `QUERY_CACHE_ENABLED` (`true`, `false`, `1`, `0`, `on`, `off`), `USE_PGBOUNCER` and `REDIS_HOST`, `REDIS_PORT`,
    /// `REDIS_DB`, `REDIS_PASSWORD`. That Redis also keeps the shared results.
    pub fn from_env() -> Self {
        Self::from_variables(|name| env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut options = Self::default();
        // What cannot be read as yes leaves the cache off: it is the safe side.
        let is_on =
            |text: &str| matches!(text.trim().to_ascii_lowercase().as_str(), "true" | "1" | "on" | "yes");
        if let Some(text) = variable("QUERY_CACHE_ENABLED") {
            options.enabled = is_on(&text);
        }
        if let Some(text) = variable("USE_PGBOUNCER") {
            options.pooled = is_on(&text);
        }
        if let Some(host) = variable("REDIS_HOST").filter(|host| !host.is_empty()) {
            // Kubernetes sets REDIS_PORT to `tcp://ADDRESS:PORT` beside a service named redis.
            let port = variable("REDIS_PORT").filter(|port| port.parse::<u16>().is_ok());
            let port = port.unwrap_or_else(|| "6379".to_owned());
            let db = variable("REDIS_DB").filter(|db| db.parse::<u32>().is_ok());
            let db = db.unwrap_or_else(|| "0".to_owned());
            let login = match variable("REDIS_PASSWORD").filter(|password| !password.is_empty()) {
                Some(password) => format!(":{}@", percent_encoded(&password)),
                None => String::new(),
            };
            let url = format!("redis://{login}{host}:{port}/{db}");
            options.shared_url = Some(url.clone());
            options.state_url = url;
        }
        options
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// What a single query may ask for.
#[derive(Debug, Clone, Default)]
pub struct QueryOptions {
    /// What the metrics call it; none: the beginning of its MD5.
    pub name: Option<&'static str>,
    /// How long its result is kept if nothing changes; zero: not at all.
    pub ttl: Option<Duration>,
    /// What had been written to the log when it must not be answered with less: see [`QueryCache::position`](crate::QueryCache::position).
    pub after: Option<Lsn>,
}

impl QueryOptions {
    /// Results are kept this long.
    pub fn ttl(ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..Self::default() }
    }

    /// Results are read after this.
    pub fn after(lsn: Lsn) -> Self {
        Self { after: Some(lsn), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_change_the_defaults() {
        let read = |pairs: &[(&str, &str)]| {
            Options::from_variables(|name| {
                pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let defaults = read(&[]);
        assert!(defaults.enabled && !defaults.pooled && defaults.shared_url.is_none());
        for (text, enabled) in [
            ("true", true),
            ("1", true),
            ("ON", true),
            ("false", false),
            ("0", false),
            ("", false),
            ("oui", false),
        ] {
            assert_eq!(read(&[("QUERY_CACHE_ENABLED", text)]).enabled, enabled, "{text}");
        }
        let options = read(&[
            ("REDIS_HOST", "r"),
            ("REDIS_PORT", "tcp://1.2.3.4:5"),
            ("REDIS_DB", "2"),
            ("REDIS_PASSWORD", "a@b"),
            ("USE_PGBOUNCER", "true"),
        ]);
        assert_eq!(options.state_url, "redis://:a%40b@r:6379/2");
        assert_eq!(options.shared_url.as_deref(), Some("redis://:a%40b@r:6379/2"));
        assert!(options.pooled);
    }
}
