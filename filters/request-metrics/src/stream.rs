//! One request, from its headers to its end.

use crate::labels::{self, Status};
use crate::routes::Begun as BegunRoute;
use crate::table::Request;
use crate::{RequestMetrics, errors};
use http_semantics::Fields;
use slipstream_host::{Action, HeaderMap, HostError, Property, Stream, monotonic_ns, route_name};
use std::rc::Rc;

/// One request.
pub struct Observed {
    plugin: Rc<RequestMetrics>,
    /// None if its headers have not come by, or could not be read.
    begun: Option<Begun>,
    request_bytes: u64,
    response_bytes: u64,
    /// Whether the end of the response's body has come by.
    ended: bool,
}

/// A request whose headers have come by.
struct Begun {
    at_ns: u64,
    method: &'static [u8],
    route: BegunRoute,
}

impl Observed {
    pub(crate) fn new(plugin: Rc<RequestMetrics>) -> Observed {
        plugin.in_flight.set(plugin.in_flight.get() + 1);
        Observed { plugin, begun: None, request_bytes: 0, response_bytes: 0, ended: false }
    }

    fn begin(&self) -> Result<Begun, HostError> {
        let at_ns = monotonic_ns();
        let request = HeaderMap::Request.read()?;
        let method = labels::method(request.first(":method").unwrap_or_default());
        Ok(Begun { at_ns, method, route: self.plugin.routes.begin(&request, at_ns)? })
    }

    fn count(&self, begun: &Begun) -> Result<(), HostError> {
        let now_ns = monotonic_ns();
        let response = HeaderMap::Response.read()?;
        let status = Status::parse(response.first(":status"));
        let cache_status = labels::cache_status(response.first("x-cache"));
        let response_bytes = match self.response_bytes {
            // An answer that a filter puts in the place of a response goes to the client past all filters.
            0 => amount(Property::RESPONSE_SIZE)?,
            seen => seen,
        };
        // Nothing tells that a response was whole if it has no body; nearly all that break off have one.
        let broke_off = !self.ended && self.response_bytes > 0;
        let error = if status.is_failure() || broke_off { failure(broke_off)? } else { None };
        self.hand_in(&Request {
            method: begun.method,
            route: &self.plugin.routes.end(&begun.route, now_ns)?,
            status,
            duration_ns: now_ns.saturating_sub(begun.at_ns),
            upstream_ns: self.upstream_ns(cache_status)?,
            request_bytes: self.request_bytes,
            response_bytes,
            error,
            cache_status,
            cluster: b"",
        })
    }

    /// Counts a request that Envoy refused before any filter saw it.
    fn count_unseen(&self) -> Result<(), HostError> {
        let method = Property::REQUEST_METHOD.bytes()?.unwrap_or_default();
        let status = Status::new(integer(Property::RESPONSE_CODE)?);
        self.hand_in(&Request {
            method: labels::method(&method),
            route: &route_name()?,
            status,
            duration_ns: amount(Property::REQUEST_DURATION)?,
            upstream_ns: None,
            request_bytes: amount(Property::REQUEST_SIZE)?,
            response_bytes: amount(Property::RESPONSE_SIZE)?,
            error: if status.is_failure() { failure(false)? } else { None },
            cache_status: None,
            cluster: b"",
        })
    }

    /// How long the service took, if that is wanted and it was asked.
    fn upstream_ns(&self, cache_status: Option<&[u8]>) -> Result<Option<u64>, HostError> {
        if !self.plugin.times_upstream || cache_status == Some(b"hit") {
            return Ok(None);
        }
        Ok(integer(Property::BACKEND_LATENCY)?.and_then(|latency| u64::try_from(latency).ok()))
    }

    /// Counts a request, under its cluster if that is the label `service`.
    fn hand_in(&self, request: &Request<'_>) -> Result<(), HostError> {
        // One route may lead to several clusters, so it is asked for every time.
        let cluster = match self.plugin.counts_by_cluster {
            true => Property::CLUSTER_NAME.bytes()?.unwrap_or_default(),
            false => Vec::new(),
        };
        self.plugin.table.borrow_mut().count(&Request { cluster: &cluster, ..*request });
        Ok(())
    }
}

/// Why a request failed. One that `broke_off` with a status that tells of none failed only if Envoy says so.
fn failure(broke_off: bool) -> Result<Option<&'static str>, HostError> {
    let flags = integer(Property::RESPONSE_FLAGS)?.unwrap_or(0);
    let details = match flags {
        0 if broke_off => return Ok(None),
        0 => Property::CODE_DETAILS.bytes()?.unwrap_or_default(),
        _ => Vec::new(),
    };
    Ok(Some(errors::label(flags, &details)))
}

fn integer(property: Property) -> Result<Option<i64>, HostError> {
    Ok(property.bytes()?.and_then(|value| value.try_into().ok()).map(i64::from_le_bytes))
}

/// A size or duration; none, and one below 0, counts as 0.
fn amount(property: Property) -> Result<u64, HostError> {
    Ok(integer(property)?.and_then(|amount| u64::try_from(amount).ok()).unwrap_or(0))
}

impl Stream for Observed {
    fn on_request_headers(&mut self, _: bool) -> Action {
        self.begun = self.begin().ok();
        Action::Continue
    }

    fn on_request_body(&mut self, size: usize, _: bool) -> Action {
        self.request_bytes += size as u64;
        Action::Continue
    }

    fn on_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.response_bytes += size as u64;
        self.ended = end_of_stream;
        Action::Continue
    }

    fn on_log(&mut self) {
        let counted = match &self.begun {
            Some(begun) => self.count(begun),
            None => self.count_unseen(),
        };
        if counted.is_err() {
            self.plugin.table.borrow_mut().count_unread();
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.plugin.in_flight.set(self.plugin.in_flight.get().saturating_sub(1));
    }
}
