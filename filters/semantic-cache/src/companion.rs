//! What the filter asks of the companion, and what it makes of the answers.

use crate::config;
use cache_protocol::{TraceParent, names};
use circuit_breaker::{Breaker, State};
use semantic_exchange::{Answered, Record, Scope};
use serde::{Deserialize, Serialize};
use slipstream_host::{Callout, CalloutError, CalloutResponse, HostError, Token};

const LOOKUP_PATH: &str = "/v1/semantic/lookup";
const ENTRIES_PATH: &str = "/v1/semantic/entries";

/// The companion, as one worker sees it.
pub struct Companion {
    config: config::Companion,
    /// The value of Authorization, if there is a token.
    authorization: Option<String>,
    breaker: Breaker,
}

#[derive(Serialize)]
struct Question<'a> {
    namespace: &'a Scope,
    question: &'a str,
}

/// What a lookup has brought.
#[derive(Debug, Deserialize)]
pub struct Found {
    verdict: Verdict,
    similarity: f64,
    answer: Option<String>,
    payload: Option<String>,
    age_seconds: u64,
    lookup: String,
    position: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Exact,
    Hit,
    Verify,
    Miss,
}

/// What a question is served.
pub struct Served {
    /// The text.
    pub answer: String,
    /// What else was kept of it.
    pub record: Record,
    /// How old it is.
    pub age_seconds: u64,
}

/// What an answer of the service is stored with: it belongs to this lookup.
#[derive(Clone, Debug)]
pub struct Ticket {
    lookup: String,
    position: String,
}

impl Found {
    /// How alike the question is to the one whose answer it is about.
    pub fn similarity(&self) -> f64 {
        self.similarity
    }

    /// Whether an answer would serve, but the service is to be asked all the same.
    pub fn is_to_verify(&self) -> bool {
        self.verdict == Verdict::Verify
    }

    /// Whether an answer serves.
    pub fn is_answered(&self) -> bool {
        matches!(self.verdict, Verdict::Exact | Verdict::Hit)
    }

    /// Splits it into what is served, if something is, and what a store needs.
    pub fn split(self) -> (Option<Served>, Ticket) {
        let is_answered = self.is_answered();
        let ticket = Ticket { lookup: self.lookup, position: self.position };
        let served = is_answered
            .then(|| {
                let record = Record::from_payload(self.payload.as_deref()?)?;
                Some(Served { answer: self.answer?, record, age_seconds: self.age_seconds })
            })
            .flatten();
        (served, ticket)
    }
}

#[derive(Serialize)]
struct Entry<'a> {
    namespace: &'a Scope,
    question: &'a str,
    answer: &'a str,
    payload: String,
    sources: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
    lookup: &'a str,
    position: &'a str,
}

impl Companion {
    /// The companion that the configuration names.
    pub fn new(config: config::Companion) -> Companion {
        let breaker = Breaker::new(config.breaker_failures, config.breaker_open_ms);
        let authorization = (!config.token.is_empty()).then(|| format!("Bearer {}", config.token));
        Companion { config, authorization, breaker }
    }

    /// Asks what a question is answered. None while the breaker is open.
    pub fn look_up(
        &mut self,
        namespace: &Scope,
        question: &str,
        trace: Option<TraceParent>,
        now_ms: u64,
    ) -> Option<Result<Token, HostError>> {
        if !self.breaker.try_acquire(now_ms) {
            return None;
        }
        let body = to_json(&Question { namespace, question });
        let timeout_ms = self.config.lookup_timeout_ms;
        let sent = self.post(LOOKUP_PATH, &body, timeout_ms, trace, |lookup| lookup.send());
        if sent.is_err() {
            self.breaker.failed(now_ms);
        }
        Some(sent)
    }

    /// The answer to a lookup; none if it is of no use.
    pub fn looked_up(
        &mut self,
        response: Result<CalloutResponse, CalloutError>,
        now_ms: u64,
    ) -> Option<Found> {
        let status = response.and_then(|response| {
            response.status().map(|status| (status, response)).map_err(|_| CalloutError::NoAnswer)
        });
        let found = match &status {
            Ok((Some(200), response)) => {
                response.body().ok().and_then(|body| serde_json::from_slice(&body).ok())
            }
            _ => None,
        };
        match (&found, &status) {
            (None, Ok((Some(400..=499), _))) | (Some(_), _) => self.breaker.succeeded(),
            (None, _) => self.breaker.failed(now_ms),
        }
        found
    }

    /// Stores an answer; that it was taken is for the plugin to hear. False if it could not be sent, or if the companion is
    /// being left alone.
    pub fn store(
        &self,
        namespace: &Scope,
        question: &str,
        answered: &Answered,
        ttl_seconds: Option<u64>,
        ticket: &Ticket,
        trace: Option<TraceParent>,
    ) -> bool {
        if self.breaker.state() != State::Closed {
            return false;
        }
        let body = to_json(&Entry {
            namespace,
            question,
            answer: &answered.answer,
            payload: answered.record.to_payload(),
            sources: &answered.sources,
            ttl_seconds,
            lookup: &ticket.lookup,
            position: &ticket.position,
        });
        let timeout_ms = self.config.store_timeout_ms;
        self.post(ENTRIES_PATH, &body, timeout_ms, trace, |store| store.send_for_plugin()).is_ok()
    }

    fn post(
        &self,
        path: &str,
        body: &[u8],
        timeout_ms: u32,
        trace: Option<TraceParent>,
        send: impl FnOnce(&Callout<'_>) -> Result<Token, HostError>,
    ) -> Result<Token, HostError> {
        let trace = trace.map(|trace| trace.to_string());
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(self.authorization.as_deref().map(|token| ("authorization", token)));
        headers.extend(trace.as_deref().map(|trace| (names::TRACEPARENT_HEADER, trace)));
        let cluster = &self.config.cluster;
        send(&Callout { cluster, authority: None, method: "POST", path, headers: &headers, body, timeout_ms })
    }
}

/// What cannot fail to serialize: strings and numbers.
fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
