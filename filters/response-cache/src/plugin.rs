//! What one worker's streams share.

use crate::companion::Companion;
use crate::config::Config;
use crate::flights::{Flights, Landed};
use crate::follower::{Followed, Follower};
use crate::l1::L1;
use crate::leases::{Ended, Leases};
use crate::measures::Measures;
use crate::outbox::Outbox;
use crate::question::Questions;
use crate::settings::Settings;
use crate::stored::Stored;
use crate::stream::{CacheStream, Refresh};
use cache_policy::{Policy, RoutePolicy};
use cache_protocol::{Entry, InvalidationRequest, TraceParent, View};
use invalidation::Verdict;
use slipstream_host::{
    CalloutError, CalloutResponse, ConfigError, ContextId, Moment, Plugin, Routes, Token, wake,
};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// The filter as configured.
pub struct ResponseCache {
    pub(crate) config: Config,
    pub(crate) policy: Policy,
    pub(crate) routes: Routes<RoutePolicy>,
    pub(crate) companion: RefCell<Companion>,
    pub(crate) follower: RefCell<Follower>,
    pub(crate) l1: RefCell<L1>,
    pub(crate) measures: RefCell<Measures>,
    pub(crate) questions: RefCell<Questions>,
    pub(crate) flights: RefCell<Flights>,
    /// What the streams that are being woken waited for.
    landed: RefCell<HashMap<ContextId, Landed>>,
    /// Refreshes under way.
    pub(crate) refreshes: RefCell<HashMap<Token, Refresh>>,
    leases: RefCell<Leases>,
    /// What is stored once something else has been.
    next_stores: RefCell<HashMap<Token, NextStore>>,
    outbox: RefCell<Outbox>,
    retry: RefCell<Option<(Token, InvalidationRequest)>>,
    ticks: Cell<u32>,
}

/// Something to store, and what ends with it.
struct NextStore {
    stored: Rc<Stored>,
    keep_ms: u64,
    lease: Option<String>,
}

/// Metrics are handed over every so many ticks.
const TICKS_PER_EXPORT: u32 = 25;

impl Plugin for ResponseCache {
    type Stream = CacheStream;

    /// As long as a request may have to wait although the fetch it waits for has ended.
    const TICK_PERIOD_MS: u32 = 20;

    fn configure(configuration: &[u8]) -> Result<Self, ConfigError> {
        let config = Config::load(configuration)?;
        Ok(ResponseCache {
            policy: config.policy(),
            routes: Routes::read_by("slipstream.response-cache", {
                let defaults = config.defaults.clone();
                move |json| Settings::load(json, &defaults)
            }),
            companion: RefCell::new(Companion::new(config.companion.clone(), config.max_entry_bytes)),
            follower: RefCell::new(Follower::new()),
            l1: RefCell::new(L1::new(config.l1.max_bytes)),
            measures: RefCell::new(Measures::new(config.max_label_sets)),
            questions: RefCell::new(Questions::new(&config)),
            flights: RefCell::default(),
            landed: RefCell::default(),
            refreshes: RefCell::default(),
            leases: RefCell::default(),
            next_stores: RefCell::default(),
            outbox: RefCell::default(),
            retry: RefCell::default(),
            ticks: Cell::new(0),
            config,
        })
    }

    fn new_stream(plugin: &Rc<Self>, id: ContextId) -> CacheStream {
        CacheStream::new(plugin.clone(), id)
    }

    fn on_tick(&self) {
        let now = Moment::now().ms();
        self.poll(now);
        self.outbox.borrow_mut().expire(now);
        self.retry_undelivered();
        self.give_back_again(now);
        // What is left is of streams that were gone by then.
        self.landed.borrow_mut().clear();
        self.flights.borrow_mut().expire(now);
        self.wake_landed();
        let ticks = self.ticks.get().wrapping_add(1);
        self.ticks.set(ticks);
        if ticks % TICKS_PER_EXPORT == 1 {
            let mut measures = self.measures.borrow_mut();
            measures.mistaken(self.routes.take_mistakes());
            measures.export(&self.l1.borrow());
        }
    }

