//! Whether what PgBouncer may open fits into what the servers allow.

use super::Target;
use super::server::Server;
use super::target::error;
use crate::config::{ConfigError, Pooling};

/// What PgBouncer opens beside connections: its log, its listeners, its pipes and sockets for names.
const OWN_FILES: u32 = 16;

/// The connections to one server, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Budget {
    /// The server.
    pub(crate) server: Server,
    /// The databases on it that are pooled.
    pub(crate) databases: Vec<String>,
    /// The connections that PgBouncer may have to all of them.
    pub(crate) pooled: u32,
    /// The connections that are left for PgBouncer when administrators and others have theirs.
    pub(crate) available: u32,
}

/// Files that PgBouncer may have to have open.
pub(crate) fn files_needed(pooling: &Pooling, databases: usize) -> u32 {
    let databases = u32::try_from(databases).unwrap_or(u32::MAX);
    let servers = pooling.connections_per_database().saturating_mul(databases);
    pooling.max_client_conn.saturating_add(servers).saturating_add(OWN_FILES)
}

/// The budget of each server, or what does not fit.
pub(crate) fn budgets(pooling: &Pooling, asked: &[(Target, Server)]) -> Result<Vec<Budget>, ConfigError> {
    let mut budgets: Vec<Budget> = Vec::new();
    for (target, server) in asked {
        check_limits(pooling, target, server)?;
        let index = match budgets.iter().position(|budget| budget.server.address == server.address) {
            Some(index) => index,
            None => {
                let taken = server.reserved.saturating_add(pooling.direct_connections);
                budgets.push(Budget {
                    server: server.clone(),
                    databases: Vec::new(),
                    pooled: 0,
                    available: server.max_connections.saturating_sub(taken),
                });
                budgets.len() - 1
            }
        };
        let Some(budget) = budgets.get_mut(index) else { continue };
        if !budget.databases.contains(&target.name) {
            budget.databases.push(target.name.clone());
            budget.pooled = budget.pooled.saturating_add(pooling.connections_per_database());
        }
    }
    for budget in &budgets {
        check_server(pooling, budget)?;
    }
    let names: std::collections::BTreeSet<&str> =
        asked.iter().map(|(target, _)| target.name.as_str()).collect();
    check_files(pooling, names.len())?;
    Ok(budgets)
}

fn check_limits(pooling: &Pooling, target: &Target, server: &Server) -> Result<(), ConfigError> {
    let size = pooling.default_pool_size + pooling.reserve_pool_size;
    let whole = pooling.connections_per_database();
    for (what, name, limit, needed) in [
        ("role", &target.user, server.user_limit, size),
        ("database", &target.name, server.database_limit, whole),
    ] {
        if let Some(limit) = limit.filter(|limit| *limit < needed) {
            let upper = what.to_uppercase();
            return Err(error(
                "pooling.default_pool_size",
                format!(
                    "{needed} connections to {what} {name:?}, which {} limits to {limit}: expected less, or \
                     ALTER {upper} \"{name}\" CONNECTION LIMIT {needed}",
                    server.address
                ),
            ));
        }
    }
    Ok(())
}

fn check_server(pooling: &Pooling, budget: &Budget) -> Result<(), ConfigError> {
    let Budget { server, databases, pooled, available } = budget;
    if pooled <= available {
        return Ok(());
    }
    let pools = u32::try_from(databases.len()).unwrap_or(u32::MAX).saturating_mul(pooling.users_per_database);
    let fitting = (available / pools.max(1)).saturating_sub(pooling.reserve_pool_size);
    let size = pooling.default_pool_size + pooling.reserve_pool_size;
    let needed = pooled + server.reserved + pooling.direct_connections;
    let remedy = match fitting {
        0 => String::new(),
        fitting => format!("at most {fitting}, or "),
    };
    let reason = format!(
        "{size} connections × {} databases × {} users = {pooled}, but {} has room for {available} (max_connections {} − {} \
         reserved for administrators − {} direct, pooling.direct_connections): expected {remedy}max_connections = {needed} \
         at the server",
        databases.len(),
        pooling.users_per_database,
        server.address,
        server.max_connections,
        server.reserved,
        pooling.direct_connections
    );
    Err(error("pooling.default_pool_size", reason))
}

