//! What settings must fulfil together.

use std::fs;
use std::path::Path;

use tokio_postgres::config::SslMode;

use super::check_pooling;
use super::check_rag;
use super::{ChangeCapture, Config, ConfigError, Database, Redis, SemanticIndex};
use crate::change_capture as capture;

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
    check_encrypted(config)?;
    check_semantic(config)?;
    check_rag::check(config)?;
    check_servers(&config.redis)?;
    check_tls(&config.redis)?;
    for (section, database) in [("workspace", &config.workspace), ("tp_capital", &config.tp_capital)] {
        check_database(section, database)?;
    }
    let directory = &config.migrate.directory;
    if !directory.is_empty() && !Path::new(directory).is_dir() {
        let reason =
            format!("{directory:?}, expected a folder, or \"\" for the migrations that are built in");
        return Err(error("migrate.directory", reason));
    }
    check_pooling::check(&config.pooling)?;
    check_capture(&config.change_capture)
}

fn check_encrypted(config: &Config) -> Result<(), ConfigError> {
    let tls = &config.tls;
    if tls.cert_file.is_empty() != tls.key_file.is_empty() {
        let missing = if tls.cert_file.is_empty() { "tls.cert_file" } else { "tls.key_file" };
        return Err(error(missing, "empty, expected a certificate and its key"));
    }
    if tls.cert_file.is_empty() && !tls.client_ca_file.is_empty() {
        return Err(error(
            "tls.client_ca_file",
            "set without tls.cert_file, expected a certificate of the companion's own",
        ));
    }
    let is_open = config.token.reveal().is_empty() && tls.client_ca_file.is_empty();
    if !tls.cert_file.is_empty() && is_open && !tls.listen.ip().is_loopback() {
        let reason = format!(
            "empty, expected a token, or tls.client_ca_file: others than this machine reach {}",
            tls.listen
        );
        return Err(error("token", reason));
    }
    Ok(())
}

fn check_database(section: &str, database: &Database) -> Result<(), ConfigError> {
    let file = &database.tls_ca_file;
    if file.is_empty() {
        return Ok(());
    }
    let path = format!("{section}.tls_ca_file");
    let verifies = database
        .url
        .reveal()
        .parse::<tokio_postgres::Config>()
        .is_ok_and(|url| url.get_ssl_mode() == SslMode::Require);
    if !verifies {
        let reason = format!("set, but {section}.url does not say sslmode=require, expected it to");
        return Err(error(&path, reason));
    }
    check_ca_file(&path, file)
}

fn check_ca_file(path: &str, file: &str) -> Result<(), ConfigError> {
    if file.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(file).map_err(|why| error(path, format!("cannot read {file}: {why}")))?;
    if !text.contains("BEGIN CERTIFICATE") {
        let reason = format!("{file} has no \"BEGIN CERTIFICATE\", expected a file in PEM format");
        return Err(error(path, reason));
    }
    Ok(())
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
    let has_none = semantic.redis_host.is_empty() && config.redis.host.is_empty();
    if semantic.enabled && semantic.index == SemanticIndex::VectorSets && has_none {
        let reason =
            "vector-sets without a Redis, expected a server of version 8 or later in semantic.redis_host";
        return Err(error("semantic.index", reason));
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

fn check_capture(capture: &ChangeCapture) -> Result<(), ConfigError> {
    for mapping in &capture.tags {
        let fits = mapping.split_once('=').is_some_and(|(table, tag)| !table.is_empty() && !tag.is_empty());
        if !fits {
            let reason = format!("{mapping:?}, expected TABLE=TAG, such as \"shop.items=items\"");
            return Err(error("change_capture.tags", reason));
        }
    }
    if !capture.enabled {
        return Ok(());
    }
    if capture.url.reveal().is_empty() {
        return Err(error(
            "change_capture.url",
            "\"\", expected the database's own URL, such as postgres://user:password@host/database",
        ));
    }
    check_ca_file("change_capture.tls_ca_file", &capture.tls_ca_file)?;
    capture::address(capture.url.reveal(), &capture.tls_ca_file)
        .map_err(|reason| error("change_capture.url", reason))
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

pub(super) fn error(path: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Field {
        path: path.to_owned(),
        source: "all sources together".to_owned(),
        reason: reason.into(),
    }
}