    fn on_callout(&self, token: Token, response: Result<CalloutResponse, CalloutError>) {
        if self.follower.borrow().awaits(token) {
            self.followed(response);
        } else {
            self.leases.borrow_mut().answered(token, || response.as_ref().ok()?.status().ok()?);
            if !self.refreshed(token, &response) && !self.store_next(token) {
                self.retried(token, &response);
            }
        }
        // Some may wait for what was stored.
        self.wake_landed();
    }
}

impl ResponseCache {
    /// What is stored in L1 under a full key, if the lease lasts and nothing has invalidated it; and whether something has
    /// made it stale.
    pub(crate) fn find_in_l1(&self, key: &str, now_ms: u64) -> Option<(Rc<Stored>, bool)> {
        let follower = self.follower.borrow();
        let log = follower.leased(now_ms)?;
        let stored = self.l1.borrow().find(key)?;
        match stored.judge(log) {
            Verdict::Valid => Some((stored, false)),
            Verdict::Stale => Some((stored, true)),
            Verdict::Invalid | Verdict::Unknown => {
                self.l1.borrow_mut().remove(key);
                None
            }
        }
    }

    /// Whether it is known what the log says.
    pub(crate) fn is_leased(&self) -> bool {
        self.follower.borrow().leased(Moment::now().ms()).is_some()
    }

    /// What the log says of a response; nothing without a lease.
    pub(crate) fn judge(&self, stored: &Stored, now_ms: u64) -> Option<Verdict> {
        Some(stored.judge(self.follower.borrow().leased(now_ms)?))
    }

    /// The same of one in an envelope.
    pub(crate) fn judge_view(&self, view: &View<'_>, now_ms: u64) -> Option<Verdict> {
        Some(self.follower.borrow().leased(now_ms)?.judge(view.key, &view.tags, view.position))
    }

    /// Stores something once what was sent before is stored: whoever finds the one looks for the other.
    pub(crate) fn store_after(
        &self,
        before: Option<Token>,
        stored: Rc<Stored>,
        keep_ms: u64,
        lease: Option<String>,
    ) {
        let next = NextStore { stored, keep_ms, lease };
        match before {
            Some(token) => {
                self.next_stores.borrow_mut().insert(token, next);
            }
            None => self.store_now(next),
        }
    }

    /// Stores what was to be stored after this; false if nothing was.
    fn store_next(&self, token: Token) -> bool {
        let next = self.next_stores.borrow_mut().remove(&token);
        next.map(|next| self.store_now(next)).is_some()
    }

    fn store_now(&self, next: NextStore) {
        let NextStore { stored, keep_ms, lease } = next;
        self.store_under(&stored.entry, keep_ms, lease, None);
    }

    /// Stores a response at the companion, which ends the lease; the token of the callout, if it could be sent.
    pub(crate) fn store_under(
        &self,
        entry: &Entry,
        keep_ms: u64,
        lease: Option<String>,
        trace: Option<TraceParent>,
    ) -> Option<Token> {
        let sent = self.companion.borrow().store(entry, keep_ms, lease.as_deref(), trace);
        if let Some(lease) = lease {
            let ended = self.ended(&entry.key, lease, None);
            self.leases.borrow_mut().ending(sent, ended);
        }
        sent
    }

    /// Gives a lease back under which nothing was stored. With `pass_ms`, nobody is to wait for this key for so long: its
    /// answers are not stored.
    pub(crate) fn release(&self, key: &str, lease: String, pass_ms: Option<u64>) {
        self.give_back(self.ended(key, lease, pass_ms));
    }

