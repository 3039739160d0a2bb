//! What the filter asks of the companion, and what it makes of the answers.

use crate::config;
use cache_protocol::{Entry, InvalidationRequest, View, names};
use circuit_breaker::{Breaker, State};
use http_semantics::Fields;
use invalidation::Position;
use slipstream_host::{Callout, CalloutError, CalloutResponse, Headers, HostError, Token};

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

/// What a lookup has found, in the answer's body.
pub enum Found<'a> {
    /// A response that no invalidation has hit.
    Entry(View<'a>),
    /// Nothing, and where the log stands now.
    Nothing(Position),
    /// An envelope that is damaged, or not what was asked for.
    Damaged,
    /// No usable answer.
    Failed,
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
        let poll = Callout { cluster, method: "GET", path, headers: &[], body: &[], timeout_ms };
        self.send(poll, |poll| poll.send())
    }

    /// Asks for the response stored under a full key. None while the breaker is open.
    pub fn look_up(&mut self, key: &str, now_ms: u64) -> Option<Result<Token, HostError>> {
        if !self.breaker.try_acquire(now_ms) {
            return None;
        }
        let lookup = Callout {
            cluster: &self.config.cluster,
            method: "GET",
            path: names::RESPONSES_PATH,
            headers: &[(names::KEY_HEADER, key)],
            body: &[],
            timeout_ms: self.config.lookup_timeout_ms,
        };
        let sent = self.send(lookup, |lookup| lookup.send());
        if sent.is_err() {
            self.breaker.failed(now_ms);
        }
        Some(sent)
    }

    /// Copies the answer's body out of the host. None if there is no usable answer; one that is too large for any
    /// envelope is left there, and is empty here.
    pub fn body(&self, response: &Result<CalloutResponse, CalloutError>) -> Option<Vec<u8>> {
        let response = response.as_ref().ok()?;
        if response.body_size() as u64 > self.max_envelope_bytes {
            return Some(Vec::new());
        }
        response.body().ok()
    }

    /// Takes note of how a lookup has ended.
    pub fn looked_up(&mut self, found: &Found<'_>, now_ms: u64) {
        match found {
            Found::Failed => self.breaker.failed(now_ms),
            _ => self.breaker.succeeded(),
        }
    }

    /// Stores a response; that an answer has come is for the plugin to hear. False if it could not be sent, or if the
    /// companion is being left alone.
    pub fn store(&self, entry: &Entry, ttl_ms: u64) -> bool {
        if self.breaker.state() != State::Closed {
            return false;
        }
        let ttl = ttl_ms.to_string();
        let store = Callout {
            cluster: &self.config.cluster,
            method: "PUT",
            path: names::RESPONSES_PATH,
            headers: &[
                (names::KEY_HEADER, &entry.key),
                (names::TTL_HEADER, &ttl),
                ("content-type", names::ENVELOPE_MEDIA_TYPE),
            ],
            body: &entry.encode(),
            timeout_ms: 10 * self.config.lookup_timeout_ms,
        };
        self.send(store, |store| store.send_for_plugin()).is_ok()
    }

    /// Asks that something be invalidated everywhere.
    pub fn invalidate(&self, request: &InvalidationRequest) -> Result<Token, HostError> {
        let invalidation = Callout {
            cluster: &self.config.cluster,
            method: "POST",
            path: names::INVALIDATIONS_PATH,
            headers: &[("content-type", "application/json")],
            // What cannot fail to serialize: strings and a truth value.
            body: &serde_json::to_vec(request).unwrap_or_default(),
            timeout_ms: self.config.invalidation_timeout_ms,
        };
        self.send(invalidation, |invalidation| invalidation.send())
    }

    /// When an invalidation sent now counts as lost, if nobody brings its answer.
    pub fn gives_up_ms(&self, now_ms: u64) -> u64 {
        now_ms + 2 * u64::from(self.config.invalidation_timeout_ms)
    }

    /// Sends a callout, with the token if there is one.
    fn send(
        &self,
        callout: Callout<'_>,
        send: impl FnOnce(&Callout<'_>) -> Result<Token, HostError>,
    ) -> Result<Token, HostError> {
        let Some(authorization) = &self.authorization else { return send(&callout) };
        let mut headers = callout.headers.to_vec();
        headers.push(("authorization", authorization));
        send(&Callout { headers: &headers, ..callout })
    }
}

/// Reads the answer to a lookup of `key`.
pub fn read<'a>(
    key: &str,
    response: &Result<CalloutResponse, CalloutError>,
    body: Option<&'a [u8]>,
) -> Found<'a> {
    let (Ok(response), Some(body)) = (response, body) else { return Found::Failed };
    // The headers of a hit are not read: an envelope says all, and nothing else decodes as one.
    if let Ok(view) = View::decode(body) {
        return if view.key == key { Found::Entry(view) } else { Found::Damaged };
    }
    match response.headers() {
        Ok(headers) => match headers.status() {
            Some(200) => Found::Damaged,
            Some(404) => position(&headers).map_or(Found::Failed, Found::Nothing),
            _ => Found::Failed,
        },
        Err(_) => Found::Failed,
    }
}

fn position(headers: &Headers) -> Option<Position> {
    let value = headers.first(names::POSITION_HEADER)?;
    std::str::from_utf8(value).ok()?.parse().ok()
}
