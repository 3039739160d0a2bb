//! How far an index build is, seen from a second connection.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::{Event, Migration, Migrator, Observer, connect};

const INTERVAL: Duration = Duration::from_millis(500);

/// Watches a build until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress(JoinHandle<()>);

impl Progress {
    /// Begins to watch what the migrator's session is going to build. Without a second connection nobody watches: it is only for show.
    pub(crate) async fn watch(migrator: &Migrator, migration: &Migration) -> Option<Self> {
        let pid: i32 =
            migrator.client.query_one("SELECT pg_backend_pid()", &[]).await.ok()?.try_get(0).ok()?;
        let (endpoint, observer, label) =
            (migrator.endpoint.clone(), migrator.observer.clone(), migration.label());
        Some(Self(tokio::spawn(async move {
            // Most builds on small tables are over before.
            tokio::time::sleep(INTERVAL).await;
            if let Ok(client) = connect(&endpoint, "slipstream migrate: progress").await {
                watch(&client, pid, &label, &observer).await;
            }
        })))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn watch(client: &Client, pid: i32, label: &str, observer: &Observer) {
    loop {
        let row = client
            .query_opt(
                "SELECT phase,
                        CASE WHEN blocks_total > 0 THEN 100.0 * blocks_done / blocks_total
                             WHEN tuples_total > 0 THEN 100.0 * tuples_done / tuples_total
                        END::float8,
                        nullif(current_locker_pid, 0)::int4
                 FROM pg_stat_progress_create_index WHERE pid = $1",
                &[&pid],
            )
            .await;
        let Ok(row) = row else { return };
        if let Some(row) = row
            && let (Ok(phase), Ok(percent), Ok(waits_for)) = (row.try_get(0), row.try_get(1), row.try_get(2))
        {
            observer.tell(Event::Progress { migration: label.to_owned(), phase, percent, waits_for });
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
