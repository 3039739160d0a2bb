//! What the filter asks of the companion, and what it makes of the answers.

use crate::config;
use crate::leases::Ended;
use crate::lookup::Found;
use cache_protocol::{Entry, InvalidationRequest, TraceParent, names};
use circuit_breaker::{Breaker, State};
use slipstream_host::{Callout, HostError, Token};

/// The companion, as one worker sees it.
pub struct Companion {
    config: config::Companion,
    /// The value of Authorization, if there is a token.
    authorization: Option<String>,
    max_envelope_bytes: u64,
    breaker: Breaker,
}

/// What an envelope may have beside a body: Envoy's own limit of 60 KiB of headers, the key and tags.
const ENVELOPE_BYTES: u64 = 128 << 10;

/// What a lookup asks for beside what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Nothing.
    Stored,
    /// Leave to fetch it, if nothing fresh is stored; nobody else gets leave for so many milliseconds.
    Lease(u64),
    /// The same, after waiting so many milliseconds at most for whoever has leave.
    Wait(u64),
}

impl Companion {
    /// The companion that the configuration names.
    pub fn new(config: config::Companion, max_entry_bytes: u64) -> Companion {
        let breaker = Breaker::new(config.breaker_failures, config.breaker_open_ms);
        let authorization = (!config.token.is_empty()).then(|| format!("Bearer {}", config.token));
        Companion { config, authorization, max_envelope_bytes: max_entry_bytes + ENVELOPE_BYTES, breaker }
    }

    /// Polls the log of invalidations.
    pub fn poll(&self, path: &str, timeout_ms: u32) -> Result<Token, HostError> {
        let cluster = &self.config.cluster;
        let poll =
            Callout { cluster, authority: None, method: "GET", path, headers: &[], body: &[], timeout_ms };
        self.send(poll, None, |poll| poll.send())
    }

    /// Asks for the response stored under a full key, and for the lease of this name, if for one. None while the breaker
    /// is open.
    pub fn look_up(
        &mut self,
        key: &str,
        ask: Ask,
        lease: &str,
        trace: Option<TraceParent>,
        now_ms: u64,
    ) -> Option<Result<Token, HostError>> {
        if !self.breaker.try_acquire(now_ms) {
            return None;
        }
        let (lease_ms, wait_ms) = match ask {
            Ask::Stored => (0, 0),
            Ask::Lease(lease_ms) => (lease_ms, 0),
            Ask::Wait(wait_ms) => (wait_ms, wait_ms),
        };
        let (held, wait) = (lease_ms.to_string(), wait_ms.to_string());
        let headers = [
            (names::KEY_HEADER, key),
            (names::LEASE_HEADER, lease),
            (names::LEASE_MS_HEADER, held.as_str()),
            (names::WAIT_MS_HEADER, wait.as_str()),
        ];
        let count = 1 + 2 * usize::from(lease_ms > 0) + usize::from(wait_ms > 0);
        let lookup = Callout {
            cluster: &self.config.cluster,
            authority: None,
            method: "GET",
            path: names::RESPONSES_PATH,
            headers: headers.get(..count).unwrap_or_default(),
            body: &[],
            timeout_ms: self
                .config
                .lookup_timeout_ms
                .saturating_add(u32::try_from(wait_ms).unwrap_or(u32::MAX)),
        };
        let sent = self.send(lookup, trace, |lookup| lookup.send());
        if sent.is_err() {
            self.breaker.failed(now_ms);
        }
        Some(sent)
    }

    /// Bytes that the answer to a lookup may have; in a larger one there is no envelope of ours.
    pub fn max_envelope_bytes(&self) -> u64 {
        self.max_envelope_bytes
    }

    /// Takes note of how a lookup has ended.
    pub fn looked_up(&mut self, found: &Found<'_>, now_ms: u64) {
        match found {
            Found::Failed => self.breaker.failed(now_ms),
            _ => self.breaker.succeeded(),
        }
    }

    /// Stores a response, which ends the lease under which it was fetched; that an answer has come is for the plugin to
    /// hear. None if it could not be sent, or if the companion is being left alone.
    pub fn store(
        &self,
        entry: &Entry,
        ttl_ms: u64,
        lease: Option<&str>,
        trace: Option<TraceParent>,
    ) -> Option<Token> {
        if !self.is_there() {
            return None;
        }
        let ttl = ttl_ms.to_string();
        let mut headers = vec![
            (names::KEY_HEADER, entry.key.as_str()),
            (names::TTL_HEADER, &ttl),
            ("content-type", names::ENVELOPE_MEDIA_TYPE),
        ];
        headers.extend(lease.map(|lease| (names::LEASE_HEADER, lease)));
        let store = Callout {
            cluster: &self.config.cluster,
            authority: None,
            method: "PUT",
            path: names::RESPONSES_PATH,
            headers: &headers,
            body: &entry.encode(),
            timeout_ms: 10 * self.config.lookup_timeout_ms,
        };
        self.send(store, trace, |store| store.send_for_plugin()).ok()
    }

    /// Gives a lease back that nothing was stored under, so that whoever waits goes on; that an answer has come is for the
    /// plugin to hear.
    pub fn release(&self, ended: &Ended) -> Result<Token, HostError> {
        let pass = ended.pass_ms.map(|pass_ms| pass_ms.to_string());
        let mut headers =
            vec![(names::KEY_HEADER, ended.key.as_str()), (names::LEASE_HEADER, ended.lease.as_str())];
        headers.extend(pass.as_deref().map(|pass| (names::PASS_MS_HEADER, pass)));
        let release = Callout {
            cluster: &self.config.cluster,
            authority: None,
            method: "DELETE",
            path: names::LEASES_PATH,
            headers: &headers,
            body: &[],
            timeout_ms: self.config.lookup_timeout_ms,
        };
        self.send(release, None, |release| release.send_for_plugin())
    }

    /// Whether it has answered last time, and is not being left alone.
    pub fn is_there(&self) -> bool {
        self.breaker.state() == State::Closed
    }

    /// Asks that something be invalidated everywhere.
    pub fn invalidate(
        &self,
        request: &InvalidationRequest,
        trace: Option<TraceParent>,
    ) -> Result<Token, HostError> {
        let invalidation = Callout {
            cluster: &self.config.cluster,
            authority: None,
            method: "POST",
            path: names::INVALIDATIONS_PATH,
            headers: &[("content-type", "application/json")],
            // What cannot fail to serialize: strings and a truth value.
            body: &serde_json::to_vec(request).unwrap_or_default(),
            timeout_ms: self.config.invalidation_timeout_ms,
        };
        self.send(invalidation, trace, |invalidation| invalidation.send())
    }

    /// When an invalidation sent now counts as lost, if nobody brings its answer.
    pub fn gives_up_ms(&self, now_ms: u64) -> u64 {
        now_ms + 2 * u64::from(self.config.invalidation_timeout_ms)
    }

    /// Sends a callout, with the companion's token if there is one, and the trace of the request it is about.
    fn send(
        &self,
        callout: Callout<'_>,
        trace: Option<TraceParent>,
        send: impl FnOnce(&Callout<'_>) -> Result<Token, HostError>,
    ) -> Result<Token, HostError> {
        if self.authorization.is_none() && trace.is_none() {
            return send(&callout);
        }
        let trace = trace.map(|trace| trace.to_string());
        let mut headers = callout.headers.to_vec();
        headers.extend(self.authorization.as_deref().map(|authorization| ("authorization", authorization)));
        headers.extend(trace.as_deref().map(|trace| (names::TRACEPARENT_HEADER, trace)));
        send(&Callout { headers: &headers, ..callout })
    }
}
