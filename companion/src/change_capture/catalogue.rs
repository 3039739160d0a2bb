//! Which tables there are, which of them are followed, and how a changed definition is noticed.

use std::collections::HashMap;

use tokio_postgres::error::SqlState;

use super::database::{Database, Identity};
use super::ended::Ended;
use super::tables::{Table, Tables, Wanted};

/// An SQL identifier in quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What the catalogue is asked and told in the name of one publication.
pub(super) struct Catalogue<'a> {
    pub(super) database: &'a Database,
    pub(super) identity: &'a Identity,
    pub(super) publication: &'a str,
    pub(super) wanted: Wanted<'a>,
}

impl Catalogue<'_> {
    /// Makes the publication if there is none, and refuses one that leaves changes out.
    pub(super) async fn ensure_publication(&self) -> Result<(), Ended> {
        let client = &self.database.client;
        let sql = "SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate, pubviaroot \
                   FROM pg_publication WHERE pubname = $1";
        let name = self.publication;
        match client.query_opt(sql, &[&name]).await? {
            None => {
                client.batch_execute(&format!("CREATE PUBLICATION {}", quoted(name))).await.map_err(|error| {
                    Ended::settings(format!("cannot make the publication {name}: {}", reason(&error)))
                })
            }
            Some(row) if !row.try_get::<_, bool>(0)? => Err(Ended::settings(format!(
                "the publication {name} leaves changes out, expected publish = 'insert, update, delete, truncate'"
            ))),
            Some(row) if row.try_get::<_, bool>(1)? => Err(Ended::settings(format!(
                "the publication {name} hides partitions, expected publish_via_partition_root = false"
            ))),
            Some(_) => Ok(()),
        }
    }

    /// Has the database say when a definition changes; why it cannot, where that is so.
    pub(super) async fn ensure_trigger(&self) -> Result<Option<String>, Ended> {
        let client = &self.database.client;
        let sql = "SELECT count(*) = 2 FROM pg_event_trigger \
                   WHERE evtname IN ('slipstream_definitions', 'slipstream_drops') AND evtenabled = 'A'";
        if client.query_one(sql, &[]).await?.try_get(0)? {
            return Ok(None);
        }
        let made = client.batch_execute(TRIGGER).await;
        if made.as_ref().is_err_and(|error| error.as_db_error().is_some()) {
            // What was refused leaves its transaction open, in which nothing else would be answered.
            client.batch_execute("ROLLBACK").await?;
        }
        match made {
            Ok(()) => Ok(None),
            // Two companions at once.
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(None),
            Err(error) if error.as_db_error().is_some() => Ok(Some(reason(&error))),
            Err(error) => Err(error.into()),
        }
    }

    /// Something that changes when a definition does: of all that is, or only of what no event trigger tells.
    pub(super) async fn fingerprint(&self, has_trigger: bool) -> Result<String, Ended> {
        let sql = if has_trigger {
            SHARED_FINGERPRINT.to_owned()
        } else {
            format!("{SHARED_FINGERPRINT}{OWN_FINGERPRINT}")
        };
        let row = self.database.client.query_one(&format!("SELECT concat_ws(','{sql})"), &[]).await?;
        Ok(row.try_get(0)?)
    }

    /// Publishes what can be and was not, takes out what no longer can be, and says how all stand.
    pub(super) async fn tables(&self) -> Result<Tables, Ended> {
        let mut tables = self.list().await?;
        let mut failures: HashMap<u32, String> = HashMap::new();
        let mut changed = false;
        for table in &tables {
            let verb = if !table.is_published && table.is_identifiable && self.wanted.has(table) {
                "ADD"
            } else if table.is_listed && !table.is_identifiable {
                "DROP"
            } else {
                continue;
            };
            let only = if verb == "ADD" { "ONLY " } else { "" };
            let sql = format!(
                "ALTER PUBLICATION {} {verb} TABLE {only}{}",
                quoted(self.publication),
                table.quoted()
            );
            match self.database.client.batch_execute(&sql).await {
                Ok(()) => changed = true,
                Err(error) if error.as_db_error().is_some() => {
                    failures.insert(table.oid, format!("cannot be published: {}", reason(&error)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if changed {
            tables = self.list().await?;
        }
        Ok(Tables::new(tables, self.wanted, &failures))
    }

    async fn list(&self) -> Result<Vec<Table>, Ended> {
        // Row filters and column lists came with version 15.
        let partial = if self.identity.version >= 150_000 {
            "r.prqual IS NOT NULL OR r.prattrs IS NOT NULL"
        } else {
            "false"
        };
        let sql = LIST.replace("$PARTIAL", partial);
        let rows = self.database.client.query(&sql, &[&self.publication]).await?;
        rows.iter()
            .map(|row| {
                let (schemas, names): (Vec<String>, Vec<String>) = (row.try_get(6)?, row.try_get(7)?);
                Ok(Table {
                    oid: row.try_get(0)?,
                    schema: row.try_get(1)?,
                    name: row.try_get(2)?,
                    is_identifiable: row.try_get(3)?,
                    is_published: row.try_get(4)?,
                    is_listed: row.try_get(5)?,
                    parents: schemas.into_iter().zip(names).collect(),
                })
            })
            .collect()
    }
}

/// What the server, or the connection to it, says is wrong.
pub(super) fn reason(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(error), _) => error.message().to_owned(),
        // The library's own text does not have the cause.
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

const LIST: &str = "
WITH RECURSIVE up(part, whole) AS (
    SELECT inhrelid, inhparent FROM pg_inherits
    UNION SELECT up.part, i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.whole
), published AS MATERIALIZED (
    SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = $1
)
SELECT c.oid, n.nspname::text, c.relname::text,
       CASE c.relreplident
           WHEN 'f' THEN true
           WHEN 'd' THEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate)
           WHEN 'i' THEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid)
           ELSE false
       END,
       (n.nspname, c.relname) IN (SELECT schemaname, tablename FROM published)
           AND NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                           WHERE p.pubname = $1 AND ($PARTIAL)
                             AND (r.prrelid = c.oid OR r.prrelid IN (SELECT whole FROM up WHERE part = c.oid))),
       EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = $1 AND r.prrelid = c.oid),
       coalesce((SELECT array_agg(pn.nspname::text ORDER BY pc.oid) FROM up JOIN pg_class pc ON pc.oid = up.whole
                 JOIN pg_namespace pn ON pn.oid = pc.relnamespace WHERE up.part = c.oid), '{}'),
       coalesce((SELECT array_agg(pc.relname::text ORDER BY pc.oid) FROM up JOIN pg_class pc ON pc.oid = up.whole
                 WHERE up.part = c.oid), '{}')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND (n.nspname NOT IN ('_timescaledb_catalog', '_timescaledb_config', '_timescaledb_cache') OR c.relname = 'chunk')
