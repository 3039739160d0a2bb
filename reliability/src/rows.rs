//! All faults.

mod clock;
mod companion;
mod database;
mod envoy;
mod network;
mod redis;
mod small_disk;

pub(crate) use clock::Clocks;
pub(crate) use small_disk::SmallDisk;

use crate::{Kind, Row, Stand};

/// All faults, in the order of the table.
pub const ROWS: [Row; 27] = [
    Row::new("redis-killed", "Redis killed, then started again, empty", redis::kill, redis::start),
    Row::new("redis-frozen", "Redis frozen (SIGSTOP)", redis::freeze, redis::thaw),
    Row::new("redis-slow", "each answer of Redis 150 ms late", redis::slow, redis::quick),
    Row::new("redis-full", "Redis full, and it may evict nothing", redis::fill, redis::empty),
    Row::new("redis-read-only", "Redis made a replica, so that it only reads", redis::demote, redis::promote),
    Row::new("redis-flushed", "Redis flushed (FLUSHALL)", redis::flush, nothing).moment(),
    Row::new("companion-killed", "the companion killed, then started again", companion::kill, companion::start),
    Row::new("companion-frozen", "the companion frozen (SIGSTOP)", companion::freeze, companion::thaw),
    Row::new("companion-restarted", "the companion restarted (SIGTERM)", companion::restart, nothing).moment(),
    Row::new(
        "companion-out-of-memory",
        "the companion may take no more memory while it is given much to store; started again if it dies",
        companion::starve,
        companion::feed,
    ),
    Row::new(
        "network-cut",
        "the companion, on a host of its own (a network namespace), cut off from the Envoys",
        network::cut,
        network::heal,
    )
    .on(Kind::OwnHost),
    Row::new("network-closed", "connections to the companion are closed at once", network::close, network::pass),
    Row::new("network-half-cut", "nothing gets through between one Envoy and the companion", network::half_cut, network::pass),
    Row::new(
        "companion-garbage",
        "what the companion answers turns into noise from some byte on; HTTP/2 to one Envoy, HTTP/1.1 to the other",
        network::garbage,
        network::pass,
    )
    .on(Kind::BothProtocols),
    Row::new(
        "companion-halves",
        "half of what the companion answers, then the connection closes; both protocols",
        network::halves,
        network::pass,
    )
    .on(Kind::BothProtocols),
    Row::new(
        "companion-wrong-sizes",
        "wrong sizes in what the companion answers (frames of data, Content-Length); both protocols",
        network::wrong_sizes,
        network::pass,
    )
    .on(Kind::BothProtocols),
    Row::new("sentinel-failover", "the master killed, sentinels name its replica", redis::lose_master, nothing)
        .on(Kind::Sentinels),
    Row::new("cluster-log", "the Cluster master that keeps the log killed", redis::lose_log_master, nothing)
        .on(Kind::Cluster),
    Row::new("cluster-other", "another Cluster master killed", redis::lose_other_master, nothing).on(Kind::Cluster),
    Row::new("aof-disk-full", "the disk of Redis' append-only file full", small_disk::fill, small_disk::free)
        .on(Kind::SmallDisk),
    Row::new("clock-of-companion", "the companion's clock an hour ahead, then back", clock::companion_ahead, clock::right)
        .on(Kind::Clocks),
    Row::new("clock-of-envoy", "one Envoy's clock an hour ahead, then back", clock::envoy_ahead, clock::right)
        .on(Kind::Clocks),
    Row::new(
        "clock-of-envoy-cut-off",
        "one Envoy's clock an hour back while nothing gets through between it and the companion, then right",
        clock::envoy_back_and_cut_off,
        clock::right,
    )
    .on(Kind::Clocks),
    Row::new("envoy-hot-restart", "one Envoy hot-restarted", envoy::hot_restart, nothing)
        .on(Kind::HotRestart)
        .moment(),
    Row::new(
        "postgres-restarted",
        "PostgreSQL, behind API, query cache and change capture, stopped, then started again",
        database::stop_postgres,
        database::start_postgres,
    )
    .on(Kind::Database)
    .takes_the_service_along(),
    Row::new(
        "pgbouncer-restarted",
        "PgBouncer, between API and PostgreSQL, stopped, then started again",
        database::stop_pgbouncer,
        database::start_pgbouncer,
    )
    .on(Kind::Database)
    .takes_the_service_along(),
    Row::new("filter-dies", "response-cache of one Envoy traps in each 500th request (FAIL_RELOAD)", nothing, nothing)
        .on(Kind::Mortal)
        .loses_what_is_under_way(),
];

#[expect(clippy::unnecessary_wraps, reason = "a row's step")]
fn nothing(_: &mut Stand) -> anyhow::Result<()> {
    Ok(())
}
