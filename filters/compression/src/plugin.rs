//! The filter as configured: what a VM's streams share.

use crate::config::{Config, RouteSettings};
use crate::gzip::Gzip;
use crate::metrics::Counted;
use crate::stream::CompressionStream;
use slipstream_host::{ConfigError, ContextId, Plugin, Route, Routes};
use std::cell::RefCell;
use std::rc::Rc;

/// The compression filter.
pub struct Compression {
    pub(crate) config: Config,
    pub(crate) gzip: RefCell<Gzip>,
    pub(crate) routes: Routes<RouteSettings>,
    counted: RefCell<Counted>,
}

impl Compression {
    pub(crate) fn count(&self, route: &Route<RouteSettings>, outcome: &str) {
        self.counted.borrow_mut().outcome(self.service(route), &route.name, outcome);
    }

    pub(crate) fn count_compressed(&self, route: &Route<RouteSettings>, original: usize, size: usize) {
        self.count(route, "compressed");
        self.counted.borrow_mut().savings(self.service(route), &route.name, original, size);
    }

    /// Counts what happened before the route was known.
    pub(crate) fn count_unrouted(&self, outcome: &str) {
        let service = self.config.service.as_deref().unwrap_or_default();
        self.counted.borrow_mut().outcome(service, "", outcome);
    }

    fn service<'a>(&'a self, route: &'a Route<RouteSettings>) -> &'a str {
        self.config.service.as_deref().unwrap_or(&route.cluster)
    }
}

impl Plugin for Compression {
    type Stream = CompressionStream;

    fn configure(configuration: &[u8]) -> Result<Self, ConfigError> {
        let config = Config::parse(configuration)?;
        Ok(Compression {
            gzip: RefCell::new(Gzip::new(config.level)),
            routes: Routes::new("slipstream.compression"),
            counted: RefCell::new(Counted::new(config.max_label_sets)),
            config,
        })
    }

    fn new_stream(plugin: &Rc<Self>, _: ContextId) -> CompressionStream {
        CompressionStream::new(plugin.clone())
    }

    fn on_tick(&self) {
        self.counted.borrow_mut().export(self.routes.take_mistakes());
    }
}
