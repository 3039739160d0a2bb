//! PgBouncer's figures among the companion's metrics.

use std::collections::BTreeMap;
use std::sync::Mutex;

use prometheus::{CounterVec, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::{Console, Figures, PoolRow, StatsRow};
use crate::config::Pooling;

/// Where what has no label set of its own is counted.
const OTHER: &str = "other";

/// PgBouncer's figures among the companion's metrics. They are read now and then and shown as they were last, so that a
/// PgBouncer that hangs keeps nobody from asking for metrics.
#[derive(Debug)]
pub(crate) struct Meters {
    up: IntGauge,
    polls: IntCounterVec,
    clients: IntGaugeVec,
    servers: IntGaugeVec,
    longest_wait: GaugeVec,
    counts: [IntCounterVec; 4],
    seconds: [CounterVec; 3],
    /// PgBouncer's sums when they were last read: they begin anew with it.
    last: Mutex<BTreeMap<String, StatsRow>>,
}

impl Meters {
    /// All at zero.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let count = |name: &str, help: &str| IntCounterVec::new(Opts::new(name, help), &["database"]);
        let seconds = |name: &str, help: &str| CounterVec::new(Opts::new(name, help), &["database"]);
        let meters = Self {
            up: IntGauge::new(
                "slipstream_pgbouncer_up",
                "1 if PgBouncer's console answered when it was last asked.",
            )?,
            polls: IntCounterVec::new(
                Opts::new("slipstream_pgbouncer_polls_total", "How often PgBouncer was asked, by outcome."),
                &["outcome"],
            )?,
            clients: IntGaugeVec::new(
                Opts::new("slipstream_pgbouncer_pool_clients", "Clients of a pool, by state."),
                &["database", "user", "state"],
            )?,
            servers: IntGaugeVec::new(
                Opts::new("slipstream_pgbouncer_pool_servers", "Server connections of a pool, by state."),
                &["database", "user", "state"],
            )?,
            longest_wait: GaugeVec::new(
                Opts::new(
                    "slipstream_pgbouncer_pool_max_wait_seconds",
                    "How long the first client in the queue has waited.",
                ),
                &["database", "user"],
            )?,
            counts: [
                count("slipstream_pgbouncer_transactions_total", "Transactions through PgBouncer.")?,
                count("slipstream_pgbouncer_queries_total", "Queries through PgBouncer.")?,
                count("slipstream_pgbouncer_received_bytes_total", "Bytes from clients.")?,
                count("slipstream_pgbouncer_sent_bytes_total", "Bytes to clients.")?,
            ],
            seconds: [
                seconds(
                    "slipstream_pgbouncer_transaction_seconds_total",
                    "Time of server connections in transactions.",
                )?,
                seconds(
                    "slipstream_pgbouncer_query_seconds_total",
                    "Time of server connections in queries.",
                )?,
                seconds(
                    "slipstream_pgbouncer_wait_seconds_total",
                    "Time that clients waited for a server connection.",
                )?,
            ],
            last: Mutex::default(),
        };
        registry.register(Box::new(meters.up.clone()))?;
        registry.register(Box::new(meters.polls.clone()))?;
        registry.register(Box::new(meters.clients.clone()))?;
        registry.register(Box::new(meters.servers.clone()))?;
        registry.register(Box::new(meters.longest_wait.clone()))?;
        for counter in &meters.counts {
            registry.register(Box::new(counter.clone()))?;
        }
        for counter in &meters.seconds {
            registry.register(Box::new(counter.clone()))?;
        }
        for outcome in ["answered", "failed"] {
            meters.polls.get_metric_with_label_values(&[outcome])?;
        }
        Ok(meters)
    }

    fn lost(&self) {
        self.up.set(0);
        self.polls.with_label_values(&["failed"]).inc();
        // What was so before says nothing about now. Counters stay: they are sums.
        self.clients.reset();
        self.servers.reset();
        self.longest_wait.reset();
    }

    fn take(&self, figures: &Figures, max_pools: usize) {
        self.up.set(1);
        self.polls.with_label_values(&["answered"]).inc();
        self.clients.reset();
        self.servers.reset();
        self.longest_wait.reset();
        for (index, pool) in figures.pools.iter().enumerate() {
            let (database, user) =
                if index < max_pools { (&*pool.database, &*pool.user) } else { (OTHER, OTHER) };
            self.take_pool(database, user, pool);
        }
        let mut last = self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (index, stats) in figures.stats.iter().enumerate() {
            let database = if index < max_pools { &*stats.database } else { OTHER };
            let before = last.insert(stats.database.clone(), stats.clone()).unwrap_or_default();
            self.take_stats(database, &before, stats);
        }
        last.retain(|database, _| figures.stats.iter().any(|stats| stats.database == *database));
    }

    fn take_pool(&self, database: &str, user: &str, pool: &PoolRow) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for (state, count) in [("active", pool.clients_active), ("waiting", pool.clients_waiting)] {
            self.clients.with_label_values(&[database, user, state]).add(number(count));
        }
        for (state, count) in
            [("active", pool.servers_active), ("idle", pool.servers_idle), ("other", pool.servers_other)]
        {
            self.servers.with_label_values(&[database, user, state]).add(number(count));
        }
        let wait = self.longest_wait.with_label_values(&[database, user]);
        wait.set(wait.get().max(pool.longest_wait_us as f64 / 1e6));
    }

    fn take_stats(&self, database: &str, before: &StatsRow, now: &StatsRow) {
        let counts =
            |stats: &StatsRow| [stats.transactions, stats.queries, stats.received_bytes, stats.sent_bytes];
        for ((counter, before), now) in self.counts.iter().zip(counts(before)).zip(counts(now)) {
            counter.with_label_values(&[database]).inc_by(grown(before, now));
        }
        let times = |stats: &StatsRow| [stats.transaction_us, stats.query_us, stats.wait_us];
        for ((counter, before), now) in self.seconds.iter().zip(times(before)).zip(times(now)) {
            counter.with_label_values(&[database]).inc_by(grown(before, now) as f64 / 1e6);
        }
    }
}

