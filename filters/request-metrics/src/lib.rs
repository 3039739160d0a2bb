//! The Envoy filter that measures requests.
//!
//! It times a request from its headers to its end, adds up the bodies that pass, and counts it when it is over, in this
//! VM's memory; on tick the counts are handed over. What a request costs is nearly all in crossing between Envoy and the
//! VM, so the filter asks Envoy for as little as it can.

mod config;
mod errors;
mod labels;
mod routes;
mod stream;
mod table;
mod templates;

pub use stream::Observed;

use config::Config;
use routes::RouteLabels;
use slipstream_host::{ConfigError, ContextId, Plugin};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use table::Table;

slipstream_host::entry!(RequestMetrics, [on_request_headers, on_request_body, on_response_body, on_log]);

/// The filter as configured.
pub struct RequestMetrics {
    /// Whether the label `service` is the name of the cluster.
    counts_by_cluster: bool,
    /// Whether Envoy is asked how long the service took.
    times_upstream: bool,
    routes: RouteLabels,
    table: RefCell<Table>,
    /// Requests that are not over.
    in_flight: Cell<u64>,
}

impl Plugin for RequestMetrics {
    type Stream = Observed;

    fn configure(configuration: &[u8]) -> Result<RequestMetrics, ConfigError> {
        let config = Config::parse(configuration)?;
        Ok(RequestMetrics {
            counts_by_cluster: config.service.is_none(),
            times_upstream: config.upstream_duration,
            routes: RouteLabels::new(&config),
            table: RefCell::new(Table::new(config)),
            in_flight: Cell::new(0),
        })
    }

    fn new_stream(plugin: &Rc<RequestMetrics>, _: ContextId) -> Observed {
        Observed::new(Rc::clone(plugin))
    }

    fn on_tick(&self) {
        let mut table = self.table.borrow_mut();
        table.count_mistakes(self.routes.take_mistakes());
        table.hand_over(self.in_flight.get());
    }
}

impl Drop for RequestMetrics {
    /// What was counted since the last tick is not lost when the configuration is replaced.
    fn drop(&mut self) {
        self.table.borrow_mut().hand_over(0);
    }
}
