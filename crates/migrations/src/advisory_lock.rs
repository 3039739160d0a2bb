//! One migrator at a time.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::{Error, Event, Observer, Target};

/// The first half of the lock's key: "slip" in ASCII.
const CLASS: i32 = 0x736c_6970;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Takes the target's lock for the session. It asks again and again instead of waiting in the server: a session that waits holds a
/// snapshot, and a concurrent index build waits for all snapshots, also for those of whoever waits for the build.
pub(crate) async fn acquire(
    client: &Client,
    target: Target,
    patience: Duration,
    observer: &Observer,
) -> Result<(), Error> {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    loop {
        let taken: bool = client
            .query_one("SELECT pg_try_advisory_lock($1, $2)", &[&CLASS, &target.lock_key()])
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|error| Error::database("taking the migrators' lock", &error))?;
        if taken {
            return Ok(());
        }
        if start.elapsed() >= patience {
            let holder = holder(client, target).await?;
            return Err(Error::Locked { holder, waited_seconds: start.elapsed().as_secs() });
        }
        if !told {
            observer.tell(Event::WaitingForOther { holder: holder(client, target).await? });
            told = true;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Gives it back.
pub(crate) async fn release(client: &Client, target: Target) {
    // A session that is gone holds no lock, so there is nothing to be done about an error.
    let _ = client.execute("SELECT pg_advisory_unlock($1, $2)", &[&CLASS, &target.lock_key()]).await;
}

async fn holder(client: &Client, target: Target) -> Result<String, Error> {
    let row = client
        .query_opt(
            "SELECT format('process %s, %s%s, since %s', a.pid, a.usename, coalesce('@' || host(a.client_addr), ''), a.backend_start)
             FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1::int4::oid AND l.objid = $2::int4::oid
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            &[&CLASS, &target.lock_key()],
        )
        .await
        .map_err(|error| Error::database("asking who holds the migrators' lock", &error))?;
    Ok(row.and_then(|row| row.try_get(0).ok()).unwrap_or_else(|| "one that has just ended".to_owned()))
}
