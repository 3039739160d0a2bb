//! The filter as configured: what a VM's streams share.

use crate::config::Config;
use crate::encoders::Encoders;
use crate::stream::CompressionStream;
use compression_common::{Counted, How, NAMESPACE, RouteSettings, Work};
use http_semantics::{ContentCoding, Fields};
use slipstream_host::{ConfigError, ContextId, Plugin, Route, Routes};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

/// The compression filter.
pub struct Compression {
    pub(crate) config: Config,
    pub(crate) encoders: Rc<Encoders>,
    /// What an encoder writes to; memory that is used again.
    pub(crate) output: RefCell<Vec<u8>>,
    pub(crate) routes: Routes<RouteSettings>,
    /// Names of routes whose responses have ended with trailers that they had not announced.
    trailing: RefCell<HashSet<String>>,
    counted: RefCell<Counted>,
}

/// How many routes are remembered for their trailers.
const MAX_TRAILING: usize = 1_000;

impl Compression {
    pub(crate) fn level(&self, coding: ContentCoding, head: &impl Fields) -> u8 {
        self.config.levels.level(coding, head.first("content-type").unwrap_or_default())
    }

    pub(crate) fn count(&self, route: &Route<RouteSettings>, outcome: &str) {
        self.counted.borrow_mut().outcome(self.service(route), &route.name, outcome);
    }

    pub(crate) fn count_compressed(&self, route: &Route<RouteSettings>, coding: &str, how: How, work: &Work) {
        let mut counted = self.counted.borrow_mut();
        let alike = counted.alike(self.service(route), &route.name, coding, how);
        counted.compressed(&alike, work);
    }

    /// Counts what became of a request that was to be decompressed.
    pub(crate) fn count_request(&self, route: &Route<RouteSettings>, outcome: &str) {
        self.counted.borrow_mut().request(self.service(route), &route.name, outcome);
    }

    /// Counts what happened before the route was known.
    pub(crate) fn count_unrouted(&self, outcome: &str) {
        let service = self.config.service.as_deref().unwrap_or_default();
        self.counted.borrow_mut().outcome(service, "", outcome);
    }

    /// Whether trailers have come on this route without a word.
    pub(crate) fn has_trailers(&self, route: &Route<RouteSettings>) -> bool {
        self.trailing.borrow().contains(&route.name)
    }

    /// Remembers that they have.
    pub(crate) fn remember_trailers(&self, route: &Route<RouteSettings>) {
        let mut trailing = self.trailing.borrow_mut();
        if trailing.len() < MAX_TRAILING {
            trailing.insert(route.name.clone());
        }
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
            encoders: Encoders::new(config.max_streams),
            output: RefCell::default(),
            routes: Routes::new(NAMESPACE),
            trailing: RefCell::default(),
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
