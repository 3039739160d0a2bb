//! Companions on one Redis wait for each other's followers.
//!
//! Each tells Redis its **reach**: how far all who hold a lease of it have confirmed the log. Who was asked to purge waits
//! until the reach of every other is at or past the record, or has expired. Why nobody serves what was purged then:
//!
//! - A reach that is true stays true. It is never beyond the log as the companion knows it, and whoever comes later gets at
//!   least that log with its first answer. So a follower that has confirmed nothing yet need not lower the reach, it only
//!   keeps it from rising; what it holds from elsewhere it holds by a lease from elsewhere.
//! - A lease is given only if it ends before the last announcement expires: an announcement holds for lease + time-out +
//!   500 ms from its arrival at Redis, and the companion counts from the sending, which was earlier. So while anyone holds a
//!   lease, Redis has the reach, whether its companion is frozen, killed or cut off. In good times there is room: the last
//!   announcement was sent at most [`KEEP`] and a time-out ago, and 200 ms + time-out + lease is less than it holds.
//! - Leases rest on the log as it was at the announcement, or later, and whether they may is looked at before the page is
//!   read. So of a record that the page lacks, the asked companion looks for reaches later, and finds this one.
//! - Where another epoch began, what Redis knew of companions may be lost. Who knew that there were others waits until all
//!   that was announced to the old one has expired.

use std::time::Duration;

use invalidation::Position;
use tokio::time::Instant;

use crate::http::Service;

/// How often at least a reach is told anew.
const KEEP: Duration = Duration::from_millis(200);
/// How long to wait after Redis did not take an announcement.
const RETRY: Duration = Duration::from_millis(20);
/// How often the others' reaches are looked at while an invalidation waits.
const LOOK: Duration = Duration::from_millis(5);
/// How many times as long as announcements hold an invalidation waits for a companion whose followers go on polling and
/// never confirm. With the same settings everywhere once would do: each has been told, or lost its lease.
const PATIENCE: u32 = 3;

/// Tells other companions how far the followers here have confirmed the log. Returns at once where there can be none, else
/// never. After a stop nothing is taken back, for leases run on.
pub(crate) async fn announce(service: &Service) {
    let Some(store) = service.store.shared() else { return };
    let keep = KEEP.min(service.followers.lease() / 3);
    let mut moved = service.store.subscribe();
    let mut confirmations = service.followers.confirmations();
    let mut told: Option<(Position, Instant)> = None;
    loop {
        confirmations.borrow_and_update();
        let log = *moved.borrow_and_update();
        let now = Instant::now();
        let reach = match told {
            Some((told, _)) if store.may_lease(now).is_ok() => {
                service.followers.reach(log).filter(|reach| is_further(*reach, told)).unwrap_or(told)
            }
            // Nobody holds a lease.
            _ => log,
        };
        let due = told.filter(|(told, _)| *told == reach).map_or(now, |(_, at)| at + keep);
        if due <= now {
            match store.announce(reach).await {
                Ok(()) => told = Some((reach, now)),
                Err(_) => tokio::time::sleep(RETRY).await,
            }
            continue;
        }
        tokio::select! {
            _ = moved.changed() => {}
            _ = confirmations.changed() => {}
            () = tokio::time::sleep_until(due) => {}
        }
    }
}

/// Waits until the followers of all other companions have confirmed the record at `position`, or hold no lease any more;
/// of how many companions they have confirmed it.
pub(crate) async fn acknowledge(service: &Service, position: Position) -> u64 {
    let Some(store) = service.store.shared() else { return 0 };
    let expiry = Instant::now() + store.announcement_holds();
    let give_up = Instant::now() + store.announcement_holds() * PATIENCE;
    let Ok((mut waiting, unnamed_until)) = store.others(position).await else {
        tokio::time::sleep_until(expiry).await;
        return 0;
    };
    let mut confirmed = 0;
    while !waiting.is_empty() {
        let looked = store.reaches(&waiting).await;
        let is_lost = !matches!(&looked, Ok((_, Some(log))) if log.epoch == position.epoch);
        if let Ok((reaches, Some(log))) = looked {
            let mut reaches = reaches.into_iter();
            waiting.retain(|_| match reaches.next().flatten() {
                Some(reach) if has_reached(reach, position, log) => {
                    confirmed += 1;
                    false
                }
                Some(_) => true,
                // It has expired; or it went with the log.
                None => is_lost,
            });
        }
        let now = Instant::now();
        if waiting.is_empty() || (is_lost && now >= expiry) {
            break;
        }
        if now >= give_up {
            tracing::warn!(companions = ?waiting, %position, "followers of other companions never confirm");
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    if let Some(until) = unnamed_until {
        tokio::time::sleep_until(until).await;
    }
    confirmed
}

/// Waits until the leases of companions that have lost Redis as this one has are over.
pub(crate) async fn run_out(service: &Service) {
    let until = service.store.shared().and_then(|store| store.others_lease_until());
    if let Some(until) = until {
        tokio::time::sleep_until(until + KEEP).await;
    }
}

fn is_further(reach: Position, told: Position) -> bool {
    reach.epoch != told.epoch || reach.seq > told.seq
}

/// Whether who has reached this far has dropped what the record at `position` hit: it is past it, or on the log that began
/// after the record's.
fn has_reached(reach: Position, position: Position, current: Position) -> bool {
    (reach.epoch == position.epoch && reach.seq >= position.seq)
        || (position.epoch != current.epoch && reach.epoch == current.epoch)
}