ORDER BY n.nspname, c.relname";

/// What no event trigger tells: roles and their memberships, and whether the triggers are still there.
const SHARED_FINGERPRINT: &str = ",
 (SELECT coalesce(sum(hashtextextended(concat(roleid, ' ', member, ' ', m.xmin), 0)), 0) FROM pg_auth_members m),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', rolname, rolsuper, rolinherit, rolbypassrls), 0)), 0) FROM pg_roles),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', evtenabled), 0)), 0) FROM pg_event_trigger)";

/// What the event triggers tell at once.
const OWN_FINGERPRINT: &str = ",
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_class WHERE relpersistence <> 't'),
 (SELECT coalesce(sum(hashtextextended(concat(a.attrelid, ' ', a.attnum, ' ', a.xmin), 0)), 0) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attrelid >= 16384 AND c.relpersistence <> 't' AND c.relkind <> 'i'),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_proc WHERE oid >= 16384),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_rewrite WHERE oid >= 16384),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_policy),
 (SELECT coalesce(sum(hashtextextended(concat(inhrelid, ' ', inhparent), 0)), 0) FROM pg_inherits),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_type WHERE oid >= 16384 AND typrelid = 0 AND typelem = 0),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_operator WHERE oid >= 16384),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_cast WHERE oid >= 16384),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%temp%'),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_publication),
 (SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0) FROM pg_publication_rel)";

/// The triggers write a message into the log with the transaction that changes a definition, so that it comes in order.
/// What is temporary is left out, and what the companion does itself.
const TRIGGER: &str = "
BEGIN;
CREATE SCHEMA IF NOT EXISTS slipstream;
CREATE OR REPLACE FUNCTION slipstream.note_definitions() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_setting('slipstream.own', true) = 'on' THEN
        RETURN;
    END IF;
    IF TG_EVENT = 'sql_drop' THEN
        IF NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE NOT is_temporary) THEN
            RETURN;
        END IF;
    ELSIF NOT EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp') THEN
        RETURN;
    END IF;
    PERFORM pg_logical_emit_message(true, 'slipstream', 'ddl');
END
$$;
DROP EVENT TRIGGER IF EXISTS slipstream_definitions;
DROP EVENT TRIGGER IF EXISTS slipstream_drops;
CREATE EVENT TRIGGER slipstream_definitions ON ddl_command_end EXECUTE FUNCTION slipstream.note_definitions();
CREATE EVENT TRIGGER slipstream_drops ON sql_drop EXECUTE FUNCTION slipstream.note_definitions();
ALTER EVENT TRIGGER slipstream_definitions ENABLE ALWAYS;
ALTER EVENT TRIGGER slipstream_drops ENABLE ALWAYS;
COMMIT";
