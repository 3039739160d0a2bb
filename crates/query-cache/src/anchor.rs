//! Makes sure that the pool's server is the one whose changes are followed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio_postgres::SimpleQueryMessage;

use crate::follower::Follower;

const SQL: &str = "SELECT (SELECT system_identifier::text FROM pg_control_system()) || '-' || \
    (SELECT oid::text FROM pg_database WHERE datname = current_database()), \
    CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END";

/// The server and database behind the pool: what the companion names them by, and the timeline, which is empty on a replica.
pub(crate) async fn ask(pool: &Pool) -> Option<(String, String)> {
    let client = pool.get().await.ok()?;
    // By the simple protocol, which every pooler passes on.
    let messages = client.simple_query(SQL).await.ok()?;
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0)?.to_owned(), row.get(1)?.to_owned())),
        _ => None,
    })
}

/// Asks again and again. A replica that was promoted has another timeline than the companion follows.
pub(crate) async fn watch(pool: Pool, follower: Arc<Follower>, database: String, interval: Duration) {
    loop {
        let asked = Instant::now();
        let is_same = match ask(&pool).await {
            Some((name, timeline)) => {
                let followed = follower.timeline();
                let is_same = name == database && !timeline.is_empty() && timeline == followed;
                if !is_same && !followed.is_empty() {
                    tracing::warn!(
                        server = %name, %timeline, followed = %database, followed_timeline = %followed,
                        "query cache: the pool leads to another server than the companion follows"
                    );
                }
                Some(is_same)
            }
            // No answer is none: what was seen last holds for a while.
            None => None,
        };
        if let Some(is_same) = is_same {
            follower.anchor(is_same.then_some(asked));
        }
        // The first time it may be that the follower does not know the timeline yet.
        let pause = if is_same == Some(true) { interval } else { interval.min(Duration::from_millis(50)) };
        tokio::time::sleep(pause).await;
    }
}
