//! Refreshing in the background what is served stale meanwhile (RFC 5861 §3).
//!
//! A refresh is a request of the filter's to its own listener, so that it takes the way of a client's and what it stores is what
//! a client's miss would have stored. Who runs it is the companion's to say: it carries the lease under which it runs.

use super::lead::Lead;
use crate::plugin::ResponseCache;
use http_semantics::Fields;
use slipstream_host::{Callout, CalloutError, CalloutResponse, HeaderMap, Headers, Token, shared};
use std::rc::Rc;

/// What marks a request as a refresh: a secret of this process, and the lease.
const FIELD: &str = "x-slipstream-refresh";
/// The name of the secret.
const SECRET: &str = "slipstream.refresh";

/// The lease under which a refresh runs.
pub(super) struct Refreshing {
    lease: String,
}

impl Refreshing {
    /// The leadership that the refresh has.
    pub(super) fn lead(&self, plugin: Rc<ResponseCache>, key: &str) -> Lead {
        Lead::under(plugin, key.to_owned(), self.lease.clone())
    }
}

/// A refresh under way.
pub(crate) struct Refresh {
    key: String,
    lease: String,
}

impl ResponseCache {
    /// Whether the current request is a refresh. What says so is taken off it, also where a client has put it there.
    pub(super) fn take_refresh(&self, request: &Headers) -> Option<Refreshing> {
        let value = request.first(FIELD)?;
        let _ = HeaderMap::Request.remove(FIELD);
        let (secret, lease) = str::from_utf8(value).ok()?.split_once(':')?;
        (shared::secret(SECRET).ok()? == secret).then(|| Refreshing { lease: lease.to_owned() })
    }

    /// Has the response to a request fetched anew, under this lease.
    pub(super) fn refresh(&self, key: &str, request: &Headers, lease: String) {
        if self.send_refresh(key, request, &lease).is_none() {
            self.release(key, lease, None);
        }
    }

    fn send_refresh(&self, key: &str, request: &Headers, lease: &str) -> Option<()> {
        let config = self.config.refresh.as_ref()?;
        let mark = format!("{}:{lease}", shared::secret(SECRET).ok()?);
        let text = |name| request.first(name).and_then(|value| str::from_utf8(value).ok());
        let mut headers: Vec<(&str, &str)> = Fields::iter(request)
            .filter(|(name, _)| is_of_the_resource(name))
            .filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?)))
            .collect();
        headers.push((FIELD, &mark));
        headers.extend(text(":scheme").map(|scheme| (":scheme", scheme)));
        let refresh = Callout {
            cluster: &config.cluster,
            authority: text(":authority"),
            method: "GET",
            path: text(":path")?,
            headers: &headers,
            body: &[],
            timeout_ms: config.timeout_ms,
        };
        let token = refresh.send_for_plugin().ok()?;
        let refresh = Refresh { key: key.to_owned(), lease: lease.to_owned() };
        self.refreshes.borrow_mut().insert(token, refresh);
        Some(())
    }

    /// Takes in the answer to a refresh; false if the callout was none.
    pub(crate) fn refreshed(&self, token: Token, response: &Result<CalloutResponse, CalloutError>) -> bool {
        let Some(Refresh { key, lease }) = self.refreshes.borrow_mut().remove(&token) else { return false };
        self.measures.borrow_mut().refreshed(response.is_ok());
        if response.is_err() {
            // It may never have come to where the lease would have been given back.
            self.release(&key, lease, None);
        }
        true
    }
}

/// Whether a field of a client's request is about the resource, and not about this client's connection or what it has stored.
fn is_of_the_resource(name: &[u8]) -> bool {
    const OTHERS: [&str; 19] = [
        "cache-control",
        "connection",
        "content-length",
        "expect",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "pragma",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-request-id",
    ];
    let begins =
        |start: &str| name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start.as_bytes()));
    !OTHERS.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
        && ![":", "proxy-", "x-envoy-", "x-slipstream-"].iter().any(|start| begins(start))
}
