//! What may happen to the database behind the API.

use std::time::Duration;

use anyhow::Result;

use crate::Stand;

pub(crate) fn stop_postgres(stand: &mut Stand) -> Result<()> {
    stand.database()?.postgres.stop();
    Ok(())
}

pub(crate) fn start_postgres(stand: &mut Stand) -> Result<()> {
    stand.database()?.postgres.start_again()
}

pub(crate) fn stop_pgbouncer(stand: &mut Stand) -> Result<()> {
    stand.database()?.pgbouncer.process().stop_within(Duration::from_secs(10));
    Ok(())
}

pub(crate) fn start_pgbouncer(stand: &mut Stand) -> Result<()> {
    stand.database()?.pgbouncer.start_again()
}
