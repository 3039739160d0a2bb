//! What settings must fulfil together.

use std::fs;

use super::{Config, ConfigError, Redis};

/// What the settings must fulfil together. The error is put down to all sources: each setting is right by itself.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let largest = u64::try_from(config.cache.max_entry_bytes).unwrap_or(u64::MAX);
    if !config.redis.is_used() && largest > config.embedded.max_bytes {
        let reason =
            format!("{largest}, expected at most embedded.max_bytes ({})", config.embedded.max_bytes);
        return Err(error("cache.max_entry_bytes", reason));
    }
    if config.token.reveal().is_empty() && !config.listen.ip().is_loopback() {
        let reason = format!(
            "empty, expected a token: others than this machine reach {}, and whoever does reads and purges what is stored",
            config.listen
        );
        return Err(error("token", reason));
    }
    check_semantic(config)?;
    check_servers(&config.redis)?;
    check_tls(&config.redis)
}

fn check_semantic(config: &Config) -> Result<(), ConfigError> {
    let (embeddings, semantic) = (&config.embeddings, &config.semantic);
    if embeddings.enabled && embeddings.model_dir.is_empty() == embeddings.url.is_empty() {
        return Err(error(
            "embeddings.model_dir",
            "expected either the folder of a model here or a server in embeddings.url",
        ));
    }
    if !embeddings.url.is_empty() && !embeddings.url.starts_with("http://") {
        let reason =
            format!("{:?}, expected http://HOST:PORT/v1 (for TLS, go through a proxy)", embeddings.url);
        return Err(error("embeddings.url", reason));
    }
    if !embeddings.url.is_empty() && embeddings.model.is_empty() {
        return Err(error("embeddings.model", "empty, expected the name of the model at embeddings.url"));
    }
    if semantic.enabled && !embeddings.enabled {
        return Err(error("semantic.enabled", "set without an embedder, expected embeddings.enabled = true"));
    }
    let has_many = !(config.redis.sentinels.is_empty() && config.redis.cluster_nodes.is_empty());
    if semantic.enabled && has_many && semantic.redis_host.is_empty() {
        let reason = "empty, expected a server of its own beside redis.sentinels or redis.cluster_nodes";
        return Err(error("semantic.redis_host", reason));
    }
    Ok(())
}

fn check_servers(redis: &Redis) -> Result<(), ConfigError> {
    let (host, sentinels, cluster) =
        (!redis.host.is_empty(), !redis.sentinels.is_empty(), !redis.cluster_nodes.is_empty());
    if sentinels && host {
        return Err(error(
            "redis.sentinels",
            "set beside redis.host, expected redis.host to be empty: the sentinels name the server",
        ));
    }
    if cluster && host {
        return Err(error(
            "redis.cluster_nodes",
            "set beside redis.host, expected redis.host to be empty: the nodes name the servers",
        ));
    }
    if cluster && sentinels {
        return Err(error("redis.cluster_nodes", "set beside redis.sentinels, expected one of the two"));
    }
    if cluster && redis.db != 0 {
        return Err(error("redis.db", format!("{}, expected 0: a cluster has no other", redis.db)));
    }
    if sentinels && redis.sentinel_master.is_empty() {
        return Err(error(
            "redis.sentinel_master",
            "\"\", expected the name by which the sentinels know the master",
        ));
    }
    if !redis.username.is_empty() && redis.password.reveal().is_empty() {
        return Err(error("redis.username", "set without redis.password, expected both or neither"));
    }
    Ok(())
}

fn check_tls(redis: &Redis) -> Result<(), ConfigError> {
    let files = [
        ("redis.tls_ca_file", &redis.tls_ca_file, "BEGIN CERTIFICATE"),
        ("redis.tls_cert_file", &redis.tls_cert_file, "BEGIN CERTIFICATE"),
        ("redis.tls_key_file", &redis.tls_key_file, "PRIVATE KEY"),
    ];
    for (path, file, label) in files {
        if file.is_empty() {
            continue;
        }
        if !redis.tls {
            return Err(error(path, "set without redis.tls, expected redis.tls = true"));
        }
        let text =
            fs::read_to_string(file).map_err(|why| error(path, format!("cannot read {file}: {why}")))?;
        if !text.contains(label) {
            return Err(error(path, format!("{file} has no {label:?}, expected a file in PEM format")));
        }
    }
    if redis.tls_cert_file.is_empty() != redis.tls_key_file.is_empty() {
        return Err(error(
            "redis.tls_cert_file",
            "expected redis.tls_cert_file and redis.tls_key_file together",
        ));
    }
    Ok(())
}

fn error(path: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Field {
        path: path.to_owned(),
        source: "all sources together".to_owned(),
        reason: reason.into(),
    }
}