/// How much a sum has grown; one that has shrunk began anew.
fn grown(before: u64, now: u64) -> u64 {
    if now >= before { now - before } else { now }
}

/// Reads PgBouncer's figures now and then, for as long as it is polled.
pub(crate) async fn poll(pooling: &Pooling, meters: &Meters) {
    let Some(interval) = pooling.poll_interval() else { return };
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut console = None;
    let mut was_up = true;
    loop {
        ticks.tick().await;
        match ask(pooling, &mut console).await {
            Ok(figures) => {
                if !was_up {
                    tracing::info!("PgBouncer's console answers again");
                }
                was_up = true;
                meters.take(&figures, pooling.max_metric_pools);
            }
            Err(error) => {
                if was_up {
                    tracing::warn!(error = format!("{error:#}"), "cannot read PgBouncer's figures");
                }
                was_up = false;
                console = None;
                meters.lost();
            }
        }
    }
}

/// By the connection of the last time, if it still serves.
async fn ask(pooling: &Pooling, console: &mut Option<Console>) -> anyhow::Result<Figures> {
    let open = match console.take() {
        Some(open) => open,
        None => Console::open(pooling).await?,
    };
    let figures = open.figures().await?;
    *console = Some(open);
    Ok(figures)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn sums_go_on_when_pgbouncer_starts_anew() {
        let registry = Registry::new();
        let meters = Meters::new(&registry).unwrap();
        let figures = |queries: u64, databases: &[&str]| Figures {
            version: String::new(),
            pools: databases
                .iter()
                .map(|database| PoolRow {
                    database: (*database).to_owned(),
                    user: "me".to_owned(),
                    clients_active: 1,
                    ..PoolRow::default()
                })
                .collect(),
            stats: databases
                .iter()
                .map(|database| StatsRow { database: (*database).to_owned(), queries, ..StatsRow::default() })
                .collect(),
        };
        let [_, queries, ..] = &meters.counts;
        for (sum, expected) in [(10, 10), (25, 25), (5, 30)] {
            meters.take(&figures(sum, &["a"]), 2);
            assert_eq!(queries.with_label_values(&["a"]).get(), expected);
        }
        meters.take(&figures(1, &["a", "b", "c", "d"]), 2);
        assert_eq!(meters.clients.with_label_values(&[OTHER, OTHER, "active"]).get(), 2);
        assert_eq!(queries.with_label_values(&[OTHER]).get(), 2);
        meters.lost();
        assert_eq!((meters.up.get(), meters.clients.with_label_values(&["a", "me", "active"]).get()), (0, 0));
    }
}