    fn ended(&self, key: &str, lease: String, pass_ms: Option<u64>) -> Ended {
        let runs_out_ms = Moment::now().ms() + self.config.collapse_wait_ms;
        Ended { key: key.to_owned(), lease, pass_ms, runs_out_ms }
    }

    fn give_back(&self, ended: Ended) {
        let sent = self.companion.borrow().release(&ended).ok();
        self.leases.borrow_mut().ending(sent, ended);
    }

    fn give_back_again(&self, now_ms: u64) {
        if self.companion.borrow().is_there() {
            let owed = self.leases.borrow_mut().take_owed(now_ms);
            owed.into_iter().for_each(|ended| self.give_back(ended));
        }
    }

    /// What the stream that is being woken waited for.
    pub(crate) fn take_landed(&self, id: ContextId) -> Option<Landed> {
        self.landed.borrow_mut().remove(&id)
    }

    /// Has those go on who have waited for something that has ended.
    pub(crate) fn wake_landed(&self) {
        let mut landed = self.landed.borrow_mut();
        for (id, how) in self.flights.borrow_mut().take_landed() {
            landed.insert(id, how);
            wake(id);
        }
    }

    /// Whether nothing may be served from or stored in a cache, because a write could not be made known.
    pub(crate) fn must_keep_out(&self) -> bool {
        self.outbox.borrow().has_undelivered()
    }

    /// Makes an invalidation known. Returns the token of its callout; none if it could not be sent, and is kept.
    pub(crate) fn invalidate(
        &self,
        request: InvalidationRequest,
        trace: Option<TraceParent>,
    ) -> Option<Token> {
        let companion = self.companion.borrow();
        let mut outbox = self.outbox.borrow_mut();
        match companion.invalidate(&request, trace) {
            Ok(token) => {
                outbox.sent(token, request, companion.gives_up_ms(Moment::now().ms()));
                Some(token)
            }
            Err(_) => {
                outbox.keep(request);
                self.measures.borrow_mut().invalidated(false);
                None
            }
        }
    }

    /// Takes in the answer to an invalidation.
    pub(crate) fn invalidated(&self, token: Token, response: &Result<CalloutResponse, CalloutError>) {
        let delivered = is_ok(response);
        if self.outbox.borrow_mut().answered(token, delivered) {
            self.measures.borrow_mut().invalidated(delivered);
        }
    }

    fn poll(&self, now_ms: u64) {
        let companion = self.companion.borrow();
        // A companion that cannot be reached shows by the lease that runs out.
        let _ = self.follower.borrow_mut().poll(&companion, now_ms);
    }

    fn followed(&self, response: Result<CalloutResponse, CalloutError>) {
        let followed = self.follower.borrow_mut().answered(response);
        if followed == Followed::Lost {
            self.l1.borrow_mut().clear();
        }
        match followed {
            // The next tick polls: no storm on a companion that refuses.
            Followed::Failed => self.flights.borrow_mut().trust_nobody_elsewhere(),
            Followed::On | Followed::Lost => self.poll(Moment::now().ms()),
        }
    }

    fn retry_undelivered(&self) {
        let outbox = self.outbox.borrow();
        let mut retry = self.retry.borrow_mut();
        if retry.is_none() && outbox.has_undelivered() {
            let request = outbox.undelivered().clone();
            *retry = self.companion.borrow().invalidate(&request, None).ok().map(|token| (token, request));
        }
    }

    fn retried(&self, token: Token, response: &Result<CalloutResponse, CalloutError>) {
        let retry = self.retry.borrow_mut().take_if(|(waiting, _)| *waiting == token);
        if let Some((_, request)) = retry
            && is_ok(response)
        {
            self.outbox.borrow_mut().delivered_all(&request);
            self.measures.borrow_mut().invalidated(true);
        }
    }
}

fn is_ok(response: &Result<CalloutResponse, CalloutError>) -> bool {
    response.as_ref().is_ok_and(|response| response.status() == Ok(Some(200)))
}
