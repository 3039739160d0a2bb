//! `pgbouncer.ini`.

use std::collections::BTreeMap;

use super::Target;
use crate::config::{Pooling, TlsMode};

/// The configuration's text. It holds no secret.
pub(crate) fn ini(pooling: &Pooling, targets: &[Target]) -> String {
    let mut text = "; Made by `slipstream pooling render` from the settings of the companion, which is where to change it.\n\
                    \n[databases]\n"
        .to_owned();
    for (name, target) in targets.iter().map(|target| (&target.name, target)).collect::<BTreeMap<_, _>>() {
        let limit = pooling.connections_per_database();
        text += &format!(
            "{} = host={} port={} dbname={} max_db_connections={limit}\n",
            name,
            value(&target.host),
            target.port,
            value(&target.name)
        );
    }
    text += "\n[pgbouncer]\n";
    for (key, value) in settings(pooling) {
        text += &format!("{key} = {value}\n");
    }
    text
}

/// The section `[pgbouncer]`.
pub(crate) fn settings(pooling: &Pooling) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("listen_addr", pooling.listen_addr.clone()),
        ("listen_port", pooling.port.to_string()),
        ("auth_type", "scram-sha-256".to_owned()),
        ("auth_file", pooling.userlist_file.clone()),
        ("pool_mode", pooling.mode.as_str().to_owned()),
        ("max_client_conn", pooling.max_client_conn.to_string()),
        ("default_pool_size", pooling.default_pool_size.to_string()),
        ("min_pool_size", pooling.min_pool_size.to_string()),
        ("reserve_pool_size", pooling.reserve_pool_size.to_string()),
        ("server_lifetime", pooling.server_lifetime_seconds.to_string()),
        ("server_idle_timeout", pooling.server_idle_timeout_seconds.to_string()),
        ("server_login_retry", pooling.server_login_retry_seconds.to_string()),
        ("query_wait_timeout", pooling.query_wait_timeout_seconds.to_string()),
        ("idle_transaction_timeout", pooling.idle_transaction_timeout_seconds.to_string()),
        ("ignore_startup_parameters", pooling.ignore_startup_parameters.join(", ")),
        ("server_tls_sslmode", pooling.server_tls_mode.as_str().to_owned()),
        ("client_tls_sslmode", pooling.client_tls_mode.as_str().to_owned()),
    ];
    if !pooling.admin_password.reveal().is_empty() {
        settings.push(("admin_users", pooling.admin_user.clone()));
    }
    if !pooling.auth_user.is_empty() {
        settings.push(("auth_user", pooling.auth_user.clone()));
        settings.push(("auth_query", pooling.auth_query.clone()));
    }
    if pooling.max_prepared_statements > 0 {
        settings.push(("max_prepared_statements", pooling.max_prepared_statements.to_string()));
    }
    if pooling.client_tls_mode != TlsMode::Disable {
        settings.push(("client_tls_cert_file", pooling.client_tls_cert_file.clone()));
        settings.push(("client_tls_key_file", pooling.client_tls_key_file.clone()));
    }
    if !pooling.client_tls_ca_file.is_empty() {
        settings.push(("client_tls_ca_file", pooling.client_tls_ca_file.clone()));
    }
    if !pooling.server_tls_ca_file.is_empty() {
        settings.push(("server_tls_ca_file", pooling.server_tls_ca_file.clone()));
    }
    settings
}

/// A value of a connection string.
fn value(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_mark_does_not_end_a_value() {
        assert_eq!(value("it's"), "'it''s'");
    }
}
