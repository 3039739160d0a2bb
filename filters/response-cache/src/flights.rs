//! Identical misses wait for one fetch (request collapsing, RFC 9111 §4).
//!
//! The first request that misses a key leads: it goes to the origin. Those that come while it is there wait, and are
//! told when it has landed. A key whose answer could not be stored is passed by for a while, so that requests for
//! what is never stored do not queue behind each other.

use crate::stored::Stored;
use slipstream_host::ContextId;
use std::collections::HashMap;
use std::rc::Rc;

/// The fetches under way in one VM, by full key.
#[derive(Default)]
pub struct Flights {
    under_way: HashMap<String, Flight>,
    /// Keys that are passed by, and until when.
    passed: HashMap<String, u64>,
    landed: Vec<(ContextId, Landed)>,
}

/// A lookup or a fetch that others may wait for.
#[derive(Default)]
struct Flight {
    waiters: Vec<Waiter>,
    /// The request that leads, if it waits at the companion for another worker's fetch.
    waits_elsewhere: Option<ContextId>,
}

struct Waiter {
    id: ContextId,
    until_ms: u64,
}

/// What a request that misses does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Fetches; others may wait for it.
    Lead,
    /// Waits until it is told how the fetch has ended.
    Wait,
    /// Fetches for itself alone.
    Pass,
}

/// How the fetch that a request waited for has ended.
#[derive(Clone)]
pub enum Landed {
    /// With a response that is stored.
    Stored(Rc<Stored>),
    /// With a response that may not be stored.
    NotStorable,
    /// With a failure of the origin, in place of which this stale response may be served.
    Failed(Rc<Stored>),
    /// Without one: its client has gone, or its response was cut off.
    Lost,
    /// Not yet, and the request has waited long enough.
    Late,
}

/// How long a key is passed by.
const PASS_MS: u64 = 10_000;
/// How many keys are passed by; past that all are forgotten.
const MAX_PASSED: usize = 4_096;

impl Flights {
    /// A request misses. If it has to wait, it does so until `until_ms` at most.
    pub fn join(&mut self, key: &str, id: ContextId, until_ms: u64, now_ms: u64) -> Turn {
        if self.passed.get(key).is_some_and(|until_ms| now_ms < *until_ms) || now_ms >= until_ms {
            return Turn::Pass;
        }
        match self.under_way.get_mut(key) {
            Some(flight) => {
                flight.waiters.push(Waiter { id, until_ms });
                Turn::Wait
            }
            None => {
                self.under_way.insert(key.to_owned(), Flight::default());
                Turn::Lead
            }
        }
    }

    /// The request that leads waits at the companion for another worker's fetch.
    pub fn wait_elsewhere(&mut self, key: &str, id: ContextId) {
        if let Some(flight) = self.under_way.get_mut(key) {
            flight.waits_elsewhere = Some(id);
        }
    }

    /// The companion fails: it may never tell those that wait there that the fetch has ended. They are told
    /// [`Landed::Late`], as are those that it has answered since.
    pub fn trust_nobody_elsewhere(&mut self) {
        let told = self.under_way.values_mut().filter_map(|flight| flight.waits_elsewhere.take());
        self.landed.extend(told.map(|id| (id, Landed::Late)));
    }

    /// The fetch of a key has ended. Its waiters are told by the next [`Flights::take_landed`].
    pub fn land(&mut self, key: &str, how: &Landed, now_ms: u64) {
        if let Landed::NotStorable = how {
            if self.passed.len() >= MAX_PASSED {
                self.passed.clear();
            }
            self.passed.insert(key.to_owned(), now_ms + PASS_MS);
        }
        let waiters = self.under_way.remove(key).unwrap_or_default().waiters;
        self.landed.extend(waiters.into_iter().map(|waiter| (waiter.id, how.clone())));
    }

    /// Those that have waited long enough need not wait any longer.
    pub fn expire(&mut self, now_ms: u64) {
        for flight in self.under_way.values_mut() {
            let late = flight.waiters.extract_if(.., |waiter| now_ms >= waiter.until_ms);
            self.landed.extend(late.map(|waiter| (waiter.id, Landed::Late)));
        }
    }

