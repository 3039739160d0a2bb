//! The routes of requests, remembered by the fields that choose them.

use http_semantics::Fields;
use request_memo::{DecidingFields, RequestMemo};
use slipstream_host::{HostError, ROUTE_MAX_AGE, route_name};
use std::rc::Rc;
use std::time::Duration;

/// Names of routes by method, authority, path and the configured fields.
pub struct RouteNames {
    known: RequestMemo<RouteName>,
}

struct RouteName {
    name: Rc<[u8]>,
    read_at_ns: u64,
}

/// What the names of one VM may take.
const MAX_BYTES: usize = 1 << 20;

impl RouteNames {
    /// None yet.
    pub fn new(fields: &[String]) -> RouteNames {
        let deciding =
            [":method", ":authority", ":path"].into_iter().chain(fields.iter().map(String::as_str));
        RouteNames { known: RequestMemo::new(DecidingFields::new(deciding), MAX_BYTES) }
    }

    /// The name of the current request's route; Envoy is asked for it if no request like it came lately.
    pub fn of(&mut self, request: &impl Fields, now_ns: u64) -> Result<Rc<[u8]>, HostError> {
        let age = |known: &RouteName| Duration::from_nanos(now_ns.saturating_sub(known.read_at_ns));
        if let Some(known) = self.known.find(request, b"").filter(|known| age(known) < ROUTE_MAX_AGE) {
            return Ok(known.name.clone());
        }
        let name: Rc<[u8]> = route_name()?.into();
        self.known.remember(request, b"", RouteName { name: name.clone(), read_at_ns: now_ns });
        Ok(name)
    }
}
