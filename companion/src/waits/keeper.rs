//! Who looks after those that wait for one key.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Outcome, Waiter};
use crate::http::Service;
use crate::metrics::LeaseOutcome;
use crate::store::{Claim, LeaseState, Lookup};

/// How long the place of one that has gone may stay taken.
const TIDY: Duration = Duration::from_millis(100);

/// Looks after those who wait for a key until there are none.
pub(super) async fn keep(service: Arc<Service>, key: Arc<str>, stirred: Arc<Notify>) {
    let mut known = None;
    let mut is_stirred = true;
    while service.waits.anyone_left(&key) {
        let pause = match service.store.lease(&key).await {
            Ok((state, pause)) => {
                if is_stirred || known != Some(state) {
                    let ran_out = match known {
                        Some(LeaseState::Held(lease)) => !service.waits.was_released(&key, lease),
                        _ => false,
                    };
                    known = settle(&service, &key, state, ran_out).await;
                }
                pause
            }
            Err(error) => {
                service.metrics.lease(LeaseOutcome::Error);
                answer(service.waits.take_out(&key, |_| true), &Err(error));
                Duration::ZERO
            }
        };
        is_stirred = tokio::select! {
            () = stirred.notified() => true,
            () = tokio::time::sleep(pause.min(TIDY)) => false,
        };
    }
}

/// Answers those whom what is stored now, or the lease's state, lets go; the lease's state afterwards.
async fn settle(service: &Service, key: &str, state: LeaseState, ran_out: bool) -> Option<LeaseState> {
    let waits = &service.waits;
    let lookup = match service.store.lookup(key).await {
        Ok(lookup) => lookup,
        Err(error) => {
            answer(waits.take_out(key, |_| true), &Err(error));
            return None;
        }
    };
    serve(service, key, &lookup);
    match state {
        LeaseState::Held(_) => Some(state),
        LeaseState::Pass => {
            answer(waits.take_out(key, |_| true), &Ok((lookup, Some(Claim::Pass))));
            Some(state)
        }
        LeaseState::Free => {
            let first = waits.first(key)?;
            if ran_out {
                service.metrics.lease(LeaseOutcome::Expired);
            }
            pass_on(service, key, first).await
        }
    }
}

/// Answers those who can be served with what is stored: what is fresh, and what was stored since they came.
fn serve(service: &Service, key: &str, lookup: &Lookup) {
    let Ok(found) = &lookup.found else { return };
    let is_fresh = lookup.fresh().is_some();
    let is_new = |waiter: &Waiter| !found.is_stale && waiter.unfit != Some(found.checksum);
    let served = service.waits.take_out(key, |waiter| is_fresh || is_new(waiter));
    answer(served, &Ok((lookup.clone(), None)));
}

/// Lets the first of those who wait lead, or the next if it has gone; the lease's state afterwards, where it is known.
async fn pass_on(service: &Service, key: &str, first: Waiter) -> Option<LeaseState> {
    let mut next = Some(first);
    while let Some(waiter) = next {
        match service.claim(key, waiter.bid).await {
            Ok((lookup, Some(Claim::Lead(id)))) => {
                if waiter.outcome.send(Ok((lookup, Some(Claim::Lead(id))))).is_ok() {
                    return Some(LeaseState::Held(id));
                }
                service.give_up(key, id).await;
            }
            Ok((lookup, None)) => {
                service.waits.put_back(key, waiter);
                serve(service, key, &lookup);
                return None;
            }
            // Another was faster, or keeps everyone from waiting: the next look tells.
            Ok((_, Some(Claim::Wait | Claim::Pass))) => {
                service.waits.put_back(key, waiter);
                return None;
            }
            // Whoever waits for this one has gone, if nobody takes it.
            Err(error) => drop(waiter.outcome.send(Err(error))),
        }
        next = service.waits.first(key);
    }
    None
}

fn answer(waiters: Vec<Waiter>, outcome: &Outcome) {
    for waiter in waiters {
        // One that has gone needs no answer.
        let _ = waiter.outcome.send(outcome.clone());
    }
}
