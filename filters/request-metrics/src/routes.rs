//! The routes of requests, remembered by the fields that choose them.

use http_semantics::Fields;
use request_memo::{DecidingFields, RequestMemo};
use slipstream_host::{HostError, Property};
use std::rc::Rc;

/// Names of routes by method, authority, path and the configured fields.
pub struct RouteNames {
    known: RequestMemo<RouteName>,
}

struct RouteName {
    name: Rc<[u8]>,
    read_at_ns: u64,
}

/// How long a name is remembered: routes may change while Envoy runs.
const MAX_AGE_NS: u64 = 1_000_000_000;
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
        let known = self.known.find(request, b"");
        if let Some(known) = known.filter(|known| now_ns.saturating_sub(known.read_at_ns) < MAX_AGE_NS) {
            return Ok(known.name.clone());
        }
        let name: Rc<[u8]> = current()?.into();
        self.known.remember(request, b"", RouteName { name: name.clone(), read_at_ns: now_ns });
        Ok(name)
    }
}

/// The name of the current request's route, as Envoy has it now.
pub fn current() -> Result<Vec<u8>, HostError> {
    Ok(Property::ROUTE_NAME.bytes()?.unwrap_or_default())
}
