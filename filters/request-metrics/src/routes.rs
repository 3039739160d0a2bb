//! The label `route` of requests: what the route's metadata say, else the first path template that is like the path, else
//! the route's name.

use crate::config::Config;
use crate::templates::Template;
use http_semantics::Fields;
use request_memo::{DecidingFields, RequestMemo};
use serde::Deserialize;
use slipstream_host::{HostError, ROUTE_MAX_AGE, Routes, route_name};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Finds the label of a request.
pub struct RouteLabels {
    templates: Vec<Template>,
    routes: Routes<RouteSettings>,
    /// Labels by method, authority, path and the configured fields; none if only Envoy can tell a request's route.
    known: Option<RefCell<RequestMemo<Known>>>,
}

/// A route's metadata under `slipstream.request-metrics`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RouteSettings {
    /// The label `route` of the route's requests, in place of the route's name and of path templates.
    route: Option<String>,
}

struct Known {
    label: Rc<[u8]>,
    read_at_ns: u64,
}

/// What is known of a request's label when its headers come by.
pub enum Begun {
    /// All.
    Label(Rc<[u8]>),
    /// Envoy has to be asked at the end: filters further in may have it choose anew.
    Later {
        /// The request's authority.
        authority: Vec<u8>,
        /// The label of its path.
        path: Option<Rc<[u8]>>,
    },
}

/// What the labels of one VM may take.
const MAX_BYTES: usize = 1 << 20;
const NANOS_PER_MS: u64 = 1_000_000;

impl RouteLabels {
    /// None known yet.
    pub fn new(config: &Config) -> RouteLabels {
        let memo = |fields: &Vec<String>| {
            let deciding =
                [":method", ":authority", ":path"].into_iter().chain(fields.iter().map(String::as_str));
            RefCell::new(RequestMemo::new(DecidingFields::new(deciding), MAX_BYTES))
        };
        RouteLabels {
            templates: config.path_templates.clone(),
            routes: Routes::new("slipstream.request-metrics"),
            known: config.route_fields.as_ref().map(memo),
        }
    }

    /// What a request's headers tell. Where they tell all, Envoy is asked only if no request like it came lately.
    pub fn begin(&self, request: &impl Fields, now_ns: u64) -> Result<Begun, HostError> {
        let authority = request.first(":authority").unwrap_or_default();
        let Some(known) = &self.known else {
            return Ok(Begun::Later { authority: authority.to_vec(), path: self.template(request) });
        };
        let mut known = known.borrow_mut();
        let age = |known: &Known| Duration::from_nanos(now_ns.saturating_sub(known.read_at_ns));
        if let Some(known) = known.find(request, b"").filter(|known| age(known) < ROUTE_MAX_AGE) {
            return Ok(Begun::Label(known.label.clone()));
        }
        let label = self.ask(authority, self.template(request), now_ns)?;
        known.remember(request, b"", Known { label: label.clone(), read_at_ns: now_ns });
        Ok(Begun::Label(label))
    }

    /// The label of the current request, now that it is over.
    pub fn end(&self, begun: &Begun, now_ns: u64) -> Result<Rc<[u8]>, HostError> {
        match begun {
            Begun::Label(label) => Ok(label.clone()),
            Begun::Later { authority, path } => self.ask(authority, path.clone(), now_ns),
        }
    }

    /// Mistakes found in routes' metadata since the last call.
    pub fn take_mistakes(&self) -> u64 {
        self.routes.take_mistakes()
    }

    fn template(&self, request: &impl Fields) -> Option<Rc<[u8]>> {
        let path = request.first(":path").unwrap_or_default();
        self.templates.iter().find(|template| template.matches(path)).map(Template::label)
    }

    fn ask(&self, authority: &[u8], path: Option<Rc<[u8]>>, now_ns: u64) -> Result<Rc<[u8]>, HostError> {
        let name = route_name()?;
        // Settings are remembered by name.
        if name.is_empty() {
            return Ok(path.unwrap_or_default());
        }
        let route = self.routes.named(name, authority, now_ns / NANOS_PER_MS)?;
        let own = route.settings.as_ref().and_then(|settings| settings.route.as_deref());
        Ok(own.map(|own| own.as_bytes().into()).or(path).unwrap_or_else(|| route.name.as_bytes().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_the_codes() {
        testbed::assert_generated(
            "envoy/schemas/request-metrics.route.json",
            &format!("{:#}\n", schemars::schema_for!(RouteSettings).to_value()),
        );
    }
}
