//! The Envoy filter that measures requests.
//!
//! It times a request from its headers to its end, adds up the bodies that pass, and counts it when it is over, in this
//! VM's memory; on tick the counts are handed over. What a request costs is nearly all in crossing between Envoy and the
//! VM, so the filter asks Envoy for as little as it can.

mod config;
mod labels;
mod routes;
mod stream;
mod table;

pub use stream::Observed;

use config::Config;
use routes::RouteNames;
use slipstream_host::{ConfigError, ContextId, Plugin};
use std::cell::RefCell;
use std::rc::Rc;
use table::Table;

slipstream_host::entry!(RequestMetrics, [on_request_headers, on_request_body, on_response_body, on_log]);

/// The filter as configured.
pub struct RequestMetrics {
    /// Whether the label `service` is the name of the cluster.
    counts_by_cluster: bool,
    /// None if only Envoy can tell a request's route.
    routes: Option<RefCell<RouteNames>>,
    table: RefCell<Table>,
}

impl Plugin for RequestMetrics {
    type Stream = Observed;

    fn configure(configuration: &[u8]) -> Result<RequestMetrics, ConfigError> {
        let config = Config::parse(configuration)?;
        Ok(RequestMetrics {
            counts_by_cluster: config.service.is_none(),
            routes: config.route_fields.as_deref().map(|fields| RefCell::new(RouteNames::new(fields))),
            table: RefCell::new(Table::new(config)),
        })
    }

    fn new_stream(plugin: &Rc<RequestMetrics>, _: ContextId) -> Observed {
        Observed::new(Rc::clone(plugin))
    }

    fn on_tick(&self) {
        self.table.borrow_mut().hand_over();
    }
}

impl Drop for RequestMetrics {
    /// What was counted since the last tick is not lost when the configuration is replaced.
    fn drop(&mut self) {
        self.table.borrow_mut().hand_over();
    }
}
