//! What one worker's streams share.

use crate::companion::Companion;
use crate::config::Config;
use crate::measures::{Labels, Measures, Store};
use crate::route::RoutePolicy;
use crate::stream::SemanticStream;
use slipstream_host::{CalloutError, CalloutResponse, ConfigError, ContextId, Plugin, Route, Routes, Token};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The filter as configured.
pub struct SemanticCache {
    pub(crate) config: Config,
    /// None for a route that does not use the cache.
    pub(crate) routes: Routes<Option<RoutePolicy>>,
    pub(crate) companion: RefCell<Companion>,
    pub(crate) measures: RefCell<Measures>,
    /// Bytes that are held of answers under way.
    pub(crate) recording_bytes: Cell<usize>,
}

impl SemanticCache {
    /// Whose metrics a route's requests are.
    pub(crate) fn labels<'a>(&'a self, route: &'a Route<Option<RoutePolicy>>) -> Labels<'a> {
        Labels { service: self.config.service.as_deref().unwrap_or(&route.cluster), route: &route.name }
    }
}

impl Plugin for SemanticCache {
    type Stream = SemanticStream;

    fn configure(configuration: &[u8]) -> Result<Self, ConfigError> {
        let config = Config::load(configuration)?;
        Ok(SemanticCache {
            routes: Routes::read_by("slipstream.semantic-cache", RoutePolicy::load),
            companion: RefCell::new(Companion::new(config.companion.clone())),
            measures: RefCell::new(Measures::new(config.max_label_sets)),
            recording_bytes: Cell::new(0),
            config,
        })
    }

    fn new_stream(plugin: &Rc<Self>, _: ContextId) -> SemanticStream {
        SemanticStream::new(plugin.clone())
    }

    fn on_tick(&self) {
        self.measures.borrow_mut().export(self.routes.take_mistakes(), self.recording_bytes.get());
    }

    /// Only stores are the plugin's own.
    fn on_callout(&self, _: Token, response: Result<CalloutResponse, CalloutError>) {
        let status = response.ok().and_then(|response| response.status().ok().flatten());
        self.measures.borrow_mut().stored(match status {
            Some(200) => Store::Stored,
            Some(409) => Store::Invalidated,
            Some(400..=499) => Store::Refused,
            _ => Store::Failed,
        });
    }
}
