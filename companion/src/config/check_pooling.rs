//! What the settings of pooling must fulfil together.

use super::check::error;
use super::{ConfigError, PgBouncerVersion, PoolMode, Pooling, TlsMode};
use pooled_postgres::ClientMode;

/// What the settings of pooling must fulfil together, whatever the servers say.
pub(super) fn check(pooling: &Pooling) -> Result<(), ConfigError> {
    let Pooling { default_pool_size, min_pool_size, max_client_conn, version, .. } = pooling;
    if min_pool_size > default_pool_size {
        let reason =
            format!("{min_pool_size}, expected at most pooling.default_pool_size ({default_pool_size})");
        return Err(error("pooling.min_pool_size", reason));
    }
    if default_pool_size > max_client_conn {
        let reason =
            format!("{default_pool_size}, expected at most pooling.max_client_conn ({max_client_conn})");
        return Err(error("pooling.default_pool_size", reason));
    }
    check_statements(pooling)?;
    if pooling.port != 0 && pooling.host.is_empty() {
        return Err(error("pooling.host", "\"\", expected PgBouncer's name or address"));
    }
    if pooling.admin_user.is_empty() {
        return Err(error("pooling.admin_user", "\"\", expected who may use PgBouncer's console"));
    }
    if !pooling.auth_user.is_empty() {
        check_auth(pooling)?;
    }
    let strict = matches!(pooling.client_tls_mode, TlsMode::VerifyCa | TlsMode::VerifyFull);
    for (path, file, is_needed, needed_by) in [
        (
            "pooling.client_tls_cert_file",
            &pooling.client_tls_cert_file,
            pooling.client_tls_mode != TlsMode::Disable,
            "pooling.client_tls_mode",
        ),
        (
            "pooling.client_tls_key_file",
            &pooling.client_tls_key_file,
            pooling.client_tls_mode != TlsMode::Disable,
            "pooling.client_tls_mode",
        ),
        ("pooling.client_tls_ca_file", &pooling.client_tls_ca_file, strict, "pooling.client_tls_mode"),
        (
            "pooling.server_tls_ca_file",
            &pooling.server_tls_ca_file,
            matches!(pooling.server_tls_mode, TlsMode::VerifyCa | TlsMode::VerifyFull),
            "pooling.server_tls_mode",
        ),
    ] {
        if is_needed && file.is_empty() {
            return Err(error(path, format!("\"\", expected a file in PEM format: {needed_by} asks for it")));
        }
    }
    if version.major != 1 {
        return Err(error("pooling.version", format!("\"{version}\", expected 1.18 or later")));
    }
    Ok(())
}

fn check_statements(pooling: &Pooling) -> Result<(), ConfigError> {
    let known = pooling.version >= PgBouncerVersion::WITH_PREPARED_STATEMENTS;
    if pooling.max_prepared_statements > 0 && !known {
        let reason = format!(
            "{}, expected 0: PgBouncer {} does not know it; {} and later do (pooling.version)",
            pooling.max_prepared_statements,
            pooling.version,
            PgBouncerVersion::WITH_PREPARED_STATEMENTS
        );
        return Err(error("pooling.max_prepared_statements", reason));
    }
    let keeps_names = pooling.max_prepared_statements > 0 || pooling.mode == PoolMode::Session;
    let is_right = match pooling.client_mode {
        ClientMode::Simple | ClientMode::Typed => true,
        ClientMode::Prepared => keeps_names,
        ClientMode::Split => pooling.mode == PoolMode::Session,
    };
    if pooling.use_pgbouncer && !is_right {
        let reason = format!(
            "\"{}\", expected \"typed\" or \"simple\": in mode {} with max_prepared_statements = {}, PgBouncer would mix up \
             clients' statements",
            pooling.client_mode,
            pooling.mode.as_str(),
            pooling.max_prepared_statements
        );
        return Err(error("pooling.client_mode", reason));
    }
    Ok(())
}

fn check_auth(pooling: &Pooling) -> Result<(), ConfigError> {
    if pooling.auth_password.reveal().is_empty() {
        return Err(error(
            "pooling.auth_password",
            "empty, expected the password of pooling.auth_user: PgBouncer logs in by it to ask for others' secrets",
        ));
    }
    if !pooling.auth_query.contains("$1") {
        let reason = format!("{:?}, expected a query with $1 for the user's name", pooling.auth_query);
        return Err(error("pooling.auth_query", reason));
    }
    if pooling.auth_user == pooling.admin_user {
        let reason = format!("{:?}, expected another than pooling.admin_user", pooling.auth_user);
        return Err(error("pooling.auth_user", reason));
    }
    Ok(())
}
