//! One request, from its headers to its end.

use crate::RequestMetrics;
use crate::labels::{self, Status};
use crate::table::Request;
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
}

/// A request whose headers have come by.
struct Begun {
    at_ns: u64,
    method: &'static [u8],
    /// None if Envoy has to be asked at the end.
    route: Option<Rc<[u8]>>,
}

impl Observed {
    pub(crate) fn new(plugin: Rc<RequestMetrics>) -> Observed {
        Observed { plugin, begun: None, request_bytes: 0, response_bytes: 0 }
    }

    fn begin(&self) -> Result<Begun, HostError> {
        let at_ns = monotonic_ns();
        let request = HeaderMap::Request.read()?;
        let method = labels::method(request.first(":method").unwrap_or_default());
        let route = self.plugin.routes.as_ref().map(|routes| routes.borrow_mut().of(&request, at_ns));
        Ok(Begun { at_ns, method, route: route.transpose()? })
    }

    fn count(&self, begun: &Begun) -> Result<(), HostError> {
        let duration_ns = monotonic_ns().saturating_sub(begun.at_ns);
        let status = Status::parse(HeaderMap::Response.first(":status")?.as_deref());
        let asked = match &begun.route {
            Some(_) => Vec::new(),
            // Filters further in may have had Envoy choose anew.
            None => route_name()?,
        };
        let route = begun.route.as_deref().unwrap_or(&asked);
        let response_bytes = match self.response_bytes {
            // An answer that a filter puts in the place of a response goes to the client past all filters.
            0 => amount(Property::RESPONSE_SIZE)?,
            seen => seen,
        };
        self.hand_in(&Request {
            method: begun.method,
            route,
            status,
            duration_ns,
            request_bytes: self.request_bytes,
            response_bytes,
            cluster: b"",
        })
    }

    /// Counts a request that Envoy refused before any filter saw it.
    fn count_unseen(&self) -> Result<(), HostError> {
        let method = Property::REQUEST_METHOD.bytes()?.unwrap_or_default();
        self.hand_in(&Request {
            method: labels::method(&method),
            route: &route_name()?,
            status: Status::new(integer(Property::RESPONSE_CODE)?),
            duration_ns: amount(Property::REQUEST_DURATION)?,
            request_bytes: amount(Property::REQUEST_SIZE)?,
            response_bytes: amount(Property::RESPONSE_SIZE)?,
            cluster: b"",
        })
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

    fn on_response_body(&mut self, size: usize, _: bool) -> Action {
        self.response_bytes += size as u64;
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