fn check_files(pooling: &Pooling, databases: usize) -> Result<(), ConfigError> {
    let (needed, limit) = (files_needed(pooling, databases), pooling.file_descriptors);
    if limit == 0 || needed <= limit {
        return Ok(());
    }
    let clients = limit.saturating_sub(needed - pooling.max_client_conn);
    let reason = format!(
        "{limit}, but {} clients, their server connections and PgBouncer itself need {needed}: expected LimitNOFILE={needed} for \
         PgBouncer and the same here, or pooling.max_client_conn of at most {clients}",
        pooling.max_client_conn
    );
    Err(error("pooling.file_descriptors", reason))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn target(name: &str, port: u16) -> Target {
        let direct: tokio_postgres::Config = "postgres://me@db/x".parse().unwrap();
        let (path, host, user) = (format!("{name}.url"), "db".to_owned(), "me".to_owned());
        Target {
            path,
            name: name.to_owned(),
            host,
            port,
            user,
            direct,
            endpoint: migrations::Endpoint::default(),
        }
    }

    fn server(port: u16, max_connections: u32) -> Server {
        let address = format!("db:{port}");
        Server { address, max_connections, reserved: 3, database_limit: None, user_limit: None }
    }

    fn both_on(max_connections: [u32; 2], ports: [u16; 2]) -> Vec<(Target, Server)> {
        let [one, two] = max_connections;
        let [first, second] = ports;
        vec![(target("a", first), server(first, one)), (target("b", second), server(second, two))]
    }

    #[test]
    fn pools_on_one_server_share_its_connections() {
        // 2 databases × 20, and 3 + 10 for others.
        for (max_connections, ports, fits) in [
            ([53, 53], [1, 1], true),
            ([52, 52], [1, 1], false),
            ([33, 33], [1, 2], true),
            ([33, 32], [1, 2], false),
        ] {
            let result = budgets(&Pooling::default(), &both_on(max_connections, ports));
            assert_eq!(result.is_ok(), fits, "{max_connections:?} {ports:?}: {result:?}");
        }
        let budgets = budgets(&Pooling::default(), &both_on([100, 100], [1, 1])).unwrap();
        let sums: Vec<_> = budgets.iter().map(|budget| (budget.pooled, budget.available)).collect();
        assert_eq!(sums, [(40, 87)]);
    }

    #[test]
    fn what_cannot_fit_is_named_with_what_could() {
        let many = Pooling { users_per_database: 3, ..Pooling::default() };
        let few_files = Pooling { file_descriptors: 1_024, ..Pooling::default() };
        let mut limited = both_on([100, 100], [1, 1]);
        limited.get_mut(1).unwrap().1.user_limit = Some(5);
        for (pooling, asked, expected) in [
            (
                Pooling::default(),
                both_on([40, 40], [1, 1]),
                &[
                    "pooling.default_pool_size",
                    "20 connections × 2 databases × 1 users = 40",
                    "at most 13",
                    "max_connections = 53",
                ][..],
            ),
            (
                many,
                both_on([100, 100], [1, 1]),
                &["= 120", "room for 87", "at most 14", "max_connections = 133"],
            ),
            (
                few_files,
                both_on([100, 100], [1, 1]),
                &["pooling.file_descriptors", "1024", "LimitNOFILE=1056", "max_client_conn of at most 968"],
            ),
            (
                Pooling::default(),
                limited,
                &["role \"me\"", "limits to 5", "ALTER ROLE \"me\" CONNECTION LIMIT 20"],
            ),
            (Pooling::default(), both_on([12, 12], [1, 1]), &["room for 0", "expected max_connections = 53"]),
        ] {
            let error = budgets(&pooling, &asked).unwrap_err().to_string();
            for part in expected {
                assert!(error.contains(part), "{error:?} lacks {part:?}");
            }
        }
    }
}
