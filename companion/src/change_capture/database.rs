//! The ordinary connection beside the replication stream: what the server is, how far it has written, what is visible.

use query_cache_model::Lsn;
use tokio_postgres::Client;

use super::address::Address;
use super::assembler::MESSAGE_PREFIX;
use super::ended::Ended;

/// What every session of this companion is set to: its own definitions are no news, and its messages reach the disk before
/// they count, so that they take along what others committed without waiting for it.
const SETTINGS: &str = "SET search_path = pg_catalog; SET slipstream.own = 'on'; SET synchronous_commit = local; \
                        SET lock_timeout = '1s'; SET statement_timeout = '10s'";

/// What a server and its database are.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// The cluster's system identifier and the database's oid: what query caches name it by.
    pub(super) name: String,
    /// The server's timeline, as eight hexadecimal digits. It changes when a replica is promoted.
    pub(super) timeline: String,
    /// The server's version, such as 150020.
    pub(super) version: i32,
    /// How much log the server keeps for a slot at most, in bytes; none if there is no bound.
    pub(super) wal_bound: Option<i64>,
}

/// How far the server has written, and which transactions others see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    /// The end of the log.
    pub(super) written: Lsn,
    xmin: u64,
    xmax: u64,
    running: Vec<u64>,
}

impl Look {
    fn parse(written: &str, snapshot: &str) -> Option<Self> {
        let mut parts = snapshot.split(':');
        let xmin = parts.next()?.parse().ok()?;
        let xmax = parts.next()?.parse().ok()?;
        let running =
            parts.next()?.split(',').filter(|id| !id.is_empty()).map(str::parse).collect::<Result<_, _>>();
        Some(Self { written: written.parse().ok()?, xmin, xmax, running: running.ok()? })
    }

    /// Whether everyone who looks from now on sees what this transaction did.
    pub(super) fn shows(&self, xid: u32) -> bool {
        // The stream leaves out the epoch of ids; the id is one of the last two thousand million.
        let low = |id: u64| u32::try_from(id & u64::from(u32::MAX)).unwrap_or_default();
        let behind = low(self.xmax).wrapping_sub(xid);
        let is_finished = (1..1 << 31).contains(&behind);
        is_finished && !self.running.iter().any(|running| low(*running) == xid)
    }

    /// The id that the next transaction gets.
    pub(super) fn next(&self) -> u64 {
        self.xmax
    }

    /// Whether all transactions before this id are over.
    pub(super) fn is_past(&self, id: u64) -> bool {
        self.xmin >= id
    }
}

/// The ordinary connection.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) client: Client,
}

impl Database {
    /// Connects.
    pub(super) async fn connect(address: &Address) -> Result<Self, Ended> {
        let client = address.connect().await?;
        client.batch_execute(SETTINGS).await?;
        Ok(Self { client })
    }

    /// What the server is; an error if it cannot be followed.
    pub(super) async fn identity(&self) -> Result<Identity, Ended> {
        let sql = "SELECT pg_is_in_recovery(), current_setting('wal_level'), \
                   current_setting('server_version_num')::int4, \
                   (SELECT system_identifier::text FROM pg_control_system()) || '-' || \
                   (SELECT oid::text FROM pg_database WHERE datname = current_database()), \
                   CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END, \
                   (SELECT CASE WHEN setting::int8 < 0 THEN NULL ELSE setting::int8 * 1048576 END FROM pg_settings WHERE name = 'max_slot_wal_keep_size')";
        let row = self.client.query_one(sql, &[]).await?;
        if row.try_get::<_, bool>(0)? {
            return Err(Ended::settings("change_capture.url leads to a replica, expected the primary"));
        }
        let wal_level: String = row.try_get(1)?;
        if wal_level != "logical" {
            return Err(Ended::settings(format!(
                "the server's wal_level is {wal_level}, expected logical (needs a restart of the server)"
            )));
        }
        let version = row.try_get(2)?;
        if version < 140_000 {
            return Err(Ended::settings(format!(
                "the server's version is {version}, expected 140000 or later"
            )));
        }
        Ok(Identity { version, name: row.try_get(3)?, timeline: row.try_get(4)?, wal_bound: row.try_get(5)? })
    }

    /// How far the server has written, and what is visible, now.
    pub(super) async fn look(&self) -> Result<Look, Ended> {
        let sql = "SELECT pg_current_wal_insert_lsn()::text, pg_current_snapshot()::text";
        let statement = self.client.query_typed(sql, &[]).await?;
        let row = statement.first().ok_or_else(|| Ended::database("no answer to a look at the log"))?;
        let (written, snapshot): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        Look::parse(written, snapshot)
            .ok_or_else(|| Ended::database(format!("a look at the log brought {written} {snapshot}")))
    }

    /// Writes a message into the log, as a transaction of its own.
    pub(super) async fn emit(&self, message: &str) -> Result<(), Ended> {
        let sql = "SELECT pg_logical_emit_message(true, $1, $2)::text";
        self.client.query_one(sql, &[&MESSAGE_PREFIX, &message]).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_shown_once_it_is_over() {
        for (snapshot, xid, shows) in [
            ("100:100:", 99, true),
            ("100:100:", 100, false),
            ("90:100:90,95", 95, false),
            ("90:100:90,95", 94, true),
            // The id is of the epoch before.
            ("4294967300:4294967300:", 4_294_967_295, true),
            ("4294967300:4294967302:4294967300", 4, false),
            ("4294967300:4294967302:4294967300", 5, true),
        ] {
            let look = Look::parse("1/2", snapshot).unwrap();
            assert_eq!(look.shows(xid), shows, "{snapshot} {xid}");
        }
        let look = Look::parse("0/A", "90:100:90,95").unwrap();
        assert_eq!(
            (look.written, look.next(), look.is_past(90), look.is_past(91)),
            (Lsn(10), 100, true, false)
        );
        assert_eq!(Look::parse("x", "1:1:"), None);
        assert_eq!(Look::parse("0/1", "1:1"), None);
    }
}