    /// The requests that need not wait any longer, each with the reason, in the order in which they came.
    pub fn take_landed(&mut self) -> Vec<(ContextId, Landed)> {
        std::mem::take(&mut self.landed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Turn::{Lead, Pass, Wait};

    const UNTIL: u64 = 5_000;

    fn join(flights: &mut Flights, key: &str, id: u32, now_ms: u64) -> Turn {
        flights.join(key, ContextId(id), UNTIL, now_ms)
    }

    fn told(flights: &mut Flights, now_ms: u64) -> Vec<(u32, &'static str)> {
        let name = |landed| match landed {
            Landed::Stored(_) => "stored",
            Landed::NotStorable => "not storable",
            Landed::Failed(_) => "failed",
            Landed::Lost => "lost",
            Landed::Late => "late",
        };
        flights.expire(now_ms);
        flights.take_landed().into_iter().map(|(id, landed)| (id.0, name(landed))).collect()
    }

    #[test]
    fn one_leads_and_the_others_wait_until_it_lands() {
        let mut flights = Flights::default();
        let turns = [(1, "a"), (2, "a"), (3, "b"), (4, "a")].map(|(id, key)| join(&mut flights, key, id, 0));
        assert_eq!(turns, [Lead, Wait, Lead, Wait]);
        assert_eq!(told(&mut flights, 1), []);
        flights.land("a", &Landed::Lost, 1);
        assert_eq!(told(&mut flights, 1), [(2, "lost"), (4, "lost")]);
        assert_eq!(told(&mut flights, 1), []);
        assert_eq!(join(&mut flights, "a", 5, 1), Lead, "the next one leads");
    }

    #[test]
    fn what_cannot_be_stored_is_passed_by_for_a_while() {
        let mut flights = Flights::default();
        join(&mut flights, "a", 1, 0);
        join(&mut flights, "a", 2, 0);
        flights.land("a", &Landed::NotStorable, 100);
        assert_eq!(told(&mut flights, 100), [(2, "not storable")]);
        assert_eq!(join(&mut flights, "a", 3, 101), Pass);
        assert_eq!(join(&mut flights, "b", 4, 101), Lead);
        let turn = flights.join("a", ContextId(5), u64::MAX, 100 + PASS_MS);
        assert_eq!(turn, Lead);
    }

    #[test]
    fn whoever_waits_elsewhere_is_told_when_nobody_there_can_be_trusted_and_leads_on() {
        let mut flights = Flights::default();
        join(&mut flights, "a", 1, 0);
        join(&mut flights, "a", 2, 0);
        join(&mut flights, "b", 3, 0);
        flights.wait_elsewhere("a", ContextId(1));
        flights.trust_nobody_elsewhere();
        assert_eq!(told(&mut flights, 1), [(1, "late")]);
        flights.trust_nobody_elsewhere();
        assert_eq!(told(&mut flights, 1), [], "once");
        assert_eq!(join(&mut flights, "a", 5, 1), Wait);
        flights.land("a", &Landed::Lost, 2);
        assert_eq!(told(&mut flights, 2), [(2, "lost"), (5, "lost")]);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let mut flights = Flights::default();
        join(&mut flights, "a", 1, 0);
        join(&mut flights, "a", 2, 0);
        flights.join("a", ContextId(3), UNTIL + 1, 0);
        assert_eq!(told(&mut flights, UNTIL - 1), []);
        assert_eq!(told(&mut flights, UNTIL), [(2, "late")]);
        assert_eq!(join(&mut flights, "a", 4, UNTIL), Pass, "it has no time left to wait");
        flights.land("a", &Landed::Lost, UNTIL);
        assert_eq!(told(&mut flights, UNTIL), [(3, "lost")]);
    }

    #[test]
    fn what_is_passed_by_is_bounded() {
        let mut flights = Flights::default();
        for key in 0..2 * MAX_PASSED {
            flights.land(&key.to_string(), &Landed::NotStorable, 0);
            assert!(flights.passed.len() <= MAX_PASSED);
        }
    }
}
