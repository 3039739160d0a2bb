//! Saying that all is known that had been committed at some moment, and how far behind that is.

use std::time::{Duration, Instant};

use query_cache_model::{Lsn, Record};

use super::Session;
use crate::change_capture::database::Look;
use crate::change_capture::ended::Ended;

/// How long the log may take to come past a mark before a message is written that takes it along: a commit that did not
/// wait for the disk, or the end of a page, may keep it.
pub(super) const NUDGE: Duration = Duration::from_millis(20);

/// That everything up to here has come is what makes a record complete.
#[derive(Debug, Clone, Copy)]
pub(in crate::change_capture) struct Mark {
    /// The last record that was acknowledged before the log's end was read.
    pub(super) since: u64,
    /// The log's end then.
    pub(super) until: Lsn,
    pub(super) at: Instant,
    pub(super) nudged: bool,
}

impl Session<'_> {
    /// Publishes that everything is known that had been committed at the mark, once it is.
    pub(super) async fn complete_mark(&mut self) -> Result<(), Ended> {
        let Some(mark) = self.mark else { return Ok(()) };
        let has_come = self.decoded >= mark.until
            && self.pending.front().is_none_or(|transaction| transaction.lsn > mark.until);
        if has_come {
            let lsn = if self.pending.is_empty() { self.decoded } else { mark.until };
            self.publish(Record { lsn, complete_since: Some(mark.since), ..Record::default() }).await?;
            self.stream.update_applied_lsn(lsn.0.into());
            self.complete = mark.at;
            self.capture.status.complete(mark.at);
            self.capture.status.update(|report| report.lsn = lsn.to_string());
            self.mark = None;
            self.next_mark = mark.at + Duration::from_millis(self.capture.settings.heartbeat_ms);
        } else if mark.at.elapsed() >= NUDGE {
            if !mark.nudged {
                self.database.emit("flush").await?;
                self.mark = Some(Mark { nudged: true, ..mark });
            }
            let look = self.database.look().await?;
            self.measure(&look)?;
        }
        Ok(())
    }

    pub(super) fn measure(&mut self, look: &Look) -> Result<(), Ended> {
        let lag = look.written.0.saturating_sub(self.decoded.0);
        let age = self.complete.elapsed();
        let settings = &self.capture.settings;
        self.capture.metrics.lag_bytes.set(i64::try_from(lag).unwrap_or(i64::MAX));
        self.capture.metrics.lag_milliseconds.set(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        self.capture.status.update(|report| report.lag_bytes = lag);
        if lag > settings.max_lag_bytes {
            return Err(Ended::Lagging(format!(
                "{lag} bytes of log behind, more than change_capture.max_lag_bytes ({}): the slot is given up",
                settings.max_lag_bytes
            )));
        }
        if age > Duration::from_millis(settings.max_lag_ms) {
            return Err(Ended::Lagging(format!(
                "{} ms behind, more than change_capture.max_lag_ms ({}): the slot is given up",
                age.as_millis(),
                settings.max_lag_ms
            )));
        }
        Ok(())
    }
}
