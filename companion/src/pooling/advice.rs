//! What the figures of a configuration, and of a running PgBouncer, come to.

use std::net::IpAddr;

use rustix::process::{Resource, getrlimit};

use super::budget::{Budget, files_needed};
use super::{Figures, StatsRow};
use crate::config::Pooling;

/// From this share of its server connections in use on average, a pool is too small for a burst.
const BUSY: f64 = 0.7;

/// What this configuration means, a sentence a figure.
pub(crate) fn advise(pooling: &Pooling, budgets: &[Budget]) -> Vec<String> {
    let mut lines = Vec::new();
    let size = pooling.default_pool_size;
    for budget in budgets {
        let server = &budget.server;
        lines.push(format!(
            "{}: {} connections for {} ({} each), of {} that are free for them: max_connections {} − {} reserved − {} direct",
            server.address,
            budget.pooled,
            budget.databases.join(" and "),
            pooling.connections_per_database(),
            budget.available,
            server.max_connections,
            server.reserved,
            pooling.direct_connections
        ));
    }
    // Little's law: connections in use = transactions a second × the seconds that each takes.
    lines.push(format!(
        "{size} connections run {} transactions a second that take 1 ms each, and {} that take 10 ms; more of them wait, at most \
         {}",
        u64::from(size) * 1_000,
        u64::from(size) * 100,
        match pooling.query_wait_timeout_seconds {
            0 => "for ever".to_owned(),
            seconds => format!("{seconds} s"),
        }
    ));
    lines.push(format!(
        "{} clients share them: at most {} at the same connection, if all ask at once in one pool",
        pooling.max_client_conn,
        pooling.max_client_conn.div_ceil(size.max(1))
    ));
    let databases = budgets.iter().map(|budget| budget.databases.len()).sum();
    let files = files_needed(pooling, databases);
    lines.push(match pooling.file_descriptors {
        0 => format!(
            "PgBouncer needs up to {files} open files: give it LimitNOFILE={files} or more{}",
            own_limit(pooling, files)
        ),
        limit => format!("PgBouncer needs up to {files} open files, and has {limit}"),
    });
    lines
}

/// Where PgBouncer is on this machine, it may have the limit that this program has.
fn own_limit(pooling: &Pooling, needed: u32) -> String {
    let is_here =
        pooling.host == "localhost" || pooling.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match getrlimit(Resource::Nofile).current {
        Some(limit) if is_here && limit < u64::from(needed) => {
            format!(" (this program has {limit}, which would not do)")
        }
        _ => String::new(),
    }
}

/// What the load of a running PgBouncer comes to, for each database that had any.
pub(crate) fn judge_load(pooling: &Pooling, figures: &Figures) -> Vec<String> {
    figures
        .stats
        .iter()
        .filter(|stats| stats.average_transactions > 0)
        .map(|stats| judge(pooling, stats))
        .collect()
}

fn judge(pooling: &Pooling, stats: &StatsRow) -> String {
    let room = f64::from(pooling.connections_per_database().max(1));
    let in_use = stats.average_transactions as f64 * stats.average_transaction_us as f64 / 1e6;
    let wait_ms = stats.average_wait_us as f64 / 1e3;
    let verdict = if in_use > BUSY * room {
        let wanted = (in_use / BUSY / f64::from(pooling.users_per_database.max(1))).ceil();
        format!(
            "too small for bursts: pooling.default_pool_size = {wanted} would leave {:.0} % free",
            (1.0 - BUSY) * 100.0
        )
    } else {
        "enough".to_owned()
    };
    format!(
        "{}: {} transactions a second of {:.2} ms each keep {in_use:.1} of {room} connections busy, and clients waited {wait_ms:.2} \
         ms a second: {verdict}",
        stats.database,
        stats.average_transactions,
        stats.average_transaction_us as f64 / 1e3
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn load_is_judged_by_how_many_connections_it_keeps_busy() {
        for (transactions, us, expected) in [
            (1_000, 1_000, "keep 1.0 of 20 connections busy"),
            (1_000, 1_000, "enough"),
            (1_500, 10_000, "pooling.default_pool_size = 22"),
        ] {
            let stats = StatsRow {
                database: "shop".to_owned(),
                average_transactions: transactions,
                average_transaction_us: us,
                ..StatsRow::default()
            };
            let figures = Figures {
                version: String::new(),
                pools: Vec::new(),
                stats: vec![stats, StatsRow::default()],
            };
            let judged = judge_load(&Pooling::default(), &figures);
            assert!(judged.len() == 1 && judged.first().unwrap().contains(expected), "{judged:?}");
        }
    }
}
