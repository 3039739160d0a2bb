//! The Envoy filter that measures requests.
//!
//! It looks at a request once, when it is over: Envoy knows by then what it was and how long it took. What it sees is
//! counted in this VM's memory and handed over on tick. What a request costs is nearly all in crossing between Envoy
//! and the VM, so the filter takes no callback but `on_log` and reads all it needs in one call.

mod config;
mod labels;
mod table;

use config::Config;
use slipstream_host::{ConfigError, ContextId, Plugin, Property, PropertyList, Stream};
use std::cell::RefCell;
use std::rc::Rc;
use table::{Request, Table};

slipstream_host::entry!(RequestMetrics);

/// What [`Request::read`] takes from a stream, in its order. At the end of a stream all are there, but for the status
/// when the client has gone before there was one: too seldom to pay for asking first.
const PROPERTIES: &[Property] = &[
    Property::REQUEST_METHOD,
    Property::ROUTE_NAME,
    Property::RESPONSE_CODE,
    Property::REQUEST_DURATION,
    Property::REQUEST_SIZE,
    Property::RESPONSE_SIZE,
];

/// The filter as configured.
pub struct RequestMetrics {
    properties: PropertyList,
    table: RefCell<Table>,
}

impl Plugin for RequestMetrics {
    type Stream = Observed;

    fn configure(configuration: &[u8]) -> Result<RequestMetrics, ConfigError> {
        let config = Config::parse(configuration)?;
        let cluster: &[Property] = if config.service.is_some() { &[] } else { &[Property::CLUSTER_NAME] };
        Ok(RequestMetrics {
            properties: PropertyList::new(PROPERTIES, cluster),
            table: RefCell::new(Table::new(config)),
        })
    }

    fn new_stream(plugin: &Rc<RequestMetrics>, _: ContextId) -> Observed {
        Observed { plugin: Rc::clone(plugin) }
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

/// One request.
pub struct Observed {
    plugin: Rc<RequestMetrics>,
}

impl Stream for Observed {
    fn on_log(&mut self) {
        let mut table = self.plugin.table.borrow_mut();
        match self.plugin.properties.read() {
            Ok(values) => table.count(&Request::read(values.iter())),
            Err(_) => table.count_unread(),
        }
    }
}
